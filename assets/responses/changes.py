"""Changes to one sentence: a number, a word for its opposite, a drug or a negation that turns it round, an item left out.

What belongs here: which changes a sentence allows. What does not: which statements they concern (`edits.py`).
A change names the words it rests on, so that a statement without them is not taken to be contradicted. An omission contradicts
nothing: statements that name the item are no longer met, those on its neighbours in the enumeration still are, although they
share all other words with it. So it takes reading the item, and not the words that siblings share, to tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assets.instructions.terms import DRUGS, negations
from training.benchmark.baselines import content_words

EditKind = Literal["removal", "number", "entity", "negation", "omission"]

# Words that turn a sentence round wherever they stand.
_ANYWHERE = (
    "increase/decrease increases/decreases increased/decreased higher/lower before/after viral/bacterial virus/bacterium"
    " benign/malignant improve/worsen improves/worsens reduces/raises positive/negative hypertension/hypotension"
    " hyperthyroidism/hypothyroidism antibiotic/antiviral antibiotics/antivirals daily/monthly hours/weeks days/months"
    " weeks/years week/year day/month internal/external oral/topical always/never adults/infants recommend/discourage"
)
# Adjectives that do so only where they are predicated: "is common", but not "the common tests".
_PREDICATED = (
    "safe/unsafe effective/ineffective common/rare mild/severe temporary/permanent likely/unlikely normal/abnormal"
    " contagious/harmless necessary/unnecessary possible/impossible sufficient/insufficient recommended/discouraged high/low"
    " acute/chronic important/irrelevant"
)


def _both_ways(pairs: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for pair in pairs.split():
        left, right = pair.split("/")
        table.setdefault(left, right)
        table.setdefault(right, left)
    return table


OPPOSITES = _both_ways(_ANYWHERE)
PREDICATES = _both_ways(_PREDICATED)

_WORD = re.compile(r"[A-Za-z]+")
_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:\.\d+)?(?![\d.,/]*\d)(?!\w*-\w)(?!\.\s*$)")
_INSERT = re.compile(r"\b(is|are|was|were|can|should|will|must)\b(?!\s+(?:not|never|no)\b)", re.IGNORECASE)
_REMOVE = re.compile(r"\b(is|are|was|were|can|should|will|must|do|does|did)\s+not\b(?!\s+only)|\b(can)not\b", re.IGNORECASE)
_PREDICATION = re.compile(
    r"\b(?:is|are|was|were|be|been)(?:\s+[a-z]+ly|\s+(?:not|very|more|also|often|considered))*\s+$", re.IGNORECASE
)
# An item of an enumeration between two commas, of which more items and an "and" or "or" follow.
_ITEM = re.compile(r", (?P<item>[\w'/-]+(?: [\w'/-]+){0,3})(?=(?:, [^,.;:()]{2,40})*,? (?:and|or) )")
# What begins a clause or an aside, and no item.
# fmt: off
_NO_ITEM = frozenset({
    "also", "although", "and", "are", "as", "because", "but", "can", "he", "however", "if", "including", "is", "it", "like",
    "may", "not", "or", "she", "should", "so", "such", "that", "then", "there", "these", "they", "this", "was", "we", "were",
    "when", "where", "which", "while", "who", "will", "you",
})
# fmt: on
# Of the subject ("X lowers fever") a swap says nothing about X; of what something *is* it says the contrary.
_NAMING = re.compile(r"\b(?:is|are|called|include|includes)(?:\s+\w+)?\s+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A sentence's new wording and what it rests on.

    Attributes:
        kind: of the change.
        sentence: the new wording.
        token: the word that was changed; of an omission the whole item.
        negated: None where negations play no part; else whether the statement concerned is itself negated.
    """

    kind: EditKind
    sentence: str
    token: str
    negated: bool | None = None

    def contradicts(self, statement: str) -> bool:
        """Whether the new wording says the contrary of a statement that the old wording carried."""
        if self.negated is not None and (negations(statement) > 0) != self.negated:
            return False
        return self.token in content_words(statement)

    def takes_from(self, statement: str) -> bool | None:
        """Whether an omission takes away what a statement says: all the item's words True, none False, some None."""
        item = content_words(self.token)
        named = item & content_words(statement)
        return True if named == item else None if named else False


