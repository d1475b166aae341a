"""Counts of the data card: the funnel from records read to instructions kept, overlaps between sources, distributions.

What belongs here: SQL over the tables of the data plane, plain rows out. How they are shown is `data_card.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

TABLES = (
    "source_facts",
    "source_counts",
    "raw_instructions",
    "instruction_curation",
    "instruction_splits",
)
_QUERIES: dict[str, str] = {
    # Questions only: a source's other records (labels, statements, answers) have their own lines in `records`.
    "funnel": """
        with merged as (
            select source,
                count(*) as accepted,
                count(*) filter (where excluded_because = 'duplicate' and merged_by = 'exact') as exact_duplicates,
                count(*) filter (where excluded_because = 'duplicate' and merged_by <> 'exact') as near_duplicates,
                count(*) filter (where excluded_because in ('too_easy', 'too_hard')) as outside_band,
                count(*) filter (where excluded_because = 'difficulty_unknown') as difficulty_unknown,
                count(*) filter (where kept) as kept,
                count(*) filter (where kept and specialty is not null) as classified
            from instruction_curation join raw_instructions using (instruction_id) group by source),
        counted as (
            select source, sum(n) filter (where outcome = 'read')::bigint as read,
                coalesce(sum(n) filter (where outcome = 'quarantined'), 0)::bigint as quarantined
            from source_counts where kind = 'question' group by source)
        select source, coalesce(read, accepted) as read, coalesce(quarantined, 0) as quarantined, accepted, exact_duplicates,
            near_duplicates, outside_band, difficulty_unknown, kept, classified
        from merged left join counted using (source) order by source""",
    "records": """
        select source, kind, sum(n) filter (where outcome = 'read')::bigint as read,
            coalesce(sum(n) filter (where outcome = 'accepted'), 0)::bigint as accepted,
            coalesce(sum(n) filter (where outcome = 'quarantined'), 0)::bigint as quarantined
        from source_counts where outcome <> 'personal_data' group by all order by all""",
    "quarantine": """
        select source, reason, sum(n)::bigint as n from source_counts
        where outcome = 'quarantined' group by all order by all""",
    "personal_data": """
        select source, kind, sum(n)::bigint as n from source_counts
        where outcome = 'personal_data' group by all order by all""",
    "excluded": """
        select source, excluded_because as reason, count(*) as n
        from instruction_curation join raw_instructions using (instruction_id)
        where not kept group by all order by all""",
    "overlaps": """
        select i.source, r.source as repeats, merged_by, count(*) as n
        from instruction_curation c join raw_instructions i using (instruction_id)
        join raw_instructions r on r.instruction_id = c.representative_id
        where c.representative_id <> c.instruction_id group by all order by all""",
    "splits": """
        select source, coalesce(split, 'none') as split, count(*) as n
        from instruction_curation join raw_instructions using (instruction_id)
        left join instruction_splits using (instruction_id)
        where kept group by all order by all""",
    "lengths": """
        select source, count(*) as n, quantile_disc(length(text), 0.05) as p5, quantile_disc(length(text), 0.5) as median,
            quantile_disc(length(text), 0.95) as p95, max(length(text)) as longest
        from instruction_curation join raw_instructions using (instruction_id) where kept group by all order by all""",
    "specialties": """
        select coalesce(c.specialty, 'not classified') as specialty, count(*) as n
        from instruction_curation c where kept group by all order by n desc, specialty""",
    "categories": """
        select coalesce(c.category, 'not classified') as category, count(*) as n
        from instruction_curation c where kept group by all order by n desc, category""",
    "difficulty": """
        select floor(difficulty)::int as difficulty, difficulty_scorer as scorer, count(*) as n,
            count(*) filter (where kept) as kept
        from instruction_curation where difficulty is not null group by all order by all""",
}


def count_data(tables: Mapping[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Counts by name, each a list of rows.

    Args:
        tables: table → its Parquet file; all of TABLES.
    """
    connection = duckdb.connect()
    try:
        for name in TABLES:
            connection.read_parquet(str(tables[name])).create_view(name)
        counts = {}
        for name, query in _QUERIES.items():
            cursor = connection.execute(query)
            columns = [column[0] for column in cursor.description or []]
            counts[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        counts["sources"] = connection.sql("select * from source_facts order by source").to_arrow_table().to_pylist()
        return counts
    finally:
        connection.close()
