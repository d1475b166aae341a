"""The study's tables of what lies behind its figures: training, the looks at K-QA's labels, and the paper's own ablations.

What belongs here: records, and figures that are not ours; the study's own are in `study_tables.py`.
"""

from __future__ import annotations

from assets.reports.figures import number
from assets.reports.study_words import NAMES, Study, mean_of
from assets.reports.tables import Table, text_cells
from training.study.variants import FULL

# As read from the paper's abstract and public summaries, in per cent.
_PAPER = (
    ("Full", "88.50", "90.26", "92.80"),
    ("Without explicit criteria", "83.15", "—", "—"),
    ("Without safety data", "—", "79.20", "—"),
    ("Without the veto", "—", "82.65", "—"),
    ("Without the bonus margin (β = 0)", "—", "—", "86.50"),
)


def training_table(study: Study) -> Table:
    """What every variant's training cost and came to, as means over its seeds."""
    own = mean_of(study, FULL, "tokens_seen")
    rows = []
    for variant, seeds in study["seeds"].items():
        tokens, trees = (mean_of(study, variant, name) for name in ("tokens_seen", "trees_seen"))
        accuracy = mean_of(study, variant, "validation_accuracy")
        rows.append(
            [
                NAMES[variant],
                ", ".join(map(str, seeds)),
                _whole(mean_of(study, variant, "steps")),
                _whole(trees),
                _whole(tokens),
                "—" if own is None or tokens is None else f"{tokens / own:.2f}",
                _whole(mean_of(study, variant, "best_step")),
                number(accuracy, "accuracy"),
            ]
        )
    return Table(
        caption="Training, mean over seeds",
        columns=("Variant", "Seeds", "Steps", "Trees", "Tokens", "÷ full", "Best step", "Validation accuracy"),
        rows=text_cells(rows),
        note="The scalar model's trees hold no criteria: it gets more of them, until the tokens are those of the full model or "
        "its validation loss no longer falls. Its validation accuracy is over overall preferences, the others' over criterion "
        "preferences.",
    )


def _whole(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}"


def openings_table(study: Study) -> Table:
    """The record of openings."""
    return Table(
        caption="Looks at K-QA's labels by the studies of this project folder",
        columns=("No.", "Cell", "Artifact", "Benchmark", "Labels"),
        rows=text_cells(
            [
                [row["number"], row["cell"], _short(row["artifact"]), _short(row["snapshot"]), row["labels"]]
                for row in study["openings"]
            ]
        ),
        note="A cell's predictions hold no label; they are first held against the labels when a study is made of them, and "
        "that is written down here for good, also of cells that were made anew since. These are not all looks: "
        "reward_model_benchmark measures on the same labels in every run, which nothing counts, and another project folder has "
        "a record of its own.",
    )


def _short(ref: str) -> str:
    return ref.rpartition("@")[2][:12]


def paper_ablations() -> Table:
    """The paper's ablation table."""
    return Table(
        caption="The paper's ablations, in per cent (Geng et al. 2026, not ours)",
        columns=("Variant", "Pairwise", "Safety", "Excellence"),
        rows=text_cells(_PAPER),
        note="Another benchmark, an 8B backbone, 50,000 instructions. “—”: no figure known to us.",
    )
