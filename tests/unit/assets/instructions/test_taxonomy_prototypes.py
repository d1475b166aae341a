"""Scores by prototypes, worked out by hand over words that are a dimension each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from word_vectors import word_embed

from assets.instructions.taxonomy import TaxonomyConfig, classify
from assets.instructions.taxonomy_names import Label, Taxonomy, load_taxonomy
from assets.instructions.taxonomy_prototypes import PrototypeClassifier, keyword_hits, keyword_pattern

EMBED = word_embed("how", "treat", "prevent", "heart", "skin", "rash", "pulse", "beat")


def label(name: str, keywords: tuple[str, ...], *prototypes: str) -> Label:
    return Label(name=name, description="", keywords=keywords, prototypes=prototypes)


TAXONOMY = Taxonomy(
    categories=(label("treatment", ("treat*",), "how treat"), label("prevention", ("vaccine",), "how prevent")),
    specialties=(label("cardiology", ("heart",), "pulse beat"), label("dermatology", ("rash",), "skin")),
)


def test_the_scores_by_hand() -> None:
    categories, specialties = PrototypeClassifier(TAXONOMY, EMBED).score(
        pa.chunked_array([["How treat heart rash"], ["How prevent?", "unheard of"]])
    )
    # Four words, of which "how treat" has two: 2 / (2 · √2); "treat*" hits once. "how prevent" shares "how": 1 / (2 · √2).
    assert categories[0] == pytest.approx([2 / (2 * 2**0.5) + 0.4, 1 / (2 * 2**0.5)])
    # Without what the two "how …" span, two words are left: heart, and rash. Each is a keyword and so a phrase of its class.
    assert specialties[0] == pytest.approx([1 / 2**0.5 + 0.1, 1 / 2**0.5 + 0.1])
    # "how" is half of "how treat"; nothing of the text is left once what all questions share is out: no cosine, no keyword.
    assert categories[1] == pytest.approx([0.5, 1])
    assert specialties[1] == pytest.approx([0, 0], abs=1e-6)
    assert categories[2] == pytest.approx([0, 0])


def test_what_every_question_shares_says_nothing_of_the_specialty() -> None:
    """Two texts that differ in the asking only score alike."""
    _, specialties = PrototypeClassifier(TAXONOMY, EMBED).score(pa.array(["how treat skin", "how prevent skin", "skin"]))
    assert specialties[0] == pytest.approx(specialties[2], abs=1e-5)
    assert specialties[1] == pytest.approx(specialties[2], abs=1e-5)
    assert specialties[2] == pytest.approx([0, 1], abs=1e-5)


def test_scores_do_not_depend_on_blocks_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["how treat heart", "skin", "rash beat", "prevent pulse", ""]
    whole = PrototypeClassifier(TAXONOMY, EMBED).score(pa.array(texts))
    monkeypatch.setattr("assets.instructions.taxonomy_prototypes._BLOCK", 2)
    parts = PrototypeClassifier(TAXONOMY, EMBED).score(pa.chunked_array([texts[:3], texts[3:]]))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("keywords", "text", "hits"),
    [
        (("ear",), "my ear hurts, both ears", 2),
        (("ear",), "an early heart", 0),
        (("diagnos*",), "how is it diagnosed", 1),
        (("kidney", "kidney stone"), "kidney stones", 1),
        (("first-line", "c++"), "first-line", 1),
        (("rash",), "rash rash rash", 2),
    ],
)
def test_keywords_are_whole_words_counted_at_most_twice(keywords: tuple[str, ...], text: str, hits: int) -> None:
    assert keyword_hits(pa.array([text]), (label("x", keywords, "p"),))[0, 0] == hits


def test_keywords_are_no_patterns() -> None:
    assert pc.count_substring_regex(pa.array(["a.b", "axb"]), keyword_pattern(["a.b"])).to_pylist() == [1, 0]


def test_below_the_threshold_a_name_is_unknown_and_its_score_stands() -> None:
    rows = pa.table({"instruction_id": ["a", "b"], "text": ["How treat heart rash", "unheard of"]})
    # 0.7071 + 0.4 and 0.7071 + 0.1; specialties tie, and the first in the list has it.
    config = TaxonomyConfig(category_threshold=1.1, specialty_threshold=0.81)
    found = classify(rows, taxonomy=TAXONOMY, config=config, embed=EMBED).table.to_pylist()
    assert found[0] == {
        "instruction_id": "a",
        "category": "treatment",
        "specialty": None,
        "classifier": "prototypes-v1",
        "category_score": 1.1071,
        "specialty_score": 0.8071,
    }
    assert (found[1]["category"], found[1]["specialty"], found[1]["category_score"]) == (None, None, 0.0)


def test_no_instructions_give_no_rows() -> None:
    rows = pa.table({"instruction_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    assert classify(rows, taxonomy=TAXONOMY, config=TaxonomyConfig(), embed=EMBED).table.num_rows == 0


def test_the_real_taxonomy_tells_plain_questions_apart_by_its_words() -> None:
    words = {word for one in load_taxonomy().specialties for word in " ".join((*one.keywords, *one.prototypes)).lower().split()}
    asked = " ".join(phrase for one in load_taxonomy().categories for phrase in one.prototypes).lower().split()
    embed = word_embed(*sorted(words | set(asked)))
    texts = ["What are the side effects of insulin?", "How is a cataract treated?", "How can I prevent kidney stones?"]
    rows = pa.table({"instruction_id": ["1", "2", "3"], "text": texts})
    found = classify(rows, taxonomy=load_taxonomy(), config=TaxonomyConfig(), embed=embed).table
    assert found["category"].to_pylist() == ["medication_safety", "treatment", "prevention_and_screening"]
    assert found["specialty"].to_pylist() == ["endocrinology", "ophthalmology", "urology"]
