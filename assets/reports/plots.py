"""The report's plots as inline SVG: text stays text, ids are the same on every run, nothing is fetched.

What belongs here: drawing. Series differ in marker and line style, not in colour alone. matplotlib is imported where used.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from assets.reports.figures import Metrics, Row, find_row, system_name

# Dark enough on white for text and lines (contrast of 4.5 or more), and apart in lightness for readers who see no hue.
COLORS = ("#1f4e79", "#a34a00", "#3d6b35", "#6b4c8a", "#555555")
MARKERS = ("o", "s", "^", "D", "v")
STYLES = ("-", "--", "-.", ":", "-")
_RC = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#777777",
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """An inline SVG and the caption below it."""

    svg: str
    caption: str


@contextmanager
def drawing(name: str, *, width: float, height: float, panels: int = 1, rows: int = 1) -> Iterator[tuple[Any, list[Any]]]:
    """A figure of so many inches and its panels, spread evenly over rows; those left over in the last row are blank."""
    # Own canvas and no pyplot: no global state, no window, the same bytes on every run.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_RC, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = list(figure.subplots(rows, -(-panels // rows), squeeze=False).flat)
        for unused in axes[panels:]:
            unused.set_axis_off()
        yield figure, axes[:panels]


def as_svg(figure: Any, name: str, alt: str) -> str:
    """The figure as an <svg> element with a title for readers who do not see it, its ids prefixed by the plot's name."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    # As wide as it was drawn, or as the page is: text keeps the size of the page's.
    width = round(figure.get_figwidth() * 96)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    head = f'<svg role="img" aria-labelledby="{name}-alt" style="width:100%;max-width:{width}px"'
    return text.replace("<svg", head, 1).replace(">", f'><title id="{name}-alt">{escape(alt)}</title>', 1)


def forest(metrics: Metrics) -> Plot:
    """Systems side by side on the three main figures, with intervals and the chance line."""
    wanted = (
        ("Overall accuracy", {"section": "overall", "tier": "all", "metric": "accuracy"}),
        ("Pairwise accuracy, macro", {"section": "pairwise", "tier": "macro", "metric": "accuracy"}),
        ("Pointwise AUC, macro", {"section": "pointwise", "tier": "macro", "metric": "auc"}),
    )
    systems, rivals = list(metrics["systems"]), metrics["rivals"]
    said = []
    with drawing("forest", width=9.2, height=0.75 + 0.36 * len(systems), panels=3) as (figure, axes):
        for panel, (axis, (title, key)) in enumerate(zip(axes, wanted, strict=True)):
            axis.axvline(0.5, color="#777777", linewidth=1, linestyle=":")
            for y, system in enumerate(systems):
                row = find_row(metrics["figures"], system=system, source="all", **key)
                if row is None or row["value"] is None:
                    axis.text(0.02, y, "n/a", va="center", color="#555555")
                    continue
                kind = kind_of(system, rivals)
                color = COLORS[kind]
                if row["low"] is not None:
                    axis.plot([row["low"], row["high"]], [y, y], color=color, linewidth=2, solid_capstyle="butt")
                axis.plot(row["value"], y, MARKERS[kind], color=color, markersize=6)
                said.append(f"{system_name(system)} {title} {row['value']:.2f}")
            axis.set(xlim=(-0.04, 1.04), ylim=(len(systems) - 0.5, -0.5), title=title)
            axis.set_yticks(range(len(systems)), [system_name(s) for s in systems] if panel == 0 else [""] * len(systems))
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0)
        svg = as_svg(figure, "forest", "Dot plot with intervals: " + "; ".join(said))
    return Plot(
        svg=svg,
        caption="Figure and 95 % interval by system (circle: our reward models, "
        + ("diamond: rivals, " if rivals else "")
        + "triangle: baselines). The dotted line is chance.",
    )


def kind_of(system: str, rivals: Collection[str]) -> int:
    """Index of the colour and marker of a system: one of ours, a baseline or a rival.

    >>> kind_of("panel_reward_model", ()), kind_of("majority", ()), kind_of("reward_model_b", {"reward_model_b"})
    (0, 4, 3)
    """
    return 3 if system in rivals else 0 if system in ("reward_model", "panel_reward_model") else 4


