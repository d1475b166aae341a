"""How far a name reaches that starts at a place in a text, and whether one starts there at all.

What belongs here: which words can be a name's. What announces names is in `personal_data_names.py`, the words' lists are in
`personal_data_lexicon.py`.
"""

from __future__ import annotations

import re

from assets.instructions.personal_data_lexicon import (
    DISEASE_WORDS,
    EPONYMS,
    GIVEN_NAMES,
    NOT_LOWER_NAMES,
    NOT_NAMES,
    PARTICLES,
    PRODUCTS,
)
from assets.instructions.terms import drugs

WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_GAP = re.compile(r"\.?[ \t]+(?=[^\W\d_])")
_DISEASE_FOLLOWS = re.compile(rf"(?:['’]s?)?[\s-]+(?:{DISEASE_WORDS})", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"\s*(?:[,.;!\n]|$|and\b|i\b)")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
# "CT", "HbA": capitals as in no name.
_ACRONYM = re.compile(r"[A-Z]{2,3}|[A-Z]+[a-z][A-Z]+")
_ENGLISH_FORM = re.compile(r"(?:ing|tion|ally|ness|ment)$")
_LONGEST = 3


def name_end(text: str, start: int, *, weak: bool, lower: bool) -> int | None:
    """Where the name that starts at `start` ends, at most three words on; None if none starts there.

    Args:
        text: the whole text.
        start: where the name would start.
        weak: the announcement is weak evidence: only known given names start a name.
        lower: the name may be written in lower case.
    """
    first = WORD.match(text, start)
    if first is None:
        return None
    word = _POSSESSIVE.sub("", first.group())
    end = start + len(word)
    initial = len(word) == 1
    if initial:
        # An initial is a name only with what follows it.
        if weak or word.islower() or text[end : end + 1] != ".":
            return None
    elif not _starts_name(word, weak=weak, lower=lower) or _is_spared(text, end, word, weak=weak):
        return None
    if word != first.group():
        return end
    for _ in range(_LONGEST - 1):
        longer = _longer(text, end, lower=word[0].islower(), capitals=word.isupper() and not initial)
        if longer is None:
            break
        end = longer
    if _DISEASE_FOLLOWS.match(text, end):
        return None
    return end if not initial or end > first.end() else None


def capitalizes_most_words(text: str) -> bool:
    """Whether capitals say little here, as in a headline or a shouted message; judged by the first 400 characters."""
    words = [word for word in WORD.findall(text[:400]) if len(word) > 1]
    return len(words) >= 6 and sum(word[0].isupper() for word in words) > 0.6 * len(words)


def _starts_name(word: str, *, weak: bool, lower: bool) -> bool:
    known = word.lower()
    if word[0].islower() and not lower:
        return False
    if weak:
        return known in GIVEN_NAMES or known.partition("-")[0] in GIVEN_NAMES
    if word[0].isupper():
        return known not in NOT_NAMES and not _ACRONYM.fullmatch(word)
    return _is_lower_name(word)


def _is_lower_name(word: str) -> bool:
    return len(word) > 2 and word.lower() not in NOT_LOWER_NAMES and not _ENGLISH_FORM.search(word)


def _is_spared(text: str, end: int, word: str, *, weak: bool) -> bool:
    """An eponym, a product or a drug where a name could stand."""
    known = word.lower()
    if _DISEASE_FOLLOWS.match(text, end) or known in PRODUCTS or drugs(known):
        return True
    return weak and known in EPONYMS


def _longer(text: str, end: int, *, lower: bool, capitals: bool) -> int | None:
    """The end of the name with one word more: an initial, a particle with what follows it, or a surname."""
    gap = _GAP.match(text, end)
    following = WORD.match(text, gap.end()) if gap else None
    if gap is None or following is None or (gap.group().startswith(".") and text[max(0, end - 2) : end].isalpha()):
        # A full stop goes on with the name only after an initial: "J. Smith", but not "Smith. Then".
        return None
    word = _POSSESSIVE.sub("", following.group())
    stop = following.start() + len(word)
    if word.lower() in PARTICLES:
        return _longer(text, following.end(), lower=lower, capitals=capitals)
    if lower:
        return stop if _is_lower_name(word) and _CLAUSE_ENDS.match(text, stop) else None
    initial = len(word) == 1 and word not in "AI"
    if not word[0].isupper() or (word.isupper() and not initial and not capitals):
        return None
    return stop if initial or word.lower() not in NOT_NAMES else None
