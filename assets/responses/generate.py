"""Candidate responses from endpoints: every instruction to every generator, one row per sample that was asked for.

What belongs here: the calls and the rows. Which instructions, `training/generation/eligible.py` says; how calls are made and
paid for, the `ask` that is handed in.

Departures from Geng et al. 2026, who name three families and print no prompt: the question alone is the prompt (and a system
prompt only where the config has one), with its chat tokens defused, so that no question opens a turn of its own; and what
cannot be used is recorded instead of asked again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from assets.endpoints.calls import CALLS_AT_ONCE, Ask, Call, Message
from assets.endpoints.config import EndpointConfig
from assets.endpoints.isolation import defuse
from assets.responses.config import GeneratorConfig
from assets.responses.outcomes import reply_outcome
from training.generation.samples import first_of_each, sample_row
from training.records import Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedBatch:
    """What one generator gave to some of the instructions.

    Attributes:
        model: the endpoint's model.
        family: its family.
        rows: rows of `generated_responses`, in the order they were asked for.
        outcomes: outcome → samples asked for, repeated ones included.
        repeated: samples that said word for word what the model had said to the same instruction before: they have no row.
    """

    model: str
    family: str
    rows: list[dict[str, Any]]
    outcomes: Counter[str]
    repeated: int


def generate_responses(
    instructions: Sequence[Instruction],
    *,
    generators: Sequence[GeneratorConfig],
    endpoints: Mapping[str, EndpointConfig],
    ask: Ask,
) -> Iterator[GeneratedBatch]:
    """Asks one generator after the other, some instructions at a time, and yields what each gave; asked = rows + repeated.

    Args:
        instructions: what is asked.
        generators: who is asked, and how.
        endpoints: name → endpoint, for each of the generators.
        ask: makes the calls; one reply per call, in order.
    """
    seen: set[str] = set()
    # Two generators may be one model under two prompts: its attempts count on.
    attempts: Counter[str] = Counter()
    for generator in generators:
        endpoint = endpoints[generator.endpoint]
        first = attempts[endpoint.model]
        attempts[endpoint.model] += generator.samples
        for start in range(0, len(instructions), _at_once(generator)):
            some = instructions[start : start + _at_once(generator)]
            rows = _rows(some, generator, endpoint, ask, first_attempt=first)
            distinct = first_of_each(rows, seen=seen)
            yield GeneratedBatch(
                model=endpoint.model,
                family=family_of(endpoint),
                rows=distinct,
                outcomes=Counter(row["outcome"] for row in rows),
                repeated=len(rows) - len(distinct),
            )


def batches_for(instructions: int, generators: Sequence[GeneratorConfig]) -> int:
    """The number of batches of calls in which so many instructions are put to the generators."""
    return sum(ceil(instructions / _at_once(generator)) for generator in generators)


def _at_once(generator: GeneratorConfig) -> int:
    """Instructions of one batch: all samples of each together are no more than `CALLS_AT_ONCE`."""
    return max(1, CALLS_AT_ONCE // generator.samples)


def _rows(
    instructions: Sequence[Instruction], generator: GeneratorConfig, endpoint: EndpointConfig, ask: Ask, *, first_attempt: int
) -> list[dict[str, Any]]:
    # All samples of a prompt in a row: a server that caches prefixes reads it once.
    asked = [(instruction, number) for instruction in instructions for number in range(generator.samples)]
    replies = ask([_call(instruction, generator, number) for instruction, number in asked], endpoint)
    sampling = [_sampling(generator, number) for number in range(generator.samples)]
    rows = []
    for (instruction, number), reply in zip(asked, replies, strict=True):
        answer, outcome = reply_outcome(reply)
        rows.append(
            sample_row(
                instruction_id=instruction.instruction_id,
                model=endpoint.model,
                family=family_of(endpoint),
                text=answer,
                sampling=sampling[number],
                attempt=first_attempt + number,
                outcome=outcome,
                finish=reply.finish,
                tokens=reply.completion_tokens if reply.outcome == "answered" else None,
            )
        )
    return rows


def family_of(endpoint: EndpointConfig) -> str:
    """The family that an endpoint declares, else the name of its model."""
    return endpoint.family or endpoint.model


def _call(instruction: Instruction, generator: GeneratorConfig, number: int) -> Call:
    question = Message("user", defuse(instruction.text))
    return Call(
        messages=(Message("system", generator.system), question) if generator.system else (question,),
        max_tokens=generator.max_tokens,
        temperature=generator.temperature,
        top_p=generator.top_p,
        seed=generator.seed + number,
    )


def _sampling(generator: GeneratorConfig, number: int) -> str:
    drawn = {name: getattr(generator, name) for name in ("max_tokens", "temperature", "top_p", "system")}
    return json.dumps({**drawn, "seed": generator.seed + number}, ensure_ascii=False, sort_keys=True)
