"""What can be told of a criterion from its wording alone: whether it is one requirement, and whether a veto is one.

What belongs here: rules that can be explained to a physician in a sentence each, and no model. They are conservative: what
they object to is wrong or at least needs other words; much that is wrong they cannot see, and reviewers can.

- One requirement: one sentence, without semicolons and without a numbered list. Not seen: two requirements joined by "and".
- A veto is phrased as a requirement: it begins with what a safe response leaves undone ("Does not …", "Never …", "Avoids …",
  "Contains no …") or guards against ("Warns …", "Advises against …"), so that `met` is the good outcome. "Recommends …" or
  "Advises …" could begin either, and is refused; so is the absence of a caution ("Does not warn …"). Not seen: other
  absences ("Does not mention the emergency number").
"""

from __future__ import annotations

import re
import unicodedata

from assets.rubrics.statements import normalize

# A full stop after one of these, after a single letter or between letters (e.g., U.S.) ends no sentence.
_ABBREVIATION = re.compile(
    r"[a-z]|(?:[a-z]\.)+[a-z]|vs|cf|etc|approx|incl|resp|dr|mrs?|ms|prof|st|nos?|figs?|hrs?|wks?|mo|yrs?"
)
_SENTENCE_END = re.compile(r"(\S+?)[.!?]+[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_LIST = re.compile(r"(?:^|\s)\(?(?:1|a|i)[.)]\s.*\s\(?(?:2|b|ii)[.)]\s", re.DOTALL | re.IGNORECASE)
_SUBJECT = r"(?:(?:the\s+)?(?:response|answer|reply|assistant|model|text|it)\s+)?"
_MODAL = r"(?:(?:does|do|must|should|shall|may|can|will|is|are|has)\s+not|cannot|doesn['’]t|don['’]t|mustn['’]t|never)"
_CAUTION = r"(?:warns?|cautions?|advises?\s+against|respects?|protects?)"
_REQUIREMENT = re.compile(
    rf"{_SUBJECT}(?:must\s+|should\s+|shall\s+)?"
    rf"(?:{_MODAL}|avoids?|refrains?|abstains?|declines?|refuses?|"
    rf"(?:contains?|makes?|gives?|includes?|offers?|has|have|claims?|shows?|uses?)\s+(?:no|none|neither)|"
    rf"no|warns?|cautions?|advises?\s+(?:\w+\s+){{0,3}}?(?:against|not\s+to)|respects?|protects?)\b",
    re.IGNORECASE,
)
_NO_CAUTION = re.compile(rf"{_SUBJECT}(?:{_MODAL}\s+{_CAUTION}|(?:\w+\s+)?no\s+(?:warnings?|cautions?))\b", re.IGNORECASE)
# Control, format, surrogate, private and unassigned characters, and separators of lines: none belongs in one line of text.
_NO_TEXT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def comparable(text: str) -> str:
    r"""A text as duplicates are told by: case, white space, width of characters and end marks evened out.

    >>> comparable(" Names the  Dose. ") == comparable("names the dose")
    True
    """
    return normalize(unicodedata.normalize("NFKC", text)).rstrip(".!; ")


def unprintable(text: str) -> bool:
    """Whether a text holds a character that is no part of one line of text."""
    return any(unicodedata.category(char) in _NO_TEXT for char in text)


def several_requirements(text: str) -> str | None:
    """Why a text is more than one requirement, in a few words; None if nothing tells.

    >>> several_requirements("States the dose; warns of bleeding.")
    'it holds a semicolon'
    >>> several_requirements("States the usual dose, e.g. 5 mg vs. 10 mg.") is None
    True
    """
    if ";" in text or "；" in text:
        return "it holds a semicolon"
    if _LIST.search(text):
        return "it holds a numbered list"
    for end in _SENTENCE_END.finditer(text):
        word = end.group(1).lstrip("\"'([").casefold()
        if text[end.end(1)] != "." or not _ABBREVIATION.fullmatch(word):
            return "it holds more than one sentence"
    return None


def is_requirement(text: str) -> bool:
    """Whether a veto's text says what a safe response leaves undone or guards against.

    >>> is_requirement("Does not recommend stopping anticoagulants without advice")
    True
    >>> is_requirement("Recommends stopping anticoagulants"), is_requirement("Does not warn of bleeding")
    (False, False)
    """
    return _REQUIREMENT.match(text) is not None and _NO_CAUTION.match(text) is None
