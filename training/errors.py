"""Errors that a user meets in one line."""

from __future__ import annotations


class StageRefusal(RuntimeError):
    """A stage will not work on its inputs; the message says which and why."""


def one_line(error: BaseException, *, longest: int = 300) -> str:
    """What an error of a library says, in one line; its class where it says nothing.

    All of it, for libraries often name what is wrong in the second.

    Args:
        error: any.
        longest: most characters.
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__