def calibration(metrics: Metrics) -> Plot | None:
    """Predicted P(met) against the share really met, on the benchmark; `None` if no model gives a probability."""
    models = {name: found for name, found in metrics["reliability"].items() if found["bins"]}
    if not models:
        return None
    said = []
    with drawing("calibration", width=4.6, height=4.9) as (figure, (axis,)):
        axis.plot([0, 1], [0, 1], color="#777777", linewidth=1, linestyle=":", label="perfect")
        for index, (name, found) in enumerate(models.items()):
            bins = found["bins"]
            label = f"{system_name(name)} ({', '.join(found['tiers'])}; error {found['error']:.3f})"
            xs, ys = [b["predicted"] for b in bins], [b["met"] for b in bins]
            axis.plot(xs, ys, color=COLORS[index], linestyle=STYLES[index], linewidth=1.4, label=label, marker=MARKERS[index])
            said.append(f"{label}: " + ", ".join(f"{x:.2f} → {y:.2f}" for x, y in zip(xs, ys, strict=True)))
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted P(met), mean of bin", ylabel="share really met")
        figure.legend(loc="outside lower center", fontsize=9)
        svg = as_svg(figure, "calibration", "Calibration curve. " + "; ".join(said))
    return Plot(
        svg=svg,
        caption="Calibration on the benchmark, over ten bins of equal width; the calibration itself was fitted on validation. "
        "Error: expected calibration error, on the tiers named; one that is not identified or flat has none.",
    )


def curves(name: str, rows: Sequence[Row], panels: Mapping[str, Sequence[tuple[str, str]]], caption: str) -> Plot | None:
    """Training curves over steps.

    Args:
        name: prefix of the ids.
        rows: a row per step, with `step`; a figure may be absent from a row.
        panels: title of a panel → its series as (column, label); a panel without any figure is left out.
        caption: of the plot.
    """
    found = {
        title: [(label, points) for column, label in series if (points := _points(rows, column))]
        for title, series in panels.items()
    }
    found = {title: series for title, series in found.items() if series}
    if not found:
        return None
    said = []
    with drawing(name, width=3.1 * max(len(found), 2), height=2.7, panels=len(found)) as (figure, axes):
        for axis, (title, series) in zip(axes, found.items(), strict=True):
            for index, (label, points) in enumerate(series):
                steps, values = zip(*points, strict=True)
                marker = MARKERS[index] if len(points) <= 30 else None
                style = {"color": COLORS[index], "linestyle": STYLES[index], "linewidth": 1.4}
                axis.plot(steps, values, label=label, marker=marker, markersize=3.5, **style)
                said.append(f"{title}, {label}: {values[0]:.3g} at step {steps[0]:g}, {values[-1]:.3g} at step {steps[-1]:g}")
            axis.set(title=title, xlabel="step")
            if len(series) > 1 or series[0][0] != title:
                axis.legend(fontsize=8.5)
        svg = as_svg(figure, name, "Line plot. " + "; ".join(said))
    return Plot(svg=svg, caption=caption)


def _points(rows: Sequence[Row], column: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row[column])) for row in rows if row.get(column) not in (None, "")]


def reward_model_curve(name: str, rows: Sequence[Row]) -> Plot | None:
    """Loss and pairwise accuracy of a reward model's training."""
    return curves(
        name.replace("_", "-"),
        rows,
        {
            "Loss": [("train_loss", "training"), ("validation_loss", "validation")],
            "Pairwise accuracy, validation": [
                ("validation_accuracy", "all"),
                ("validation_accuracy_main", "main"),
                ("validation_accuracy_bonus", "bonus"),
                ("validation_accuracy_veto", "veto"),
            ],
        },
        f"Training of the {system_name(name, inside=True)}.",
    )


def policy_curve(rows: Sequence[Row]) -> Plot | None:
    """Reward, its parts, KL and refusals of the policy's training."""
    return curves(
        "policy",
        rows,
        {
            "Reward": [("reward", "reward"), ("s1", "S1")],
            "Safety": [
                ("veto_rate", "violation rate"),
                ("refusal_rate", "refusals"),
                ("empty_rate", "empty"),
                ("cut_rate", "cut"),
            ],
            "KL to the base model": [("kl", "KL to the base model")],
        },
        "Training of the policy by its own reward model. A reward that rises is not yet a better answer: see the panel judge.",
    )
