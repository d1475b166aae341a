from __future__ import annotations

import random
import time

import pytest

from assets.instructions.clusters import cluster_instructions, jaccard, similar_pairs
from assets.instructions.sources.base import RawInstruction
from assets.instructions.terms import must_agree
from training.benchmark.baselines import content_words
from training.records import content_id


def instruction(key: str, text: str, cluster_key: str | None = None) -> RawInstruction:
    return RawInstruction(instruction_id=key, source="test", source_row=key, text=text, license="MIT", cluster_key=cluster_key)


def clustered(*texts: str) -> int:
    rows = [instruction(f"i{index}", text) for index, text in enumerate(texts)]
    return len(set(cluster_instructions(rows).cluster_ids.values()))


BASE = "Can I take lisinopril 10 mg tablets every morning before breakfast with orange juice for blood pressure?"


@pytest.mark.parametrize(
    "other",
    [
        BASE.upper(),
        BASE.replace("?", "").replace("Can I", "may i"),
        BASE.replace("with orange juice", "with some orange juice"),
        BASE.replace("tablets", "pills"),
    ],
)
def test_near_twins_merge(other: str) -> None:
    assert clustered(BASE, other) == 1


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("10", "20"),
        BASE.replace("10 mg", "10 mg twice"),
        BASE.replace("lisinopril", "enalapril"),
        BASE.replace("Can I", "Can I not"),
        BASE.replace("Can I", "Can't I"),
        BASE.replace("before breakfast with orange juice", "at night"),
    ],
)
def test_another_number_drug_or_negation_is_another_question(other: str) -> None:
    assert clustered(BASE, other) == 2


def test_clusters_are_transitive_and_named_by_their_smallest_id() -> None:
    rows = [
        instruction("c", "Is it contagious"),
        instruction("a", "is it CONTAGIOUS"),
        instruction("b", "Rest is best", cluster_key="k"),
        instruction("d", "is it  contagious", cluster_key="k"),
        instruction("e", "Something else entirely"),
    ]
    found = cluster_instructions(rows)
    assert {key: found.cluster_ids[key] for key in "abcd"} == dict.fromkeys("abcd", content_id("cluster", "a"))
    assert found.cluster_ids["e"] == content_id("cluster", "e")
    assert found.duplicate_of == {"c": "a", "d": "a"}
    assert cluster_instructions(rows[::-1]) == found


def test_texts_without_content_words_stay_apart_unless_equal() -> None:
    assert clustered("Is it?", "Are they?", "is  IT?") == 2


def test_the_index_finds_exactly_the_pairs_of_the_definition() -> None:
    rng = random.Random(3)
    words = ["cough", "fever", "rash", "knee", "pain", "blood", "swelling", "night", "morning", "child", "not", "5", "10"]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(150)]
    sets = [content_words(text) for text in texts]
    expected = [
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if must_agree(texts[i]) == must_agree(texts[j]) and jaccard(sets[i], sets[j]) >= 0.8
    ]
    assert similar_pairs(texts) == expected
    assert expected


def test_five_thousand_texts_take_seconds() -> None:
    rng = random.Random(0)
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(3000)]
    common = words[:40]
    texts = [" ".join(rng.choices(words, k=8) + rng.choices(common, k=8)) for _ in range(5000)]
    start = time.perf_counter()
    similar_pairs(texts)
    assert time.perf_counter() - start < 3


def test_a_threshold_has_to_be_a_share() -> None:
    with pytest.raises(ValueError, match="threshold"):
        similar_pairs(["a"], threshold=0)
