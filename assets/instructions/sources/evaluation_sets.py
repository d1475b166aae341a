"""Evaluation sets: HealthBench with its rubrics, DAHL, Medical-Eval-Sphere.

What belongs here: what their columns mean. HealthBench's schema is that of OpenAI's simple-evals (JSON lines with prompt, a
list of messages, and rubrics, a list of criterion, points and tags). DAHL's repository has questions.csv: question, category.
Medical-Eval-Sphere's card could not be found when this was written: JSON lines with question and answer are expected; where
they differ, declare the source with adapter `generic`.

Ours: a HealthBench criterion with positive points becomes a main criterion whose weight is its share of them; one with negative
points describes what must not be done and becomes a veto. All of HealthBench is `external`: a published test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assets.instructions.sources.base import Adapter, SourceRecords
from assets.instructions.sources.batches import Converted, asked, batched, needed_files, question
from assets.instructions.sources.items import Columns, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import csv_rows, json_lines
from assets.instructions.sources.texts import clean_text
from assets.rubrics.statements import versioned
from training.records import Tier

AVOID = "Does not do the following: "


def rubric_of(rubrics: Sequence[Any]) -> list[tuple[Tier, str, float | None]] | str:
    """Tier, text and weight of HealthBench's criteria; the reason if they cannot be used.

    >>> rubric_of([{"criterion": "Names a dose", "points": 6}, {"criterion": "Guesses", "points": -4}])
    [('main', 'Names a dose', 1.0), ('veto', 'Does not do the following: Guesses', None)]
    """
    rows: list[tuple[float, str]] = []
    for item in rubrics:
        points, text = (item.get("points"), item.get("criterion")) if isinstance(item, dict) else (None, None)
        if not isinstance(points, int | float) or not isinstance(text, str) or not clean_text(text):
            return "bad_rubric"
        rows.append((float(points), clean_text(text)))
    total = sum(points for points, _ in rows if points > 0)
    if not total:
        return "no_main_criterion"
    main: list[tuple[Tier, str, float | None]] = [("main", text, points / total) for points, text in rows if points > 0]
    return [*main, *(("veto", AVOID + text, None) for points, text in rows if points < 0)]


@dataclass(frozen=True, kw_only=True)
class HealthBenchAdapter(Adapter):
    """HealthBench: conversations with physicians' rubrics."""

    name: str = "healthbench"
    licence: str = "MIT"
    commercial_use: bool = True
    provider_terms: str | None = "A benchmark: its authors ask that it be kept out of training data."
    citation: str = (
        "Arora et al. 2025, HealthBench: Evaluating Large Language Models Towards Improved Human Health, arXiv:2505.08775"
    )
    home: str = "https://github.com/openai/simple-evals"
    brings_rubrics: bool = True

    def files(self, location: Location) -> list[SourceFile]:
        """Its JSON-lines files."""
        return location.files("*.jsonl", "*.jsonl.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One conversation a row, written out as one question."""
        columns = Columns(types={"prompt": list, "rubrics": list})

        def convert(row: Row) -> Converted | str:
            messages = row.values["prompt"]
            if not all(isinstance(m, dict) and isinstance(m.get("content"), str) for m in messages):
                return "wrong_type"
            said = [f"{m.get('role', 'user')}: {m['content']}" for m in messages]
            text = messages[0]["content"] if len(messages) == 1 else "\n\n".join(said)
            found = question(self.name, self.licence, row, text, split="external")
            rubric = rubric_of(row.values["rubrics"])
            if found is None or isinstance(rubric, str):
                return "empty_text" if found is None else str(rubric)
            if len({text for _, text, _ in rubric}) < len(rubric):
                return "duplicate_statement"
            criteria = versioned(found.instruction_id, rubric, origin="physician")
            return Converted(instruction=found, criteria=tuple(criteria))

        items = (item for file in needed_files(self, location) for item in json_lines(file, columns))
        return batched(self.name, items, convert)


@dataclass(frozen=True, kw_only=True)
class DahlAdapter(Adapter):
    """DAHL: questions from biomedical articles, in 29 categories; its repository states no licence."""

    name: str = "dahl"
    licence: str = "unknown"
    commercial_use: bool = False
    provider_terms: str | None = None
    citation: str = (
        "Seo et al. 2024, DAHL: Domain-specific Automated Hallucination Evaluation of Long-Form Text, arXiv:2411.09255"
    )
    home: str = "https://github.com/seemdog/DAHL"

    def files(self, location: Location) -> list[SourceFile]:
        """Its CSV files."""
        return location.files("*.csv", "*.csv.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a row."""
        columns = Columns(types={"question": str, "category": str}, not_empty=("question",))

        def convert(row: Row) -> Converted | str:
            label = row.values["category"].strip() or None
            return asked(question(self.name, self.licence, row, row.values["question"], label=label))

        items = (item for file in needed_files(self, location) for item in csv_rows(file, columns))
        return batched(self.name, items, convert)


@dataclass(frozen=True, kw_only=True)
class MedicalEvalSphereAdapter(Adapter):
    """Medical-Eval-Sphere; its licence is not known here, so commercial use is denied until a user declares one."""

    name: str = "medical_eval_sphere"
    licence: str = "unknown"
    commercial_use: bool = False
    provider_terms: str | None = None
    citation: str = "Medical-Eval-Sphere, as named by Geng et al. 2026"
    home: str = "https://huggingface.co/datasets?search=Medical-Eval-Sphere"

    def files(self, location: Location) -> list[SourceFile]:
        """Its JSON-lines files."""
        return location.files("*.jsonl", "*.jsonl.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a row."""
        columns = Columns(types={"question": str}, not_empty=("question",))

        def convert(row: Row) -> Converted | str:
            label = row.values.get("category")
            found = question(
                self.name, self.licence, row, row.values["question"], label=label if isinstance(label, str) else None
            )
            return asked(found, "published", row.values.get("answer"))

        items = (item for file in needed_files(self, location) for item in json_lines(file, columns))
        return batched(self.name, items, convert)