def changes(sentence: str, *, context: str) -> list[Change]:
    """Every change that a sentence allows; none for a question.

    Args:
        sentence: one sentence of an answer.
        context: question and answer, whose drugs are no substitutes.
    """
    if sentence.rstrip().endswith("?"):
        return []
    found = [*_numbers(sentence), *_opposites(sentence), *_drugs(sentence, context)]
    found += [*_negations(sentence), *_omissions(sentence)]
    return [change for change in found if change.sentence != sentence]


def _numbers(sentence: str) -> Iterator[Change]:
    for match in _NUMBER.finditer(sentence):
        value = float(match.group())
        # A year or a count of zero or one is seldom a dose, and its multiple seldom reads as one.
        if not 2 <= value < 1900:
            continue
        other = f"{value * 5:g}" if value < 20 else f"{value / 5:.0f}"
        yield Change(kind="number", sentence=_replaced(sentence, match, other), token=match.group())


def _opposites(sentence: str) -> Iterator[Change]:
    for match in _WORD.finditer(sentence):
        word = match.group().lower()
        predicated = _PREDICATION.search(sentence[: match.start()]) is not None
        other = OPPOSITES.get(word) or (PREDICATES.get(word) if predicated else None)
        if other is not None:
            yield Change(kind="entity", sentence=_replaced(sentence, match, other), token=word)


def _drugs(sentence: str, context: str) -> Iterator[Change]:
    known = content_words(context)
    for match in _WORD.finditer(sentence):
        name = match.group().lower()
        if name not in DRUGS or _NAMING.search(sentence[: match.start()]) is None:
            continue
        others = [other for other in DRUGS[name] if other not in known]
        if others:
            yield Change(kind="entity", sentence=_replaced(sentence, match, others[0]), token=name)


def _negations(sentence: str) -> Iterator[Change]:
    for match in _INSERT.finditer(sentence):
        token = _next_content_word(sentence[match.end() :])
        if token is not None:
            not_ = "not" if match.group().lower() == "can" else " not"
            changed = sentence[: match.end()] + not_ + sentence[match.end() :]
            yield Change(kind="negation", sentence=changed, token=token, negated=False)
    for match in _REMOVE.finditer(sentence):
        token = _next_content_word(sentence[match.end() :])
        if token is not None:
            changed = sentence[: match.start()] + (match.group(1) or match.group(2)) + sentence[match.end() :]
            yield Change(kind="negation", sentence=changed, token=token, negated=True)


def _omissions(sentence: str) -> Iterator[Change]:
    for match in _ITEM.finditer(sentence):
        item = match.group("item")
        if item.split()[0].lower() in _NO_ITEM or not content_words(item):
            continue
        changed = sentence[: match.start()] + sentence[match.end() :]
        # Named elsewhere in the sentence, the item is not gone.
        if not content_words(item) & content_words(changed):
            yield Change(kind="omission", sentence=changed, token=item)


def _next_content_word(text: str) -> str | None:
    # The clause ends at punctuation: what stands behind it is not what is negated.
    clause = re.split(r"[,;:.()]", text, maxsplit=1)[0]
    return next((word for raw in clause.split() for word in sorted(content_words(raw))), None)


def _replaced(sentence: str, match: re.Match[str], other: str) -> str:
    """The sentence with another word in the match's place, its capital and the article before it put right."""
    before, after = sentence[: match.start()], sentence[match.end() :]
    article = re.search(r"\b([Aa])n?\s+$", before)
    if article is not None and other[0].isalpha():
        before = before[: article.start()] + article.group(1) + ("n " if other[0] in "aeiou" else " ")
    return before + (other.capitalize() if match.group()[0].isupper() else other) + after
