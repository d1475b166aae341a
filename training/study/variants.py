"""The variants of the study, and the names of its cells.

What belongs here: what each variant changes of the reward model, and nothing of sizes: these stand in the YAML. Free of torch.
Geng et al. 2026 take away the explicit criteria and the safety data; the two others are ours: the paper's loss without our
pointwise term, and the criterion before the response, where only the responses share a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from training.config import ConfigError

Variant = Literal["full", "scalar", "no_safety", "pure_pairwise", "criterion_first"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
FULL: Variant = "full"
SCALAR: Variant = "scalar"
_PAIRWISE_ALONE = {"pure_pairwise": True, "pointwise_weight": 0.0}
# Variant → what it changes of the reward model's config.
CHANGES: Mapping[Variant, Mapping[str, Any]] = {
    "full": {},
    "scalar": {"conditioning": "none", **_PAIRWISE_ALONE},
    "no_safety": {"veto_data": False},
    "pure_pairwise": _PAIRWISE_ALONE,
    "criterion_first": {"conditioning": "criterion_first"},
}


def cell_name(variant: str, seed: int) -> str:
    """The partition of a cell.

    >>> cell_name("full", 0)
    'full-0'
    """
    return f"{variant}-{seed}"


def parse_cell(name: str) -> tuple[Variant, int]:
    """Variant and seed of a cell.

    >>> parse_cell("no_safety-2")
    ('no_safety', 2)

    Raises:
        ConfigError: it is the name of none; says what is allowed.
    """
    variant, _, seed = name.rpartition("-")
    for known in VARIANTS:
        if variant == known and seed.isascii() and seed.isdigit() and str(int(seed)) == seed:
            return known, int(seed)
    raise ConfigError(f"unknown cell {name!r}; a cell is VARIANT-SEED such as full-0, with one of {', '.join(VARIANTS)}")
