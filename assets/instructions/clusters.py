"""Clusters and representatives: which instructions ask the same, and into which one each of them merges.

What belongs here: rows of `instruction_clusters`. Two questions are answered apart, because being wrong costs something else
in each:
- `representative_id`: what an instruction *merges into*. Only what is similar to the representative itself merges (a star):
  along a chain a ~ b ~ c the ends may ask different things, and merged instructions leave the data. Representatives come
  first by the source they are from (those that bring rubrics or published test ids), then by id.
- `cluster_id`: what an instruction is *kept together with* when splits are drawn, the whole chain, and what a source declares
  as one cluster. A cluster that is too large costs a little balance; one that is too small puts a question beside its twin in
  training.

A declared cluster key therefore joins instructions without merging them: four different questions about one condition stay
four. Departure from the paper, which says "semantic de-duplication" and no more: `sameness.py` has the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.instructions.sameness import FloatArray, Places, read_texts
from assets.instructions.similar_pairs import similar_pairs
from assets.rubrics.statements import normalize
from training.records import HELD_OUT_SPLITS, content_id

SCHEMA = pa.schema(
    [
        ("instruction_id", pa.string()),
        ("cluster_id", pa.string()),
        ("representative_id", pa.string()),
        ("similarity", pa.float64()),
        ("merged_by", pa.string()),
    ]
)


class ClusterError(ValueError):
    """Instructions and pins do not fit each other; the message counts."""


def cluster_table(
    *,
    instructions: pa.Table,
    pins: pa.Table,
    embed: Callable[[Sequence[str]], FloatArray],
    threshold: float,
    preferred: Collection[str],
) -> pa.Table:
    """One row per instruction, by id; the same whatever the order of rows and the number of threads.

    Args:
        instructions: instruction_id, source, text.
        pins: instruction_id, cluster_key, split.
        embed: texts → unit rows, (n, d).
        threshold: least cosine between two texts that ask the same, in (0, 1].
        preferred: sources whose instructions are representatives before others.

    Returns:
        `similarity` is the cosine to the representative, 1 for itself and for an equal text; `merged_by` is `exact` (equal but
        for case and white space), `semantic`, or null for a representative.

    Raises:
        ClusterError: an instruction without a pin or with two, or an id that stands twice.
    """
    ids, texts, keys, first = _in_order(instructions, pins, preferred)
    place_of_text: dict[str, int] = {}
    text_of = np.fromiter(
        (place_of_text.setdefault(normalize(text), len(place_of_text)) for text in texts), dtype=np.int64, count=len(texts)
    )
    # Texts are numbered as they first stand, so that a lower number goes before.
    owner = np.full(len(place_of_text), -1, dtype=np.int64)
    owner[text_of[::-1]] = np.arange(len(texts) - 1, -1, -1)
    distinct = list(place_of_text)
    place_of_text.clear()
    left, right, cosine = similar_pairs(read_texts(distinct), embed(distinct), threshold)
    centre, similarity = stars(len(distinct), left, right, cosine)
    representative = owner[centre[text_of]]
    components = _components(len(ids), [(owner[text_of], first), (owner[left], owner[right]), _declared(keys)])
    order = np.argsort(np.array(ids, dtype=object))
    return _table(ids, order, components, representative, similarity[text_of], centre[text_of] != text_of)


def stars(n: int, left: Places, right: Places, cosine: npt.NDArray[np.float64]) -> tuple[Places, npt.NDArray[np.float64]]:
    """The centre that each of n texts merges into, itself if none, and the cosine to it.

    In order of number a text merges into the most similar centre before it (the lowest of equals), else it becomes a centre.

    Args:
        n: number of texts.
        left: lower number of each similar pair.
        right: higher number of each.
        cosine: of each pair.
    """
    centre = np.arange(n, dtype=np.int64)
    similarity = np.ones(n)
    # By later text, then the most similar first, then the lowest number: the first that is a centre wins.
    for k in np.lexsort((left, -cosine, right)):
        i, j = left[k], right[k]
        if centre[j] == j and centre[i] == i:
            centre[j], similarity[j] = i, cosine[k]
    return centre, similarity


def _in_order(
    instructions: pa.Table, pins: pa.Table, preferred: Collection[str]
) -> tuple[list[str], list[str], list[str | None], Places]:
    """Ids, texts, cluster keys in order of preference and id; and the place of each row."""
    ids, sources, texts = (instructions.column(name).to_pylist() for name in ("instruction_id", "source", "text"))
    pinned = dict(
        zip(
            pins.column("instruction_id").to_pylist(),
            zip(pins.column("cluster_key").to_pylist(), pins.column("split").to_pylist(), strict=True),
            strict=True,
        )
    )
    if len(set(ids)) != len(ids) or len(pinned) != pins.num_rows or pinned.keys() != set(ids):
        raise ClusterError(f"de-duplication: {len(ids)} instructions ({len(set(ids))} ids), but {pins.num_rows} pins")
    kept_anyway = [source in preferred or pinned[key][1] in HELD_OUT_SPLITS for key, source in zip(ids, sources, strict=True)]
    order = sorted(range(len(ids)), key=lambda i: (not kept_anyway[i], ids[i]))
    ordered = [ids[i] for i in order]
    return ordered, [texts[i] for i in order], [pinned[key][0] for key in ordered], np.arange(len(ids), dtype=np.int64)


def _declared(keys: Sequence[str | None]) -> tuple[Places, Places]:
    first_of: dict[str, int] = {}
    members = [(first_of.setdefault(key, place), place) for place, key in enumerate(keys) if key is not None]
    pairs = np.array(members, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _components(n: int, edges: Sequence[tuple[Places, Places]]) -> npt.NDArray[np.int32]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = (np.concatenate(part) for part in zip(*edges, strict=True))
    found: npt.NDArray[np.int32] = connected_components(
        coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n)), directed=False
    )[1]
    return found


def _table(
    ids: Sequence[str],
    order: Places,
    components: npt.NDArray[np.int32],
    representative: Places,
    similarity: npt.NDArray[np.float64],
    semantic: npt.NDArray[np.bool_],
) -> pa.Table:
    names: dict[int, str] = {}
    for place in order:
        # In order of id: a cluster is named after its smallest.
        component = int(components[place])
        if component not in names:
            names[component] = content_id("cluster", ids[place])
    return pa.table(
        {
            "instruction_id": [ids[i] for i in order],
            "cluster_id": [names[int(components[i])] for i in order],
            "representative_id": [ids[representative[i]] for i in order],
            "similarity": similarity[order],
            "merged_by": [None if representative[i] == i else "semantic" if semantic[i] else "exact" for i in order],
        },
        schema=SCHEMA,
    )
