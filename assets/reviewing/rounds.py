"""What rounds of any kind share: their order, and that one which is out stays as it went out.

What belongs here: names and options of rounds, as plain data. What goes out in one is its noun's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# What a round holds if nobody asks for another number: drafts to review, as in the paper, and responses to adjudicate.
DRAFTS, RESPONSES = 500, 100
_PARTS = re.compile(r"\d+|\D+")


class RoundError(ValueError):
    """A round cannot go out as asked; one line that names it and the remedy."""


def place(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Where a round stands among others, as a sort key: by name, numbers in it by value.

    >>> place("r9") < place("r10")
    True
    """
    # r01 and r1 are two rounds: between them the names themselves decide.
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in _PARTS.findall(name)], name


def in_order(names: Iterable[str]) -> list[str]:
    """Names of rounds, earliest first.

    >>> in_order(["r10", "r9", "r9b"])
    ['r9', 'r9b', 'r10']
    """
    return sorted(names, key=place)


def check_unchanged(name: str, *, asked: Mapping[str, Any], has: Mapping[str, Any]) -> None:
    """Checks that nothing else is asked of a round that is out than it has.

    Args:
        name: of the round.
        asked: option → its value; None and an empty list: not asked for.
        has: the same options, as the round went out. Lists are without order.

    Raises:
        RoundError: an option differs; names all that do.
    """
    differing = [
        option for option, value in asked.items() if value is not None and value != [] and _plain(value) != _plain(has[option])
    ]
    if differing:
        facts = ", ".join(f"{option} {_shown(has[option])}" for option in differing)
        raise RoundError(
            f"round {name} is out already with {facts}; leave {' and '.join(f'--{option}' for option in differing)} out,"
            " or export another round"
        )


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return " ".join(sorted(value)) if isinstance(value, list | tuple) else str(value)
