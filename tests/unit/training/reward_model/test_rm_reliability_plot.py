"""The reliability plot: its counts and figures, its words where there is nothing to draw, the same bytes on every run."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from training.reward_model.calibration import Calibration, sigmoid
from training.reward_model.fitting import calibrate
from training.reward_model.reliability_plot import reliability_svg, wilson_interval


def fitted(calibration, logits, tiers):
    return [
        sigmoid(calibration.tiers[t].slope * r + calibration.tiers[t].intercept) for r, t in zip(logits, tiers, strict=True)
    ]


def labels():
    """Main: 60 that can be told apart; bonus: the unmet ones score higher; veto: met alone."""
    rng = random.Random(3)
    logits = [rng.gauss(0, 2) for _ in range(60)]
    met = [rng.random() < sigmoid(r) for r in logits]
    logits += [1.0] * 8 + [-1.0] * 24 + [0.5] * 5
    met += [False] * 8 + [True] * 24 + [True] * 5
    return logits, met, ["main"] * 60 + ["bonus"] * 32 + ["veto"] * 5


def plot():
    logits, met, tiers = labels()
    calibration = calibrate(logits, met, tiers, rule="half", instructions=[str(i) for i in range(len(met))])
    return reliability_svg(fitted(calibration, logits, tiers), met, tiers, calibration), calibration


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_panel_has_its_errors_and_the_number_of_labels_of_every_bin():
    svg, calibration = plot()
    said = texts(svg)
    main = calibration.tiers["main"]
    assert f"main: ECE {main.ece:.3f}, cross-fitted {main.ece_cross:.3f}" in said
    # In every panel both axes have the ticks 0, .5 and 1; all other whole numbers are counts.
    logits, met, tiers = labels()
    inside = fitted(calibration, logits, tiers)[:60]
    counts = Counter(str(n) for n in Counter(min(int(p * 10), 9) for p in inside).values())
    assert Counter(text for text in said if text and text.isdigit()) == counts + Counter({"0": 6, "1": 6})
    assert any("Fitted on these labels: optimistic" in (text or "") for text in said)


def test_a_tier_whose_probabilities_mean_nothing_says_so_in_words():
    svg, _ = plot()
    said = texts(svg)
    assert {"not identified", "labels of one class (5 met, 0 unmet)", "says the same to every answer"} <= set(said)
    assert "bonus: no calibration error" in said and "veto: no calibration error" in said
    nothing = texts(reliability_svg([], [], [], Calibration.unidentified("half")))
    assert nothing.count("no label") == 3 and "ECE" not in " ".join(text or "" for text in nothing)


def test_what_is_drawn_is_told_to_who_does_not_see_it():
    svg, _ = plot()
    title = ElementTree.fromstring(svg).find("{http://www.w3.org/2000/svg}title")
    assert title is not None and title.text.count("labels)") >= 5
    assert "veto: not identified, labels of one class (5 met, 0 unmet)." in title.text


def test_another_process_draws_the_same_bytes():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_rm_reliability_plot as t; print(t.plot()[0], end='')"
    done = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, check=True)
    assert done.stdout == plot()[0] and done.stdout.startswith("<svg")
    assert "metadata" not in done.stdout and "date" not in done.stdout


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(counts):
    successes, n = counts
    peer = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((peer.low, peer.high), abs=1e-6)


def test_no_label_has_no_interval():
    with pytest.raises(ValueError, match="at least one label"):
        wilson_interval(0, 0)
