from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from assets.responses.alignment import align, sentence_spans
from assets.responses.changes import changes
from assets.responses.config import EditConfig
from assets.responses.edited_answer import Statement
from assets.responses.edits import choose, clear_edits, edit_responses
from assets.rubrics.statements import statement_rubric

ANSWER = (
    "The usual treatment is amoxicillin. Take 500 mg of the medicine with water. "
    "Fever medication is safe for children.\nDrowsiness can not last longer than days."
)
STATEMENTS = (
    "The treatment is amoxicillin",
    "Take 500 mg of the medicine",
    "Fever medication is safe for children",
)


def statements(*texts: str) -> list[Statement]:
    return [Statement(text=text, criterion_id=f"c{n}", veto_id=f"v{n}") for n, text in enumerate(texts)]


def changed(sentence: str, kind: str) -> list[str]:
    return [change.sentence for change in changes(sentence, context=sentence) if change.kind == kind]


def test_sentences() -> None:
    text = "See Dr. Smith, e.g. Monday. Then wait 2.5 days!\n- Rest\n\nDrink?"
    pieces = [text[start:end] for start, end in sentence_spans(text)]
    assert pieces == ["See Dr. Smith, e.g. Monday.", "Then wait 2.5 days!", "- Rest", "Drink?"]


def test_alignment_by_recall() -> None:
    found = align("Ibuprofen lowers fever", ["Ibuprofen quickly lowers a fever.", "Fever is common.", "Rest."])
    assert found.recalls == (1.0, 1 / 3, 0.0)
    assert [found.clear(i) for i in range(3)] == [True, False, False]
    assert [found.untouched(i) for i in range(3)] == [False, True, True]


def test_two_sentences_alike_are_clear_for_neither() -> None:
    found = align("Ibuprofen lowers fever", ["Ibuprofen lowers fever.", "Ibuprofen lowers fever too."])
    assert not found.clear(0) and not found.clear(1)
    assert not found.untouched(0) and not found.untouched(1)


@pytest.mark.parametrize(
    ("sentence", "kind", "expected"),
    [
        ("Take 2.5 mg at night.", "number", ["Take 12.5 mg at night."]),
        ("Take 500 mg of it.", "number", ["Take 100 mg of it."]),
        ("It was found in 2015.", "number", []),
        ("This is an effective drug.", "entity", []),
        ("This is usually effective.", "entity", ["This is usually ineffective."]),
        ("It is caused by a viral infection.", "entity", ["It is caused by a bacterial infection."]),
        ("Expect an increase in weight.", "entity", ["Expect a decrease in weight."]),
        ("The treatment is Ivermectin.", "entity", ["The treatment is Permethrin."]),
        ("Ivermectin is taken by mouth.", "entity", []),
        ("It can help.", "negation", ["It cannot help."]),
        ("It is not harmful.", "negation", ["It is harmful."]),
        ("It may help.", "negation", []),
        ("Is it safe to take 5 mg?", "negation", []),
        ("It causes nausea, dizziness, and fever.", "omission", ["It causes nausea, and fever."]),
        ("Eat fish, nuts, red beans or eggs.", "omission", ["Eat fish, red beans or eggs.", "Eat fish, nuts or eggs."]),
        ("In adults, however, it heals and fades.", "omission", []),
        ("It causes fever, dry cough, and wet cough.", "omission", []),
        ("Rest, which helps, and drink.", "omission", []),
    ],
)
def test_changes(sentence: str, kind: str, expected: list[str]) -> None:
    assert changed(sentence, kind) == expected


def test_removal_misses_a_statement_but_contradicts_nothing() -> None:
    edits = [edit for edit in clear_edits(ANSWER, statements(*STATEMENTS), question="What helps?") if edit.kind == "removal"]
    first = next(edit for edit in edits if edit.index == 0)
    assert first.text == ANSWER.removeprefix("The usual treatment is amoxicillin. ")
    assert first.verdicts == (("unmet", "met", "construction"), ("met", "met", "assumed"), ("met", "met", "assumed"))
    assert {edit.index for edit in edits} == {0, 1, 2}, "the last sentence carries no statement"


def test_a_change_in_a_word_of_the_statement_contradicts_it() -> None:
    edits = clear_edits(ANSWER, statements(*STATEMENTS), question="What helps?")
    number = next(edit for edit in edits if edit.kind == "number")
    assert number.text == ANSWER.replace("500", "100")
    assert number.verdicts == (("met", "met", "assumed"), ("unmet", "unmet", "construction"), ("met", "met", "assumed"))
    drug = next(edit for edit in edits if edit.kind == "entity" and edit.index == 0)
    assert drug.verdicts[0] == ("unmet", "unmet", "construction")
    assert drug.evidence in drug.text


def test_an_edit_that_leaves_a_statement_in_doubt_is_not_made() -> None:
    doubtful = statements("Take the medicine with water")
    kinds = {edit.kind for edit in clear_edits(ANSWER, doubtful, question="?") if edit.index == 1}
    assert kinds == {"removal"}, "the number stands in the sentence but not in the statement"


