"""Counts of what language models made and physicians reviewed: rubrics, candidate responses, verdicts.

What belongs here: SQL over the tables of those steps, plain data out, and the lines that a terminal shows. How the report lays
them out is `model_tables.py`'s. An asset that is not there counts as empty; one that is there and cannot be read is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from assets.instructions.tables import to_arrow
from assets.reviewing.rounds import place

# Asset → the table whose columns it has.
TABLES = {
    "rubric_drafts": "rubric_drafts",
    "draft_quarantine": "draft_quarantine",
    "review_rates": "review_rates",
    "generated_responses": "generated_responses",
    "base_responses": "generated_responses",
    "judge_costs": "judge_costs",
}
_QUERIES = {
    "drafts": """
        select drafter, count(distinct instruction_id) as rubrics,
            count(distinct instruction_id) filter (where repaired) as repaired, count(*) as criteria
        from rubric_drafts group by all order by all""",
    "draft_quarantine": "select reason, count(*) as n from draft_quarantine group by all order by n desc, reason",
    "review_rates": "select * from review_rates",
    "model_responses": """
        select model, family, outcome, count(*) as n, sum(tokens)::bigint as tokens
        from (select * from generated_responses union all by name select * from base_responses) group by all order by all""",
    "judges": "select * from judge_costs order by judge",
}
_VERDICTS = "select judge, verdict, reason, count(*) as n from model_verdicts group by all order by all"
NOTHING = "no language model is configured: rubrics, responses and verdicts come from the sources"

Row = dict[str, Any]


def count_models(folders: Mapping[str, Path]) -> dict[str, list[Row]]:
    """Counts by name, each a list of rows; an empty list where nothing was made.

    Args:
        folders: asset → its folder, of those of TABLES that there are.
    """
    with _tables(folders, TABLES) as connection:
        counts = {name: _rows(connection, query) for name, query in _QUERIES.items()}
    counts["review_rates"].sort(key=lambda row: place(row["round"]))
    return counts


def chain_counts(folders: Mapping[str, Path]) -> list[str]:
    """What a run of rubrics, responses and verdicts has made, a line each; none where none of their assets is given.

    Args:
        folders: asset → its folder. Read are those of TABLES and `model_verdicts`; all others are passed over.

    Returns:
        Such as `rubrics drafted 38, quarantined 2 (bad_weights 1, not_json 1)`.
    """
    known = [*TABLES, "model_verdicts"]
    if not any(asset in folders for asset in known):
        return []
    counts = count_models(folders)
    with _tables(folders, {"model_verdicts": "model_verdicts"}) as connection:
        verdicts = _rows(connection, _VERDICTS)
    lines = [
        *_draft_lines(counts["drafts"], counts["draft_quarantine"]),
        *_parts("responses", counts["model_responses"], "model", _response_line),
        *_parts("verdicts", verdicts, "judge", lambda rows: _verdict_line(rows, counts["judges"])),
    ]
    return lines or [NOTHING]


@contextmanager
def _tables(folders: Mapping[str, Path], tables: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    try:
        for asset, table in tables.items():
            if asset in folders:
                connection.read_parquet(str(folders[asset] / f"{asset}.parquet")).create_view(asset)
            else:
                connection.from_arrow(to_arrow(table, [])).create(asset)
        yield connection
    finally:
        connection.close()


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    cursor = connection.execute(query)
    columns = [column[0] for column in cursor.description or []]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _draft_lines(drafts: Sequence[Row], quarantine: Sequence[Row]) -> list[str]:
    refused = Counter({row["reason"]: row["n"] for row in quarantine})
    drafted = sum(row["rubrics"] for row in drafts)
    if not drafted and not refused:
        return []
    return [f"rubrics drafted {drafted:,}, quarantined {refused.total():,}{_in_brackets(refused)}"]


def _parts(what: str, rows: Sequence[Row], by: str, line: Any) -> list[str]:
    """A line over all rows; where they are of several makers, one more for each of them."""
    makers = sorted({row[by] for row in rows})
    lines = [f"{what} {line(rows)}"] if rows else []
    if len(makers) > 1:
        lines += [f"  {maker}: {line([row for row in rows if row[by] == maker])}" for maker in makers]
    return lines


def _response_line(rows: Sequence[Row]) -> str:
    outcomes = _sums(rows, "outcome")
    tokens = sum(row["tokens"] or 0 for row in rows)
    return f"{outcomes.total():,}{_in_brackets(outcomes)}; {tokens:,} tokens written"


def _verdict_line(rows: Sequence[Row], costs: Sequence[Row]) -> str:
    judges = {row["judge"] for row in rows}
    verdicts, reasons = _sums(rows, "verdict"), _sums([row for row in rows if row["reason"] is not None], "reason")
    share = f"{100 * verdicts['unknown'] / verdicts.total():.1f} %"
    why = f"{share}: {_listed(reasons)}" if reasons else share
    said = ", ".join(f"{verdict} {verdicts[verdict]:,}" for verdict in ("met", "unmet", "unknown"))
    read, written = (sum(row[f"{kind}_tokens"] for row in costs if row["judge"] in judges) for kind in ("prompt", "completion"))
    each = round((read + written) / verdicts.total())
    return f"{verdicts.total():,}: {said} ({why}); {read:,} tokens read, {written:,} written, {each:,} a verdict"


def _sums(rows: Iterable[Row], column: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row[column]] += row["n"]
    return sums


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _in_brackets(counts: Counter[str]) -> str:
    return f" ({_listed(counts)})" if counts else ""
