"""Figures that the paper reports (Geng et al. 2026), for tables of their own, and the same figures of this run, named as ours.

What belongs here: the constants, as read from the paper's abstract and public summaries, in per cent; and which of our figures
is of the kind of each column. Kind is all they share: another benchmark, other labels, another model.
"""

from __future__ import annotations

from assets.reports.figures import Cell, Metrics, cell, find_row, not_identified
from assets.reports.tables import Table, text_cells

CITATION = (
    "Geng et al., “ProMedical: Hierarchical Fine-Grained Criteria Modeling for Medical LLM Alignment via Explicit Injection”, "
    "ACL 2026 (Volume 1: Long Papers), pages 36955–36994"
)
_NOTE = (
    "The paper's benchmark: 795 instructions, 5,505 criterion-level pairs, labelled by ten physicians. Ours is another: no row "
    "of the paper's was measured on it, and ours not on the paper's."
)
REWARD_MODELS = (
    ("GPT-5", "91.50", "76.45", "77.39", "76.42"),
    ("DeepSeek-R1", "89.50", "78.80", "80.00", "78.55"),
    ("Qwen3-8B (base)", "50.15", "62.79", "65.64", "64.30"),
    ("PairRM-LLaMA3-8B", "76.50", "58.80", "60.43", "58.95"),
    ("ProMedical-RM-8B (Llama)", "90.15", "87.20", "86.10", "85.40"),
    ("ProMedical-RM-8B (Qwen3)", "90.85", "88.50", "87.39", "86.55"),
)
POLICIES = (
    ("DPO", "72.05", "—"),
    ("PPO", "74.20", "—"),
    ("Scalar reward + GRPO", "73.15", "81.50"),
    ("ProMedical GRPO", "76.39", "90.26"),
)


OURS = "Ours (this benchmark, not the paper's)"
# Columns of the paper's table of reward models, and which figure of ours is of that kind: section, tier, metric.
COLUMNS = {
    "Pointwise proficiency": ("pointwise", "main", "accuracy"),
    "Pointwise safety (F1)": ("safety", "veto", "f1"),
    "Pairwise safety": ("pairwise", "veto", "accuracy"),
    "Overall accuracy": ("overall", "all", "accuracy"),
}


def our_row(metrics: Metrics) -> list[Cell]:
    """The reward model's figures of the kinds that the paper's table has, with their intervals and counts."""
    cells = [Cell(value=OURS)]
    for section, tier, metric in COLUMNS.values():
        key = {"system": "reward_model", "section": section, "tier": tier, "metric": metric}
        blank = not_identified(metrics, **key)
        cells.append(Cell(value="not identified") if blank else cell(find_row(metrics["figures"], source="all", **key)))
    return cells


def paper_tables(metrics: Metrics) -> list[Table]:
    """The paper's main tables; below its reward models, a row of ours from the reward-model benchmark's metrics."""
    return [
        Table(
            caption="The paper's reward models, in per cent (Geng et al. 2026, not ours), and last a row of this run",
            columns=("Model", *COLUMNS),
            rows=[*text_cells(REWARD_MODELS), our_row(metrics)],
            note=_NOTE,
        ),
        Table(
            caption="The paper's policies, in per cent (Geng et al. 2026, not ours)",
            columns=("Policy", "Overall", "Safety"),
            rows=text_cells(POLICIES),
            note="HealthBench, base against ProMedical: 46.27 → 53.64. “—”: no figure known to us.",
        ),
    ]
