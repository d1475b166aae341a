"""Contamination: does a training split say what a held-out split asks?

What belongs here: finding such contacts, by a way of its own. Splits are drawn by cluster, and clusters come from an
approximate index: a missed pair would put a benchmark question into training unseen. So every held-out instruction is compared
here with *every* training instruction, exactly, by normalized text and by the cosine of their embeddings. Two texts with
different guard signatures (another drug, dose, age …) ask different things and are no contact, however similar.

Ours; the paper does not say how it kept its benchmark apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from assets.rubrics.statements import normalize
from training.records import HELD_OUT_SPLITS

FloatArray = npt.NDArray[np.float32]
# Held-out rows at once: 1,024 × 800,000 similarities are 3.3 GB, so training rows come in blocks as well.
_BLOCK, _TRAINING_BLOCK = 1024, 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instruction, its text and its split."""

    instruction_id: str
    text: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A training instruction that says what a held-out one asks; `similarity` is 1 for an exact one."""

    held_out_id: str
    held_out_split: str
    training_id: str
    training_split: str
    level: Literal["exact", "semantic"]
    similarity: float

    def row(self) -> dict[str, Any]:
        """The contact as plain data."""
        return asdict(self)


def find_contacts(
    members: Sequence[Member],
    *,
    embed: Callable[[Sequence[str]], FloatArray],
    signature: Callable[[str], Hashable],
    threshold: float,
) -> list[Contact]:
    """Every contact between a held-out and a training split, by held-out id and training id.

    Args:
        members: instructions with a split; each text once is enough, repeats are found as exact contacts.
        embed: texts → unit rows, (n, d).
        signature: what two texts must have in common to ask the same.
        threshold: cosine from which two texts ask the same, in (0, 1].
    """
    held_out = [m for m in members if m.split in HELD_OUT_SPLITS]
    training = [m for m in members if m.split not in HELD_OUT_SPLITS]
    if not held_out or not training:
        return []
    exact = _exact(held_out, training)
    known = {(c.held_out_id, c.training_id) for c in exact}
    semantic = [
        _contact(held_out[i], training[j], "semantic", similarity)
        for i, j, similarity in _similar(embed([m.text for m in held_out]), embed([m.text for m in training]), threshold)
        if (held_out[i].instruction_id, training[j].instruction_id) not in known
        and signature(held_out[i].text) == signature(training[j].text)
    ]
    return sorted([*exact, *semantic], key=lambda c: (c.held_out_id, c.training_id))


def _contact(held_out: Member, training: Member, level: Literal["exact", "semantic"], similarity: float) -> Contact:
    return Contact(
        held_out_id=held_out.instruction_id,
        held_out_split=held_out.split,
        training_id=training.instruction_id,
        training_split=training.split,
        level=level,
        similarity=similarity,
    )


def _exact(held_out: Sequence[Member], training: Sequence[Member]) -> list[Contact]:
    by_text: dict[str, list[Member]] = defaultdict(list)
    for member in held_out:
        by_text[normalize(member.text)].append(member)
    return [_contact(h, t, "exact", 1.0) for t in training for h in by_text.get(normalize(t.text), ())]


def _similar(first: FloatArray, second: FloatArray, threshold: float) -> list[tuple[int, int, float]]:
    """All (i, j, cosine) with cosine at or above the threshold, in blocks, so that memory stays flat."""
    found = []
    for start in range(0, len(second), _TRAINING_BLOCK):
        block = second[start : start + _TRAINING_BLOCK].T
        for top in range(0, len(first), _BLOCK):
            similarity = first[top : top + _BLOCK] @ block
            for i, j in np.argwhere(similarity >= threshold):
                found.append((top + int(i), start + int(j), float(similarity[i, j])))
    return found
