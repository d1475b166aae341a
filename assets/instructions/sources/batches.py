"""From rows to batches of records: every row is accepted or quarantined, and counted.

What belongs here: what all streaming adapters share. What a source's columns mean is the adapter's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from assets.instructions.sources.base import (
    Adapter,
    RawCriterion,
    RawInstruction,
    RawResponse,
    RawVerdict,
    SourceError,
    SourceRecords,
)
from assets.instructions.sources.items import Fault, Item, Opened, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.texts import clean_text
from training.records import HELD_OUT_SPLITS, Split, content_id

QUESTION, ANSWER = "question", "answer"
BATCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What one row gives: a question, and what came with it."""

    instruction: RawInstruction
    responses: tuple[RawResponse, ...] = ()
    criteria: tuple[RawCriterion, ...] = ()
    verdicts: tuple[RawVerdict, ...] = ()


# A row becomes records, or the reason why it cannot.
Convert = Callable[[Row], Converted | str]


def batched(source: str, items: Iterable[Item], convert: Convert, *, size: int = BATCH) -> Iterator[SourceRecords]:
    """Batches of at most `size` rows; a text that the source has had before is quarantined as `duplicate_id`, and says of what.

    Answers are counted where their question is accepted; those of a question that is not are part of its record.
    """
    batch = SourceRecords(source=source)
    seen: set[int] = set()
    rows = 0
    for item in items:
        rows += 1
        if isinstance(item, Opened):
            batch.read[item.kind] += 1
            batch.accepted[item.kind] += 1
        elif isinstance(item, Fault):
            kind = item.kind or QUESTION
            batch.read[kind] += 1
            batch.reject(kind=kind, row=item.position, reason=item.reason, raw=item.raw)
        else:
            _add(batch, item, convert, seen)
        if rows >= size:
            yield batch
            batch, rows = SourceRecords(source=source), 0
    yield batch


def _add(batch: SourceRecords, row: Row, convert: Convert, seen: set[int]) -> None:
    batch.read[QUESTION] += 1
    found = convert(row)
    if isinstance(found, Converted):
        # The id's 64 bits as a number: of a million ids, two collide with a chance of 3 in 100 million.
        key = int(found.instruction.instruction_id.rpartition("_")[2], 16)
        if key not in seen:
            seen.add(key)
            batch.accepted[QUESTION] += 1
            batch.instructions.append(found.instruction)
            batch.criteria += found.criteria
            batch.verdicts += found.verdicts
            _add_answers(batch, row, found.responses)
            return
        # A published test item stays one, also where the same question came before it without a word of that.
        name, split = found.instruction.instruction_id, found.instruction.split
        if split in HELD_OUT_SPLITS and batch.held_out.get(name) != "external":
            batch.held_out[name] = split
        batch.reject(kind=QUESTION, row=row.position, reason="duplicate_id", raw=f"repeats {name}: {row.raw}")
    else:
        batch.reject(kind=QUESTION, row=row.position, reason=found, raw=row.raw)


def _add_answers(batch: SourceRecords, row: Row, responses: Sequence[RawResponse]) -> None:
    batch.read[ANSWER] += len(responses)
    known: set[str] = set()
    for response in responses:
        if response.response_id in known:
            batch.reject(kind=ANSWER, row=row.position, reason="duplicate_id", raw=f"repeats {response.response_id}")
            continue
        known.add(response.response_id)
        batch.accepted[ANSWER] += 1
        batch.responses.append(response)


def question(
    source: str,
    licence: str,
    row: Row,
    text: str,
    *,
    label: str | None = None,
    category: str | None = None,
    specialty: str | None = None,
    difficulty: float | None = None,
    split: Split | None = None,
) -> RawInstruction | None:
    """The row's question, its text cleaned; None if nothing is left of it."""
    cleaned = clean_text(text)
    if not cleaned:
        return None
    return RawInstruction(
        instruction_id=content_id("instruction", source, cleaned),
        source=source,
        source_row=row.position,
        text=cleaned,
        license=licence,
        category=category,
        specialty=specialty,
        difficulty=difficulty,
        source_label=label,
        split=split,
    )


def answer(instruction: RawInstruction, model: str, text: object) -> tuple[RawResponse, ...]:
    """A published answer to a question, as a tuple of one; of none if it is empty or no text."""
    cleaned = clean_text(text) if isinstance(text, str) else ""
    if not cleaned:
        return ()
    response_id = content_id("response", instruction.instruction_id, model, cleaned)
    return (RawResponse(response_id=response_id, instruction_id=instruction.instruction_id, model=model, text=cleaned),)


def asked(instruction: RawInstruction | None, model: str = "", text: object = None) -> Converted | str:
    """A question with its published answer, if there is one; the reason if there is no question."""
    if instruction is None:
        return "empty_text"
    return Converted(instruction=instruction, responses=answer(instruction, model, text))


def needed_files(adapter: Adapter, location: Location) -> list[SourceFile]:
    """The files that an adapter reads.

    Raises:
        SourceError: there is none.
    """
    files = adapter.files(location)
    if not files:
        raise SourceError(f"source {adapter.name}: {location.uri} holds no file that it reads (published at {adapter.home})")
    return files
