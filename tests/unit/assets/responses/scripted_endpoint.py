"""An `ask` that answers by script: what the tests of this package share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assets.endpoints.calls import Call, Reply, call_key
from assets.endpoints.config import EndpointConfig
from training.records import Instruction

# (model, question, seed) → text, finish reason; or "refused", "failed" for a call that stays without text.
Script = Callable[[str, str, int], tuple[str | None, str] | str]


def endpoint(model: str, family: str | None = None, port: int = 8000) -> EndpointConfig:
    return EndpointConfig(base_url=f"http://127.0.0.1:{port}/v1", model=model, family=family)


def instruction(key: str, *, split: Any = "rm_train") -> Instruction:
    return Instruction(
        instruction_id=key, text=f"{key}?", source="s", category=None, specialty=None, cluster_id=f"c-{key}", split=split
    )


class ScriptedAsk:
    """Answers every call as the script says, and remembers what was asked of whom."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[str, Call]] = []
        self.lengths: list[int] = []

    def __call__(self, calls: Sequence[Call], to: EndpointConfig) -> list[Reply]:
        replies = []
        self.lengths.append(len(calls))
        for call in calls:
            self.asked.append((to.model, call))
            assert call.seed is not None
            said = self.script(to.model, call.messages[-1].content, call.seed)
            key = call_key(to.model, call)
            if isinstance(said, str):
                replies.append(
                    Reply(
                        key=key,
                        outcome=said,  # type: ignore[arg-type]
                        text=None,
                        finish=None,
                        prompt_tokens=0,
                        completion_tokens=0,
                        replayed=False,
                        error="no",
                    )
                )
            else:
                text, finish = said
                tokens = len((text or "").split())
                replies.append(
                    Reply(
                        key=key,
                        outcome="answered",
                        text=text,
                        finish=finish,
                        prompt_tokens=1,
                        completion_tokens=tokens,
                        replayed=False,
                    )
                )
        return replies
