"""Which (response, criterion) cells a judge is asked about, drawn from Parquet tables one response after the other.

What belongs here: the choice. Asking is `judge.py`'s.

Ours. Two kinds of cells are asked about, of kept instructions:
- open ones, in the configured splits: those that nobody else settled. A verdict of any other kind ranks above a judge's, an
  explicit `unknown` and an `assumed` one too, so a judge's would be paid for and never used.
- labelled ones, in any split, to measure the judge: those with a human or adjudicated verdict. The gaps between them in a
  held-out response stay gaps, since what fills them would be measured against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import duckdb

from assets.verdicts.config import VerdictsConfig
from assets.verdicts.judge import JudgeItem
from assets.verdicts.judge_agreement import HumanLabel, resolve
from training.records import Criterion

TABLES = ("raw_instructions", "curated_instructions", "instruction_splits", "raw_criteria", "raw_responses", "known_verdicts")
# Responses fetched at once, with their texts.
FETCHED = 8192
AFTER_ALL = "\U0010ffff"

_CELLS = """
create temp table cells as
with kept as (
    select instruction_id, split, cluster_id
    from instruction_splits join curated_instructions using (instruction_id)
    where kept
),
settled as (
    select response_id, criterion_id, bool_or(judge_kind in ('human', 'adjudicated')) as labelled
    from known_verdicts where judge_kind <> 'model' group by all
),
responses as (select distinct response_id, instruction_id from raw_responses),
rubrics as (select distinct criterion_id, instruction_id from raw_criteria)
select
    response_id, criterion_id, instruction_id, cluster_id,
    coalesce(labelled, false) as labelled,
    labelled is null and list_contains($splits, split) as open
from kept
join responses using (instruction_id)
join rubrics using (instruction_id)
left join settled using (response_id, criterion_id)
"""
# Whole instructions after each other, in an order that has nothing to do with what they are.
_CHOSEN = """
create temp table {name} as
select response_id from cells where {name} group by response_id, instruction_id
order by sha256('judged:' || instruction_id), response_id limit {limit}
"""
_ASKED = """
create temp table asked as
select * from cells
where (open and response_id in (select response_id from open))
or (labelled and response_id in (select response_id from labelled))
"""
_CRITERIA = """
create temp table criteria as
select criterion_id, any_value(tier order by tier) as tier, any_value(text order by text) as text
from raw_criteria where criterion_id in (select criterion_id from asked) group by criterion_id
"""
# The first response of each part.
_STARTS = """
select response_id from (
    select response_id, row_number() over (order by response_id) as place from (select distinct response_id from asked)
)
where (place - 1) % $fetched = 0 order by response_id
"""
_ITEMS = """
with texts as (
    select response_id, any_value(text order by text) as response from raw_responses
    where response_id >= $start and response_id < $end group by response_id
),
listed as (
    select
        response_id, instruction_id,
        list(struct_pack(criterion_id := criterion_id, tier := tier, text := text) order by criterion_id) as criteria
    from asked join criteria using (criterion_id)
    where response_id >= $start and response_id < $end group by response_id, instruction_id
)
select response_id, instruction_id, instructions.text as instruction, response, criteria
from listed join texts using (response_id) join raw_instructions as instructions using (instruction_id)
order by response_id
"""
_LABELS = """
select response_id, criterion_id, cluster_id, list(struct_pack(kind := judge_kind, verdict := verdict)) as labels
from asked join known_verdicts using (response_id, criterion_id)
where labelled and judge_kind in ('human', 'adjudicated')
group by all order by response_id, criterion_id
"""


class Selection:
    """The cells of a config over the tables, which it reads once; a context manager that holds them meanwhile.

    Args:
        tables: table → its Parquet file, one for each of TABLES.
        config: splits and limits.
    """

    def __init__(self, tables: Mapping[str, Path], config: VerdictsConfig) -> None:
        self._connection = duckdb.connect()
        for table in TABLES:
            self._connection.read_parquet(str(tables[table])).create_view(table)
        self._connection.execute(_CELLS, {"splits": list(config.splits)})
        labelled_limit = config.labelled_limit if config.check_on_labelled else 0
        for name, limit in (("open", config.limit), ("labelled", labelled_limit)):
            self._connection.execute(_CHOSEN.format(name=name, limit="all" if limit is None else int(limit)))
        self._connection.execute(_ASKED)
        self._connection.execute(_CRITERIA)

    def __enter__(self) -> Selection:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def human_labels(self) -> dict[tuple[str, str], HumanLabel]:
        """(response, criterion) → what people say of it, of the labelled cells that are asked about."""
        rows = self._connection.execute(_LABELS).fetchall()
        return {
            (response_id, criterion_id): HumanLabel(
                cluster_id=cluster_id, verdict=resolve([(label["kind"], label["verdict"]) for label in labels])
            )
            for response_id, criterion_id, cluster_id, labels in rows
        }

    def items(self) -> Iterator[JudgeItem]:
        """The responses with the criteria that are asked about, by id; memory holds the texts of FETCHED responses."""
        starts = [start for (start,) in self._connection.execute(_STARTS, {"fetched": FETCHED}).fetchall()]
        for start, end in pairwise([*starts, AFTER_ALL]):
            found = self._connection.execute(_ITEMS, {"start": start, "end": end}).fetchall()
            for response_id, instruction_id, instruction, response, criteria in found:
                yield JudgeItem(
                    instruction_id=instruction_id,
                    response_id=response_id,
                    instruction=instruction,
                    response=response,
                    criteria=tuple(Criterion(**criterion) for criterion in criteria),
                )
