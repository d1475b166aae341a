"""The study's table on made-up columns whose figures can be worked out by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.benchmark.bootstrap import FloatArray
from training.benchmark.comparison import Columns
from training.benchmark.examples import Examples, OverallExample, PairExample, PointExample
from training.study.table import Measured, Table, contradictions

CLUSTERS = [f"c{i}" for i in range(12)]
NAN = float("nan")


def point(number: int, tier: Any, *, met: bool, source: str = "corpus", kind: str = "construction") -> PointExample:
    return PointExample(
        response_id=f"r{number}",
        criterion_id=f"k{number}",
        instruction_id=f"i{number}",
        cluster_id=CLUSTERS[number],
        source=source,
        tier=tier,
        met=met,
        judge_kind=kind,
    )


def pair(number: int, *, discordant: bool) -> PairExample:
    return PairExample(
        better_id=f"b{number}",
        worse_id=f"w{number}",
        criterion_id=f"k{number}",
        cluster_id=CLUSTERS[number],
        source="corpus",
        tier="main",
        discordant=discordant,
    )


# Twelve preferences in as many clusters, eight of them discordant; four corpus vetoes of which two are violated; four K-QA
# statements and two vetoes that people labelled, of which one is contradicted.
EXAMPLES = Examples(
    point=(
        *(point(i, "veto", met=i >= 2) for i in range(4)),
        point(4, "main", met=True, source="kqa", kind="human"),
        point(5, "main", met=False, source="kqa", kind="human"),
        point(6, "bonus", met=True, source="kqa", kind="adjudicated"),
        point(7, "bonus", met=False, source="kqa", kind="human"),
        point(8, "veto", met=False, source="kqa", kind="human"),
        point(9, "veto", met=True, source="kqa", kind="human"),
    ),
    pair=tuple(pair(i, discordant=i < 8) for i in range(12)),
    overall=(
        OverallExample(pair_id="p", chosen_id="b0", rejected_id="w0", cluster_id="c0", source="corpus", decided_by="main"),
    ),
)


def columns(pairs: list[float], *, met: list[float] | None = None, scores: list[float] | None = None) -> Columns:
    said = np.array(met or [NAN] * 10)
    labels = np.array([e.met for e in EXAMPLES.point], dtype=float)
    hit: FloatArray = np.where(np.isnan(said), np.nan, (said == labels).astype(float))
    return Columns(
        point_hit=hit,
        point_score=np.array(scores or [NAN] * 10),
        point_met=said,
        pair=np.array(pairs),
        overall=np.array([1.0]),
    )


# The full model's seeds have 8, 7 and 7 of eight discordant preferences right, the scalar one's none.
FULL = [[1.0] * 12, [0.0, *[1.0] * 11], [1.0, 0.0, *[1.0] * 10]]
SCALAR = [0.0] * 8 + [1.0] * 4
# Both violations and the contradiction found, and one false alarm among the corpus' vetoes.
FOUND = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
SCORES = [0.0] * 4 + [0.9, 0.1, 0.4, 0.2, 0.0, 0.0]


def full(n: int = 3) -> Measured:
    return Measured(name="full", columns={seed: columns(FULL[seed], met=FOUND, scores=SCORES) for seed in range(n)})


def scalar(n: int = 3) -> Measured:
    return Measured(name="scalar", columns={seed: columns(SCALAR) for seed in range(n)})


LEXICAL = Measured(name="lexical_overlap", columns={None: columns([0.5] * 12, scores=[0.0] * 5 + [1.0, 0.0, 1.0, 0.0, 0.0])})


def table(*measured: Measured) -> Table:
    return Table(EXAMPLES, measured, CLUSTERS, samples=400, seed=0)


def row(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    (found,) = (r for r in rows if all(r[key] == value for key, value in wanted.items()))
    return found


DISCORDANT = {"section": "pairwise", "tier": "micro", "metric": "accuracy_discordant"}
SAFETY = {"section": "safety", "tier": "veto", "metric": "f1"}
KQA = {"section": "kqa_held_out", "tier": "main+bonus", "metric": "auc"}


def test_a_figure_is_the_mean_over_seeds_with_each_seed_beside_it() -> None:
    found = row(table(full(), scalar(), LEXICAL).figures(), system="full", source="all", **DISCORDANT)
    assert found["value"] == pytest.approx((1 + 7 / 8 + 7 / 8) / 3)
    assert found["by_seed"] == {"0": 1.0, "1": 7 / 8, "2": 7 / 8}
    assert (found["n"], found["clusters"], found["bounds"]) == (8, 8, "interval")
    assert found["low"] < found["value"] < found["high"] <= 1.0


def test_safety_counts_violations_and_kqa_pools_both_tiers_of_statements() -> None:
    rows = table(full(), LEXICAL).figures()
    # 3 violations, all found, and one false alarm: 2·3 / (3 + 4).
    found = row(rows, system="full", source="all", **SAFETY)
    assert (found["value"], found["n"]) == (pytest.approx(6 / 7), 3)
    # Scores .9 and .4 against .1 and .2: every met statement above every other; tiers apart or together.
    assert row(rows, system="full", source="kqa", **KQA)["value"] == 1.0
    assert row(rows, system="full", source="kqa", **KQA)["n"] == 4
    assert row(rows, system="lexical_overlap", source="kqa", **KQA)["value"] == 0.0
    assert not [r for r in rows if r["source"] != "kqa" and r["section"] == "kqa_held_out"]
    accuracy = row(rows, system="full", source="kqa", **{**KQA, "metric": "accuracy"})
    assert (accuracy["value"], accuracy["n"]) == (1.0, 4)


def test_differences_are_paired_and_corrected_together() -> None:
    rows = table(full(), scalar(), LEXICAL).differences()
    found = row(rows, against="scalar", **DISCORDANT)
    assert found["value"] == pytest.approx(11 / 12)
    assert found["by_seed"] == {"0": 1.0, "1": 7 / 8, "2": 7 / 8}
    assert found["low"] > 0 and found["answer"] == "yes"
    known = [r["p"] for r in rows if r["p"] is not None]
    # No resample of 400 falls to 0: the least p there is, times all that have one, for the smallest of them.
    assert found["p"] == pytest.approx(2 / 401)
    assert found["p_holm"] <= 2 / 401 * len(known) and found["p_holm"] >= found["p"]
    assert {r["against"] for r in rows} == {"scalar", "lexical_overlap"}


def test_a_model_below_the_other_is_told_so() -> None:
    worse = Measured(name="full", columns={seed: columns(SCALAR) for seed in range(3)})
    better = Measured(name="scalar", columns={seed: columns(FULL[0]) for seed in range(3)})
    assert row(table(worse, better).differences(), against="scalar", **DISCORDANT)["answer"] == "no"
    same = Measured(name="scalar", columns={seed: columns(FULL[seed]) for seed in range(3)})
    assert row(table(full(), same).differences(), against="scalar", **DISCORDANT)["answer"] is None


def test_what_has_no_point_score_has_no_pointwise_figure_and_no_test() -> None:
    rows = table(full(), scalar()).differences()
    for key in (SAFETY, KQA):
        found = row(rows, against="scalar", **key)
        assert (found["value"], found["p"], found["answer"]) == (None, None, None)


@pytest.mark.parametrize(("mine", "its"), [(2, 2), (3, 2), (2, 3)])
def test_two_seeds_are_a_range_and_no_test(mine: int, its: int) -> None:
    found = row(table(full(mine), scalar(its)).differences(), against="scalar", **DISCORDANT)
    assert (found["bounds"], found["p"], found["p_holm"], found["answer"]) == ("range", None, None, None)
    # At the two seeds that both have.
    assert (found["low"], found["high"]) == (7 / 8, 1.0)


def test_of_two_seeds_a_figure_has_their_range() -> None:
    found = row(table(full(2)).figures(), system="full", source="all", **DISCORDANT)
    assert (found["bounds"], found["low"], found["high"]) == ("range", 7 / 8, 1.0)


def test_one_seed_has_an_interval_over_clusters_and_no_test() -> None:
    found = row(table(full(), scalar(1)).differences(), against="scalar", **DISCORDANT)
    assert (found["bounds"], found["p"], found["answer"]) == ("one seed", None, None)
    assert found["low"] is not None


def test_a_reference_takes_the_full_models_seeds() -> None:
    found = row(table(full(2), LEXICAL).differences(), against="lexical_overlap", **DISCORDANT)
    assert (found["bounds"], found["by_seed"]) == ("range", {"0": 0.5, "1": 7 / 8 - 0.5})


def test_a_difference_rests_on_what_every_seed_of_both_has_an_opinion_on() -> None:
    silent = scalar()
    silent.columns[1] = replace(silent.columns[1], pair=np.array([NAN, *SCALAR[1:]]))
    found = row(table(full(), silent).differences(), against="scalar", **DISCORDANT)
    assert found["n"] == 7
    # Without the first preference the second seed has all right.
    assert found["by_seed"] == {"0": 1.0, "1": 1.0, "2": pytest.approx(6 / 7)}


def test_without_the_full_model_nothing_is_compared() -> None:
    assert table(scalar(), LEXICAL).differences() == []


def test_contradictions_are_counted_seed_by_seed() -> None:
    two = full(2)
    two.columns[1] = columns(FULL[1], met=[*FOUND[:9], 0.0], scores=SCORES)
    rows = contradictions(EXAMPLES, [two, scalar(1)])
    of_veto = {"contradictions": 1, "others": 1}
    assert rows == [
        {"system": "full", "seed": 0, **of_veto, "flagged": 1, "false_alarms": 0, "judged": 2},
        {"system": "full", "seed": 1, **of_veto, "flagged": 1, "false_alarms": 1, "judged": 2},
        {"system": "scalar", "seed": 0, **of_veto, "flagged": 0, "false_alarms": 0, "judged": 0},
    ]
    built = replace(EXAMPLES, point=tuple(replace(e, judge_kind="construction") for e in EXAMPLES.point))
    assert contradictions(built, [full(1)]) == []
