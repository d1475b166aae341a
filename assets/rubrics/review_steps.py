"""Review rounds as a step: what all rounds decided, the rubrics that came of it, and the pool that later drafts are shown.

What belongs here: putting the rounds together. Where two rounds reviewed a rubric of the same instruction, the later one
counts; a rejected draft takes nothing back. History (decisions and changes) is kept whole.

As in Geng et al. 2026 what physicians correct goes back into the pool. Ours: rubrics that physicians published are in it too,
and nothing of a held-out split ever is, since a drafter could learn the benchmark by heart.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.tables import to_arrow
from assets.reviewing.rounds import in_order
from assets.rubrics.review_rates import pass_rate
from assets.rubrics.review_round import ordered
from assets.rubrics.review_tables import RoundTables, read_round
from assets.steps import Metadata, Settings, Step, StepRun
from training.records import HELD_OUT_SPLITS

ROUNDS = "review_rounds"
# Output → its table.
_TABLES = {
    "reviewed_criteria": "reviewed_criteria",
    "review_decisions": "review_decisions",
    "review_changes": "criterion_versions",
    "exemplar_pool": "exemplar_pool",
    "review_rates": "review_rates",
}

Row = Mapping[str, Any]


def current_criteria(rounds: Sequence[RoundTables]) -> list[Row]:
    """The reviewed rubric of each instruction: the latest of the rounds, which come earliest first."""
    latest: dict[str, list[Row]] = {}
    for tables in rounds:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in tables.reviewed_criteria:
            found[row["instruction_id"]].append(row)
        latest |= found
    return [row for rows in latest.values() for row in rows]


def history(rounds: Sequence[RoundTables]) -> list[Row]:
    """Rows of `review_changes`: all that the rounds changed, and each reviewed draft once, also if it went out in several."""
    rows = [row for tables in rounds for row in tables.criterion_versions]
    # A draft as it came is of no round.
    drafted = {(row["rubric_version"], row["criterion_id"]): row for row in rows if row["round"] is None}
    return [*drafted.values(), *(row for row in rows if row["round"] is not None)]


def exemplars(
    published: Sequence[Row], reviewed: Sequence[Row], texts: Mapping[str, str], usable: Collection[str]
) -> list[Row]:
    """Rows of `exemplar_pool`: one rubric per instruction, a reviewed one before a published one.

    Args:
        published: criteria that physicians published.
        reviewed: criteria that came of reviews.
        texts: instruction → its text.
        usable: instructions of which something may be shown to a drafter.
    """
    rubrics: dict[str, list[Row]] = {}
    for rows in (published, reviewed):
        found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            if row["instruction_id"] in usable and row["origin"] != "drafted":
                found[row["instruction_id"]][row["rubric_version"]].append(row)
        rubrics |= {instruction: versions[min(versions)] for instruction, versions in found.items()}
    return [
        {
            "instruction_id": instruction,
            "text": texts[instruction],
            "rubric": json.dumps(
                [{"tier": tier, "text": text, "weight": weight} for _, tier, text, weight in ordered(rows)], ensure_ascii=False
            ),
            "origin": rows[0]["origin"],
            "review_id": rows[0]["review_id"],
        }
        for instruction, rows in rubrics.items()
    ]


def _config(settings: Settings) -> dict[str, Any]:
    return {}


def _reviews(run: StepRun) -> dict[str, Metadata]:
    folders = run.gathered.get(ROUNDS, {})
    rounds = [read_round(folders[name]) for name in in_order(folders)]
    texts = {row["instruction_id"]: row["text"] for row in _rows(run, "raw_instructions", ["instruction_id", "text"])}
    splits = {row["instruction_id"]: row["split"] for row in _rows(run, "instruction_splits", ["instruction_id", "split"])}
    usable = {key for key in texts if key in splits and splits[key] not in HELD_OUT_SPLITS}
    # A round may have reviewed instructions of a source that is not read any more.
    reviewed = [row for row in current_criteria(rounds) if row["instruction_id"] in texts]
    tables: dict[str, Sequence[Row]] = {
        "reviewed_criteria": reviewed,
        "review_decisions": [row for tables in rounds for row in tables.review_decisions],
        "review_changes": history(rounds),
        "exemplar_pool": exemplars(_rows(run, "published_criteria"), reviewed, texts, usable),
        "review_rates": [pass_rate(tables) for tables in rounds],
    }
    for name, rows in tables.items():
        pq.write_table(to_arrow(_TABLES[name], rows), run.outputs[name] / f"{name}.parquet", compression="zstd")
    metadata: dict[str, Metadata] = {name: {"rows": len(rows)} for name, rows in tables.items()}
    metadata["reviewed_criteria"]["rubrics"] = len({row["rubric_version"] for row in reviewed})
    pool = tables["exemplar_pool"]
    metadata["exemplar_pool"] |= {origin: sum(row["origin"] == origin for row in pool) for origin in ("physician", "reviewed")}
    metadata["review_rates"] |= {
        f"{row['round']}: pass rate": row["pass_rate"] for row in tables["review_rates"] if row["pass_rate"] is not None
    }
    return metadata


def _rows(run: StepRun, role: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    path: Path = run.inputs[role] / f"{role}.parquet"
    rows: list[dict[str, Any]] = pq.read_table(path, columns=columns).to_pylist()
    return rows


REVIEWS = Step(
    name="reviews",
    outputs=tuple(_TABLES),
    inputs={name: name for name in ("raw_instructions", "instruction_splits", "published_criteria")},
    group="rubrics",
    config=_config,
    run=_reviews,
    gathers=(ROUNDS,),
    sources=(
        *(f"assets/rubrics/review_{name}.py" for name in ("steps", "tables", "rates", "round")),
        "assets/reviewing/rounds.py",
        "assets/instructions/tables.py",
        "training/records.py",
    ),
    libraries=("pyarrow", "scipy"),
    seconds=1,
    descriptions={
        "reviewed_criteria": "The rubrics that physicians accepted or edited, of every instruction the latest.",
        "review_decisions": "What every reviewed draft was decided to be, by whom (a pseudonym) and when.",
        "review_changes": "All that reviews kept, edited, added, removed or rejected, and the reviewed drafts as they came.",
        "exemplar_pool": "Reviewed and published rubrics that drafters may be shown; none of a held-out split.",
        "review_rates": "Per round: drafts accepted as they stood among those decided, with a 95 % interval.",
    },
    kinds=("python", "parquet"),
)
