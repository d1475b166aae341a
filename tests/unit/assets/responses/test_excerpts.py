from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.responses.alignment import Alignment, align, sentence_spans
from assets.responses.edited_answer import Statement
from assets.responses.excerpts import all_asides, excerpt_verdict, excerpts, nearest_asides

ANSWER = "Scabies is treated with permethrin. Wash all bedding. Itching lasts for weeks. See a doctor if it spreads."
STATEMENTS = tuple(
    Statement(text=text, criterion_id=f"c{n}", veto_id=f"v{n}")
    for n, text in enumerate(("Permethrin treats scabies", "Bedding must be washed: wash bedding", "Itching lasts for weeks"))
)
ASIDES = ("Gout hurts.", "Itching lasts for many weeks.", "Rest well.")


def drawn(number: int, seed: int = 0) -> list[str]:
    found = excerpts(ANSWER, STATEMENTS, asides=ASIDES, taken=(), number=number, rng=random.Random(seed))
    return [edit.text for edit in found]


@pytest.mark.parametrize(
    ("recalls", "kept", "expected"),
    [
        ((1.0, 0.2, 0.0), {0}, ("met", "met", "assumed")),
        ((1.0, 0.2, 0.0), {1, 2}, ("unmet", "met", "construction")),
        ((0.9, 0.8, 0.0), {0, 1}, ("met", "met", "assumed")),
        ((0.9, 0.8, 0.0), {0, 2}, ("unknown", "met", "assumed")),
        ((0.9, 0.8, 0.0), {2}, ("unmet", "met", "construction")),
        ((0.4, 0.0, 0.0), {1, 2}, ("unknown", "met", "assumed")),
    ],
    ids=["kept", "left out", "both kept", "one of two kept", "both left out", "carried by none"],
)
def test_verdict_of_a_statement(recalls: tuple[float, ...], kept: set[int], expected: tuple[str, ...]) -> None:
    assert excerpt_verdict(Alignment(recalls=recalls), frozenset(kept)) == expected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_keeping_more_never_turns_met_into_unmet(recalls: list[float], kept: set[int]) -> None:
    alignment = Alignment(recalls=tuple(recalls))
    everything = frozenset(range(len(recalls)))
    some = frozenset(kept) & everything
    assert excerpt_verdict(alignment, everything)[0] != "unmet"
    if excerpt_verdict(alignment, some)[0] == "met":
        assert excerpt_verdict(alignment, everything)[0] == "met"


def test_excerpts_keep_the_order_and_miss_a_statement() -> None:
    found = excerpts(ANSWER, STATEMENTS, asides=ASIDES, taken=(), number=4, rng=random.Random(0))
    sentences = [ANSWER[a:b] for a, b in sentence_spans(ANSWER)]
    assert len({edit.text for edit in found}) == 4
    for edit in found:
        kept = [s for s in (edit.text[a:b] for a, b in sentence_spans(edit.text)) if s in sentences]
        assert kept == sorted(kept, key=sentences.index)
        assert 0 < len(kept) < len(sentences)
        verdicts = [verdict for verdict, _, _ in edit.verdicts]
        assert "unmet" in verdicts
        for statement, verdict in zip(STATEMENTS, verdicts, strict=True):
            assert (verdict == "met") == any(align(statement.text, [s]).clear(0) for s in kept)


def test_a_foreign_sentence_that_carries_a_statement_is_not_taken_in() -> None:
    texts = " ".join(text for seed in range(20) for text in drawn(3, seed))
    assert "Gout hurts." in texts
    assert "Rest well." in texts
    assert "many weeks" not in texts


def test_equal_seeds_give_equal_excerpts() -> None:
    assert drawn(3, seed=1) == drawn(3, seed=1)
    assert any(drawn(3, seed=1) != drawn(3, seed=seed) for seed in range(2, 6))


def test_a_text_that_is_there_already_is_not_made_again() -> None:
    short = "Scabies is treated with permethrin. Wash all bedding."
    found = excerpts(short, STATEMENTS, asides=(), taken={"Wash all bedding."}, number=2, rng=random.Random(0))
    assert [edit.text for edit in found] == ["Scabies is treated with permethrin."]


def test_one_sentence_has_no_excerpt() -> None:
    assert excerpts("Wash all bedding.", STATEMENTS, asides=ASIDES, taken=(), number=2, rng=random.Random(0)) == []


def test_asides_are_of_the_same_split_and_other_clusters_nearest_first() -> None:
    home = {"a": ("rm_train", "1"), "b": ("rm_train", "2"), "c": ("rm_train", "1"), "d": ("validation", "3")}
    answers = {"a": "Gout hurts.", "b": "Rest. Gout is a kind of arthritis.", "c": "Gout is common.", "d": "Gout again."}
    asides = all_asides(answers, home)
    assert nearest_asides("What is gout?", home["a"], asides) == ["Gout is a kind of arthritis.", "Rest."]
