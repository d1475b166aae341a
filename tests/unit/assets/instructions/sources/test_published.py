"""The published sets: each in the schema it is published in, and the real files counted by other means than the adapters."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.sources.registry import parse_source

SHARED = Path(__file__).parents[5].parent / "shared" / "data"


def read(name: str, place: Path) -> SourceRecords:
    """All batches of a source as one."""
    whole = SourceRecords(source=name)
    for batch in parse_source(f"{name}={place}").read():
        batch.check_nothing_lost()
        for attribute in ("instructions", "criteria", "responses", "verdicts", "quarantined"):
            getattr(whole, attribute).extend(getattr(batch, attribute))
        whole.read += batch.read
        whole.accepted += batch.accepted
    return whole


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def refused(records: SourceRecords) -> list[tuple[str, str]]:
    return [(q.source_row, q.reason) for q in records.quarantined]


def test_medqa_asks_with_its_options_and_keeps_its_test_apart(tmp_path: Path) -> None:
    row = {
        "question": "Which?",
        "answer": "That",
        "options": {"A": "This", "B": "That"},
        "meta_info": "step1",
        "answer_idx": "B",
    }
    lines(tmp_path / "train.jsonl", row, {**row, "options": {"A": 5}}, {**row, "question": ""})
    lines(tmp_path / "test.jsonl", {**row, "question": "What?"})
    found = read("medqa", tmp_path)
    assert [(i.text, i.split) for i in found.instructions] == [
        ("What?\nA. This\nB. That", "external"),
        ("Which?\nA. This\nB. That", None),
    ]
    assert {r.text for r in found.responses} == {"That"}
    assert refused(found) == [("train.jsonl:2", "wrong_type"), ("train.jsonl:3", "empty_text")]


def test_medmcqa_names_its_subject_and_the_right_option(tmp_path: Path) -> None:
    row = {"question": "Which nerve?", "opa": "First", "opb": "Second", "opc": "Third", "opd": "Fourth", "cop": 3}
    row |= {"subject_name": "Anatomy", "choice_type": "single", "id": "a"}
    lines(tmp_path / "train.json", row)
    lines(tmp_path / "test.json", {**row, "question": "Which vein?", "cop": None}, {**row, "question": "Which?", "opd": None})
    found = read("medmcqa", tmp_path)
    assert [(i.source_label, i.split) for i in found.instructions] == [("Anatomy", "external"), ("Anatomy", None)]
    assert [r.text for r in found.responses] == ["Third"]
    assert refused(found) == [("test.json:2", "missing_column")]


def test_healthbench_brings_rubrics_of_main_and_veto(tmp_path: Path) -> None:
    rubrics = [
        {"criterion": "Says to call for help", "points": 6, "tags": []},
        {"criterion": "Names the dose", "points": 2, "tags": []},
        {"criterion": "Advises to wait", "points": -8, "tags": []},
    ]
    row = {"prompt": [{"role": "user", "content": "My chest hurts."}], "rubrics": rubrics, "prompt_id": "x"}
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "My arm hurts."},
    ]
    lines(
        tmp_path / "healthbench.jsonl",
        row,
        {**row, "prompt": talk},
        {**row, "rubrics": [{"criterion": "Waits", "points": -1}]},
        {**row, "rubrics": [{"criterion": "Waits", "points": "many"}]},
    )
    found = read("healthbench", tmp_path)
    assert {i.split for i in found.instructions} == {"external"}
    assert found.instructions[1].text == "user: Hi\n\nassistant: Yes?\n\nuser: My arm hurts."
    first = [(c.tier, c.text, c.weight) for c in found.criteria[:3]]
    assert first == [
        ("main", "Says to call for help", 0.75),
        ("main", "Names the dose", 0.25),
        ("veto", "Does not do the following: Advises to wait", None),
    ]
    assert [reason for _, reason in refused(found)] == ["no_main_criterion", "bad_rubric"]


def test_pubmedqa_refuses_to_read_the_labelled_set_without_its_test_ids(tmp_path: Path) -> None:
    row = {"QUESTION": "Does it help?", "LONG_ANSWER": "It does.", "CONTEXTS": [], "final_decision": "yes"}
    (tmp_path / "ori_pqal.json").write_text(json.dumps({"1": row, "2": {**row, "QUESTION": "Why?"}, "3": {"QUESTION": " "}}))
    with pytest.raises(SourceError, match="test_ground_truth.json must stand beside ori_pqal.json"):
        read("pubmedqa", tmp_path)
    (tmp_path / "test_ground_truth.json").write_text(json.dumps({"2": "yes"}))
    found = read("pubmedqa", tmp_path)
    assert [(i.text, i.split) for i in found.instructions] == [("Does it help?", None), ("Why?", "external")]
    assert refused(found) == [("ori_pqal.json#3", "empty_text")]


def test_medquad_from_a_tree_and_from_an_archive(tmp_path: Path) -> None:
    document = (
        b'<Document id="1" source="NIDDK"><Focus>Gout</Focus>'
        b"<FocusAnnotations><UMLS><SemanticGroup>Disorders</SemanticGroup></UMLS></FocusAnnotations><QAPairs>"
        b'<QAPair pid="1"><Question qtype="treatment">How is gout treated?</Question><Answer>Rest.</Answer></QAPair>'
        b'<QAPair pid="2"><Question>What is gout?</Question><Answer></Answer></QAPair>'
        b'<QAPair pid="3"><Question> </Question></QAPair><QAPair pid="4"><Answer>Lost.</Answer></QAPair></QAPairs></Document>'
    )
    tree = tmp_path / "tree" / "5_NIDDK_QA"
    tree.mkdir(parents=True)
    (tree / "1.xml").write_bytes(document)
    (tree / "2.xml").write_bytes(b"<Document>")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        for name in ("1.xml", "2.xml"):
            member = tarfile.TarInfo(f"5_NIDDK_QA/{name}")
            member.size = len((tree / name).read_bytes())
            archive.addfile(member, io.BytesIO((tree / name).read_bytes()))
    for place in (tmp_path / "tree", tmp_path / "set.tar.gz"):
        found = read("medquad", place)
        assert [(i.text, i.source_label) for i in found.instructions] == [
            ("How is gout treated?", "NIDDK/Disorders/treatment/Gout"),
            ("What is gout?", "NIDDK/Disorders/unknown/Gout"),
        ]
        assert [r.text for r in found.responses] == ["Rest."]
        assert [reason for _, reason in refused(found)] == ["empty_text", "missing_column", "bad_xml"]


def test_medinstruct_matches_the_models_answers_to_its_questions(tmp_path: Path) -> None:
    rows = [{"instruction": "Name it.", "input": "A rash.", "difficulty": "3"}, {"instruction": "Rate it.", "difficulty": "9"}]
    lines(tmp_path / "MedInstruct-test.jsonl", *rows, {"instruction": "Ask.", "difficulty": "1", "input": "<noinput>"})
    lines(tmp_path / "outputs_one.jsonl", {"instruction": "Name it.", "input": "A rash.", "output": "Hives."})
    lines(
        tmp_path / "outputs_two.jsonl",
        {"instruction": "Ask.", "input": "", "response": "Why?"},
        {"instruction": "Never asked.", "input": "", "response": "So?"},
        {"instruction": "Ask.", "input": ""},
    )
    found = read("medinstruct", tmp_path)
    assert [(i.text, i.difficulty) for i in found.instructions] == [("Name it.\n\nA rash.", 5.0), ("Ask.", 0.0)]
    assert [(r.model, r.text) for r in found.responses] == [("one", "Hives."), ("two", "Why?")]
    assert refused(found) == [
        ("MedInstruct-test.jsonl:2", "wrong_difficulty"),
        ("outputs_two.jsonl:3", "missing_column"),
        ("outputs_two.jsonl:2", "answer_without_question"),
    ]


def test_the_sets_of_plain_rows(tmp_path: Path) -> None:
    for name in ("chatdoctor", "medical_instruction", "medical_eval_sphere", "dahl"):
        (tmp_path / name).mkdir()
    array = [
        {"instruction": "Answer.", "input": "I cough.", "output": "Rest."},
        {"instruction": "Answer.", "input": "", "output": "?"},
    ]
    (tmp_path / "chatdoctor" / "set.json").write_text(json.dumps(array))
    lines(tmp_path / "medical_instruction" / "train.jsonl", {"instruction": "I sneeze.", "input": "", "output": "Rest."})
    lines(tmp_path / "medical_eval_sphere" / "test.jsonl", {"question": "Why rest?", "answer": "It helps.", "category": "Care"})
    (tmp_path / "dahl" / "dahl.csv").write_text("category,question\nCardiology,What is a pulse?\nCardiology,\n")
    texts = {name: [i.text for i in read(name, tmp_path / name).instructions] for name in ("chatdoctor", "medical_instruction")}
    assert texts == {"chatdoctor": ["I cough."], "medical_instruction": ["I sneeze."]}
    (sphere,) = read("medical_eval_sphere", tmp_path / "medical_eval_sphere").instructions
    assert (sphere.text, sphere.source_label) == ("Why rest?", "Care")
    found = read("dahl", tmp_path / "dahl")
    assert [i.source_label for i in found.instructions] == ["Cardiology"]
    assert refused(found) == [("dahl.csv:3", "empty_text")]


@pytest.mark.parametrize("name", ["medqa", "chatdoctor", "medquad", "dahl", "healthbench", "pubmedqa"])
def test_a_folder_without_its_files_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=f"source {name}: .* holds no file that it reads \\(published at https://"):
        read(name, tmp_path)


def real(name: str) -> Path:
    place = SHARED / name
    if not place.exists():
        pytest.skip(f"shared/data/{name} is not here")
    return place


def test_real_medquad() -> None:
    # grep -o "<QAPair " over the unpacked tree finds 47,441; the set's readme says 47,457.
    found = read("medquad", real("medquad") / "MedQuAD.tar.gz")
    assert (found.read["member"], found.accepted["member"], found.read["question"]) == (11_274, 11_274, 47_441)
    assert Counter(reason for _, reason in refused(found)) == {"duplicate_id": 47_441 - len(found.instructions)}


def test_real_pubmedqa() -> None:
    place = real("pubmedqa")
    ids = set(json.loads((place / "test_ground_truth.json").read_text()))
    rows = json.loads((place / "ori_pqal.json").read_text())
    found = read("pubmedqa", place)
    assert len(found.instructions) == len(found.responses) == len(rows) == 1000
    external = {i.source_row.split("#")[1] for i in found.instructions if i.split == "external"}
    assert external == ids and len(ids) == 500


def test_real_chatdoctor() -> None:
    place = real("chatdoctor")
    rows = json.loads((place / "chatdoctor5k.json").read_text())
    found = read("chatdoctor", place)
    assert found.read["question"] == len(rows) == 5452
    assert len(found.instructions) == len({" ".join(row["input"].split()) for row in rows})


def test_real_medinstruct() -> None:
    found = read("medinstruct", real("medinstruct"))
    # 44, 46, 41, 41 and 44 questions of the difficulties 1 to 5.
    assert Counter(i.difficulty for i in found.instructions) == {0.0: 44, 2.5: 46, 5.0: 41, 7.5: 41, 10.0: 44}
    assert Counter(r.model for r in found.responses) == dict.fromkeys(
        ("claude-2", "gpt-3.5-turbo", "gpt-4", "text-davinci-003"), 216
    )
