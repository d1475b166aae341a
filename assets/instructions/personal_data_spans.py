"""Where in a text a mail address, a URL, a date of birth or an identification number stands.

What belongs here: kinds whose shape gives them away. Phones are in `personal_data_phones.py`, names in
`personal_data_names.py`. Every finder takes a whole text and yields spans; PREFILTERS say, for a whole column at once, which
texts are worth a finder's time: they may let too much through, never too little.

Numbers are personal only where the text says what they are (MRN, policy number …) or where their shape is used for nothing
else (a US social security number with its dashes, whose unused blocks are left out as the Social Security Administration
describes them). A date is a date of birth only where the text says so; a bare year is none (as in the Safe Harbor method of
the US privacy rule, 45 CFR 164.514(b)(2), which lets years stand).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["mail", "url", "id", "phone", "birth_date", "name"]


class Span(NamedTuple):
    """A place in a text: characters `start` to `end`, the end left out."""

    start: int
    end: int
    kind: Kind


_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"(?P<numeric>(?P<a>\d{1,4})[/.-](?P<b>\d{1,2})[/.-](?P<c>\d{2,4})\b)"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTHS}(?:,?\s+(?:19|20)\d\d)?\b"
    rf"|{_MONTHS}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+(?:19|20)\d\d)?\b",
    re.IGNORECASE,
)
_BIRTH = r"(?:date\s+of\s+birth|birth\s*date|birthday|d\.?\s?o\.?\s?b\b\.?|born)"
_BIRTH_BEFORE = re.compile(rf"\b{_BIRTH}(?:\s*(?:[:=-]|is|was|on|in|the)){{0,3}}\s*", re.IGNORECASE)
_BIRTH_AFTER = re.compile(r"(?<=\d)\s*\(?\s*(?:dob|d\.o\.b\.?|date of birth)\b", re.IGNORECASE)
_LONGEST_DATE = 30
_MAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b")
_PROVIDERS = "gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|proton(?:mail)?|rediffmail|gmx|live|msn"
_SPELLED_MAIL = re.compile(
    rf"\b[A-Za-z0-9][\w.+-]*\s*(?:\(at\)|\[at\]|\sat\s)\s*(?:{_PROVIDERS})\s*(?:\(dot\)|\[dot\]|\sdot\s|\.)\s*[a-z]{{2,3}}\b",
    re.IGNORECASE,
)
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_ID_NOUNS = (
    r"(?:mrn|uhid|ssn|aadhaa?r|passport|(?:medical|hospital|patient|health)\s+(?:record|card|insurance)"
    r"|(?:social\s+security|hospital|patient|member|insurance|policy|claim|medicare|medicaid|nhs|health\s+card|driver'?s?\s+licen[cs]e)"
    r"(?=\s*(?:id\b|no\b|num|\#|:)))"
)
_ID = re.compile(
    rf"\b{_ID_NOUNS}(?:\s*(?:id|no\.?|nr\.?|number|\#|:|-|is|=)){{0,4}}\s*"
    r"(?P<value>(?-i:(?=(?:[A-Z -]{0,4}\d){4})[A-Z]{0,4})-?\d[\dA-Z-]*(?: \d{2,5}){0,3})",
    re.IGNORECASE,
)
# RE2, as pyarrow runs it over a column.
PREFILTERS: dict[Kind, str] = {
    "mail": rf"@|(?i:\bat[)\]\s]\s*(?:{_PROVIDERS}))",
    "url": r"(?i:https?://|www\.)",
    "birth_date": r"(?i:birth|born|d\.?\s?o\.?\s?b\b)",
    "id": r"\d{3}-\d{2}-\d{4}|(?i:\b(?:mrn|uhid|ssn|aadhaa?r|passport|record|card|insurance|security|hospital|patient|member"
    r"|policy|claim|medicare|medicaid|nhs|licen[cs]e)\b[^\d]{0,25}\d(?:[A-Z -]{0,4}\d){3})",
}


def mails(text: str) -> Iterator[Span]:
    """Mail addresses, also those spelled out ("jo at gmail dot com")."""
    for pattern in (_MAIL, _SPELLED_MAIL):
        yield from (Span(*match.span(), "mail") for match in pattern.finditer(text))


def urls(text: str) -> Iterator[Span]:
    """URLs that say so (http, www); a bare domain in running text is none. Punctuation that ends the sentence stays."""
    for match in _URL.finditer(text):
        yield Span(match.start(), match.start() + len(match.group().rstrip(".,;:!?")), "url")


def birth_dates(text: str) -> Iterator[Span]:
    """Dates that the text calls dates of birth, right before or after them; month and day must be possible."""
    for cue in _BIRTH_BEFORE.finditer(text):
        date = _DATE.match(text, cue.end())
        if date and _possible(date):
            yield Span(*date.span(), "birth_date")
    for cue in _BIRTH_AFTER.finditer(text):
        for date in _DATE.finditer(text, max(0, cue.start() - _LONGEST_DATE), cue.start()):
            if date.end() == cue.start() and _possible(date):
                yield Span(*date.span(), "birth_date")


def identifiers(text: str) -> Iterator[Span]:
    """Social security numbers by shape, other numbers by the noun before them."""
    yield from (Span(*match.span(), "id") for match in _SSN.finditer(text))
    yield from (Span(*match.span("value"), "id") for match in _ID.finditer(text))


def _possible(date: re.Match[str]) -> bool:
    """Whether a numeric date can be one: one of its parts is a month, another a day, in any of the usual orders."""
    if date.group("numeric") is None:
        return True
    parts = [int(date.group(name)) for name in "abc"]
    year_first = len(date.group("a")) == 4
    month, day = (parts[1], parts[2]) if year_first else (parts[0], parts[1])
    return 1 <= min(month, day) <= 12 and 1 <= max(month, day) <= 31
