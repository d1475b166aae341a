"""Sets of instructions with answers: ChatDoctor, MedInstruct-52k, Medical-Instruction-120k.

What belongs here: what their columns mean. The published schemas: ChatDoctor's README (instruction, input, output as a JSON
array), AlpacaCare's repository (MedInstruct-52k.json as a JSON array; MedInstruct-test.jsonl with a difficulty, beside it one
outputs_<model>.jsonl per model), the data set card of medical-instruction-120k (JSON lines). The last could not be opened when
this was written: its columns are taken to be ChatDoctor's; where they differ, declare the source with adapter `generic`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assets.instructions.sources.base import Adapter, RawResponse, SourceRecords
from assets.instructions.sources.batches import Converted, answer, asked, batched, needed_files, question
from assets.instructions.sources.items import Columns, Fault, Item, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import json_array, json_lines
from assets.instructions.sources.scale import rescaled
from assets.instructions.sources.texts import clean_text

OUTPUTS = "outputs_"
NO_INPUT = ("<noinput>", "nan", "none")
OPENAI = "Answers by OpenAI's models: its terms limit training models that compete with them."


def items_of(files: list[SourceFile], columns: Columns) -> Iterator[Item]:
    """The records of JSON arrays and JSON-lines files, told apart by their names."""
    for file in files:
        array = file.name.removesuffix(".gz").endswith(".json")
        yield from json_array(file, columns) if array else json_lines(file, columns)


def with_input(instruction: str, given: object) -> str:
    """An instruction and what it is about, as one question."""
    extra = given.strip() if isinstance(given, str) else ""
    return instruction if extra.lower() in ("", *NO_INPUT) else f"{instruction}\n\n{extra}"


@dataclass(frozen=True, kw_only=True)
class ChatDoctorAdapter(Adapter):
    """ChatDoctor: patients' messages and doctors' answers; every row has the same instruction, so the input is the question."""

    name: str = "chatdoctor"
    licence: str = "Apache-2.0"
    commercial_use: bool = True
    provider_terms: str | None = "chatdoctor5k.json was written with ChatGPT. " + OPENAI
    citation: str = "Li et al. 2023, ChatDoctor, Cureus 15(6), arXiv:2303.14070"
    home: str = "https://github.com/Kent0n-Li/ChatDoctor"

    def files(self, location: Location) -> list[SourceFile]:
        """Its JSON arrays."""
        return location.files("*.json", "*.json.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question and one answer a row."""
        columns = Columns(types={"instruction": str, "input": str, "output": str}, not_empty=("input",))

        def convert(row: Row) -> Converted | str:
            values = row.values
            return asked(question(self.name, self.licence, row, values["input"]), "published", values["output"])

        return batched(self.name, items_of(needed_files(self, location), columns), convert)


@dataclass(frozen=True, kw_only=True)
class MedicalInstructionAdapter(Adapter):
    """Medical-Instruction-120k."""

    name: str = "medical_instruction"
    licence: str = "MIT"
    commercial_use: bool = True
    provider_terms: str | None = None
    citation: str = "Mohammed Altaf 2023, medical-instruction-120k, Hugging Face"
    home: str = "https://huggingface.co/datasets/Mohammed-Altaf/medical-instruction-120k"

    def files(self, location: Location) -> list[SourceFile]:
        """Its JSON files."""
        return location.files("*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question and one answer a row."""
        columns = Columns(types={"instruction": str, "output": str}, not_empty=("instruction",))

        def convert(row: Row) -> Converted | str:
            text = with_input(row.values["instruction"], row.values.get("input"))
            return asked(question(self.name, self.licence, row, text), "published", row.values["output"])

        return batched(self.name, items_of(needed_files(self, location), columns), convert)


@dataclass(frozen=True, kw_only=True)
class MedInstructAdapter(Adapter):
    """MedInstruct-52k and its test set, whose difficulty from 1 to 5 becomes 0 to 10."""

    name: str = "medinstruct"
    licence: str = "CC-BY-NC-4.0"
    commercial_use: bool = False
    provider_terms: str | None = "Answers by OpenAI's and Anthropic's models: their terms limit what may be trained on them."
    citation: str = (
        "Zhang et al. 2023, AlpaCare: Instruction-tuned Large Language Models for Medical Application, arXiv:2310.14558"
    )
    home: str = "https://github.com/XZhang97666/AlpaCare"
    difficulty_scale: tuple[float, float] = (1.0, 5.0)

    def files(self, location: Location) -> list[SourceFile]:
        """MedInstruct*.json[l], and outputs_<model>.jsonl beside it."""
        return [file for file in location.files("*.json", "*.jsonl") if file.basename.startswith(("MedInstruct", OUTPUTS))]

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a row, with the answers that models gave to the same text."""
        files = needed_files(self, location)
        told = SourceRecords(source=self.name)
        outputs = self._outputs([file for file in files if file.basename.startswith(OUTPUTS)], told)
        unasked = set(outputs)

        def convert(row: Row) -> Converted | str:
            try:
                difficulty = rescaled(row.values.get("difficulty"), self.difficulty_scale)
            except ValueError:
                return "wrong_difficulty"
            text = with_input(row.values["instruction"], row.values.get("input"))
            found = question(self.name, self.licence, row, text, difficulty=difficulty)
            if found is None:
                return "empty_text"
            unasked.discard(found.text)
            given: tuple[RawResponse, ...] = answer(found, "published", row.values.get("output"))
            for _, model, said, _ in outputs.get(found.text, ()):
                given += answer(found, model, said)
            return Converted(instruction=found, responses=given)

        columns = Columns(types={"instruction": str}, not_empty=("instruction",))
        asked_files = [file for file in files if not file.basename.startswith(OUTPUTS)]
        yield from batched(self.name, items_of(asked_files, columns), convert)
        for text in sorted(unasked):
            for position, _, _, raw in outputs[text]:
                told.read["answer"] += 1
                told.reject(kind="answer", row=position, reason="answer_without_question", raw=raw)
        yield told

    def _outputs(self, files: list[SourceFile], told: SourceRecords) -> dict[str, list[tuple[str, str, str, str]]]:
        """Question → (position, model, answer, raw) of every model."""
        found: dict[str, list[tuple[str, str, str, str]]] = {}
        for file in files:
            model = file.basename.removeprefix(OUTPUTS).removesuffix(".jsonl")
            for item in json_lines(file, Columns(types={"instruction": str}, not_empty=("instruction",))):
                if isinstance(item, Row):
                    # One of the published files calls the answer otherwise.
                    said = item.values.get("output", item.values.get("response"))
                    text = clean_text(with_input(item.values["instruction"], item.values.get("input")))
                    if isinstance(said, str) and clean_text(said):
                        # Counted with its question, or as an answer without one.
                        found.setdefault(text, []).append((item.position, model, said, item.raw))
                    else:
                        told.read["answer"] += 1
                        reason = "missing_column" if said is None else "empty_text" if isinstance(said, str) else "wrong_type"
                        told.reject(kind="answer", row=item.position, reason=reason, raw=item.raw)
                elif isinstance(item, Fault):
                    told.read[item.kind or "answer"] += 1
                    told.reject(kind=item.kind or "answer", row=item.position, reason=item.reason, raw=item.raw)
                else:
                    told.read[item.kind] += 1
                    told.accepted[item.kind] += 1
        return found
