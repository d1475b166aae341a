"""Contamination: does a training split say what a held-out split asks?

What belongs here: finding such contacts, by a way of its own. Splits are drawn by cluster, and a mistake there would put a
benchmark question into training unseen. So every held-out instruction is compared here with *every* training instruction, in
blocks and without any index: by normalized text, and by the rule of `sameness.py` (guards and words first, which is a
comparison of two numbers, then the cosine of what is left). The same question about another drug, dose or age is no contact,
however similar.

Ours; the paper does not say how it kept its benchmark apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from assets.instructions.sameness import FloatArray, Places, Readings, cosines, read_texts
from assets.rubrics.statements import normalize
from training.records import HELD_OUT_SPLITS

SCHEMA = pa.schema(
    [
        ("held_out_id", pa.string()),
        ("held_out_split", pa.string()),
        ("training_id", pa.string()),
        ("training_split", pa.string()),
        ("level", pa.string()),
        ("similarity", pa.float64()),
        ("held_out_text", pa.string()),
        ("training_text", pa.string()),
    ]
)
# Held-out rows × training rows compared at once: 64 million numbers.
_HELD_OUT_BLOCK, _TRAINING_BLOCK = 1024, 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instruction, its text and its split."""

    instruction_id: str
    text: str
    split: str


def find_contacts(members: Sequence[Member], *, embed: Callable[[Sequence[str]], FloatArray], threshold: float) -> pa.Table:
    """Every contact between a held-out and a training split, by held-out id and training id.

    Args:
        members: instructions with a split.
        embed: texts → unit rows, (n, d).
        threshold: least cosine of two texts that ask the same, in (0, 1].

    Returns:
        `level` is `exact` (equal but for case and white space; `similarity` is 1 then) or `semantic`.
    """
    held_out = [member for member in members if member.split in HELD_OUT_SPLITS]
    training = [member for member in members if member.split not in HELD_OUT_SPLITS]
    if not held_out or not training:
        return SCHEMA.empty_table()
    exact = _exact(held_out, training)
    found = [(held_out[i], training[j], "exact", 1.0) for i, j in exact]
    for i, j, similarity in _same(held_out, training, embed, threshold):
        if (i, j) not in exact:
            found.append((held_out[i], training[j], "semantic", similarity))
    found.sort(key=lambda contact: (contact[0].instruction_id, contact[1].instruction_id))
    rows = [
        (h.instruction_id, h.split, t.instruction_id, t.split, level, similarity, h.text, t.text)
        for h, t, level, similarity in found
    ]
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def _exact(held_out: Sequence[Member], training: Sequence[Member]) -> set[tuple[int, int]]:
    by_text: dict[str, list[int]] = defaultdict(list)
    for i, member in enumerate(held_out):
        by_text[normalize(member.text)].append(i)
    return {(i, j) for j, member in enumerate(training) for i in by_text.get(normalize(member.text), ())}


def _same(
    held_out: Sequence[Member], training: Sequence[Member], embed: Callable[[Sequence[str]], FloatArray], threshold: float
) -> Iterator[tuple[int, int, float]]:
    asked, trained = (read_texts([member.text for member in members]) for members in (held_out, training))
    first, second = _alike(asked, trained)
    vectors, place_of = _vectors(held_out, first, embed)
    training_vectors, training_place_of = _vectors(training, second, embed)
    i, j = place_of[first], training_place_of[second] + len(vectors)
    similarity = cosines(np.concatenate([vectors, training_vectors]), i, j)
    both = Readings(
        np.concatenate([asked.signatures, trained.signatures]),
        np.concatenate([asked.contents, trained.contents]),
        [*asked.said, *trained.said],
    )
    for k in np.flatnonzero(both.same(first, second + len(held_out), similarity, threshold)):
        yield int(first[k]), int(second[k]), float(similarity[k])


def _alike(asked: Readings, trained: Readings) -> tuple[Places, Places]:
    """Every pair whose words may be the same: equal content keys, or both long with equal signatures."""
    asked_long, trained_long = asked.long, trained.long
    first, second = [], []
    for top in range(0, len(asked.contents), _HELD_OUT_BLOCK):
        part = slice(top, top + _HELD_OUT_BLOCK)
        for start in range(0, len(trained.contents), _TRAINING_BLOCK):
            other = slice(start, start + _TRAINING_BLOCK)
            equal = asked.contents[part, None] == trained.contents[other]
            if asked_long[part].any():
                guarded = asked.signatures[part, None] == trained.signatures[other]
                equal |= guarded & asked_long[part, None] & trained_long[other]
            i, j = np.nonzero(equal)
            first.append(i + top)
            second.append(j + start)
    return np.concatenate(first), np.concatenate(second)


def _vectors(
    members: Sequence[Member], places: Places, embed: Callable[[Sequence[str]], FloatArray]
) -> tuple[FloatArray, Places]:
    """Unit rows of the members at some places, and the row of each member that has one."""
    needed = np.unique(places)
    row_of = np.full(len(members), -1, dtype=np.int64)
    row_of[needed] = np.arange(len(needed))
    return embed([members[i].text for i in needed]), row_of
