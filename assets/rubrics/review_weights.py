"""Weights as people write them.

What belongs here: reading one. That the weights of a rubric sum to one is the rubric's rule.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d{1,3}(?:[.,]\d{1,12})?|[.,]\d{1,12})\s*(%?)")


def parse_weight(text: str) -> float | None:
    """A weight as a share in (0, 1]; None if the text is none, or may mean two things.

    With a percent sign it is percent. Without, a number above 1 is percent and one below 1 a share; 1 alone could be either.

    >>> [parse_weight(text) for text in ("50%", "50", "0.5", "12,5 %", "1 %", "100")]
    [0.5, 0.5, 0.5, 0.125, 0.01, 1.0]
    >>> [parse_weight(text) for text in ("1", "0", "-5%", "150%", "half", "1/2")]
    [None, None, None, None, None, None]
    """
    found = _NUMBER.fullmatch(text.replace("\u00a0", " ").replace("\u202f", " ").strip())
    if not found:
        return None
    number = float(found[1].replace(",", "."))
    if found[2] or number > 1:
        number /= 100
    elif number == 1:
        return None
    return number if 0 < number <= 1 else None
