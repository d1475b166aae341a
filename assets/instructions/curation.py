"""Curation: which instructions are kept, and what is known of each; every raw instruction has one row here, kept or not.

What belongs here: the join of what the steps before found, and the one rule that decides. An instruction is left out, in this
order, because it repeats another one (`duplicate`: the row names which), or because of its difficulty (`too_easy`, `too_hard`,
`difficulty_unknown`). Two kinds are always kept, and others may merge into them: instructions of a source that brings
rubrics, since labels are what is rare, and published test items (`external`), which train nothing. A cluster that a source
declares (`declared`: questions about one patient, say) keeps its members in one split; they repeat nothing and stay.

A category or specialty that the source itself gives stays in force, under our name for it, and the classifier fills what the
source leaves open: who wrote or sorted a question knows more of it than similar words tell. `category_by` and
`specialty_by` say which of the two it was. A source's name that the taxonomy lacks counts as none.

Departure from the paper, which keeps 5–9 of a strong LLM's scores: the score's origin stands beside it, and a source's own
labels are not thrown away for it.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.instructions.config import BandConfig
from assets.instructions.taxonomy_names import Taxonomy

SCHEMA = pa.schema(
    [
        ("instruction_id", pa.string()),
        ("representative_id", pa.string()),
        ("similarity", pa.float64()),
        *((name, pa.string()) for name in ("merged_by", "category", "category_by", "specialty", "specialty_by")),
        ("difficulty", pa.float64()),
        ("difficulty_scorer", pa.string()),
        ("excluded_because", pa.string()),
        ("kept", pa.bool_()),
    ]
)
_QUERY = """
select
    i.instruction_id,
    c.representative_id,
    c.similarity,
    c.merged_by,
    coalesce(own_category.name, t.category) as category,
    case when own_category.name is not null then 'source' when t.category is not null then t.classifier end as category_by,
    coalesce(own_specialty.name, t.specialty) as specialty,
    case when own_specialty.name is not null then 'source' when t.specialty is not null then t.classifier end as specialty_by,
    d.difficulty,
    d.difficulty_scorer,
    case
        when list_contains($exempt, i.source) or p.split = 'external' then null
        when c.representative_id <> i.instruction_id and c.merged_by is distinct from 'declared' then 'duplicate'
        when d.difficulty is null then case when $keep_unknown then null else 'difficulty_unknown' end
        when d.difficulty < $low then 'too_easy'
        when d.difficulty > $high then 'too_hard'
    end as excluded_because,
    excluded_because is null as kept
from instructions as i
inner join clusters as c using (instruction_id)
inner join pins as p using (instruction_id)
inner join difficulty as d using (instruction_id)
inner join taxonomy as t using (instruction_id)
left join category_names as own_category on own_category.said = i.category
left join specialty_names as own_specialty on own_specialty.said = i.specialty
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
    names: Taxonomy,
    exempt: Collection[str],
    band: BandConfig,
) -> pa.Table:
    """Decides on every instruction.

    Args:
        instructions: rows of raw_instructions.
        pins: rows of instruction_pins; the split `external` exempts.
        clusters: rows of instruction_clusters, one per instruction.
        difficulty: rows of instruction_difficulty, one per instruction; the number may be null.
        taxonomy: rows of instruction_taxonomy, one per instruction; the names may be null.
        names: the taxonomy that sources' own names are read by.
        exempt: sources whose instructions are always kept.
        band: difficulties to keep, both ends included.

    Returns:
        Rows of SCHEMA by instruction_id, one per instruction.

    Raises:
        CurationError: a table without one of the instructions, or with one of them twice.
    """
    connection = duckdb.connect()
    try:
        for name, table in {
            "instructions": instructions,
            "pins": pins,
            "clusters": clusters,
            "difficulty": difficulty,
            "taxonomy": taxonomy,
            "category_names": _said(names.names_of(names.categories)),
            "specialty_names": _said(names.names_of(names.specialties)),
        }.items():
            connection.register(name, table)
        parameters = {"exempt": sorted(exempt), "low": band.low, "high": band.high, "keep_unknown": band.unknown == "keep"}
        found: pa.Table = connection.sql(_QUERY, params=parameters).to_arrow_table()
    finally:
        connection.close()
    if found.num_rows != instructions.num_rows:
        raise CurationError(f"curation: {instructions.num_rows} instructions went in and {found.num_rows} came out")
    # As many may come out if one is lost and another doubled.
    distinct = pc.count_distinct(found["instruction_id"]).as_py()
    if distinct != found.num_rows:
        raise CurationError(f"curation: {found.num_rows} rows came out for {distinct} instructions")
    return found.cast(SCHEMA)


def _said(names: dict[str, str]) -> pa.Table:
    return pa.table({"said": pa.array(names.keys(), pa.string()), "name": pa.array(names.values(), pa.string())})
