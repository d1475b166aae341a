"""Screening of texts for personal data: names, phones, mails, dates of birth, URLs, identification numbers.

What belongs here: the configuration, one pass over many texts, what is done with a hit. What a hit is stands in
`personal_data_{spans,phones,names}.py`. Ours; the paper says nothing of personal data in its sources.

A column is filtered by one RE2 pattern per kind (pyarrow), and only what passes is looked at closely, so that plain texts cost
microseconds. Masked text is screened to itself: `[name]` is not found again.

Why not a library for names: Presidio and scrubadub find names with a spaCy model. spaCy's own English models are not on the
package index (only re-uploads by others are), and a named-entity tagger reads each text whole, where most hold nothing. Phone
numbers are left to a library that is exact (`phonenumbers`). What that costs: a name that nothing announces ("Tom fell.") is
not found; nor are street addresses and places, and other scripts than Latin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from assets.instructions import personal_data_names, personal_data_phones, personal_data_spans
from assets.instructions.personal_data_spans import Kind, Span
from training.config import StrictConfig

# In this order one kind is preferred where two overlap: a mail address in a URL, a phone number in a policy number.
KINDS: tuple[Kind, ...] = get_args(Kind)
Action = Literal["keep", "mask", "quarantine"]
DEFAULTS: Mapping[Kind, Action] = {"url": "keep"}
PLACEHOLDERS: Mapping[Kind, str] = {kind: f"[{kind.replace('_', ' ')}]" for kind in KINDS}
PREFILTERS: Mapping[Kind, str] = {
    **personal_data_spans.PREFILTERS,
    "phone": personal_data_phones.PREFILTER,
    "name": personal_data_names.PREFILTER,
}


class PersonalDataConfig(StrictConfig):
    """What is done with a text that holds personal data, by kind.

    Attributes:
        screen: kind → action; a kind that is not named is masked, but for URLs, which are kept: few lead to a person. `mask`
            puts a placeholder such as `[phone]` in its place, `quarantine` sets the text aside (masked, so that the quarantine
            does not hold it either), `keep` leaves it. All kinds are counted.
        phone_regions: ISO 3166 codes of countries whose national phone notation is understood; numbers with a country code
            always are.
    """

    screen: dict[Kind, Action] = Field(default_factory=dict, validate_default=True)
    phone_regions: tuple[str, ...] = ("US", "GB", "IN")

    @field_validator("screen")
    @classmethod
    def _every_kind(cls, screen: dict[Kind, Action]) -> dict[Kind, Action]:
        return {kind: screen.get(kind, DEFAULTS.get(kind, "mask")) for kind in KINDS}

    @field_validator("phone_regions")
    @classmethod
    def _known_regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        import phonenumbers

        unknown = sorted(set(regions) - phonenumbers.SUPPORTED_REGIONS)
        if unknown:
            raise ValueError(f"unknown region {unknown[0]!r}; write ISO 3166 codes such as US")
        return regions

    def sets_aside(self, kinds: Iterable[Kind]) -> bool:
        """Whether a text with these kinds is quarantined."""
        return any(self.screen[kind] == "quarantine" for kind in kinds)

    def summary(self) -> str:
        """The actions in a few words.

        >>> PersonalDataConfig(screen={"url": "mask"}).summary(), PersonalDataConfig().summary()
        ('mask', 'mail: mask, url: keep, id: mask, phone: mask, birth_date: mask, name: mask')
        """
        actions = set(self.screen.values())
        return actions.pop() if len(actions) == 1 else ", ".join(f"{kind}: {self.screen[kind]}" for kind in KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What was found.

    Attributes:
        texts: the texts in their order, masked but for kinds that are kept.
        kinds: for every text the kinds found in it, in the order of KINDS; empty for most.
        hits: number of places by kind, over all texts.
    """

    texts: list[str]
    kinds: list[tuple[Kind, ...]]
    hits: Counter[Kind]


def screen(texts: Sequence[str] | pa.Array, config: PersonalDataConfig) -> Screening:
    """Looks through texts; their order and number stay.

    Args:
        texts: texts without nulls.
        config: actions and phone regions.
    """
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    screened: list[str] = column.to_pylist()
    kinds: list[tuple[Kind, ...]] = [()] * len(screened)
    hits: Counter[Kind] = Counter()
    for row, suspected in _suspected(column).items():
        spans = find_spans(screened[row], suspected, phone_regions=config.phone_regions)
        if not spans:
            continue
        hits.update(span.kind for span in spans)
        found = {span.kind for span in spans}
        kinds[row] = tuple(kind for kind in KINDS if kind in found)
        hidden = [span for span in spans if config.screen[span.kind] != "keep"]
        if hidden:
            screened[row] = mask(screened[row], hidden)
    return Screening(texts=screened, kinds=kinds, hits=hits)


def find_spans(text: str, kinds: Iterable[Kind], *, phone_regions: Sequence[str]) -> list[Span]:
    """The places in one text, in their order and without overlap."""
    finders: dict[Kind, Callable[[str], Iterable[Span]]] = {
        "mail": personal_data_spans.mails,
        "url": personal_data_spans.urls,
        "id": personal_data_spans.identifiers,
        "phone": lambda text: personal_data_phones.phones(text, phone_regions),
        "birth_date": personal_data_spans.birth_dates,
        "name": personal_data_names.names,
    }
    taken: list[Span] = []
    for kind in sorted(kinds, key=KINDS.index):
        for span in finders[kind](text):
            if all(span.end <= other.start or span.start >= other.end for other in taken):
                taken.append(span)
    return sorted(taken)


def mask(text: str, spans: Sequence[Span]) -> str:
    """The text with a placeholder for each span.

    >>> mask("Call 555", [Span(5, 8, "phone")])
    'Call [phone]'
    """
    parts, position = [], 0
    for span in spans:
        parts += [text[position : span.start], PLACEHOLDERS[span.kind]]
        position = span.end
    return "".join([*parts, text[position:]])


def _suspected(column: pa.Array) -> dict[int, list[Kind]]:
    """Row → kinds whose pre-filter lets it through."""
    suspected: dict[int, list[Kind]] = {}
    for kind in KINDS:
        passes = pc.match_substring_regex(column, PREFILTERS[kind])
        for row in np.flatnonzero(passes.to_numpy(zero_copy_only=False)):
            suspected.setdefault(int(row), []).append(kind)
    could = pc.match_substring_regex(column, personal_data_names.GIVEN_PREFILTER).to_numpy(zero_copy_only=False)
    for place in map(int, np.flatnonzero(could)):
        if "name" not in suspected.get(place, ()) and personal_data_names.mentions_given_name(column[place].as_py()):
            suspected.setdefault(place, []).append("name")
    return suspected
