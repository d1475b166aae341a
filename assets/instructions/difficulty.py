"""Difficulty, 0 to 10, of instructions: by their source, by a formula, by a language model, in a configured order.

What belongs here: the scorer protocol, the order, and the table that comes out. Which difficulties are kept is
`curation.py`'s (`BandConfig`). The first scorer that has a number for a row gives it, and its name stands beside the number:
scores of different scorers are different scales, and the data card shows them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from assets.endpoints.calls import Ask
from assets.endpoints.config import EndpointConfig
from assets.instructions.difficulty_local import LocalScorer
from training.config import StrictConfig

SCHEMA = pa.schema([("instruction_id", pa.string()), ("difficulty", pa.float64()), ("difficulty_scorer", pa.string())])
LOWEST, HIGHEST = 0.0, 10.0


class DifficultyError(ValueError):
    """A scorer gave something that is no difficulty; names scorer and instruction."""


class Scorer(Protocol):
    """Gives difficulties to rows of raw_instructions."""

    @property
    def name(self) -> str:
        """What stands in the column `difficulty_scorer`."""

    def score(self, instructions: pa.Table) -> pa.Array:
        """One number from 0 to 10, or null, per row, as float64."""


class SourceScorer:
    """The difficulty that the source itself gives, brought to 0–10 by its adapter."""

    name = "source"

    def score(self, instructions: pa.Table) -> pa.Array:
        """The column `difficulty` as it is."""
        return instructions.column("difficulty").combine_chunks().cast(pa.float64())


class DifficultyConfig(StrictConfig):
    """Which scorers are asked, in this order.

    Attributes:
        scorers: `source`, `endpoint`, `local`; each at most once.
        endpoint: name of the model's endpoint in the section `endpoints`; goes with `endpoint`.
        max_tokens: longest answer of the model. An integer needs few; one that thinks aloud first needs more.
    """

    scorers: tuple[Literal["source", "local", "endpoint"], ...] = Field(default=("source", "local"), min_length=1)
    endpoint: str | None = Field(default=None, min_length=1)
    max_tokens: int = Field(default=16, ge=4)

    @model_validator(mode="after")
    def _consistent(self) -> DifficultyConfig:
        if len(set(self.scorers)) != len(self.scorers):
            raise ValueError("a scorer is named twice; name each once")
        if ("endpoint" in self.scorers) != (self.endpoint is not None):
            raise ValueError("`endpoint` among the scorers and the key `endpoint` go together; give both or none")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulties:
    """The table of SCHEMA, and how many rows each scorer settled; `unknown` counts those that none did."""

    table: pa.Table
    counts: dict[str, int]


def make_scorers(config: DifficultyConfig, *, endpoint: EndpointConfig | None = None, ask: Ask | None = None) -> list[Scorer]:
    """The configured scorers; `endpoint` and `ask` are needed for `endpoint` among them."""
    made: list[Scorer] = []
    for name in config.scorers:
        if name == "endpoint":
            from assets.instructions.difficulty_endpoint import EndpointScorer

            assert endpoint is not None and ask is not None
            made.append(EndpointScorer(endpoint, ask, max_tokens=config.max_tokens))
        else:
            made.append(SourceScorer() if name == "source" else LocalScorer())
    return made


def score_difficulty(instructions: pa.Table, scorers: Sequence[Scorer]) -> Difficulties:
    """Scores instructions; each scorer sees only the rows that those before it left open.

    Args:
        instructions: rows with instruction_id, text and difficulty (the source's, or null).
        scorers: in the order in which they are asked.

    Raises:
        DifficultyError: a scorer gave a number outside 0 to 10, or not one per row.
        CallsError: a model that is asked gave too few replies.
    """
    open_rows, settled, counts = instructions, [], {}
    for scorer in scorers:
        scores = scorer.score(open_rows)
        _check(scorer.name, open_rows, scores)
        known = pc.is_valid(scores)
        rows = open_rows.filter(known)
        settled.append(_rows(rows.column("instruction_id"), scores.filter(known), scorer.name))
        counts[scorer.name] = rows.num_rows
        open_rows = open_rows.filter(pc.invert(known))
    counts["unknown"] = open_rows.num_rows
    settled.append(_rows(open_rows.column("instruction_id"), pa.nulls(open_rows.num_rows, pa.float64()), None))
    return Difficulties(table=pa.concat_tables(settled).sort_by("instruction_id"), counts=counts)


def _rows(ids: pa.ChunkedArray, scores: pa.Array, scorer: str | None) -> pa.Table:
    names = pa.array([scorer] * len(ids), pa.string())
    return pa.Table.from_arrays([ids, scores, names], schema=SCHEMA)


def _check(name: str, instructions: pa.Table, scores: pa.Array) -> None:
    if len(scores) != instructions.num_rows:
        raise DifficultyError(f"difficulty by {name}: {len(scores)} scores for {instructions.num_rows} instructions")
    # NaN compares false with everything, so what is asked for is that a score lies inside.
    inside = pc.and_(pc.greater_equal(scores, LOWEST), pc.less_equal(scores, HIGHEST))
    wrong = pc.index(inside, False).as_py()
    if wrong >= 0:
        instruction = instructions.column("instruction_id")[wrong].as_py()
        raise DifficultyError(
            f"difficulty by {name}: {scores[wrong].as_py()} for {instruction} is not between 0 and 10; map the source's scale"
        )
