"""The rule on labelled pairs: precision and recall with intervals, for both kinds of vectors, SemHash's default beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assets.instructions.config import DedupConfig
from assets.instructions.embedding import TextEmbedder
from assets.instructions.sameness import LONG, cosines, read_texts
from tests.fixtures.question_pairs import FRESH_NEAR_MISSES, FRESH_PARAPHRASES, NEAR_MISSES, PARAPHRASES
from tests.unit.assets.instructions.embeddings import embedder

Pairs = tuple[tuple[str, str], ...]
TUNED, FRESH = (PARAPHRASES, NEAR_MISSES), (FRESH_PARAPHRASES, FRESH_NEAR_MISSES)
SEMHASH_THRESHOLD = 0.9


def taken_for_same(pairs: Pairs, vectors: TextEmbedder, *, threshold: float | None = None) -> int:
    """How many pairs the rule takes for the same question; with a threshold, the cosine alone decides."""
    texts = [text for pair in pairs for text in pair]
    first, second = np.arange(0, len(texts), 2), np.arange(1, len(texts), 2)
    similarity = cosines(vectors.embed(texts), first, second)
    if threshold is not None:
        return int((similarity >= threshold).sum())
    return int(read_texts(texts).same(first, second, similarity, DedupConfig().threshold(vectors.kind)).sum())


def wilson(right: int, n: int) -> str:
    """A share with its 95 % interval (Wilson 1927, JASA 22:209)."""
    z = 1.96
    share, spread = right / n, z * math.sqrt(right / n * (1 - right / n) / n + z * z / (4 * n * n))
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    return f"{share:.3f} [{(middle - spread) / scale:.3f}, {(middle + spread) / scale:.3f}]"


def test_the_interval_by_hand() -> None:
    # 8 of 10: (0.8 + 0.19208 ± 1.96·√(0.016 + 0.009604)) / 1.38416 = (0.99208 ± 0.31362) / 1.38416
    assert wilson(8, 10) == "0.800 [0.490, 0.943]"


@pytest.mark.parametrize("profile", ["smoke", pytest.param("local", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "lists", "least_recall"), [("tuned", TUNED, 0.9), ("fresh", FRESH, 0.6)])
def test_precision_and_recall(profile: str, name: str, lists: tuple[Pairs, Pairs], least_recall: float) -> None:
    vectors = embedder(profile)
    right, wrong = (taken_for_same(pairs, vectors) for pairs in lists)
    print(f"{vectors.kind} {name}: precision {wilson(right, right + wrong)}, recall {wilson(right, len(lists[0]))}")
    right_alone, wrong_alone = (taken_for_same(pairs, vectors, threshold=SEMHASH_THRESHOLD) for pairs in lists)
    alone = f"precision {wilson(right_alone, right_alone + wrong_alone)}, recall {wilson(right_alone, len(lists[0]))}"
    print(f"  cosine {SEMHASH_THRESHOLD} alone, SemHash's default: {alone}")
    assert right / (right + wrong) >= 0.97
    assert right / len(lists[0]) >= least_recall
    # What the rule adds: the cosine alone, at the peer's threshold, is wrong more often.
    assert wrong / (right + wrong) < wrong_alone / (right_alone + wrong_alone)


def test_there_are_enough_pairs_and_none_stands_twice() -> None:
    for paraphrases, near_misses in (TUNED, FRESH):
        assert min(len(paraphrases), len(near_misses)) >= 40
    every = [*PARAPHRASES, *NEAR_MISSES, *FRESH_PARAPHRASES, *FRESH_NEAR_MISSES]
    assert len(PARAPHRASES) >= 60 and len(NEAR_MISSES) >= 60
    assert len({frozenset(pair) for pair in every}) == len(every)
    assert all(first != second for first, second in every)


def long_text(changed: int) -> str:
    """Forty different words of content, the first few in another version."""
    letters = "bcdfghjklmnpqrtwxz"
    words = [f"{a}u{b}a" for a in letters for b in letters][:40]
    return " ".join([*(word + "xu" for word in words[:changed]), *words[changed:]])


def test_one_in_twenty_words_of_a_long_text_may_differ() -> None:
    # 2 of 40 words changed: 4 words stand in one text only, and 0.05 · 80 = 4 may; of 3 changed words 6 do.
    readings = read_texts([long_text(0), long_text(2), long_text(3)])
    assert readings.long.all()
    first, near = np.array([0, 0]), np.array([1.0, 1.0])
    assert readings.same(first, np.array([1, 2]), near, 0.5).tolist() == [True, False]
    assert readings.same(first, np.array([1, 1]), np.array([0.9, 0.899]), 0.5).tolist() == [True, False]


def test_a_guard_counts_in_a_long_text_too() -> None:
    readings = read_texts([long_text(0) + " for 5 days", long_text(1) + " for 5 days", long_text(1) + " for 6 days"])
    near = np.array([1.0, 1.0])
    assert readings.same(np.array([0, 0]), np.array([1, 2]), near, 0.5).tolist() == [True, False]


def test_no_word_of_a_short_text_may_differ() -> None:
    text = " ".join(long_text(0).split()[: LONG - 1])
    readings = read_texts([text, text.replace(text.split()[0], "other")])
    assert not readings.same(np.array([0]), np.array([1]), np.array([1.0]), 0.5).any()
