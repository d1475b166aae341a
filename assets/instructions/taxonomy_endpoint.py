"""Classification by a language model: what it is asked, and which answers count.

What belongs here: the prompt and the reading of its answer, as Geng et al. 2026 classify; the words are ours. A name outside
the lists is unknown, and so is an answer of any other shape: nothing is guessed from it.
"""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa

from assets.endpoints.calls import Ask, Call, Message, Outcome
from assets.endpoints.config import EndpointConfig
from assets.endpoints.isolation import NOTICE, enclosed
from assets.instructions.taxonomy_names import Decided, Label, Taxonomy


class EndpointClassifier:
    """Classifies by the model of an endpoint, and is named after it.

    Args:
        taxonomy: the names.
        endpoint: whom to ask.
        ask: how.
        max_tokens: longest answer.
    """

    def __init__(self, taxonomy: Taxonomy, endpoint: EndpointConfig, ask: Ask, *, max_tokens: int) -> None:
        self.name = f"endpoint:{endpoint.model}"
        self._taxonomy = taxonomy
        self._endpoint, self._ask, self._max_tokens = endpoint, ask, max_tokens
        self.outcomes: Counter[Outcome] = Counter()
        self.unreadable = 0

    def classify(self, texts: pa.ChunkedArray | pa.Array) -> list[Decided]:
        """Category and specialty of every text, None where the model named none of the lists.

        Raises:
            CallsError: as `ask`.
        """
        system = Message("system", taxonomy_instructions(self._taxonomy))
        calls = [
            Call(messages=(system, Message("user", enclosed("question", text))), max_tokens=self._max_tokens)
            for text in texts.to_pylist()
        ]
        replies = self._ask(calls, self._endpoint)
        found = [Decided(None, None) if reply.text is None else parse_taxonomy(reply.text, self._taxonomy) for reply in replies]
        self.outcomes = Counter(reply.outcome for reply in replies)
        self.unreadable = sum(
            reply.text is not None and (one.category is None or one.specialty is None)
            for one, reply in zip(found, replies, strict=True)
        )
        return found


def taxonomy_instructions(taxonomy: Taxonomy) -> str:
    """What the model is told."""
    return (
        "You sort medical questions. Choose one category, by what is wanted, and one specialty, by what it is about.\n"
        f"Categories:\n{_listed(taxonomy.categories)}\n"
        f"Specialties:\n{_listed(taxonomy.specialties)}\n"
        f"If none fits, write null. {NOTICE}\n"
        'Reply with one JSON object alone: {"category": "…", "specialty": "…"}'
    )


def parse_taxonomy(reply: str, taxonomy: Taxonomy) -> Decided:
    """The names in a reply that is a JSON object with exactly these two keys; each None if it is not in its list."""
    try:
        said = json.loads(reply)
    except (ValueError, RecursionError):
        return Decided(None, None)
    if not isinstance(said, dict) or said.keys() != {"category", "specialty"}:
        return Decided(None, None)
    return Decided(_listed_name(said["category"], taxonomy.categories), _listed_name(said["specialty"], taxonomy.specialties))


def _listed(labels: tuple[Label, ...]) -> str:
    return "\n".join(f"- {label.name}: {label.description}" for label in labels)


def _listed_name(said: object, labels: tuple[Label, ...]) -> str | None:
    return next((label.name for label in labels if label.name == said), None)
