"""Cutting prompts that are too long, as pure functions of token ids and lengths.

What belongs here: the rules. They hold for training, where every cut is counted; validation, calibration and scoring never read
a cut prompt (METHOD section 4: the verdict on truncated input is `unknown`).

1. A criterion is never cut.
2. Every response is promised a quarter of `max_length`. If the instruction and the longest criterion leave less, the
   instruction loses its beginning, behind the template's opening words: a patient's question opens with the history and mostly
   ends in what is asked, and without that no answer can be judged.
3. A response that then does not fit beside the longest criterion loses its end, before the template's closing words: what is
   left reads like an answer that a length limit ended. Its verdicts are those of the whole response, which makes them noisy.

All responses to an instruction share it in a tree and are dealt anew in every epoch. So its cut depends on nothing but itself,
the criteria and `max_length`, even where a short response would have left it more room; and a response is cut for the longest
criterion, not for each, since all share it. A criterion above half of `max_length` would leave neither of them room and has no
say; it is learned from where it happens to fit.

Departure from Geng et al. 2026: the paper gives a maximum length (8192) and no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.errors import StageRefusal
from training.reward_model.prompt import Frame


def longest_criterion(criteria: Sequence[int], *, max_length: int) -> int:
    """The length that room is kept for: of the longest criterion that takes at most half of `max_length`; 0 if there is none.

    >>> longest_criterion([20, 30, 60], max_length=100)
    30
    """
    return max((length for length in criteria if length <= max_length // 2), default=0)


def instruction_room(criteria: Sequence[int], *, max_length: int) -> int:
    """Most tokens of an instruction, so that the longest criterion and a response of a quarter of `max_length` fit beside it.

    >>> instruction_room([20, 30], max_length=100)
    45
    """
    return max_length - longest_criterion(criteria, max_length=max_length) - -(-max_length // 4)


def response_room(instruction: int, criteria: Sequence[int], *, max_length: int) -> int:
    """Most tokens of a response beside an instruction of so many tokens and the longest criterion; at least a quarter of
    `max_length` if the instruction kept to its room.

    >>> response_room(45, [20, 30], max_length=100)
    25
    """
    return max_length - instruction - longest_criterion(criteria, max_length=max_length)


def cut_beginning(piece: Sequence[int], frame: Frame, *, room: int) -> list[int]:
    """A piece in at most `room` tokens: its opening and as many of its last tokens as fit, the closing among them.

    Unchanged if it fits.

    >>> cut_beginning([8, 1, 2, 3, 4, 9], Frame((8,), (9,)), room=4)
    [8, 3, 4, 9]

    Raises:
        StageRefusal: no word would be left.
    """
    if len(piece) <= room:
        return list(piece)
    _check(frame, room)
    return [*frame.opening, *piece[len(piece) - room + len(frame.opening) :]]


def cut_end(piece: Sequence[int], frame: Frame, *, room: int) -> list[int]:
    """A piece in at most `room` tokens: as many of its first tokens as fit and its closing; unchanged if it fits.

    >>> cut_end([8, 1, 2, 3, 4, 9], Frame((8,), (9,)), room=4)
    [8, 1, 2, 9]

    Raises:
        StageRefusal: no word would be left.
    """
    if len(piece) <= room:
        return list(piece)
    _check(frame, room)
    return [*piece[: room - len(frame.closing)], *frame.closing]


def _check(frame: Frame, room: int) -> None:
    template = len(frame.opening) + len(frame.closing)
    if room <= template:
        raise StageRefusal(f"a piece has room for {room} tokens, but its template alone takes {template}: raise max_length")
