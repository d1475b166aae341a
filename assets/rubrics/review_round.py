"""A review round's record: the drafts that were drawn and for whom, which what comes back is held against.

What belongs here: the record, and how it is kept. Drawing is `review_draw.py`'s, the files for people `review_forms.py`'s.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.manifests import canonical_json, sha256_text
from training.records import TIERS

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("rubric_version", "instruction_id", "criterion_id", "tier", "text")),
        ("weight", pa.float64()),
        *((name, pa.string()) for name in ("question", "category", "specialty", "reviewer")),
        ("number", pa.int64()),
    ]
)

Row = Mapping[str, Any]


class ReviewError(ValueError):
    """A round cannot be drawn or read; one line that says what would do."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A drafted rubric, as a reviewer gets it.

    Attributes:
        rubric_version: names the draft.
        instruction_id: whose rubric it is.
        question: the instruction's text.
        category: or UNKNOWN.
        specialty: or UNKNOWN.
        criteria: (criterion_id, tier, text, weight): main by weight, then bonus, then veto.
        reviewer: pseudonym of who reviews it.
        number: its place in the reviewer's file, from 1.
    """

    rubric_version: str
    instruction_id: str
    question: str
    category: str
    specialty: str
    criteria: tuple[tuple[str, str, str, float | None], ...]
    reviewer: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A round's drafts.

    Attributes:
        round: its name.
        seed: of the draw.
        asked: how many were wanted.
        available: how many there were.
        drafts: those drawn, by reviewer and number.
    """

    round: str
    seed: int
    asked: int
    available: int
    drafts: tuple[Draft, ...]

    @property
    def digest(self) -> str:
        """Names the content: files that come back have to bear it."""
        return sha256_text(canonical_json([self.round, _rows(self.drafts)]))[:16]

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Those who got a share."""
        return tuple(sorted({draft.reviewer for draft in self.drafts}))

    def share(self, reviewer: str) -> tuple[Draft, ...]:
        """A reviewer's drafts in order."""
        return tuple(draft for draft in self.drafts if draft.reviewer == reviewer)

    def summary(self) -> str:
        """One line for people: how many were drawn, for whom, and what was short."""
        shares = Counter(draft.reviewer for draft in self.drafts)
        line = f"round {self.round}: {len(self.drafts)} of {self.available} drafts, " + ", ".join(
            f"{reviewer} {number}" for reviewer, number in sorted(shares.items())
        )
        return line if len(self.drafts) == self.asked else f"{line} ({self.asked} were asked for: there are no more)"


def write_export(drawn: Drawn, folder: Path) -> None:
    """Writes what was drawn: `drafts.parquet` and `round.json`."""
    pq.write_table(pa.Table.from_pylist(_rows(drawn.drafts), schema=_SCHEMA), folder / "drafts.parquet", compression="zstd")
    facts = {
        "round": drawn.round,
        "seed": drawn.seed,
        "asked": drawn.asked,
        "available": drawn.available,
        "drawn": len(drawn.drafts),
        "digest": drawn.digest,
        "reviewers": {reviewer: len(drawn.share(reviewer)) for reviewer in drawn.reviewers},
        "strata": [
            {"category": category, "specialty": specialty, "drawn": number}
            for (category, specialty), number in sorted(Counter((d.category, d.specialty) for d in drawn.drafts).items())
        ],
    }
    (folder / "round.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_export(folder: Path) -> Drawn:
    """What was drawn, as `write_export` left it.

    Raises:
        ReviewError: the two files do not belong together.
    """
    facts = json.loads((folder / "round.json").read_text(encoding="utf-8"))
    by_draft: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in pq.read_table(folder / "drafts.parquet").to_pylist():
        by_draft[row["rubric_version"]].append(row)
    own = ("rubric_version", "instruction_id", "question", "category", "specialty", "reviewer", "number")
    drafts = [Draft(**{name: rows[0][name] for name in own}, criteria=ordered(rows)) for rows in by_draft.values()]
    drawn = Drawn(
        round=facts["round"],
        seed=facts["seed"],
        asked=facts["asked"],
        available=facts["available"],
        drafts=tuple(sorted(drafts, key=lambda draft: (draft.reviewer, draft.number))),
    )
    if drawn.digest != facts["digest"]:
        raise ReviewError(f"round {drawn.round}: drafts.parquet and round.json do not belong together; export the round again")
    return drawn


def ordered(rows: Sequence[Row]) -> tuple[tuple[str, str, str, float | None], ...]:
    """A draft's criteria as (criterion_id, tier, text, weight): main by weight, then bonus, then veto."""
    ordered = sorted(rows, key=lambda row: (TIERS.index(row["tier"]), -(row["weight"] or 0), row["criterion_id"]))
    return tuple((row["criterion_id"], row["tier"], row["text"], row["weight"]) for row in ordered)


def _rows(drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    return [
        {
            "rubric_version": draft.rubric_version,
            "instruction_id": draft.instruction_id,
            "criterion_id": key,
            "tier": tier,
            "text": text,
            "weight": weight,
            "question": draft.question,
            "category": draft.category,
            "specialty": draft.specialty,
            "reviewer": draft.reviewer,
            "number": draft.number,
        }
        for draft in drafts
        for key, tier, text, weight in draft.criteria
    ]
