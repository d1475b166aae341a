"""What an edited answer is, and the statements it is judged by; how one is made stands in `edits.py` and `excerpts.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assets.responses.changes import EditKind
from training.records import JudgeKind, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of a rubric: the criterion that asks for it and the veto on contradicting it."""

    text: str
    criterion_id: str
    veto_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edited answer.

    Attributes:
        kind: how it was edited.
        index: which sentence was touched; of an excerpt the first one left out.
        text: the edited answer.
        evidence: the sentence that was taken out or put in; None for an excerpt, which lacks several.
        verdicts: for each statement (criterion verdict, veto verdict, kind of judge).
    """

    kind: EditKind | Literal["excerpt"]
    index: int
    text: str
    evidence: str | None
    verdicts: tuple[tuple[Verdict, Verdict, JudgeKind], ...]
