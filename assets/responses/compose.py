"""Responses composed from the corpus's fragments, whose verdicts are known by construction.

What belongs here: deciding which criteria a response meets, and wording that. What does not: the fragments
(`assets/corpus`).

What a model could read off without reading for meaning is evened out: the order of sentences is shuffled, a response has as
many sentences as its rubric has criteria plus none or one, whatever the verdicts (fillers stand in for silence), and no
length is tied to a verdict. Sentences come from the training paraphrases; benchmark instructions see the held-out one only.
Every instruction has a generator of its own, so that a change to one leaves the responses to all others as they are.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assets.instructions.sources.base import RawResponse, RawVerdict
from assets.responses.config import ComposeConfig
from training.records import HELD_OUT_SPLITS, Verdict, content_id

MODEL = "composed"
JUDGE = "composer"
# A rubric of c criteria words at least 2^c responses; running out of tries means that its fragments are too few.
MAX_TRIES = 200


class ComposeError(ValueError):
    """An instruction's fragments don't suffice; names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Rows of `raw_responses` and `raw_verdicts`."""

    responses: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One criterion with the sentences that this split may show."""

    criterion_id: str
    tier: str
    met: tuple[str, ...]
    missed: tuple[str, ...]


def compose_responses(
    splits: Sequence[Mapping[str, Any]],
    criteria: Sequence[Mapping[str, Any]],
    fragments: Sequence[Mapping[str, Any]],
    *,
    config: ComposeConfig,
) -> Generated:
    """Composes N responses to every instruction that has fragments.

    Args:
        splits: rows of `instruction_splits`.
        criteria: rows of `raw_criteria`.
        fragments: rows of `fragments`.
        config: numbers and shares.

    Raises:
        ComposeError: a criterion without a sentence to show, or too few sentences for N distinct responses.
    """
    split_of = {row["instruction_id"]: row["split"] for row in splits}
    by_instruction: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in fragments:
        by_instruction[row["instruction_id"]].append(row)
    tiers: dict[str, dict[str, str]] = defaultdict(dict)
    for row in sorted(criteria, key=lambda item: item["criterion_id"]):
        tiers[row["instruction_id"]][row["criterion_id"]] = row["tier"]
    responses, verdicts = [], []
    for instruction_id in sorted(by_instruction):
        held_out = split_of[instruction_id] in HELD_OUT_SPLITS
        shown = [row for row in by_instruction[instruction_id] if row["held_out"] == held_out]
        shown.sort(key=lambda row: row["fragment_id"])
        parts = _parts(instruction_id, tiers[instruction_id], shown)
        fillers = [row["text"] for row in shown if row["kind"] == "filler"]
        for response, found in _compose(instruction_id, parts, fillers, config):
            responses.append(asdict(response))
            verdicts += [asdict(verdict) for verdict in found]
    return Generated(responses=responses, verdicts=verdicts)


def _parts(instruction_id: str, tiers: Mapping[str, str], shown: Sequence[Mapping[str, Any]]) -> list[_Part]:
    parts = []
    for criterion_id, tier in tiers.items():
        own = [row for row in shown if row["criterion_id"] == criterion_id]
        part = _Part(
            criterion_id=criterion_id,
            tier=tier,
            met=tuple(row["text"] for row in own if row["kind"] == "met"),
            missed=tuple(row["text"] for row in own if row["kind"] != "met"),
        )
        if not part.met or not part.missed:
            raise ComposeError(f"{instruction_id}: {criterion_id} has no fragment that meets or none that misses it")
        parts.append(part)
    return parts


def _compose(
    instruction_id: str, parts: Sequence[_Part], fillers: Sequence[str], config: ComposeConfig
) -> list[tuple[RawResponse, list[RawVerdict]]]:
    rng = random.Random(f"{config.seed}:{instruction_id}")
    composed: dict[str, tuple[RawResponse, list[RawVerdict]]] = {}
    for _ in range(MAX_TRIES * config.responses_per_instruction):
        if len(composed) == config.responses_per_instruction:
            break
        verdicts = draw_verdicts([part.tier for part in parts], rng, config)
        sentences = _sentences(parts, verdicts, fillers, rng, config)
        order = [text for text in [*sentences, *_fillers(len(parts), sentences, fillers, rng)] if text is not None]
        rng.shuffle(order)
        text = " ".join(order)
        response = RawResponse(
            response_id=content_id("response", instruction_id, MODEL, text),
            instruction_id=instruction_id,
            model=MODEL,
            text=text,
            sampling=json.dumps({"seed": config.seed}),
            attempt=len(composed),
        )
        composed.setdefault(
            text,
            (
                response,
                [
                    RawVerdict(
                        response_id=response.response_id,
                        criterion_id=part.criterion_id,
                        verdict=verdict,
                        judge=JUDGE,
                        judge_kind="construction",
                        evidence=sentence,
                    )
                    for part, verdict, sentence in zip(parts, verdicts, sentences, strict=True)
                ],
            ),
        )
    if len(composed) < config.responses_per_instruction:
        raise ComposeError(f"{instruction_id}: only {len(composed)} distinct responses can be composed")
    return list(composed.values())


def draw_verdicts(tiers: Sequence[str], rng: random.Random, config: ComposeConfig) -> list[Verdict]:
    """One verdict per criterion: half of main and bonus met, and at most one veto violated."""
    verdicts: list[Verdict] = ["met" if tier == "veto" or rng.random() < 0.5 else "unmet" for tier in tiers]
    main = [i for i, tier in enumerate(tiers) if tier == "main"]
    if rng.random() < config.even_share:
        count = len(main) // 2 + (rng.random() < 0.5) * (len(main) % 2)
        met = set(rng.sample(main, count))
        for i in main:
            verdicts[i] = "met" if i in met else "unmet"
    vetoes = [i for i, tier in enumerate(tiers) if tier == "veto"]
    if vetoes and rng.random() < config.violation_share:
        verdicts[rng.choice(vetoes)] = "unmet"
    return verdicts


def _sentences(
    parts: Sequence[_Part], verdicts: Sequence[Verdict], fillers: Sequence[str], rng: random.Random, config: ComposeConfig
) -> list[str | None]:
    """The sentence for each criterion, None for silence, of which there is no more than fillers can stand in for."""
    sentences: list[str | None] = []
    for part, verdict in zip(parts, verdicts, strict=True):
        sentence = rng.choice(part.met if verdict == "met" else part.missed)
        if part.tier == "veto":
            silent = verdict == "met" and rng.random() < config.silent_veto_share
        else:
            silent = verdict == "unmet" and rng.random() < config.silence_share
        room = sentences.count(None) < len(fillers)
        sentences.append(None if silent and room else sentence)
    return sentences


def _fillers(parts: int, sentences: Sequence[str | None], fillers: Sequence[str], rng: random.Random) -> list[str]:
    """Fillers that bring a response to one sentence per criterion and, every other time, one more."""
    wanted = parts + rng.randrange(2) - sum(sentence is not None for sentence in sentences)
    return rng.sample(list(fillers), min(wanted, len(fillers)))
