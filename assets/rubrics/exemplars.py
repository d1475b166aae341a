"""Which reviewed rubrics a drafter is shown: those of the k most similar instructions of the exemplar pool.

What belongs here: who may be an exemplar, and the choice by cosine of the text embedding. How one is shown is
`draft_prompt.py`'s. Nothing of a held-out split is ever shown, nor an instruction of unknown split; an instruction is never
shown itself or a member of its near-duplicate cluster, whose rubric would be copied rather than learned from. A rubric that
would not be accepted as a draft is not shown either: a prompt whose examples break its rules teaches to break them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from assets.instructions.sameness import cosines
from assets.rubrics.config import ShapeConfig
from assets.rubrics.draft_prompt import as_reply
from assets.rubrics.draft_schema import CriterionRow, read_draft
from training.records import HELD_OUT_SPLITS
from training.rubric_score import WEIGHT_TOLERANCE

FloatArray = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], FloatArray]
# Targets at once: with a pool of 5,000 a block of single-precision products is 20 MB.
_BLOCK = 1024
# What a product in single precision may be off by; who comes this near is compared again in double precision.
_SLACK = 1e-4


class Place(NamedTuple):
    """Where an instruction stands: its near-duplicate cluster and its split."""

    cluster_id: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An instruction that a rubric is drafted for."""

    instruction_id: str
    text: str
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """An instruction of the pool with its reviewed criteria."""

    instruction_id: str
    text: str
    cluster_id: str
    rubric: tuple[CriterionRow, ...]


def eligible_pool(rows: Sequence[Mapping[str, Any]], places: Mapping[str, Place], shape: ShapeConfig) -> list[Exemplar]:
    """The entries of `exemplar_pool` that may be shown, by instruction_id.

    Args:
        rows: instruction_id, text, rubric (a JSON list of objects with tier, text, weight).
        places: by instruction_id; an entry that has none may have been held out and is not shown.
        shape: what a draft must look like.

    Raises:
        ValueError, KeyError: a rubric in another form.
    """
    known = [row for row in rows if row["instruction_id"] in places]
    found = [
        Exemplar(
            instruction_id=row["instruction_id"],
            text=row["text"],
            cluster_id=places[row["instruction_id"]].cluster_id,
            rubric=tuple((item["tier"], item["text"], item["weight"]) for item in json.loads(row["rubric"])),
        )
        for row in sorted(known, key=lambda row: str(row["instruction_id"]))
        if places[row["instruction_id"]].split not in HELD_OUT_SPLITS
    ]
    return [one for one in found if _acceptable(one.rubric, shape)]


def _acceptable(rubric: Sequence[CriterionRow], shape: ShapeConfig) -> bool:
    weights = [weight for tier, _, weight in rubric if tier == "main"]
    if not all(weight is not None and weight > 0 for weight in weights):
        return False
    if abs(sum(weight for weight in weights if weight is not None) - 1) > WEIGHT_TOLERANCE:
        return False
    return not read_draft(as_reply(rubric), finish=None, shape=shape).faults


def nearest_exemplars(targets: Sequence[Target], pool: Sequence[Exemplar], *, k: int, embed: Embed) -> list[tuple[int, ...]]:
    """Of every target the places of its k most similar exemplars in the pool, the most similar first; fewer if there are fewer.

    Equal cosines go by place in the pool. The same targets get the same exemplars whatever stands beside them.

    Args:
        targets: any number; a block of them is compared at a time, so that memory is their vectors' and no more.
        pool: as `eligible_pool` gives it.
        k: at most so many each, at least 0.
        embed: texts → (n, d) unit rows.
    """
    if not (targets and pool and k):
        return [()] * len(targets)
    codes: dict[str, int] = {}
    pool_clusters = np.array([codes.setdefault(one.cluster_id, len(codes)) for one in pool])
    own = {one.instruction_id: place for place, one in enumerate(pool)}
    pool_vectors, vectors = embed([one.text for one in pool]), embed([one.text for one in targets])
    found: list[tuple[int, ...]] = []
    for start in range(0, len(targets), _BLOCK):
        block = targets[start : start + _BLOCK]
        # -1 for a cluster of which the pool has nobody.
        clusters = np.array([codes.get(one.cluster_id, -1) for one in block])
        barred = clusters[:, None] == pool_clusters[None, :]
        for row, one in enumerate(block):
            if one.instruction_id in own:
                barred[row, own[one.instruction_id]] = True
        found += _nearest(vectors[start : start + _BLOCK], pool_vectors, barred, k)
    return found


def _nearest(vectors: FloatArray, pool: FloatArray, barred: npt.NDArray[np.bool_], k: int) -> list[tuple[int, ...]]:
    scores = vectors @ pool.T
    scores[barred] = -np.inf
    k = min(k, len(pool))
    # The k-th best score; -inf where fewer are free, and then all that are free come on.
    bar = np.partition(scores, len(pool) - k, axis=1)[:, len(pool) - k]
    rows, places = np.nonzero((scores >= bar[:, None] - _SLACK) & ~barred)
    # Both in one array: a pair's cosine is then summed alone, in double precision.
    exact = cosines(np.concatenate([vectors, pool]), rows, places + len(vectors))
    order = np.lexsort((places, -exact, rows))
    ends = np.searchsorted(rows[order], np.arange(len(vectors) + 1))
    ranked = places[order].tolist()
    return [tuple(ranked[ends[row] : min(ends[row + 1], ends[row] + k)]) for row in range(len(vectors))]
