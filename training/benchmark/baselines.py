"""Cheap baselines a reward model has to beat: longer is better, majority, lexical overlap.

What belongs here: scores that need no model. Each is a pure function of text or of training verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*")
# Function words carry no content, so that overlap measures what is said and not how.
# fmt: off
STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "could", "did", "do", "does", "for", "from", "had",
    "has", "have", "how", "if", "in", "into", "is", "it", "its", "may", "might", "of", "on", "or", "should", "so",
    "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was",
    "were", "what", "when", "which", "who", "will", "with", "would", "you", "your",
})
# fmt: on


def content_words(text: str) -> set[str]:
    """Lower-cased words and numbers of a text without function words.

    >>> sorted(content_words("Take 2.5 mg of the drug, and do not stop."))
    ['2.5', 'drug', 'mg', 'not', 'stop', 'take']
    """
    return {word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS}


def lexical_overlap(*, response: str, criterion: str) -> float:
    """Share of the criterion's content words that occur in the response, in [0, 1]; 0 for a criterion without any.

    >>> lexical_overlap(response="Aspirin thins the blood.", criterion="States that aspirin thins blood")
    0.75
    """
    wanted = content_words(criterion)
    return len(wanted & content_words(response)) / len(wanted) if wanted else 0.0


def longer_is_better(*, response: str) -> float:
    """Length of the response in characters, as a score."""
    return float(len(response))


def majority_met(labels: Iterable[bool]) -> float:
    """Share of met verdicts in the training data, the one score that the majority baseline gives to everything.

    Raises:
        ValueError: no label.
    """
    known = list(labels)
    if not known:
        raise ValueError("majority baseline: no training verdicts")
    return sum(known) / len(known)


def best_threshold(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The threshold t for which "met if score >= t" is right most often; the lowest of equals, `None` without both classes.

    Candidates are the scores themselves and infinity ("never met"). Labels of one class would choose "always" or "never met"
    whatever the scores are: that is no threshold, and its accuracy elsewhere would be a straw man's.

    >>> best_threshold([0.1, 0.4, 0.8], [False, True, True])
    0.4
    """
    if len(scores) != len(labels):
        raise ValueError(f"best_threshold: {len(scores)} scores but {len(labels)} labels")
    if len(set(labels)) < 2:
        return None
    # Everything is called met at the lowest score; passing a score turns its examples to unmet.
    right = sum(labels)
    best, threshold = right, min(scores)
    by_score: dict[float, list[bool]] = {}
    for score, label in zip(scores, labels, strict=True):
        by_score.setdefault(score, []).append(label)
    ordered = sorted(by_score)
    for score, following in zip(ordered, [*ordered[1:], float("inf")], strict=True):
        right += sum(-1 if label else 1 for label in by_score[score])
        if right > best:
            best, threshold = right, following
    return threshold
