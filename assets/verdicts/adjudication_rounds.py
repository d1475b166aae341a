"""A round of adjudication as far as it has come: every item with what its reviewer said of it.

What belongs here: the records and the artifact `adjudication_rounds/<round>`: `judgements.parquet`, one row per item of every
part, its verdict null while its share is out, and `judgements.json` with what else figures need. It holds no secret and none of
the ids that reviewers saw. What follows from the verdicts is `adjudication_outcome.py`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.records import Verdict

JUDGEMENTS, FACTS = "judgements.parquet", "judgements.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An item of a round with its verdict; None while its share is out."""

    part: int
    reviewer: str
    response_id: str
    criterion_id: str
    tier: str
    verdict: Verdict | None
    passage: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Round:
    """All that has come of a round so far.

    Attributes:
        name: of the round.
        reviewers: their pseudonyms.
        left_out: responses of the benchmark that could not be drawn, by reason.
        judged: every item of every part.
    """

    name: str
    reviewers: tuple[str, ...]
    left_out: Mapping[str, int]
    judged: tuple[Judged, ...]


_SCHEMA = pa.schema([(name, pa.int64() if name == "part" else pa.string()) for name in Judged.__annotations__])


def write_round(round_: Round, folder: Path) -> None:
    """Writes `judgements.parquet` and `judgements.json`; the same round gives the same bytes."""
    rows = [asdict(row) for row in round_.judged]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), folder / JUDGEMENTS, compression="zstd")
    facts = {name: value for name, value in vars(round_).items() if name != "judged"}
    (folder / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")


def read_round(folder: Path) -> Round:
    """The round of an artifact `adjudication_rounds/<round>`."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    judged = tuple(Judged(**row) for row in pq.read_table(folder / JUDGEMENTS).to_pylist())
    return Round(**{**facts, "reviewers": tuple(facts["reviewers"])}, judged=judged)
