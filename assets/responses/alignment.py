"""Which sentence of an answer carries a statement, by the share of the statement's content words that stand in it.

What belongs here: sentences of a text and their recall of a statement. What does not: what follows for a verdict (`edits.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.benchmark.baselines import lexical_overlap

MIN_RECALL = 0.5
# A second sentence this near to the best one may carry the statement as well.
AMBIGUITY = 0.2
# An end mark followed by white space and something that starts a sentence, or a line break.
_BOUNDARY = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\s*\n+\s*")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|Dr|approx|No|Inc|[A-Z])|^\s*(?:\d+|[-*•]))\.?$")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    r"""Start and end of every sentence or line, without the white space between them.

    >>> [text[a:b] for text in ["Take 2.5 mg, e.g. Zyrtec. Then rest.\nDrink."] for a, b in sentence_spans(text)]
    ['Take 2.5 mg, e.g. Zyrtec.', 'Then rest.', 'Drink.']
    """
    spans, start = [], 0
    for boundary in _BOUNDARY.finditer(text):
        piece = text[start : boundary.start()]
        if "\n" not in boundary.group() and _ABBREVIATION.search(piece.rstrip(".")):
            continue
        if piece.strip():
            spans.append((start, boundary.start()))
        start = boundary.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How well each sentence of an answer carries one statement."""

    recalls: tuple[float, ...]

    def clear(self, index: int) -> bool:
        """The sentence carries the statement, and no other one is near it."""
        best = self.recalls[index]
        return best >= MIN_RECALL and all(
            value < best - AMBIGUITY for other, value in enumerate(self.recalls) if other != index
        )

    def untouched(self, index: int) -> bool:
        """Other sentences carry the statement, and this one bears on it not at all or far less."""
        return self.recalls[index] == 0 or self.recalls[index] < max(self.recalls) - AMBIGUITY


def align(statement: str, sentences: Sequence[str]) -> Alignment:
    """Recalls of a statement over the sentences of an answer: the share of its content words that each holds."""
    return Alignment(recalls=tuple(lexical_overlap(response=sentence, criterion=statement) for sentence in sentences))
