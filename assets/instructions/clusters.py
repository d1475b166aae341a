"""Near-duplicate clusters of instructions, the grain at which splits are drawn.

What belongs here: which texts say the same. Two instructions share a cluster if their normalized text is equal, if their
source declares the same cluster key, or if the Jaccard similarity of their content words is at least 0.8 while numbers,
drug names and negations agree (a question about another dose is another question). Membership is transitive (union-find).

Departure from the paper, which de-duplicates by sentence embeddings: words alone, exact and without a model. All pairs
above the threshold are found, through an inverted index over each text's rarest words (prefix filter, Chaudhuri et al.
2006, ICDE).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from assets.instructions.sources.base import RawInstruction
from assets.instructions.terms import must_agree
from assets.rubrics.statements import normalize
from training.benchmark.baselines import content_words
from training.records import content_id

JACCARD = 0.8
# Guards ceil() against 0.8 * 5 = 4.000000000000001 in another guise.
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """The cluster of every instruction, and for a repeated text the instruction it repeats."""

    cluster_ids: dict[str, str]
    duplicate_of: dict[str, str]


class UnionFind:
    """Disjoint sets of instruction ids; the smallest id is its set's root, so that the order of unions doesn't matter."""

    def __init__(self, items: Iterable[str]) -> None:
        self._parent = {item: item for item in items}

    def find(self, item: str) -> str:
        """The smallest item of the set that `item` is in."""
        root = item
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[item] != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def union(self, first: str, second: str) -> None:
        """Makes two sets one."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low


def jaccard(first: frozenset[str] | set[str], second: frozenset[str] | set[str]) -> float:
    """|A ∩ B| / |A ∪ B|; 0 where both are empty.

    >>> jaccard({"a", "b", "c"}, {"b", "c", "d"})
    0.5
    """
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def similar_pairs(texts: Sequence[str], *, threshold: float = JACCARD) -> list[tuple[int, int]]:
    """All index pairs i < j of texts that say the same but for some words: see the module docstring.

    Raises:
        ValueError: a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], got {threshold}")
    words = [frozenset(content_words(text)) for text in texts]
    agree = [must_agree(text) for text in texts]
    frequency = Counter(word for item in words for word in item)
    index: dict[Hashable, list[int]] = defaultdict(list)
    pairs = []
    for j in sorted(range(len(texts)), key=lambda i: (len(words[i]), i)):
        size = len(words[j])
        rarest = sorted(words[j], key=lambda word: (frequency[word], word))[: size - ceil(threshold * size - _EPSILON) + 1]
        candidates = {i for word in rarest for i in index[agree[j], word] if len(words[i]) >= threshold * size - _EPSILON}
        pairs += [(min(i, j), max(i, j)) for i in candidates if jaccard(words[i], words[j]) >= threshold - _EPSILON]
        for word in rarest:
            index[agree[j], word].append(j)
    return sorted(pairs)


def cluster_instructions(instructions: Sequence[RawInstruction], *, threshold: float = JACCARD) -> Clustering:
    """Clusters instructions of all sources together.

    Returns:
        `cluster_ids[instruction_id]` = content id over the cluster's smallest instruction id; `duplicate_of` for every
        instruction whose normalized text a smaller id of its cluster has as well.
    """
    ordered = sorted(instructions, key=lambda item: item.instruction_id)
    sets = UnionFind(item.instruction_id for item in ordered)
    texts = _groups(ordered, lambda item: normalize(item.text))
    keys = _groups([item for item in ordered if item.cluster_key is not None], lambda item: item.cluster_key or "")
    for group in (*texts.values(), *keys.values()):
        for other in group[1:]:
            sets.union(group[0], other)
    for i, j in similar_pairs([item.text for item in ordered], threshold=threshold):
        sets.union(ordered[i].instruction_id, ordered[j].instruction_id)
    return Clustering(
        cluster_ids={item.instruction_id: content_id("cluster", sets.find(item.instruction_id)) for item in ordered},
        duplicate_of={other: group[0] for group in texts.values() for other in group[1:]},
    )


def _groups(items: Sequence[RawInstruction], key: Callable[[RawInstruction], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item.instruction_id)
    return groups
