"""How a sample ended: the outcomes that candidate responses are recorded with, whoever sampled them.

What belongs here: the vocabulary, and the outcome of a text. What endpoints add is `assets/responses/outcomes.py`'s.

Ours, since the paper does not say what it did with such samples. In order, the first that holds:
1. `empty`: nothing but white space. What was cut before its first word is empty too; `finish` still says that it was cut.
2. `truncated`: the limit or a filter cut it. What is cut is no whole answer, however it opens: a long answer that begins with
   "as an AI I cannot diagnose, but" and was cut may not pass as a refusal, which is whole and counts as a response.
3. `refusal`: its opening declines (`refusal.py`).
4. `answered`.
`too_long`, `refused_by_endpoint` and `no_reply` name samples of which there is no text at all.
"""

from __future__ import annotations

from typing import Literal

from training.generation.refusal import is_refusal

Outcome = Literal["answered", "refusal", "truncated", "empty", "too_long", "refused_by_endpoint", "no_reply"]
# How servers call it when the model did not end its text itself: OpenAI and vLLM, then what other vendors say.
CUT = frozenset({"length", "content_filter", "abort", "max_tokens", "model_length"})


def outcome_of(text: str, finish: str | None) -> Outcome:
    """The outcome of a sample that has a text.

    Args:
        text: what the model said.
        finish: why it stopped, as the server or `rollouts.py` names it; None if nobody says.

    >>> outcome_of("Rest and drink.", "stop"), outcome_of("Rest and", "length"), outcome_of(" ", "length")
    ('answered', 'truncated', 'empty')
    >>> outcome_of("I'm sorry, but I can't help with that.", "stop")
    'refusal'
    """
    if not text.strip():
        return "empty"
    if finish in CUT:
        return "truncated"
    return "refusal" if is_refusal(text) else "answered"
