"""Texts of a given number of tokens, for a scorer that takes texts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

# Common words, each one token or few in any tokenizer that was made from English.
_COMMON = """
the a of to in and for with is are was not may can should more less than after before this that pain heart blood skin lung
liver kidney dose drug daily week month year adult child fever cough sleep food water test risk cause treat doctor hospital
patient symptoms pressure infection medicine history family diet weight exercise common severe mild rare early late left
right high low normal safe sign body head chest arm leg eye ear back bone cell
"""
WORDS = tuple(_COMMON.split())


def text_of(count: Callable[[str], int], tokens: int, rng: random.Random) -> str:
    """Random words whose text counts exactly so many tokens.

    Args:
        count: tokens of the piece that a text becomes, its template included.
        tokens: how many it shall have.
        rng: what the words are drawn by.

    Raises:
        ValueError: no words come to exactly so many.
    """
    words: list[str] = []
    # Words that cost one token each, first in one go and then one by one.
    while (missing := tokens - count(" ".join(words))) > 0:
        if missing > 8:
            words += rng.choices(WORDS, k=missing // 4)
            continue
        fitting = next((word for word in _shuffled(rng) if count(" ".join([*words, word])) <= tokens), None)
        if fitting is None:
            break
        words.append(fitting)
    if missing != 0:
        raise ValueError(f"no words come to exactly {tokens} tokens: {missing} are missing")
    return " ".join(words)


def _shuffled(rng: random.Random) -> Sequence[str]:
    return rng.sample(WORDS, k=len(WORDS))
