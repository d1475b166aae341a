"""What an endpoint's reply is as a response: its answer, and how it ended.

What belongs here: what endpoints add to the outcomes of `training/generation/outcomes.py`, whose order holds for every text.
"""

from __future__ import annotations

from assets.endpoints.calls import Reply
from training.generation.outcomes import Outcome, outcome_of

_OPEN, _CLOSE = "<think>", "</think>"
# No text came: the endpoint will not answer this prompt, or nothing came back after every try.
_WITHOUT_TEXT: dict[str, Outcome] = {"refused": "refused_by_endpoint", "failed": "no_reply"}


def reply_outcome(reply: Reply) -> tuple[str, Outcome]:
    """The answer in a reply, empty if there is none, and its outcome.

    A reply that was answered without a text is `empty`, as one of white space is.
    """
    if reply.outcome != "answered":
        return "", _WITHOUT_TEXT[reply.outcome]
    answer = answer_in(reply.text or "")
    return answer, outcome_of(answer, reply.finish)


def answer_in(text: str) -> str:
    r"""A reply without white space around it and without the reasoning that some servers leave in front of the answer.

    What is judged and learned from is what a user would read. A reply that never ends its reasoning has no answer.

    >>> answer_in("<think>Which age?</think> Rest.\n"), answer_in("Which age? </think>Rest."), answer_in("<think>Which age")
    ('Rest.', 'Rest.', '')
    """
    if _CLOSE in text:
        return text.rpartition(_CLOSE)[2].strip()
    return "" if text.lstrip().startswith(_OPEN) else text.strip()
