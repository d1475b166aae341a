"""Judges of a test: what an endpoint would say, from a function of the call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from assets.endpoints.calls import Call, Reply, call_key
from assets.endpoints.config import EndpointConfig
from assets.verdicts.config import JudgeConfig
from assets.verdicts.judge import JudgeItem
from training.records import Criterion, Tier

ENDPOINT = EndpointConfig(base_url="http://127.0.0.1:1/v1", model="made-up")
TOGETHER = JudgeConfig(name="together", endpoint="made_up")
SINGLE = JudgeConfig(name="single", endpoint="made_up", mode="single")
Say = Callable[[Call], str | Reply]


def reply(text: str | None, *, outcome: str = "answered", finish: str | None = "stop", replayed: bool = False) -> Reply:
    return Reply(
        key="k",
        outcome=outcome,  # type: ignore[arg-type]
        text=text,
        finish=finish if outcome == "answered" else None,
        prompt_tokens=100,
        completion_tokens=10,
        replayed=replayed,
        error=None if outcome == "answered" else "no",
    )


class Scripted:
    """An `ask` that remembers its calls, in the lists they came in."""

    def __init__(self, say: Say) -> None:
        self.say, self.asked = say, list[list[Call]]()

    def __call__(self, calls: Sequence[Call], endpoint: EndpointConfig) -> list[Reply]:
        self.asked.append(list(calls))
        said = [self.say(call) for call in calls]
        return [one if isinstance(one, Reply) else reply(one) for one in said]

    @property
    def calls(self) -> list[Call]:
        return [call for calls in self.asked for call in calls]

    def keys(self) -> set[str]:
        return {call_key(ENDPOINT.model, call) for call in self.calls}


def labels_in(call: Call) -> list[str]:
    return re.findall(r"^(c\d+):$", call.messages[-1].content, flags=re.MULTILINE)


def verdicts(*items: tuple[str, str, str]) -> str:
    return json.dumps({"verdicts": [dict(zip(("criterion", "verdict", "evidence"), item, strict=True)) for item in items]})


def always(verdict: str, evidence: str) -> Say:
    """The same of every criterion."""
    return lambda call: verdicts(*((label, verdict, evidence) for label in labels_in(call)))


def item(response: str, *tiers: Tier, name: str = "r", instruction: str = "May I take it?") -> JudgeItem:
    return JudgeItem(
        instruction_id=f"i_{name}",
        response_id=name,
        instruction=instruction,
        response=response,
        criteria=tuple(
            Criterion(criterion_id=f"{name}_{number}", tier=tier, text=f"Says the thing number {number}")
            for number, tier in enumerate(tiers)
        ),
    )
