"""Counts of the data card: the funnel from records read to instructions kept, overlaps between sources, distributions.

What belongs here: SQL over the tables of the data plane, plain rows out. How they are shown is `data_card.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from assets.instructions.config import BandConfig

TABLES = (
    "source_facts",
    "source_counts",
    "raw_instructions",
    "curated_instructions",
    "instruction_clusters",
    "instruction_splits",
)
# What one row per instruction says: its source and text beside what curation decided.
_DECIDED = "curated_instructions join (select instruction_id, source, text from raw_instructions) as i using (instruction_id)"
# Upper ends of the lengths, in characters, that are counted together; each twice the one before.
LENGTH_ENDS = (50, 100, 200, 400, 800, 1600)


def _classes(name: str) -> str:
    """Counts by a class; unknown comes last, however many they are."""
    return f"""
        with decided as (select coalesce({name}, 'unknown') as {name}, kept as stays, {name}_by from curated_instructions)
        select {name}, count(*) as accepted, count(*) filter (where stays) as kept,
            count(*) filter (where stays and {name}_by = 'source') as kept_by_source
        from decided group by {name} order by {name} = 'unknown', kept desc, {name}"""


_QUERIES: dict[str, str] = {
    # Questions only: a source's other records (labels, statements, answers) have their own lines in `records`.
    "funnel": f"""
        with decided as (
            select source,
                count(*) as accepted,
                count(*) filter (where excluded_because = 'duplicate' and merged_by = 'exact') as exact_duplicates,
                count(*) filter (where excluded_because = 'duplicate' and merged_by <> 'exact') as near_duplicates,
                count(*) filter (where excluded_because = 'too_easy') as too_easy,
                count(*) filter (where excluded_because = 'too_hard') as too_hard,
                count(*) filter (where excluded_because = 'difficulty_unknown') as difficulty_unknown,
                count(*) filter (where kept) as kept
            from {_DECIDED} group by source),
        counted as (
            select source, sum(n) filter (where outcome = 'read')::bigint as read,
                coalesce(sum(n) filter (where outcome = 'quarantined'), 0)::bigint as quarantined
            from source_counts where kind = 'question' group by source)
        select source, coalesce(read, 0) as read, coalesce(quarantined, 0) as quarantined, coalesce(accepted, 0) as accepted,
            coalesce(exact_duplicates, 0) as exact_duplicates, coalesce(near_duplicates, 0) as near_duplicates,
            coalesce(too_easy, 0) as too_easy, coalesce(too_hard, 0) as too_hard,
            coalesce(difficulty_unknown, 0) as difficulty_unknown, coalesce(kept, 0) as kept
        from decided full join counted using (source) order by source""",
    # Why a rule did not apply: sources with rubrics and published test items stay whatever they are.
    "always_kept": f"""
        select source,
            count(*) filter (where instruction_id <> representative_id and merged_by is distinct from 'declared') as repeats,
            count(*) filter (where difficulty < $low or difficulty > $high) as outside_band,
            count(*) filter (where difficulty is null) as without_difficulty
        from {_DECIDED} where kept group by source having repeats + outside_band > 0 order by source""",
    "records": """
        select source, kind, coalesce(sum(n) filter (where outcome = 'read'), 0)::bigint as read,
            coalesce(sum(n) filter (where outcome = 'accepted'), 0)::bigint as accepted,
            coalesce(sum(n) filter (where outcome = 'quarantined'), 0)::bigint as quarantined
        from source_counts where outcome <> 'personal_data' group by all order by all""",
    "quarantine": """
        select source, reason, sum(n)::bigint as n from source_counts
        where outcome = 'quarantined' group by all order by all""",
    "personal_data": """
        select source, kind, reason as action, sum(n)::bigint as n from source_counts
        where outcome = 'personal_data' group by all order by all""",
    "excluded": f"""
        select source, excluded_because as reason, count(*) as n
        from {_DECIDED} where not kept group by all order by all""",
    "repeats": f"""
        select i.source || ' repeats ' || r.source as repeats, merged_by, count(*) as n
        from {_DECIDED} join raw_instructions as r on r.instruction_id = representative_id
        where representative_id <> instruction_id and merged_by is distinct from 'declared' group by all order by all""",
    # Both ways and each with itself: the diagonal says how many clusters a source has.
    "overlaps": """
        with present as (
            select distinct cluster_id, source from instruction_clusters join raw_instructions using (instruction_id))
        select a.source, b.source as other, count(*) as n from present as a join present as b using (cluster_id)
        group by all order by all""",
    "splits": f"""
        select source, coalesce(split, 'none') as split, count(*) as n
        from {_DECIDED} left join instruction_splits using (instruction_id) where kept group by all order by all""",
    "lengths": f"""
        select source, count(*) as n, quantile_disc(length(text), 0.05) as p5, quantile_disc(length(text), 0.5) as median,
            quantile_disc(length(text), 0.95) as p95, max(length(text)) as longest
        from {_DECIDED} where kept group by all order by all""",
    "length_bins": f"""
        with measured as (
            select coalesce(list_min(list_filter($ends, lambda x: x >= length(text))), 0) as at_most, kept from {_DECIDED})
        select at_most, count(*) as accepted, count(*) filter (where kept) as kept
        from measured group by at_most order by at_most = 0, at_most""",
    "specialties": _classes("specialty"),
    "categories": _classes("category"),
    "difficulty": """
        select difficulty_scorer as scorer, least(floor(difficulty), 9)::int as from_difficulty, count(*) as n,
            count(*) filter (where kept) as kept
        from curated_instructions where difficulty is not null group by all order by all""",
}


def count_data(tables: Mapping[str, Path], band: BandConfig) -> dict[str, list[dict[str, Any]]]:
    """Counts by name, each a list of rows; `sources` holds what is known of each source.

    Args:
        tables: table → its Parquet file; all of TABLES.
        band: the difficulties that were kept.
    """
    parameters = {"low": band.low, "high": band.high, "ends": list(LENGTH_ENDS)}
    connection = duckdb.connect()
    try:
        for name in TABLES:
            connection.read_parquet(str(tables[name])).create_view(name)
        counts = {}
        for name, query in _QUERIES.items():
            used = {key: value for key, value in parameters.items() if f"${key}" in query}
            cursor = connection.execute(query, used) if used else connection.execute(query)
            columns = [column[0] for column in cursor.description or []]
            counts[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        counts["sources"] = connection.sql("select * from source_facts order by source").to_arrow_table().to_pylist()
        return counts
    finally:
        connection.close()
