"""The embedded corpus as a source: conditions → instructions, criteria, and the fragments that responses are composed of.

What belongs here: corpus records as raw records. What does not: the files' schema (`assets.corpus.schema`), composing.
A benchmark condition shows only the last paraphrase of everything, all others never show it (`held_out`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.corpus.schema import CORPUS_DIR, CorpusCriterion, CorpusError, CorpusInstruction, load_condition, load_shared
from assets.instructions.sources.base import Adapter, Fragment, FragmentKind, RawInstruction, SourceError, SourceRecords
from assets.instructions.sources.location import Location, SourceFile
from assets.rubrics.statements import versioned
from training.records import Tier, content_id

NAME = "corpus"
LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class CorpusAdapter(Adapter):
    """The corpus's facts and reader."""

    name: str = NAME
    licence: str = LICENCE
    commercial_use: bool = True
    citation: str = "Written for this project (assets/corpus/README.md); synthetic, not medical advice"
    home: str = "assets/corpus"
    default_uri: str | None = str(CORPUS_DIR)
    brings_rubrics: bool = True

    def files(self, location: Location) -> list[SourceFile]:
        """`shared.yaml` and the condition files, in name order."""
        return location.files("shared.yaml", "conditions/*.yaml")

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """Reads every condition; a file or an instruction that breaks the schema is quarantined.

        Raises:
            SourceError: `shared.yaml` is unusable, or no condition is usable.
        """
        uri = Path(location.uri)
        if not uri.is_dir():
            raise SourceError(f"source {self.name}: {uri} is no folder on disk; the corpus is read from one")
        try:
            shared = load_shared(uri)
        except CorpusError as error:
            raise SourceError(f"source {self.name}: {uri}: {str(error).splitlines()[0]}") from error
        records = SourceRecords(source=self.name)
        for path in sorted((uri / "conditions").glob("*.yaml")):
            _read_condition(path, shared, self.licence, records)
        if not records.instructions:
            raise SourceError(f"source {self.name}: {uri} holds no usable conditions/*.yaml")
        yield records


def _read_condition(path: Path, shared: Mapping[str, CorpusCriterion], licence: str, records: SourceRecords) -> None:
    records.read["condition"] += 1
    try:
        condition = load_condition(path)
    except CorpusError as error:
        records.reject(kind="condition", row=path.name, reason="malformed_condition", raw=str(error))
        return
    records.accepted["condition"] += 1
    available = {criterion.key: criterion for criterion in condition.criteria} | dict(shared)
    seen = {instruction.instruction_id for instruction in records.instructions}
    for index, instruction in enumerate(condition.instructions):
        records.read["question"] += 1
        row, text = f"{path.name}#{index}", instruction.text.strip()
        instruction_id = content_id("instruction", records.source, text)
        keys = [*instruction.main, *instruction.bonus, *instruction.veto]
        reason = None
        if instruction_id in seen:
            reason, text = "duplicate_id", f"repeats {instruction_id}: {text}"
        elif any(key not in available for key in keys):
            reason = "unknown_criterion"
        elif len(set(keys)) != len(keys):
            reason = "duplicate_statement"
        if reason is not None:
            records.reject(kind="question", row=row, reason=reason, raw=text)
            continue
        seen.add(instruction_id)
        records.accepted["question"] += 1
        records.instructions.append(
            RawInstruction(
                instruction_id=instruction_id,
                source=records.source,
                source_row=row,
                text=text,
                license=licence,
                category=condition.category,
                specialty=condition.specialty,
                cluster_key=f"{records.source}/{condition.condition}",
                split=condition.split,
            )
        )
        _add_rubric(instruction_id, instruction, available, records)


def _add_rubric(
    instruction_id: str,
    instruction: CorpusInstruction,
    available: Mapping[str, CorpusCriterion],
    records: SourceRecords,
) -> None:
    rows: list[tuple[Tier, str, float | None]] = [
        ("main", available[key].text, weight) for key, weight in instruction.main.items()
    ]
    rows += [("bonus", available[key].text, None) for key in instruction.bonus]
    rows += [("veto", available[key].text, None) for key in instruction.veto]
    criteria = versioned(instruction_id, rows, origin="drafted")
    records.criteria += criteria
    keys = [*instruction.main, *instruction.bonus, *instruction.veto]
    for key, criterion in zip(keys, criteria, strict=True):
        source = available[key]
        by_kind: tuple[tuple[FragmentKind, tuple[str, ...]], ...] = (
            ("met", source.met),
            ("contradicted", source.contradicted),
            ("omitted", source.omitted),
        )
        for kind, texts in by_kind:
            records.fragments += _fragments(instruction_id, criterion.criterion_id, kind, texts)
    # What an unused bonus criterion's `omitted` sentences say bears on no criterion of this rubric: they fill up
    # a response that is silent on one, so that its length doesn't tell.
    unused = [c for key, c in sorted(available.items()) if key not in keys and c.tier == "bonus" and c.omitted]
    for source in unused:
        records.fragments += _fragments(instruction_id, None, "filler", source.omitted)


def _fragments(instruction_id: str, criterion_id: str | None, kind: FragmentKind, texts: Iterable[str]) -> list[Fragment]:
    sentences = [text.strip() for text in texts]
    return [
        Fragment(
            fragment_id=content_id("fragment", instruction_id, criterion_id, kind, text),
            instruction_id=instruction_id,
            criterion_id=criterion_id,
            kind=kind,
            paraphrase=index,
            held_out=index == len(sentences) - 1,
            text=text,
        )
        for index, text in enumerate(sentences)
    ]
