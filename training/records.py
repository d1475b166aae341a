"""Typed records of the chain: plain data that every stage and asset exchanges, and the content-hash ids that name them.

What belongs here: the row of each noun, its vocabulary and its id. What does not: reading, writing, scoring.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal, get_args

Tier = Literal["main", "bonus", "veto"]
Verdict = Literal["met", "unmet", "unknown"]
JudgeKind = Literal["adjudicated", "human", "construction", "assumed", "model"]
Split = Literal["rm_train", "panel_train", "policy_train", "validation", "benchmark", "external"]

TIERS: tuple[Tier, ...] = get_args(Tier)
SPLITS: tuple[Split, ...] = get_args(Split)
HELD_OUT_SPLITS: tuple[Split, ...] = ("benchmark", "external")


def content_id(noun: str, *parts: object) -> str:
    """Id of a record: its noun and 16 hex digits of the sha256 over its content, stable from run to run.

    >>> content_id("instruction", "kqa", "Is it contagious?")
    'instruction_75ad9069783ffcbd'
    """
    payload = json.dumps([noun, *parts], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"{noun}_{hashlib.sha256(payload.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One requirement of a rubric. `weight` is given for main criteria only; `met` is always the good outcome."""

    criterion_id: str
    tier: Tier
    text: str
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """The criteria by which every response to one instruction is judged."""

    instruction_id: str
    rubric_version: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A user's question."""

    instruction_id: str
    text: str
    source: str
    category: str | None
    specialty: str | None
    cluster_id: str
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer to an instruction, by a named model (or `physician`, `composed`, `edited`)."""

    response_id: str
    instruction_id: str
    model: str
    text: str
