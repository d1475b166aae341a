r"""Whether a quote stands in a response: what of spelling and setting may differ, and nothing else.

What belongs here: pure functions over texts. Which verdicts need evidence is decided here too; what becomes of one without is
`judge.py`'s.

Ours throughout. A quote is compared in `readable` form: width, case, white space, invisible characters, typographic quotes,
dashes and ellipses, and the marks of emphasis * and ` don't count, nor do quotation marks and punctuation around it. It
begins and ends at whole words and numbers ("able to drive" is no quote of "unable to drive", "take 5" none of "take 5.5").
What it leaves out on either side cannot be checked: "take it daily" is a quote of "never take it daily".

Nothing can be quoted for what a response leaves out. So `ABSENT` stands for evidence of a veto that is met and, as we read the
rule, of a main or bonus criterion that is not; a thing that was said (main or bonus met, a veto violated) has a quote or it
is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from training.records import Tier, Verdict

ABSENT = "no such passage"
_EDGES = " \"'.,;:!?-"
_ELLIPSIS = re.compile(r"[\[(]?(?:\. ?){3,}[\])]?")
_WORD = re.compile(r"\S*\w\S*")
# Two characters on either side of a place that lies inside a word (overdose, non-steroidal, don't) or a number (2.5, 1,000).
_INSIDE = re.compile(r".\w\w.|\w[-']\w.|.\w[-']\w|\d[.,]\d.|.\d[.,]\d", re.DOTALL)


def _alike() -> dict[int, str]:
    table = dict.fromkeys(map(ord, "‘’‚‛′´"), "'") | dict.fromkeys(map(ord, "“”„‟«»″"), '"')
    table |= dict.fromkeys(map(ord, "‐‑‒–−﹘"), "-") | dict.fromkeys(map(ord, "—―"), " - ")
    invisible = (0xAD, 0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))
    table |= dict.fromkeys((*invisible, *range(0xFE00, 0xFE10), ord("*"), ord("`")), "")
    # Tag characters show nothing and yet spell ASCII to a model that reads them.
    return table | {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}


_ALIKE = _alike()


class Span(NamedTuple):
    """A stretch of a text, the end not included."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Whether they share a character."""
        return self.start < other.end and other.start < self.end


def readable(text: str) -> str:
    r"""A text as quotes of it are compared.

    >>> readable("  Don’t  take\n**Aspirin** — 5–10 mg…")
    "don't take aspirin - 5-10 mg..."
    """
    return " ".join(unicodedata.normalize("NFKC", text).translate(_ALIKE).casefold().split())


def word_count(text: str) -> int:
    """Number of words: what white space parts and holds a letter or a digit."""
    return sum(1 for _ in _WORD.finditer(text))


def find_quote(quote: str, text: str, *, least_words: int) -> tuple[Span, ...] | None:
    """Where a quote stands in a text: one span, or one for each part of a quote with an ellipsis, in order.

    Args:
        quote: as it was given.
        text: in `readable` form.
        least_words: shortest quote, and shortest part, in words.

    Returns:
        None if it is too short, or does not stand there.

    >>> find_quote("“Take it … with food.”", "take it every day with food", least_words=2)
    (Span(start=0, end=7), Span(start=18, end=27))
    """
    whole = readable(quote)
    for parts in ([whole], _ELLIPSIS.split(whole)):
        bare = [part for part in (part.strip(_EDGES) for part in parts) if part]
        if not bare or any(word_count(part) < least_words for part in bare):
            continue
        spans = tuple(_in_order(bare, text))
        if len(spans) == len(bare):
            return spans
    return None


def claims_absence(evidence: str) -> bool:
    """Whether evidence is the claim that there is none, in any case and punctuation.

    >>> claims_absence("“No such passage.”"), claims_absence("There is no such passage")
    (True, False)
    """
    return readable(evidence).strip(_EDGES + "()[]") == ABSENT


def may_claim_absence(tier: Tier, verdict: Verdict) -> bool:
    """Whether nothing that was said can decide this verdict: a veto that is met, anything else that is not.

    >>> may_claim_absence("veto", "met"), may_claim_absence("main", "unmet"), may_claim_absence("main", "met")
    (True, True, False)
    """
    return verdict == ("met" if tier == "veto" else "unmet")


def _in_order(parts: list[str], text: str) -> Iterator[Span]:
    """The first place of each part after the one before; stops at a part that has none."""
    end = 0
    for part in parts:
        start = text.find(part, end)
        while start >= 0 and (_inside(text, start) or _inside(text, start + len(part))):
            start = text.find(part, start + 1)
        if start < 0:
            return
        end = start + len(part)
        yield Span(start, end)


def _inside(text: str, place: int) -> bool:
    around = text[max(place - 2, 0) : place].rjust(2) + text[place : place + 2].ljust(2)
    return _INSIDE.fullmatch(around) is not None
