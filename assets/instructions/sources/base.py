"""What an adapter yields: typed records of one source, and the count that no record was lost.

What belongs here: the records' shape, the adapter's base class, `SourceError`. What does not: any format of any source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from training.records import JudgeKind, Split, Tier, Verdict

if TYPE_CHECKING:
    from assets.instructions.sources.location import Location, SourceFile

MAX_RAW = 2000
FragmentKind = Literal["met", "contradicted", "omitted", "filler"]
Origin = Literal["physician", "drafted", "reviewed"]


class SourceError(ValueError):
    """A source cannot be used at all; one line that names it and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawInstruction:
    """A question as its source gives it. `source_label`, `cluster_key` and `split` are what the source says, if anything.

    A source's label (a subject, a focus) is no name of our taxonomy: accuracy is measured on it.
    """

    instruction_id: str
    source: str
    source_row: str
    text: str
    license: str
    category: str | None = None
    specialty: str | None = None
    difficulty: float | None = None
    source_label: str | None = None
    cluster_key: str | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCriterion:
    """One requirement of an instruction's rubric; `weight` for main criteria only."""

    criterion_id: str
    instruction_id: str
    tier: Tier
    text: str
    weight: float | None
    rubric_version: str
    origin: Origin
    review_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawResponse:
    """An answer, by `physician`, `composed`, `edited` or a named model; `sampling` says how it was drawn, as JSON."""

    response_id: str
    instruction_id: str
    model: str
    text: str
    sampling: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawVerdict:
    """What one judge says about one criterion of one response, and the words it rests on, if known."""

    response_id: str
    criterion_id: str
    verdict: Verdict
    judge: str
    judge_kind: JudgeKind
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """The labels that annotators gave a statement on a response, as published, for figures of agreement."""

    response_id: str
    criterion_id: str
    question: str
    claim: str
    label_0: str
    label_1: str
    label_2: str
    majority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A sentence that responses may be composed of; a `filler` bears on no criterion of the rubric.

    `paraphrase` counts within criterion and kind; `held_out` marks the one that only the benchmark may show.
    """

    fragment_id: str
    instruction_id: str
    criterion_id: str | None
    kind: FragmentKind
    paraphrase: int
    held_out: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """An input record that can't be used: where it stands, why, and its first 2,000 characters."""

    source: str
    source_row: str
    reason: str
    raw: str
    kind: str

    def __post_init__(self) -> None:
        if len(self.raw) > MAX_RAW:
            object.__setattr__(self, "raw", self.raw[:MAX_RAW])


@dataclass(kw_only=True)
class SourceRecords:
    """Everything one source gave. `read` and `accepted` count input records by kind (`file`, `question`, `statement` …).

    `held_out` pins instructions of earlier batches that a later row, a repetition, says are held out. `labels_replaced` counts
    (response, criterion) whose annotators' verdicts don't add up to the published majority.
    """

    source: str
    instructions: list[RawInstruction] = field(default_factory=list)
    criteria: list[RawCriterion] = field(default_factory=list)
    responses: list[RawResponse] = field(default_factory=list)
    verdicts: list[RawVerdict] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    labels_replaced: int = 0
    held_out: dict[str, Split] = field(default_factory=dict)

    def reject(self, *, kind: str, row: str, reason: str, raw: str) -> None:
        """Puts one input record into quarantine."""
        self.quarantined.append(Quarantined(source=self.source, source_row=row, reason=reason, raw=raw, kind=kind))

    def check_nothing_lost(self) -> None:
        """Asserts read = accepted + quarantined for every kind of record.

        Raises:
            AssertionError: an adapter lost or invented a record; names source, kind and the three counts.
        """
        refused = Counter(item.kind for item in self.quarantined)
        for kind in sorted({*self.read, *self.accepted, *refused}):
            if self.read[kind] != self.accepted[kind] + refused[kind]:
                raise AssertionError(
                    f"source {self.source}: {self.read[kind]} {kind} records read, but {self.accepted[kind]} accepted"
                    f" and {refused[kind]} quarantined"
                )


@dataclass(frozen=True, kw_only=True)
class Adapter(ABC):
    """A source's facts and how to read it.

    Attributes:
        name: stands in the column `source`.
        licence: SPDX identifier, or the licence's name.
        commercial_use: whether the licence allows it.
        provider_terms: terms beyond the licence, such as those of the model that wrote the answers.
        citation: how to cite the source.
        home: where it is published.
        default_uri: what is read when nothing is given; None if something has to be.
        brings_rubrics: its questions come with rubrics, and are kept whatever their difficulty.
    """

    name: str
    licence: str
    commercial_use: bool
    provider_terms: str | None = None
    citation: str
    home: str
    default_uri: str | None = None
    brings_rubrics: bool = False

    @abstractmethod
    def files(self, location: Location) -> list[SourceFile]:
        """The files that `read` looks at and that exist, in name order."""

    @abstractmethod
    def read(self, location: Location) -> Iterator[SourceRecords]:
        """All records of the source, in batches.

        Raises:
            SourceError: no usable file, or a connection that broke.
        """
