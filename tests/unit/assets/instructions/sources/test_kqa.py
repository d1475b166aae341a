from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.sources.kqa import KqaAdapter
from assets.instructions.sources.kqa_labels import annotator_verdicts
from assets.instructions.sources.location import Location

REAL = Path(__file__).parents[5].parent / "shared" / "data" / "kqa"
COLUMNS = ["Question", "llm_x", "answer", "claim", "majority_label", "label_0", "label_1", "label_2"]
E, N, C = "Entailment", "Neutral", "Contradiction"


def read(folder: Path) -> SourceRecords:
    (records,) = KqaAdapter().read(Location(str(folder)))
    # These tests leave out files that they are not about; that an empty one is noted is shown in test_readers.py.
    records.quarantined = [q for q in records.quarantined if q.reason != "empty_file"]
    return records


def write(
    folder: Path, *, answered: list[dict], questions: list[str] | None = None, labels: list[list[str]] | None = None
) -> Path:
    (folder / "questions_w_answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answered), encoding="utf-8")
    if questions is not None:
        (folder / "questions.jsonl").write_text(
            "".join(json.dumps({"Question": q}) + "\n" for q in questions), encoding="utf-8"
        )
    if labels is not None:
        with (folder / "NLI_medical_annotator.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *labels])
    return folder


def answered(
    question: str = "Is it flu?", answer: str = "It is. Rest.", must: list | None = None, nice: list | None = None
) -> dict:
    return {
        "Question": question,
        "Free_form_answer": answer,
        "Must_have": ["It is flu"] if must is None else must,
        "Nice_to_have": ["Rest helps"] if nice is None else nice,
    }


def reasons(records: SourceRecords) -> Counter:
    return Counter((item.kind, item.reason) for item in records.quarantined)


def test_statements_become_main_bonus_and_veto(tmp_path: Path) -> None:
    must = ["One", " ", "Two", "Three", "Four"]
    records = read(write(tmp_path, answered=[answered(must=must, nice=["Five", "  two "])], questions=[], labels=[]))
    assert sorted((c.tier, c.text, c.weight) for c in records.criteria if c.tier != "veto") == [
        ("bonus", "Five", None),
        ("main", "Four", 0.25),
        ("main", "One", 0.25),
        ("main", "Three", 0.25),
        ("main", "Two", 0.25),
    ]
    assert {c.text for c in records.criteria if c.tier == "veto"} == {
        f"Does not contradict: {text}" for text in ("One", "Two", "Three", "Four", "Five")
    }
    assert reasons(records) == {("statement", "empty_statement"): 1, ("statement", "duplicate_statement"): 1}
    assert [q.source_row for q in records.quarantined] == [
        "questions_w_answers.jsonl:1#Must_have[1]",
        "questions_w_answers.jsonl:1#Nice_to_have[1]",
    ]
    assert len({c.rubric_version for c in records.criteria}) == 1


@pytest.mark.parametrize("number", [3, 7, 11])
def test_weights_sum_to_one(tmp_path: Path, number: int) -> None:
    must = [f"Statement {i}" for i in range(number)]
    records = read(write(tmp_path, answered=[answered(must=must)]))
    assert abs(sum(c.weight or 0 for c in records.criteria) - 1) <= 1e-6


def test_without_a_must_have_there_is_no_rubric_but_an_instruction(tmp_path: Path) -> None:
    records = read(write(tmp_path, answered=[answered(must=[""])], questions=[], labels=[]))
    assert len(records.instructions) == len(records.responses) == 1
    assert records.criteria == records.verdicts == []
    assert reasons(records) == {
        ("statement", "empty_statement"): 1,
        ("statement", "no_main_criterion"): 1,
        ("rubric", "no_main_criterion"): 1,
    }


def test_the_physician_is_assumed_to_meet_everything(tmp_path: Path) -> None:
    records = read(write(tmp_path, answered=[answered()]))
    assert {(v.criterion_id, v.verdict, v.judge, v.judge_kind) for v in records.verdicts} == {
        (c.criterion_id, "met", "physician", "assumed") for c in records.criteria
    }
    assert len(records.criteria) == 4


def test_labels_become_three_human_verdicts_on_the_statement_and_its_veto(tmp_path: Path) -> None:
    labels = [
        ["Is  it FLU?", "gpt4", "No.", "it is flu", C, C, N, C],
        ["Is it flu?", "gpt4", "No.", "It is fluRest helps", N, N, N, N],
        ["Unheard of?", "gpt4", "No.", "It is flu", N, N, N, N],
        ["Is it flu?", "gpt4", "No.", "Rest helps", "Maybe", N, N, N],
        ["Is it flu?", "gpt4", "No.", "IT IS FLU", C, C, N, C],
    ]
    records = read(write(tmp_path, answered=[answered()], questions=["Other?"], labels=labels))
    tiers = {c.criterion_id: (c.tier, c.text) for c in records.criteria}
    human = [(*tiers[v.criterion_id], v.verdict, v.judge) for v in records.verdicts if v.judge_kind == "human"]
    assert human == [
        ("main", "It is flu", "unmet", "annotator_0"),
        ("main", "It is flu", "unmet", "annotator_1"),
        ("main", "It is flu", "unmet", "annotator_2"),
        ("veto", "Does not contradict: It is flu", "unmet", "annotator_0"),
        ("veto", "Does not contradict: It is flu", "met", "annotator_1"),
        ("veto", "Does not contradict: It is flu", "unmet", "annotator_2"),
    ]
    assert reasons(records) == {
        ("label", "claim_not_in_rubric"): 1,
        ("label", "question_without_rubric"): 1,
        ("label", "unknown_label"): 1,
        ("label", "duplicate_id"): 1,
    }
    (annotation,) = records.annotations
    assert (annotation.label_0, annotation.label_1, annotation.label_2, annotation.majority) == (C, N, C, C)
    assert [(r.model, r.text) for r in records.responses if r.model != "physician"] == [("gpt4", "No.")]
    assert {i.text: i.split for i in records.instructions} == {"Is it flu?": "benchmark", "Other?": None}


@pytest.mark.parametrize(
    ("labels", "majority", "tier", "expected"),
    [
        ([E, E, N], E, "main", ["met", "met", "unmet"]),
        ([E, N, C], N, "main", ["met", "unmet", "unmet"]),
        ([E, N, C], N, "veto", ["met", "met", "unmet"]),
    ],
)
def test_annotators_verdicts_are_their_own(labels: list[str], majority: str, tier: str, expected: list[str]) -> None:
    assert annotator_verdicts(labels, majority, tier) == {f"annotator_{n}": verdict for n, verdict in enumerate(expected)}


@pytest.mark.parametrize(("majority", "tier", "expected"), [(C, "veto", "unmet"), (E, "bonus", "met")])
def test_where_annotators_say_otherwise_the_published_label_is_the_one_verdict(majority: str, tier: str, expected: str) -> None:
    assert annotator_verdicts([E, N, C], majority, tier) == {"published_majority": expected}


def test_without_labels_every_question_is_for_the_benchmark(tmp_path: Path) -> None:
    folder = write(tmp_path, answered=[answered()], questions=["New?"], labels=[])
    (folder / "NLI_medical_annotator.csv").unlink()
    assert {i.text: i.split for i in read(folder).instructions} == {"Is it flu?": "benchmark", "New?": "benchmark"}


def test_repeated_questions_keep_the_first(tmp_path: Path) -> None:
    records = read(
        write(tmp_path, answered=[answered(), answered(answer="Other.")], questions=["Is it flu? ", "New?", "New?"], labels=[])
    )
    assert [i.source_row for i in records.instructions] == ["questions_w_answers.jsonl:1", "questions.jsonl:2"]
    assert [q.source_row for q in records.quarantined] == [
        "questions_w_answers.jsonl:2",
        "questions.jsonl:1",
        "questions.jsonl:3",
    ]
    assert reasons(records) == {("question", "duplicate_id"): 3}
    assert [r.text for r in records.responses] == ["It is. Rest."]


def test_missing_files_are_quarantined_and_no_usable_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="source kqa: .* holds no usable questions_w_answers.jsonl or questions.jsonl"):
        read(tmp_path)
    records = read(write(tmp_path, answered=[answered()]))
    assert [(q.source_row, q.reason) for q in records.quarantined] == [
        ("NLI_medical_annotator.csv", "unreadable_file"),
        ("questions.jsonl", "unreadable_file"),
    ]


@pytest.mark.skipif(not REAL.is_dir(), reason="K-QA is not at ../shared/data/kqa")
def test_the_real_data() -> None:
    records = read(REAL)
    assert reasons(records) == {
        ("statement", "empty_statement"): 3,
        ("label", "claim_not_in_rubric"): 5,
        ("label", "question_without_rubric"): 3,
        # 211 repeats of the 201 answered questions, and 35 within questions.jsonl.
        ("question", "duplicate_id"): 246,
    }
    assert len(records.instructions) == 201 + 966
    assert Counter(c.tier for c in records.criteria) == {"main": 889, "bonus": 697, "veto": 1586}
    assert Counter(r.model for r in records.responses) == {"physician": 201, "gpt4": 15, "askk": 14, "gpt35": 10, "bard": 10}
    assert len(records.annotations) == 399 - 5 - 3
    assert records.labels_replaced == 0
    assert Counter(i.split for i in records.instructions) == {None: 1118, "benchmark": 49}


@pytest.mark.skipif(not REAL.is_dir(), reason="K-QA is not at ../shared/data/kqa")
def test_the_majority_over_the_real_verdicts_is_the_published_label() -> None:
    records = read(REAL)
    tier = {c.criterion_id: c.tier for c in records.criteria}
    met = Counter((v.response_id, v.criterion_id) for v in records.verdicts if v.judge_kind == "human" and v.verdict == "met")
    contradicted = 0
    for note in records.annotations:
        assert (met[note.response_id, note.criterion_id] >= 2) == (note.majority == E)
        assert tier[note.criterion_id] in ("main", "bonus")
        contradicted += note.majority == C
    human_vetoes = {
        (v.response_id, v.criterion_id) for v in records.verdicts if v.judge_kind == "human" and tier[v.criterion_id] == "veto"
    }
    assert len(human_vetoes) == len(records.annotations)
    assert sum(met[key] < 2 for key in human_vetoes) == contradicted > 0
