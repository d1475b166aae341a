"""Curation: which instructions are kept, and what is known of each; every raw instruction has one row here, kept or not.

What belongs here: the join of what the steps before found, and the one rule that decides. An instruction is left out, in this
order, because it repeats another one (`duplicate`: the row names which), or because of its difficulty (`too_easy`, `too_hard`,
`difficulty_unknown`). Two kinds are always kept, and others may merge into them: instructions of a source that brings
rubrics, since labels are what is rare, and published test items (`external`), which train nothing.

Departure from the paper, which keeps 5–9 of a strong LLM's scores: the score's origin stands beside it, and a source's own
labels are not thrown away for it.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa

from assets.instructions.config import BandConfig

REASONS = ("duplicate", "difficulty_unknown", "too_easy", "too_hard")
_QUERY = """
select
    i.instruction_id,
    c.representative_id,
    c.similarity,
    c.merged_by,
    coalesce(t.category, i.category) as category,
    coalesce(t.specialty, i.specialty) as specialty,
    d.difficulty,
    d.difficulty_scorer,
    case
        when list_contains($exempt, i.source) or p.split = 'external' then null
        when c.representative_id <> i.instruction_id then 'duplicate'
        when d.difficulty is null then case when $keep_unknown then null else 'difficulty_unknown' end
        when d.difficulty < $low then 'too_easy'
        when d.difficulty > $high then 'too_hard'
    end as excluded_because,
    excluded_because is null as kept
from instructions as i
inner join clusters as c using (instruction_id)
inner join pins as p using (instruction_id)
left join difficulty as d using (instruction_id)
left join taxonomy as t using (instruction_id)
order by i.instruction_id
"""


class CurationError(ValueError):
    """The tables do not cover the same instructions; the message counts the difference."""


def curate(
    *,
    instructions: pa.Table,
    pins: pa.Table,
    clusters: pa.Table,
    difficulty: pa.Table,
    taxonomy: pa.Table,
    exempt: Collection[str],
    band: BandConfig,
) -> pa.Table:
    """Decides on every instruction.

    Args:
        instructions: rows of raw_instructions.
        pins: rows of instruction_pins; the split `external` exempts.
        clusters: rows of instruction_clusters, one per instruction.
        difficulty: instruction_id, difficulty (0–10 or null), difficulty_scorer.
        taxonomy: instruction_id, category, specialty (null: not classified; the source's own label then stands).
        exempt: sources whose instructions are always kept.
        band: difficulties to keep, both ends included.

    Raises:
        CurationError: an instruction without a cluster or pin, or more than one.
    """
    connection = duckdb.connect()
    try:
        for name, table in (
            ("instructions", instructions),
            ("pins", pins),
            ("clusters", clusters),
            ("difficulty", difficulty),
            ("taxonomy", taxonomy),
        ):
            connection.register(name, table)
        parameters = {"exempt": sorted(exempt), "low": band.low, "high": band.high, "keep_unknown": band.unknown == "keep"}
        rows: pa.Table = connection.execute(_QUERY, parameters).to_arrow_table()
    finally:
        connection.close()
    if rows.num_rows != instructions.num_rows:
        raise CurationError(f"curation: {instructions.num_rows} instructions went in and {rows.num_rows} came out")
    return rows
