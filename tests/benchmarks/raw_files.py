"""Raw files in the formats of nine published sets, as many rows as the paper's raw pool: what `make bench-data` reads.

What belongs here: how each set is published. The questions and what repeats what come from `questions.py`. One row in two
hundred is broken (no JSON, no question, a number for a text), as real sets have it. Shares follow the sets' published sizes as
far as they are known, so that the whole is the paper's 823,703 rows (Geng et al. 2026); the share of each is ours.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks.questions import Question, generate

SHARES = {
    "medqa": 12_723,
    "medical_eval_sphere": 66_359,
    "pubmedqa": 211_269,
    "dahl": 8_573,
    "medical_instruction": 120_000,
    "medinstruct": 52_002,
    "medquad": 47_457,
    "chatdoctor": 112_165,
    "medmcqa": 193_155,
}
TOTAL = sum(SHARES.values())
_ANSWER = "Take it with water, rest, and see a doctor if it does not get better within a few days."
_BROKEN = 200
Writer = Callable[[Iterable[Question], Path], None]


def write_raw_files(folder: Path, rows: int, *, seed: int = 0) -> dict[str, Path]:
    """Writes the nine sets, `rows` questions together, and the truth beside them; source → its folder."""
    questions = generate(rows, seed=seed)
    given = {name: round(share * rows / TOTAL) for name, share in SHARES.items()}
    given["medmcqa"] += rows - sum(given.values())
    order = [name for name, n in given.items() for _ in range(n)]
    # A repeat may stand in another set than what it repeats.
    random.Random(seed).shuffle(order)
    parts: dict[str, list[Question]] = {name: [] for name in given}
    truth = []
    for name, question in zip(order, questions, strict=True):
        parts[name].append(question)
        truth.append((name, question.kind, question.meaning, question.text))
    found = {}
    for name, part in parts.items():
        found[name] = folder / name
        found[name].mkdir(parents=True)
        _WRITERS[name](part, found[name])
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([("source", "kind", "meaning", "text"), *truth])
    return found


def _json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as handle:
        for number, row in enumerate(rows, start=1):
            line = json.dumps(row)
            handle.write((line[: len(line) // 2] if number % _BROKEN == 0 else line) + "\n")


def _json_array(path: Path, rows: Iterable[dict[str, Any]], *, text: str) -> None:
    with path.open("w", encoding="utf-8") as handle:
        for number, row in enumerate(rows, start=1):
            if number % _BROKEN == 0:
                row = {**row, text: "" if number % (2 * _BROKEN) else 5}
            handle.write(("[\n" if number == 1 else ",\n") + json.dumps(row))
        handle.write("\n]\n")


def _medqa(questions: Iterable[Question], folder: Path) -> None:
    options = {"A": "Rest", "B": "Surgery", "C": "Water", "D": "Nothing"}
    _json_lines(
        folder / "train.jsonl",
        (
            {"question": q.text, "answer": "Rest", "options": options, "meta_info": "step1", "answer_idx": "A"}
            for q in questions
        ),
    )


def _medmcqa(questions: Iterable[Question], folder: Path) -> None:
    _json_lines(
        folder / "train.json",
        (
            {"question": q.text, "exp": _ANSWER, "cop": 1, "opa": "Rest", "opb": "Surgery", "opc": "Water", "opd": "Nothing"}
            | {"subject_name": "Medicine", "topic_name": None, "id": f"q{number}", "choice_type": "single"}
            for number, q in enumerate(questions)
        ),
    )


def _pubmedqa(questions: Iterable[Question], folder: Path) -> None:
    with (folder / "ori_pqaa.json").open("w", encoding="utf-8") as handle:
        for number, q in enumerate(questions):
            row = {"QUESTION": q.text if (number + 1) % _BROKEN else " ", "CONTEXTS": ["Some patients got better."]}
            row |= {"LABELS": ["RESULTS"], "MESHES": ["Humans"], "LONG_ANSWER": _ANSWER, "final_decision": "yes"}
            handle.write(("{\n" if number == 0 else ",\n") + f'"{10_000_000 + number}": {json.dumps(row)}')
        handle.write("\n}\n")


def _chatdoctor(questions: Iterable[Question], folder: Path) -> None:
    asked = "If you are a doctor, please answer the medical questions based on the patient's description."
    _json_array(
        folder / "HealthCareMagic-100k.json",
        ({"instruction": asked, "input": q.text, "output": _ANSWER} for q in questions),
        text="input",
    )


def _medinstruct(questions: Iterable[Question], folder: Path) -> None:
    _json_array(
        folder / "MedInstruct-52k.json",
        ({"instruction": q.text, "input": "<noinput>", "output": _ANSWER} for q in questions),
        text="instruction",
    )


def _medical_instruction(questions: Iterable[Question], folder: Path) -> None:
    _json_lines(folder / "train.jsonl", ({"instruction": q.text, "input": "", "output": _ANSWER} for q in questions))


def _medical_eval_sphere(questions: Iterable[Question], folder: Path) -> None:
    _json_lines(folder / "test.jsonl", ({"question": q.text, "answer": _ANSWER, "category": "Treatment"} for q in questions))


def _dahl(questions: Iterable[Question], folder: Path) -> None:
    with (folder / "dahl.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("category", "question"))
        for number, q in enumerate(questions, start=1):
            writer.writerow(("Cardiology", q.text if number % _BROKEN else ""))


def _medquad(questions: Iterable[Question], folder: Path) -> None:
    rest = iter(questions)
    with tarfile.open(folder / "MedQuAD.tar.gz", "w:gz", compresslevel=1) as archive:
        for number, part in enumerate(_chunks(rest, 4)):
            pairs = "".join(
                f'<QAPair pid="{i}"><Question qid="{number}-{i}" qtype="treatment">{escape(q.text)}</Question>'
                f"<Answer>{_ANSWER}</Answer></QAPair>"
                for i, q in enumerate(part, start=1)
            )
            data = (
                f'<?xml version="1.0" encoding="UTF-8"?><Document id="{number:07d}" source="NIDDK" url="">'
                f"<Focus>Gout</Focus><QAPairs>{pairs}</QAPairs></Document>"
            ).encode()
            member = tarfile.TarInfo(f"MedQuAD/5_NIDDK_QA/{number:07d}.xml")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _chunks(rows: Iterator[Question], size: int) -> Iterator[list[Question]]:
    while part := list(islice(rows, size)):
        yield part


_WRITERS: dict[str, Writer] = {
    "medqa": _medqa,
    "medical_eval_sphere": _medical_eval_sphere,
    "pubmedqa": _pubmedqa,
    "dahl": _dahl,
    "medical_instruction": _medical_instruction,
    "medinstruct": _medinstruct,
    "medquad": _medquad,
    "chatdoctor": _chatdoctor,
    "medmcqa": _medmcqa,
}
