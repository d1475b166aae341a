"""Personal data in a batch of records: masked, or their question or answer set aside, as the configuration says.

What belongs here: which fields of which records are screened, and that the counts still add up. Screened are questions,
answers, the questions that annotators saw, and what stands in the quarantine. A question with a rubric is masked where others
are quarantined: its labels hang on it, and they are what is rare.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from assets.instructions.personal_data import PersonalDataConfig, Screening, screen
from assets.instructions.personal_data_spans import Kind
from assets.instructions.sources.base import RawInstruction, RawResponse, SourceRecords
from assets.instructions.sources.batches import ANSWER, QUESTION

REASON = "personal_data"
WITHOUT_QUESTION = "question_quarantined"


@dataclass(kw_only=True)
class PersonalDataFound:
    """Texts that hold personal data by kind and action, and places by kind."""

    texts: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    places: Counter[Kind] = field(default_factory=Counter)

    def add(self, screening: Screening, config: PersonalDataConfig) -> None:
        """Counts what a screening found."""
        self.places.update(screening.hits)
        self.texts.update((kind, config.screen[kind]) for kinds in screening.kinds for kind in kinds)


def screen_records(records: SourceRecords, config: PersonalDataConfig, found: PersonalDataFound) -> None:
    """Screens a batch in place, and adds to what was found before."""
    lost = _screen_questions(records, config, found)
    _screen_answers(records, config, found, lost)
    if records.annotations:
        shown = screen([item.question for item in records.annotations], config)
        records.annotations = [
            replace(item, question=text) if kinds else item
            for item, text, kinds in zip(records.annotations, shown.texts, shown.kinds, strict=True)
        ]
    if records.quarantined:
        # Counted where the record was read; a quarantine must not hold what is masked elsewhere.
        raw = screen([item.raw for item in records.quarantined], config)
        records.quarantined = [
            replace(item, raw=text) if kinds else item
            for item, text, kinds in zip(records.quarantined, raw.texts, raw.kinds, strict=True)
        ]


def _screen_questions(records: SourceRecords, config: PersonalDataConfig, found: PersonalDataFound) -> set[str]:
    """Returns the ids of the questions that were set aside."""
    screening = screen([item.text for item in records.instructions], config)
    found.add(screening, config)
    if not any(screening.kinds):
        return set()
    with_rubric = {item.instruction_id for item in records.criteria}
    kept: list[RawInstruction] = []
    lost: set[str] = set()
    for item, text, kinds in zip(records.instructions, screening.texts, screening.kinds, strict=True):
        if kinds and config.sets_aside(kinds) and item.instruction_id not in with_rubric:
            records.accepted[QUESTION] -= 1
            records.reject(kind=QUESTION, row=item.source_row, reason=REASON, raw=text)
            lost.add(item.instruction_id)
        else:
            kept.append(replace(item, text=text) if kinds else item)
    records.instructions = kept
    return lost


def _screen_answers(records: SourceRecords, config: PersonalDataConfig, found: PersonalDataFound, lost: set[str]) -> None:
    screening = screen([item.text for item in records.responses], config)
    found.add(screening, config)
    if not any(screening.kinds) and not lost:
        return
    judged = {item.response_id for item in records.verdicts}
    kept: list[RawResponse] = []
    for item, text, kinds in zip(records.responses, screening.texts, screening.kinds, strict=True):
        reason = WITHOUT_QUESTION if item.instruction_id in lost else None
        if reason is None and config.sets_aside(kinds) and item.response_id not in judged:
            reason = REASON
        if reason is None:
            kept.append(replace(item, text=text) if kinds else item)
        else:
            records.accepted[ANSWER] -= 1
            records.reject(kind=ANSWER, row=item.response_id, reason=reason, raw=text)
    records.responses = kept