EFFECTS = "Side effects are nausea, dizziness, and fever. Ask a doctor."


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("Dizziness is one of the side effects", ("unmet", "met", "construction")),
        ("Fever is one of the side effects", ("met", "met", "assumed")),
    ],
)
def test_an_item_left_out_misses_its_own_statement_and_not_its_neighbours(statement: str, expected: tuple[str, ...]) -> None:
    edits = clear_edits(EFFECTS, statements(statement, "Dizziness is one of the side effects"), question="?")
    omission = next(edit for edit in edits if edit.kind == "omission")
    assert omission.text == "Side effects are nausea, and fever. Ask a doctor."
    assert omission.verdicts[0] == expected


def test_an_omission_that_leaves_a_statement_in_doubt_is_not_made() -> None:
    answer = "Side effects are nausea, severe dizziness, and fever. Ask a doctor."
    named_in_part = statements("Severe dizziness is a side effect", "Dizziness is a side effect")
    elsewhere = statements("Dizziness is one of the side effects")
    twice = EFFECTS + " Dizziness is among side effects."
    assert "omission" not in {edit.kind for edit in clear_edits(answer, named_in_part, question="?")}
    assert "omission" not in {edit.kind for edit in clear_edits(twice, elsewhere, question="?")}


def test_a_single_sentence_is_not_removed() -> None:
    edits = clear_edits("The treatment is amoxicillin.", statements("The treatment is amoxicillin"), question="?")
    assert {edit.kind for edit in edits} == {"entity", "negation"}


def test_kinds_are_mixed() -> None:
    edits = clear_edits(ANSWER, statements(*STATEMENTS), question="What helps?")
    for seed in range(10):
        chosen = choose(edits, 3, random.Random(seed))
        assert len({edit.kind for edit in chosen}) == 3
        assert len({edit.text for edit in chosen}) == 3


def tables(split: str) -> tuple[list[dict[str, Any]], ...]:
    criteria = statement_rubric("i", main=STATEMENTS[:2], bonus=STATEMENTS[2:])
    return (
        [{"instruction_id": "i", "cluster_id": "c", "split": split}],
        [{"instruction_id": "i", "text": "What helps?"}],
        [{name: getattr(c, name) for name in ("criterion_id", "instruction_id", "tier", "text")} for c in criteria],
        [{"response_id": "r", "instruction_id": "i", "model": "physician", "text": ANSWER}],
    )


def test_rows() -> None:
    made = edit_responses(*tables("rm_train"), config=EditConfig(excerpts_per_answer=0))
    assert len(made.responses) == 3
    assert {row["model"] for row in made.responses} == {"edited"}
    assert all(json.loads(row["sampling"])["of"] == "r" for row in made.responses)
    assert len(made.verdicts) == 3 * 6
    assert {(row["judge"], row["judge_kind"]) for row in made.verdicts} == {
        ("editor", "construction"),
        ("physician", "assumed"),
    }
    assert made == edit_responses(*tables("rm_train"), config=EditConfig(excerpts_per_answer=0))


def kinds_made(split: str) -> list[str]:
    made = edit_responses(*tables(split), config=EditConfig(excerpts_per_answer=2))
    return [json.loads(row["sampling"])["edit"] for row in made.responses]


def test_excerpts_come_on_top_of_the_edits_where_models_are_trained() -> None:
    assert kinds_made("rm_train").count("excerpt") == 2
    assert len(kinds_made("rm_train")) == 5
    assert set(kinds_made("validation")) == {*kinds_made("rm_train")} - {"excerpt"}


def test_no_two_edited_answers_are_the_same() -> None:
    splits, questions, criteria, answers = tables("rm_train")
    answers[0]["text"] = ANSWER.split("\n")[0].rpartition(" Fever")[0]
    made = edit_responses(splits, questions, criteria, answers, config=EditConfig(edits_per_answer=8, excerpts_per_answer=8))
    ids = [row["response_id"] for row in made.responses]
    assert len(ids) == len(set(ids)) > 2


def test_a_verdict_that_is_unknown_gets_no_row() -> None:
    splits, questions, criteria, answers = tables("rm_train")
    answers[0]["text"] += " Amoxicillin is the treatment of choice."
    made = edit_responses(splits, questions, criteria, answers, config=EditConfig(excerpts_per_answer=8))
    assert "unknown" not in {row["verdict"] for row in made.verdicts}
    rows = Counter(row["response_id"] for row in made.verdicts)
    assert min(rows.values()) == 5, "the statement on amoxicillin stands in two sentences, of which one was kept"


@pytest.mark.parametrize("split", ["benchmark", "external"])
def test_held_out_answers_are_never_edited(split: str) -> None:
    assert edit_responses(*tables(split), config=EditConfig()).responses == []
