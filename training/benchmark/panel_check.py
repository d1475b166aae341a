"""Whether a policy gain counts: is the panel judge worth asking, and does it see the gain?

What belongs here: reading the panel's row from the reward-model benchmark, and the verdict on a gain.

Departure from the paper: the policy optimizes its own reward model, so that model cannot vouch for it. A gain counts only if
the panel model, trained on other data, beats lexical overlap on labelled verdicts (macro AUC) *and* sees the gain, each with
the paired interval above 0 and a p below 0.05 after Holm's correction over its table. Macro AUC, because over pooled tiers a
judge gains by knowing how often each tier is met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.benchmark.comparison import ALL_SOURCES, Difference
from training.benchmark.systems import LEXICAL, PANEL
from training.errors import StageRefusal
from training.storage import read_manifest

NOT_VALIDATED = "policy gain not validated"


def panel_check(benchmark: Path, at_hand: Mapping[str, Path]) -> Difference:
    """Macro AUC of the panel model minus that of lexical overlap, as the reward-model benchmark measured it.

    Args:
        benchmark: folder of a reward_model_benchmark artifact.
        at_hand: the folders that judge and are measured on now, `snapshot`, `reward_model` and `panel_reward_model`.

    Raises:
        StageRefusal: the benchmark measured another artifact than one of these, or did not compare the panel with lexical
            overlap.
    """
    metrics = json.loads((benchmark / "metrics.json").read_text(encoding="utf-8"))
    for name, measured in metrics["measured"].items():
        given = str(read_manifest(at_hand[name]).ref)
        if measured != given:
            raise StageRefusal(f"policy_benchmark: reward_model_benchmark measured the {name} {measured}, but {given} is given")
    rows = metrics["differences"]
    wanted = ("pointwise", PANEL, LEXICAL, ALL_SOURCES, "macro", "auc")
    for row in rows:
        if tuple(row[key] for key in ("section", "system", "against", "source", "tier", "metric")) == wanted:
            return Difference(**row)
    raise StageRefusal("policy_benchmark: reward_model_benchmark has no comparison of the panel with lexical overlap")


def refusal_reason(check: Difference, compared: Sequence[Difference]) -> str | None:
    """Why a policy gain does not count, `None` if it does."""
    if not check.above_zero:
        return f"{NOT_VALIDATED}: the panel judge does not beat lexical overlap on labelled verdicts"
    gain = next(d for d in compared if (d.section, d.metric) == ("panel", "overall"))
    if not gain.above_zero:
        return f"{NOT_VALIDATED}: by the panel judge policy - base is not clearly above 0"
    return None
