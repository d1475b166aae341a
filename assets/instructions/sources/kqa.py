"""K-QA (Manes et al. 2024): real patient questions, physicians' answers and statements, and human labels on LLM answers.

What belongs here: what K-QA's two JSON-lines files mean; the labels of `NLI_medical_annotator.csv` stand in `kqa_labels.py`.

Departures from Geng et al. 2026: Must_have statements become main criteria of equal weight, Nice_to_have bonus criteria,
and each of them a veto besides (see `rubrics/statements.py`). The physician's own answer is assumed to meet its rubric, and
every labelled question is pinned to the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from assets.instructions.sources.base import (
    Adapter,
    RawCriterion,
    RawInstruction,
    RawResponse,
    RawVerdict,
    SourceError,
    SourceRecords,
)
from assets.instructions.sources.items import FILE, Columns, Fault, Item, Opened, Row
from assets.instructions.sources.kqa_labels import LABEL_COLUMNS, RubricIndex, add_labels
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import csv_rows, json_lines
from assets.rubrics.statements import normalize, statement_rubric
from training.records import content_id

NAME = "kqa"
LICENCE = "MIT"
PHYSICIAN = "physician"
Reader = Callable[[SourceFile, Columns], Iterator[Item]]
ANSWERS, QUESTIONS, LABELS = "questions_w_answers.jsonl", "questions.jsonl", "NLI_medical_annotator.csv"
ANSWER_COLUMNS = Columns(
    types={"Question": str, "Free_form_answer": str, "Must_have": list, "Nice_to_have": list}, not_empty=("Question",)
)
QUESTION_COLUMNS = Columns(types={"Question": str}, not_empty=("Question",))


@dataclass(frozen=True, kw_only=True)
class KqaAdapter(Adapter):
    """K-QA's facts and reader."""

    name: str = NAME
    licence: str = LICENCE
    commercial_use: bool = True
    provider_terms: str | None = (
        "The LLM answers of NLI_medical_annotator.csv come from commercial models (GPT-3.5, GPT-4, Bard and another), whose"
        " providers' terms limit what may be trained on them; here they stand in the benchmark only."
    )
    citation: str = "Manes et al. 2024, K-QA: A Real-World Medical Q&A Benchmark, BioNLP 2024, arXiv:2401.14493"
    home: str = "https://github.com/Itaymanes/K-QA"
    brings_rubrics: bool = True

    def files(self, location: Location) -> list[SourceFile]:
        """Those of K-QA's three files that exist, in name order."""
        return location.files(ANSWERS, QUESTIONS, LABELS)

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """Reads what is there of the three files; a missing one is quarantined as `unreadable_file`.

        Raises:
            SourceError: neither file of questions holds a usable row.
        """
        records = SourceRecords(source=self.name)
        labels = _rows(location, LABELS, csv_rows, LABEL_COLUMNS, kind="label", into=records)
        # Without a label nobody knows which questions have been labelled: all of them are for the benchmark then.
        labelled = {normalize(row.values["Question"]) for row in labels} or None
        reader = _Questions(adapter=self, records=records, labelled=labelled)
        for row in _rows(location, ANSWERS, json_lines, ANSWER_COLUMNS, kind="question", into=records):
            reader.add_answered(row)
        for row in _rows(location, QUESTIONS, json_lines, QUESTION_COLUMNS, kind="question", into=records):
            reader.add_question(row)
        if not records.instructions:
            raise SourceError(f"source {self.name}: {location.uri} holds no usable {ANSWERS} or {QUESTIONS}")
        add_labels(labels, reader.rubrics, into=records)
        yield records


def _rows(location: Location, name: str, reader: Reader, columns: Columns, *, kind: str, into: SourceRecords) -> list[Row]:
    """The usable rows of one of the files, all at once: K-QA is small, and its parts refer to each other."""
    file = location.file(name)
    if file is None:
        into.read[FILE] += 1
        into.reject(kind=FILE, row=name, reason="unreadable_file", raw="No such file or directory")
        return []
    rows = []
    for item in reader(file, columns):
        if isinstance(item, Opened):
            into.read[item.kind] += 1
            into.accepted[item.kind] += 1
            continue
        into.read[(isinstance(item, Fault) and item.kind) or kind] += 1
        if isinstance(item, Fault):
            into.reject(kind=item.kind or kind, row=item.position, reason=item.reason, raw=item.raw)
        else:
            rows.append(item)
    return rows


