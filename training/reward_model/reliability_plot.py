"""The reliability plot of a calibration: predicted P(met) against the share really met, a panel for each tier, as SVG.

What belongs here: drawing. The same labels give the same bytes. matplotlib is imported where it is used.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from training.benchmark.metrics import ReliabilityBin, reliability
from training.records import TIERS, Tier
from training.reward_model.calibration import Calibration, TierCalibration

BINS = 10
_NAME = "reliability"
_INK, _GREY = "#1f4e79", "#666666"
_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": _NAME,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
# Below the axis from 0 to 1 stands a line with the number of labels of each bin.
_COUNTS_AT = -0.115


def wilson_interval(successes: int, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): within [0, 1], and of some width even where all n agree.

    >>> [round(bound, 3) for bound in wilson_interval(8, 10)]
    [0.49, 0.943]

    Raises:
        ValueError: there is nothing to take a share of.
    """
    if n < 1:
        raise ValueError("an interval of a share needs at least one label")
    share, shrink = successes / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability_svg(
    probabilities: Sequence[float], met: Sequence[bool], tiers: Sequence[Tier], calibration: Calibration
) -> str:
    """The plot as an SVG document; a tier whose probabilities mean nothing says so in words.

    Args:
        probabilities: calibrated P(met) of each label, in [0, 1].
        met: the labels that the calibration was fitted on.
        tiers: of each label.
        calibration: fitted on these labels.
    """
    # Own canvas and no pyplot: no global state, no window.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    said = []
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(10.2, 3.9), layout="constrained")
        FigureCanvasSVG(figure)
        for axis, tier in zip(figure.subplots(1, len(TIERS)), TIERS, strict=True):
            rows = [(p, label) for p, label, t in zip(probabilities, met, tiers, strict=True) if t == tier]
            fit = calibration.tiers[tier]
            said.append(_panel(axis, tier, fit, reliability([p for p, _ in rows], [label for _, label in rows], bins=BINS)))
        figure.supxlabel(
            "predicted P(met), mean of bin; number of labels above the axis, 95 % Wilson intervals, dotted: perfect, "
            "dashed: threshold.  Fitted on these labels: optimistic.",
            fontsize=8.5,
            color=_GREY,
        )
        return _document(figure, "Reliability on the labels that were fitted. " + " ".join(said))


def _panel(axis: Any, tier: Tier, fit: TierCalibration, bins: Sequence[ReliabilityBin]) -> str:
    """Draws a tier; returns what it shows, for readers who do not see it."""
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.17, 1.03), aspect="equal")
    axis.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axis.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    if tier == TIERS[0]:
        axis.set_ylabel("share really met")
    words = _nothing_to_show(fit)
    if words is not None:
        axis.set_title(f"{tier}: no calibration error")
        axis.text(0.5, 0.5, f"{words[0]}\n{words[1]}", ha="center", va="center", color=_GREY)
        return f"{tier}: {words[0]}, {words[1]}."
    cross = "" if fit.ece_cross is None else f", cross-fitted {fit.ece_cross:.3f}"
    axis.set_title(f"{tier}: ECE {fit.ece:.3f}{cross}")
    axis.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle=":")
    axis.plot([fit.threshold] * 2, [0, 1], color=_GREY, linewidth=1, linestyle="--")
    for found in bins:
        low, high = wilson_interval(round(found.met * found.n), found.n)
        axis.plot([found.predicted] * 2, [low, high], color=_INK, linewidth=1.4, solid_capstyle="butt")
        axis.text((found.low + found.high) / 2, _COUNTS_AT, f"{found.n}", ha="center", fontsize=7, color=_GREY)
    axis.plot([b.predicted for b in bins], [b.met for b in bins], "o-", color=_INK, linewidth=0.8, markersize=4.5)
    points = ", ".join(f"{b.predicted:.2f} → {b.met:.2f} ({b.n} labels)" for b in bins)
    return f"{tier}, error {fit.ece:.3f}{cross}: {points}."


def _nothing_to_show(fit: TierCalibration) -> tuple[str, str] | None:
    if not fit.identified:
        return (
            "not identified",
            f"labels of one class ({fit.n_met} met, {fit.n_unmet} unmet)" if fit.n_met + fit.n_unmet else "no label",
        )
    if not fit.informative:
        return "says the same to every answer", f"({fit.n_met} met, {fit.n_unmet} unmet)"
    return None


def _document(figure: Any, alt: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    # Its metadata hold the date.
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    # White behind the axes: viewers of files have dark backgrounds too, and a title is read aloud.
    head = f'<svg role="img" aria-labelledby="{_NAME}-alt" style="background:#fff"'
    text = text[text.index("<svg") :].replace("<svg", head, 1)
    return text.replace(">", f'>\n <title id="{_NAME}-alt">{escape(alt)}</title>', 1)
