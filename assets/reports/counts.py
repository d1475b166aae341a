"""Counts that the report shows of the tables it rests on: pure SQL over mart files, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

_QUERIES: dict[str, str] = {
    "instructions": """
        select source, coalesce(split, 'none') as split, count(*) as n,
            count(*) filter (where instruction_id in (select instruction_id from criteria)) as with_rubric
        from instructions group by all order by all""",
    "criteria": """
        select i.source, c.tier, count(*) as n, count(distinct c.instruction_id) as rubrics
        from criteria c join instructions i using (instruction_id) group by all order by all""",
    "responses": """
        select i.source, r.model, count(*) as n
        from responses r join instructions i using (instruction_id) group by all order by all""",
    "verdicts": """
        select i.source, v.verdict, coalesce(v.judge_kind, 'no label') as judge_kind, count(*) as n
        from resolved_verdicts v join responses r using (response_id) join instructions i using (instruction_id)
        group by all order by all""",
    "quarantine": "select source, reason, count(*) as n from quarantine group by all order by all",
    "pairs": """
        select source, coalesce(split, 'none') as split, outcome, sum(n_pairs)::bigint as n, sum(n_assumed)::bigint as n_assumed
        from pair_outcomes group by all order by all""",
    "unscored": """
        select i.source, count(*) as responses,
            count(*) filter (where s.s3 is null) as unknown_veto,
            count(*) filter (where s.s1 is null) as unknown_main,
            count(*) filter (where s.s2 is null) as unknown_bonus
        from response_scores s join instructions i using (instruction_id) group by all order by all""",
    "criterion_preferences": """
        select i.source, p.tier, p.split, count(*) as n, count(*) filter (where p.discordant) as discordant
        from criterion_preferences p join instructions i using (instruction_id) group by all order by all""",
}
TABLES = (
    "instructions",
    "criteria",
    "responses",
    "resolved_verdicts",
    "response_scores",
    "pair_outcomes",
    "criterion_preferences",
    "quarantine",
)


def count_tables(tables: Mapping[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Counts by name, each a list of rows.

    Args:
        tables: mart → its Parquet file; all of TABLES.
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
        return counts
    finally:
        connection.close()
