"""Where in a text a private person's phone number stands, by Google's phone metadata (PyPI `phonenumbers`).

What belongs here: which digits are a phone number. The library knows every country's numbering plan, which no pattern of ours
could keep up with; it is slow, so only texts with seven digits close together reach it.

Numbers nobody owns alone (freephone, premium rate, shared cost, short codes: helplines, hotlines) are no personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assets.instructions.personal_data_spans import Span

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# RE2, as pyarrow runs it over a column, and Python's re within a text: seven digits close together.
PREFILTER = r"\d(?:[\s().–-]{0,3}\d){6,}"
_CANDIDATE = re.compile(PREFILTER)
# What may belong to a number around its digits: "+(", an extension, or a letter that makes it none.
_BEFORE, _AFTER = 3, 12
_CUE = re.compile(
    r"\b(?:tele)?(?:phone|mobile|cell|tel|whats\s?app|fax|call\s+(?:me|us|him|her)(?:\s+(?:at|on))?|contact|text\s+me(?:\s+(?:at|on))?"
    r"|reach\s+me(?:\s+(?:at|on))?)(?:\s*(?:no\.?|number|\#|:|-|is|at|on)){0,3}\s*(?P<number>\(?\+?\d[\d\s().-]{5,}\d)",
    re.IGNORECASE,
)
# What stands before a number that is printed on a package or a form.
_PRINTED = re.compile(r"\b(?:lot|batch|serial|item|barcode|isbn|issn|doi|pmid)\b[^.;\n\d]{0,12}$", re.IGNORECASE)
# "198.03-257.45": a range of measurements.
_MEASURED = re.compile(r"\.\d+\s?[-–]|[-–]\s?\d+\.")


def phones(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Phone numbers that are valid in one of the regions or carry a country code, and local ones that the text announces.

    Args:
        text: any text.
        regions: ISO 3166 codes of the countries whose national notation is understood.
    """
    import phonenumbers

    seen: set[int] = set()
    for candidate in _CANDIDATE.finditer(text):
        offset = max(0, candidate.start() - _BEFORE)
        window = text[offset : candidate.end() + _AFTER]
        matches = [match for region in regions for match in phonenumbers.PhoneNumberMatcher(window, region)]
        # One country's freephone number has the shape of another's mobile: 888-346-3656.
        public = {match.start for match in matches if not _private(match.number)}
        for match in matches:
            start = offset + match.start
            if start in seen or match.start in public or _PRINTED.search(text, 0, start):
                continue
            if not _MEASURED.search(match.raw_string):
                seen.add(start)
                yield Span(start, offset + match.end, "phone")
    for cue in _CUE.finditer(text):
        if cue.start("number") not in seen and _announced(cue.group("number"), regions):
            yield Span(*cue.span("number"), "phone")


def _private(number: PhoneNumber) -> bool:
    import phonenumbers

    public = {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    }
    return phonenumbers.number_type(number) not in public


def _announced(digits: str, regions: Sequence[str]) -> bool:
    """Whether announced digits can be a number of a region, if only a local one (no area code), and are none's public one."""
    import phonenumbers

    allowed = (phonenumbers.ValidationResult.IS_POSSIBLE, phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY)
    found = []
    for region in regions:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number_with_reason(number) in allowed:
            found.append(number)
    return bool(found) and all(_private(number) for number in found)
