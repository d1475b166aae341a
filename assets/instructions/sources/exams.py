"""Multiple-choice examinations: MedQA and MedMCQA.

What belongs here: what their columns mean. The published schemas: MedQA's repository (JSON lines with question, options by
letter, answer, answer_idx, in folders by country: `questions/US` is the English one; beside the split into train, dev and test
its `US_qbank.jsonl` holds all of them), MedMCQA's (JSON lines with question, opa–opd, cop from 1, subject_name). The
instruction is the question with its options, which is what a model is asked; the right option's text is the published answer.
Published test files are `external` for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assets.instructions.sources.base import Adapter, SourceRecords
from assets.instructions.sources.batches import Converted, asked, batched, needed_files, question
from assets.instructions.sources.items import Columns, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import json_lines
from training.records import Split


def with_options(text: str, options: Mapping[str, str]) -> str:
    r"""A question and its lettered options.

    >>> with_options("Which?", {"A": "This", "B": "That"})
    'Which?\nA. This\nB. That'
    """
    return "\n".join([text, *(f"{letter}. {option}" for letter, option in options.items())])


def split_of(position: str) -> Split | None:
    """`external` for a row of a published test file."""
    name = position.rsplit("/", 1)[-1].split(":")[0]
    return "external" if name.startswith("test") or "_test" in name else None


@dataclass(frozen=True, kw_only=True)
class MedQaAdapter(Adapter):
    """MedQA: questions in the style of the US medical licensing examination."""

    name: str = "medqa"
    licence: str = "MIT"
    commercial_use: bool = True
    provider_terms: str | None = None
    citation: str = "Jin et al. 2021, What Disease Does This Patient Have?, Applied Sciences 11(14), arXiv:2009.13081"
    home: str = "https://github.com/jind11/MedQA"

    def files(self, location: Location) -> list[SourceFile]:
        """Its JSON-lines files."""
        return location.files("*.jsonl", "*.jsonl.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a row."""
        columns = Columns(types={"question": str, "options": dict}, not_empty=("question",))

        def convert(row: Row) -> Converted | str:
            options = row.values["options"]
            if not all(isinstance(option, str) for option in options.values()):
                return "wrong_type"
            text = with_options(row.values["question"], options)
            found = question(self.name, self.licence, row, text, split=split_of(row.position))
            return asked(found, "published", row.values.get("answer"))

        items = (item for file in needed_files(self, location) for item in json_lines(file, columns))
        return batched(self.name, items, convert)


@dataclass(frozen=True, kw_only=True)
class MedMcqaAdapter(Adapter):
    """MedMCQA: questions of Indian entrance examinations, with a subject each; test labels are not published."""

    name: str = "medmcqa"
    licence: str = "MIT"
    commercial_use: bool = True
    provider_terms: str | None = None
    citation: str = "Pal et al. 2022, MedMCQA, CHIL 2022, arXiv:2203.14371"
    home: str = "https://github.com/medmcqa/medmcqa"

    def files(self, location: Location) -> list[SourceFile]:
        """train.json, dev.json and test.json: JSON lines, whatever their names say."""
        return location.files("*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a row."""
        options = ("opa", "opb", "opc", "opd")
        columns = Columns(types=dict.fromkeys(("question", *options), str), not_empty=("question",))

        def convert(row: Row) -> Converted | str:
            values = row.values
            choices = {letter: values[column] for letter, column in zip("ABCD", options, strict=True)}
            right = values.get("cop")
            said = choices.get("ABCD"[right - 1]) if isinstance(right, int) and 1 <= right <= 4 else None
            subject = values.get("subject_name")
            found = question(
                self.name,
                self.licence,
                row,
                with_options(values["question"], choices),
                label=subject if isinstance(subject, str) else None,
                split=split_of(row.position),
            )
            return asked(found, "published", said)

        items = (item for file in needed_files(self, location) for item in json_lines(file, columns))
        return batched(self.name, items, convert)
