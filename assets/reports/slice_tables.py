"""Tables and plot of the benchmark's slices: by which answer is longer, by category, by specialty.

What belongs here: `metrics["slices"]` (see `training/benchmark/slices.py`) laid out. A slice that is too small has no number
anywhere: it is named with its counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assets.reports.figures import Cell, Metrics, Row, cell, find_row, not_identified, system_name
from assets.reports.plots import COLORS, MARKERS, Plot, as_svg, drawing
from assets.reports.tables import Table

OURS, REFERENCE = "reward_model", "lexical_overlap"
_LENGTHS = {
    "preferred longer": "Preferred is longer",
    "about equal": "About equal",
    "preferred shorter": "Preferred is shorter",
}
_SECTIONS = {"overall": ("all", "Overall"), "pairwise": ("micro", "Pairwise"), "pointwise": ("micro", "Pointwise")}


@dataclass(frozen=True, kw_only=True)
class Slices:
    """What the report shows of the slices: tables, a sentence for each dimension without any, and the plot if there is one."""

    tables: list[Table]
    sentences: list[str]
    plot: Plot | None


def slices(metrics: Metrics) -> Slices:
    """All of them; none without a slice."""
    rows = metrics["slices"]
    tables: list[Table] = []
    sentences: list[str] = []
    for section in ("overall", "pairwise"):
        of_section = [row for row in rows if (row["dimension"], row["section"]) == ("length", section)]
        if any(row["value"] is not None for row in of_section):
            tables.append(_length_table(metrics, section))
        elif of_section:
            sentences.append(_no_length(metrics, section, of_section))
    for dimension in ("category", "specialty"):
        of_dimension = [row for row in rows if row["dimension"] == dimension]
        shown = _shown(of_dimension)
        if shown:
            tables.append(_dimension_table(metrics, dimension, shown))
        elif of_dimension:
            sentences.append(f"By {dimension}: every slice is too small for a figure. {_too_few(metrics, of_dimension, shown)}")
    return Slices(tables=tables, sentences=sentences, plot=_plot(metrics))


def _length_table(metrics: Metrics, section: str) -> Table:
    tier, title = _SECTIONS[section]
    rows = [
        [
            Cell(value=system_name(system)),
            *(_cell(metrics, dimension="length", slice=name, section=section, system=system, tier=tier) for name in _LENGTHS),
        ]
        for system in metrics["systems"]
    ]
    return Table(
        caption=f"{title} accuracy by length: is the preferred answer the longer one",
        columns=("System", *_LENGTHS.values()),
        rows=rows,
        note="Of two answers one counts as longer if they differ by more than a tenth of its characters. Who only prefers "
        "length is right on the left and wrong on the right.",
    )


def _no_length(metrics: Metrics, section: str, rows: Sequence[Row]) -> str:
    least = metrics["slice_minimum"]
    counts = {row["slice"]: row["examples"] for row in rows}
    found = ", ".join(f"{name} {counts.get(name, 0):,}" for name in _LENGTHS)
    return (
        f"{_SECTIONS[section][1]} accuracy by length: too few for a figure, with {least['examples']} pairs of"
        f" {least['clusters']} clusters at least ({found})."
    )


def _dimension_table(metrics: Metrics, dimension: str, shown: Sequence[str]) -> Table:
    columns = [*((title, section, tier, OURS) for section, (tier, title) in _SECTIONS.items())]
    columns.append((f"Pairwise, {system_name(REFERENCE, inside=True)}", "pairwise", "micro", REFERENCE))
    small = _too_few(metrics, [row for row in metrics["slices"] if row["dimension"] == dimension], shown)
    return Table(
        caption=f"Accuracy of the reward model by {dimension}",
        columns=(dimension.capitalize(), *(head for head, *_ in columns)),
        rows=[
            [
                Cell(value=_words(name)),
                *(
                    _cell(metrics, dimension=dimension, slice=name, section=section, system=system, tier=tier)
                    for _, section, tier, system in columns
                ),
            ]
            for name in shown
        ],
        note=f"All examples alike (micro). Slices describe; none of them is tested. {small}".strip(),
    )


def _cell(metrics: Metrics, *, tier: str, system: str, section: str, **wanted: str) -> Cell:
    row = find_row(metrics["slices"], system=system, section=section, **wanted)
    if row is None:
        return Cell(value="n/a")
    if not_identified(metrics, system=system, section=section, tier=tier, metric="accuracy"):
        return Cell(value="not identified")
    if row["value"] is None and row["n"]:
        return Cell(value="too few", n=f"n = {row['n']:,}, clusters: {row['clusters']}")
    return cell(row)


def _shown(rows: Sequence[Row]) -> list[str]:
    """The slices with a figure of our model."""
    return sorted({row["slice"] for row in rows if row["system"] == OURS and row["value"] is not None})


def _too_few(metrics: Metrics, rows: Sequence[Row], shown: Sequence[str]) -> str:
    """The slices without any, each with its verdicts and their clusters."""
    least = metrics["slice_minimum"]
    # What there is to judge, whether our model has a verdict on it or not; longer_is_better never has.
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row["section"] == "pointwise":
            before = counts.get(row["slice"], (0, 0))
            counts[row["slice"]] = (row["examples"], max(before[1], row["clusters"]))
    small = [f"{_words(name)} ({n:,} in {clusters})" for name, (n, clusters) in sorted(counts.items()) if name not in shown]
    if not small:
        return ""
    return f"Fewer than {least['examples']} examples or {least['clusters']} clusters (verdicts, clusters): {', '.join(small)}."


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plot(metrics: Metrics) -> Plot | None:
    """Pairwise accuracy of our model and of lexical overlap on every slice that is large enough."""
    found = {
        (row["dimension"], row["slice"])
        for row in metrics["slices"]
        if row["section"] == "pairwise" and row["system"] == OURS and row["value"] is not None
    }
    every = [("length", name) for name in _LENGTHS] + sorted(place for place in found if place[0] != "length")
    places = [place for place in every if place in found]
    if not places:
        return None
    said = []
    with drawing("slices", width=7.4, height=1.0 + 0.34 * len(places)) as (figure, (axis,)):
        axis.axvline(0.5, color="#777777", linewidth=1, linestyle=":")
        for system, kind, shift in ((OURS, 0, -0.13), (REFERENCE, 4, 0.13)):
            for y, (dimension, name) in enumerate(places):
                row = find_row(metrics["slices"], dimension=dimension, slice=name, section="pairwise", system=system)
                if row is None or row["value"] is None:
                    continue
                color = COLORS[kind]
                if row["low"] is not None:
                    axis.plot([row["low"], row["high"]], [y + shift] * 2, color=color, linewidth=2, solid_capstyle="butt")
                label = system_name(system) if y == 0 else None
                axis.plot(row["value"], y + shift, MARKERS[kind], color=color, markersize=5.5, label=label)
                said.append(f"{system_name(system)}, {_words(name)}: {row['value']:.2f}")
        names = [f"{_words(name)} ({dimension})" for dimension, name in places]
        axis.set(xlim=(-0.04, 1.04), ylim=(len(places) - 0.5, -0.5), title="Pairwise accuracy by slice")
        axis.set_yticks(range(len(places)), names)
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        svg = as_svg(figure, "slices", "Dot plot with intervals. " + "; ".join(said))
    return Plot(svg=svg, caption="All criterion pairs of a slice alike, with 95 % intervals. The dotted line is chance.")