@dataclass(kw_only=True)
class _Questions:
    """Turns rows into records and remembers which questions have been seen and which rubrics there are."""

    adapter: KqaAdapter
    records: SourceRecords
    labelled: set[str] | None
    seen: set[str] = field(default_factory=set)
    rubrics: RubricIndex = field(default_factory=dict)

    def add_answered(self, row: Row) -> None:
        """A question with a physician's answer and statements."""
        instruction_id = self.add_question(row)
        # The statements of a repeated question are part of the record that is quarantined.
        if instruction_id is None:
            return
        criteria = self._rubric(row, instruction_id)
        response_id = self._answer(row, instruction_id)
        if not criteria:
            return
        self.rubrics[normalize(row.values["Question"])] = {normalize(c.text): c for c in criteria}
        self.records.criteria += criteria
        if response_id is not None:
            self.records.verdicts += [
                RawVerdict(
                    response_id=response_id,
                    criterion_id=criterion.criterion_id,
                    verdict="met",
                    judge=PHYSICIAN,
                    judge_kind="assumed",
                )
                for criterion in criteria
            ]

    def add_question(self, row: Row) -> str | None:
        """A question; returns its id, or None for one that was there before, which is quarantined."""
        diagnosis = row.values.get("ICD_10_diag")
        text = row.values["Question"].strip()
        instruction_id = content_id("instruction", self.adapter.name, text)
        if instruction_id in self.seen:
            self.records.reject(
                kind="question", row=row.position, reason="duplicate_id", raw=f"repeats {instruction_id}: {row.raw}"
            )
            return None
        self.seen.add(instruction_id)
        self.records.accepted["question"] += 1
        self.records.instructions.append(
            RawInstruction(
                instruction_id=instruction_id,
                source=self.adapter.name,
                source_row=row.position,
                text=text,
                license=self.adapter.licence,
                source_label=diagnosis if isinstance(diagnosis, str) else None,
                split="benchmark" if self.labelled is None or normalize(text) in self.labelled else None,
            )
        )
        return instruction_id

    def _answer(self, row: Row, instruction_id: str) -> str | None:
        self.records.read["answer"] += 1
        text = row.values["Free_form_answer"].strip()
        if not text:
            self.records.reject(kind="answer", row=row.position, reason="empty_text", raw=row.raw)
            return None
        self.records.accepted["answer"] += 1
        response_id = content_id("response", instruction_id, PHYSICIAN, text)
        self.records.responses.append(
            RawResponse(response_id=response_id, instruction_id=instruction_id, model=PHYSICIAN, text=text)
        )
        return response_id

    def _rubric(self, row: Row, instruction_id: str) -> list[RawCriterion]:
        records = self.records
        seen: set[str] = set()
        kept: dict[str, list[tuple[str, str]]] = {"Must_have": [], "Nice_to_have": []}
        for column, statements in kept.items():
            for index, statement in enumerate(row.values[column]):
                records.read["statement"] += 1
                position = f"{row.position}#{column}[{index}]"
                reason = _statement_fault(statement, seen)
                if reason is None:
                    seen.add(normalize(statement))
                    statements.append((position, statement.strip()))
                else:
                    records.reject(kind="statement", row=position, reason=reason, raw=str(statement))
        records.read["rubric"] += 1
        if not kept["Must_have"]:
            records.reject(kind="rubric", row=row.position, reason="no_main_criterion", raw=row.raw)
            for position, statement in kept["Nice_to_have"]:
                records.reject(kind="statement", row=position, reason="no_main_criterion", raw=statement)
            return []
        records.accepted["rubric"] += 1
        records.accepted["statement"] += sum(len(statements) for statements in kept.values())
        main, bonus = ([text for _, text in kept[column]] for column in ("Must_have", "Nice_to_have"))
        return statement_rubric(instruction_id, main=main, bonus=bonus)


def _statement_fault(statement: object, seen: set[str]) -> str | None:
    if not isinstance(statement, str):
        return "wrong_type"
    if not statement.strip():
        return "empty_statement"
    return "duplicate_statement" if normalize(statement) in seen else None
