"""Every answer to every instruction in one table, in bounded memory.

What belongs here: which rows of the large tables composing and editing need, and which samples count as responses. What does
not: composing, editing, sampling, and how a large table is sorted (`sorting.py`).

A sample counts if its outcome is one of those to keep, and the same model's same text does not stand there already: published
first, then made here, then of an endpoint, then of the base model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from assets.instructions.tables import to_arrow
from assets.responses.edits import PHYSICIAN
from assets.responses.sorting import write_sorted
from assets.rubrics.statements import VETO_PREFIX

# Instructions that composing (fragments) or editing (a rubric of statements) may concern; all others are passed over.
_WORKED_ON = """
create temp table worked_on as
select instruction_id from fragments
union
select instruction_id from raw_criteria where tier = 'veto' and starts_with(text, $prefix)
"""
_NEEDED = {
    "fragments": "select * from fragments",
    "instruction_splits": "select * from instruction_splits semi join worked_on using (instruction_id)",
    "raw_instructions": "select instruction_id, text from raw_instructions semi join worked_on using (instruction_id)",
    "raw_criteria": "select * from raw_criteria semi join worked_on using (instruction_id)",
    "published_responses": "select * from published_responses semi join worked_on using (instruction_id)"
    " where model = $physician",
}
_COUNTED = """
create temp table counted as
with samples as (
    select response_id, outcome, 'generated_responses' as place from generated_responses
    union all
    select response_id, outcome, 'base_responses' as place from base_responses
)
select
    response_id,
    place,
    case
        when not list_contains($keep, outcome) then outcome
        when
            response_id in (select response_id from published_responses union all select response_id from made_responses)
            or row_number() over (
                partition by response_id order by list_contains($keep, outcome) desc, place = 'base_responses'
            ) > 1
            then 'there already'
        else 'kept'
    end as fate
from samples
"""
_RESPONSES = """
select {columns} from published_responses
union all
select {columns} from made_responses
union all
select {columns} from generated_responses where response_id in
    (select response_id from counted where fate = 'kept' and place = 'generated_responses')
union all
select {columns} from base_responses where response_id in
    (select response_id from counted where fate = 'kept' and place = 'base_responses')
"""
_VERDICTS = "select {columns} from published_verdicts union all select {columns} from made_verdicts"


def needed_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Asset → the rows that composing and editing read of it."""
    connection.execute(_WORKED_ON, {"prefix": VETO_PREFIX})
    rows = {}
    for asset, query in _NEEDED.items():
        parameters = {"physician": PHYSICIAN} if "$physician" in query else {}
        rows[asset] = connection.sql(query, params=parameters).to_arrow_table().to_pylist()
    return rows


def write_candidates(
    connection: duckdb.DuckDBPyConnection,
    *,
    responses: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
    keep: Sequence[str],
    outputs: Mapping[str, Path],
) -> dict[str, int]:
    """Writes `raw_responses` and `known_verdicts`; returns how many samples met which fate.

    Args:
        connection: a `database` of the published, generated and base tables.
        responses: rows of `raw_responses` that were composed or edited.
        verdicts: rows of `known_verdicts` on them.
        keep: outcomes that count.
        outputs: asset → folder.
    """
    connection.register("made_responses", to_arrow("raw_responses", responses))
    connection.register("made_verdicts", to_arrow("known_verdicts", verdicts))
    connection.execute(_COUNTED, {"keep": list(keep)})
    write_sorted(connection, "raw_responses", _RESPONSES, outputs["raw_responses"])
    write_sorted(connection, "known_verdicts", _VERDICTS, outputs["known_verdicts"])
    fates = connection.execute("select place, fate, count(*) from counted group by all order by all").fetchall()
    return {f"{place} {fate}": number for place, fate, number in fates}
