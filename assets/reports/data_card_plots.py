"""The data card's plots: the funnel of every source, lengths, specialties.

What belongs here: drawing; counts come from `data_card_counts.py`. Numbers stand beside their bars, so that nothing hangs on
length or colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.reports.figures import Row
from assets.reports.plots import COLORS, Plot, as_svg, drawing

_PALE = "#b9c4d0"


def funnel(steps: Sequence[str], left: Mapping[str, Sequence[int]]) -> Plot:
    """How many questions are left after each step: all sources together, and each on a scale of its own.

    Args:
        steps: names of the steps.
        left: source → questions left after each step.
    """
    totals = [sum(counts[i] for counts in left.values()) for i in range(len(steps))]
    shown = {"all sources": totals, **dict(sorted(left.items()))} if len(left) > 1 else dict(left)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with drawing("funnel", width=3.15 * columns + 1, height=1.85 * rows, panels=len(shown), rows=rows) as (figure, axes):
        for place, (axis, (source, counts)) in enumerate(zip(axes, shown.items(), strict=True)):
            # As many places as steps: a step that is named twice would share a bar.
            axis.barh(range(len(steps)), counts, color=COLORS[0] if place else COLORS[1], height=0.7)
            for y, count in enumerate(counts):
                _beside(axis, count, y, f"{count:,}")
            first = place % columns == 0
            axis.set_yticks(range(len(steps)), steps if first else [""] * len(steps), fontsize=8.5)
            axis.set(xlim=(0, max([*counts, 1]) * 1.32), title=source)
            axis.invert_yaxis()
            axis.tick_params(length=0)
            axis.set_xticks([])
            axis.grid(visible=False)
            axis.spines[["bottom", "left"]].set_visible(False)
        said = "; ".join(
            f"{source}: " + ", ".join(f"{step} {count:,}" for step, count in zip(steps, counts, strict=True))
            for source, counts in shown.items()
        )
        svg = as_svg(figure, "funnel", f"Bars of what is left after each step. {said}")
    return Plot(svg=svg, caption="Questions left after each step, every source on its own scale.")


def _beside(axis: Any, x: float, y: float, text: str) -> None:
    """Writes to the right of a bar's end."""
    axis.annotate(text, (x, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)


def lengths(bins: Sequence[Row]) -> Plot:
    """Accepted and kept instructions by length.

    Args:
        bins: at_most (characters; 0: longer than any), accepted, kept.
    """
    names = [f"≤ {row['at_most']:,}" if row["at_most"] else "longer" for row in bins]
    return _pairs("lengths", names, bins, "Instructions by length in characters", height=0.34 * len(bins) + 0.9)


def specialties(rows: Sequence[Row]) -> Plot:
    """Accepted and kept instructions by specialty.

    Args:
        rows: specialty, accepted, kept.
    """
    names = [str(row["specialty"]).replace("_", " ") for row in rows]
    return _pairs("specialties", names, rows, "Instructions by specialty", height=0.3 * len(rows) + 0.9)


def _pairs(name: str, names: Sequence[str], rows: Sequence[Row], what: str, *, height: float) -> Plot:
    most = max([*(row["accepted"] for row in rows), 1])
    with drawing(name, width=8.6, height=height) as (figure, (axis,)):
        axis.barh(names, [row["accepted"] for row in rows], color=_PALE, height=0.72, label="accepted")
        axis.barh(names, [row["kept"] for row in rows], color=COLORS[0], height=0.4, label="kept")
        for y, row in enumerate(rows):
            _beside(axis, row["accepted"], y, f"{row['kept']:,} of {row['accepted']:,}")
        axis.set(xlim=(0, most * 1.25), ylim=(-0.6, len(rows) - 0.4))
        axis.invert_yaxis()
        axis.set_axisbelow(True)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        figure.legend(loc="outside upper right", ncols=2, fontsize=8.5)
        said = ", ".join(f"{label} {row['kept']:,} of {row['accepted']:,}" for label, row in zip(names, rows, strict=True))
        svg = as_svg(figure, name, f"Bars. {what}, kept of accepted: {said}")
    return Plot(svg=svg, caption=f"{what}: kept (dark) of accepted (pale).")
