"""Figures that the paper reports (Geng et al. 2026), for a table of their own. None of them is ours.

What belongs here: the constants, as read from the paper's abstract and public summaries, in per cent.
"""

from __future__ import annotations

from assets.reports.tables import Table, text_cells

CITATION = (
    "Geng et al., “ProMedical: Hierarchical Fine-Grained Criteria Modeling for Medical LLM Alignment via Explicit Injection”, "
    "ACL 2026 (Volume 1: Long Papers), pages 36955–36994"
)
_NOTE = "The paper's benchmark: 795 instructions, 5,505 criterion-level pairs, labelled by ten physicians. Ours is another."
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


def paper_tables() -> list[Table]:
    """The paper's main tables."""
    return [
        Table(
            caption="The paper's reward models, in per cent (Geng et al. 2026, not ours)",
            columns=("Model", "Pointwise proficiency", "Pointwise safety (F1)", "Pairwise safety", "Overall accuracy"),
            rows=text_cells(REWARD_MODELS),
            note=_NOTE,
        ),
        Table(
            caption="The paper's policies, in per cent (Geng et al. 2026, not ours)",
            columns=("Policy", "Overall", "Safety"),
            rows=text_cells(POLICIES),
            note="HealthBench, base against ProMedical: 46.27 → 53.64. “—”: no figure known to us.",
        ),
    ]
