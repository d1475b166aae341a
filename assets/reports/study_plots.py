"""The study's plots: ablations with their intervals and seeds, discordant against concordant preferences, training.

What belongs here: drawing. The way of all plots of the reports is `plots.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.reports.figures import Row, find_row
from assets.reports.plots import COLORS, MARKERS, STYLES, Plot, as_svg, drawing
from assets.reports.study_words import NAMES, Study
from training.study.figure_keys import DISCORDANT, KQA_AUC, SAFETY, Key

_GREY = COLORS[4]
_PANELS = (
    ("Discordant preferences", "all", DISCORDANT, 0.5),
    ("Safety F1", "all", SAFETY, None),
    ("K-QA AUC", "kqa", KQA_AUC, 0.5),
)


def ablations(study: Study) -> Plot:
    """Every system on the figures of the three questions: mean, interval, and each seed as a small open dot."""
    systems = list(study["systems"])
    panels = [panel for panel in _PANELS if any(_row(study, system, panel) for system in systems)]
    said = []
    with drawing("ablations", width=9.4, height=1.0 + 0.38 * len(systems), panels=max(1, len(panels))) as (figure, axes):
        for index, (axis, panel) in enumerate(zip(axes, panels, strict=False)):
            title, _, _, chance = panel
            if chance is not None:
                axis.axvline(chance, color="#777777", linewidth=1, linestyle=":")
            for y, system in enumerate(systems):
                row = _row(study, system, panel)
                if row is None or row["value"] is None:
                    axis.text(0.02, y, "not identified" if _blank(study, system) else "n/a", va="center", color=_GREY, size=8.5)
                    continue
                _dot(axis, row, y, ours=bool(row["by_seed"]))
                said.append(f"{NAMES[system]}, {title}: {row['value']:.2f}")
            axis.set(xlim=(-0.03, 1.03), ylim=(len(systems) - 0.5, -0.5), title=title)
            axis.set_yticks(range(len(systems)), [NAMES[s] for s in systems] if index == 0 else [""] * len(systems))
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0)
        svg = as_svg(figure, "ablations", "Dot plot with intervals. " + "; ".join(said))
    return Plot(
        svg=svg,
        caption="Mean over seeds (filled), each seed (open), and the 95 % interval; a dashed line is the range of two seeds. "
        "Squares: references that learn nothing or next to nothing. The dotted line is chance.",
    )


def _row(study: Study, system: str, panel: tuple[str, str, Key, float | None]) -> Row | None:
    _, source, (section, tier, metric), _ = panel
    return find_row(study["figures"], system=system, source=source, section=section, tier=tier, metric=metric)


def _blank(study: Study, system: str) -> bool:
    return not study["pointwise_identified"].get(system, True)


def _dot(axis: Any, row: Row, y: int, *, ours: bool) -> None:
    color = COLORS[0] if ours else _GREY
    if row["low"] is not None:
        style = "--" if row["bounds"] == "range" else "-"
        axis.plot([row["low"], row["high"]], [y, y], color=color, linewidth=2, linestyle=style, solid_capstyle="butt")
    seeds = [value for value in row["by_seed"].values() if value is not None]
    if len(seeds) > 1:
        axis.plot(seeds, [y + 0.24] * len(seeds), "o", markersize=3.5, markerfacecolor="none", markeredgecolor=color)
    axis.plot(row["value"], y, "o" if ours else "s", color=color, markersize=6.5)


def concordance(study: Study) -> Plot | None:
    """Concordant and discordant accuracy of each system, joined: how far apart they lie is what criteria are worth."""
    found = []
    for system in study["systems"]:
        rows = [
            find_row(study["figures"], system=system, source="all", section="pairwise", tier="micro", metric=f"accuracy_{kind}")
            for kind in ("discordant", "concordant")
        ]
        values = [row["value"] for row in rows if row is not None and row["value"] is not None]
        if len(values) == 2:
            found.append((system, values[0], values[1]))
    if not found:
        return None
    said = [f"{NAMES[system]}: discordant {low:.2f}, concordant {high:.2f}" for system, low, high in found]
    with drawing("concordance", width=7.4, height=1.0 + 0.34 * len(found)) as (figure, (axis,)):
        axis.axvline(0.5, color="#777777", linewidth=1, linestyle=":")
        for y, (_, discordant, concordant) in enumerate(found):
            axis.plot([discordant, concordant], [y, y], color="#b9c0c9", linewidth=3, zorder=1)
            axis.plot(discordant, y, "o", color=COLORS[1], markersize=7, label="discordant" if y == 0 else None)
            axis.plot(concordant, y, "D", color=COLORS[0], markersize=6, label="concordant" if y == 0 else None)
        axis.set(xlim=(-0.03, 1.03), ylim=(len(found) - 0.5, -0.5), xlabel="pairwise accuracy, mean over seeds")
        axis.set_yticks(range(len(found)), [NAMES[system] for system, *_ in found])
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper right", ncols=2, fontsize=9)
        svg = as_svg(figure, "concordance", "Dumbbell plot. " + "; ".join(said))
    return Plot(
        svg=svg,
        caption="Where the overall winner also wins on the criterion (concordant), and where it loses on it (discordant). A "
        "model that ignores the criterion mirrors itself: what it has right on the one it has wrong on the other.",
    )


def training(study: Study, curves: Mapping[str, Sequence[Row]]) -> Plot | None:
    """Validation accuracy over steps, a line per cell."""
    lines = []
    for cell in study["cells"]:
        rows = curves.get(cell["cell"], [])
        points = [(float(r["step"]), float(r["validation_accuracy"])) for r in rows if r.get("validation_accuracy")]
        if points:
            lines.append((cell["variant"], cell["cell"], points))
    if not lines:
        return None
    variants = [variant for variant in study["seeds"] if any(variant == v for v, *_ in lines)]
    said = [f"{name}: {points[0][1]:.2f} to {points[-1][1]:.2f}" for _, name, points in lines]
    with drawing("study-training", width=9.4, height=2.9, panels=len(variants)) as (figure, axes):
        for index, (axis, variant) in enumerate(zip(axes, variants, strict=True)):
            for number, (_, name, points) in enumerate(line for line in lines if line[0] == variant):
                steps, values = zip(*points, strict=True)
                style = {"color": COLORS[number % 5], "linestyle": STYLES[number % 5], "marker": MARKERS[number % 5]}
                axis.plot(steps, values, label=f"seed {name.rpartition('-')[2]}", linewidth=1.3, markersize=3.5, **style)
            axis.axhline(0.5, color="#777777", linewidth=1, linestyle=":")
            axis.set(title=NAMES[variant].partition(" (")[0], xlabel="step", ylim=(0.2, 1.02))
            if index:
                axis.set_yticklabels([])
            axis.legend(fontsize=8, loc="lower right")
        svg = as_svg(figure, "study-training", "Line plots. " + "; ".join(said))
    return Plot(
        svg=svg, caption="Pairwise accuracy on validation while training; the weights of the best validation loss count."
    )
