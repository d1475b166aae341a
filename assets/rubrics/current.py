"""The one rubric that counts for every instruction, and the versions that its criteria have been through.

What belongs here: which of several rubrics counts, over Arrow tables. Reading and writing them is `steps.py`'s.

The published rubric counts, then the reviewed one, then the draft. Ours: a draft for a held-out instruction counts only once
it has been reviewed, since nothing is measured by what no physician has seen.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from assets.instructions.tables import SCHEMAS, TableError
from training.records import HELD_OUT_SPLITS

DRAFTED, REJECTED = "drafted", "rejected"
_ID = "instruction_id"


def current_rubrics(
    *,
    published: pa.Table,
    reviewed: pa.Table,
    drafts: pa.Table,
    decisions: pa.Table,
    splits: pa.Table,
    use_unreviewed: bool,
) -> dict[str, pa.Table]:
    """The criteria that count, by where they come from: published, reviewed, drafted. No instruction is in two of them.

    Args:
        published: rows of `published_criteria`.
        reviewed: rows of `reviewed_criteria`.
        drafts: rows of `rubric_drafts`.
        decisions: rows of `review_decisions`.
        splits: instruction_id and split of the instructions that there are now. Reviews outlive sources: a rubric of what is
            not among them waits until it is again.
        use_unreviewed: whether drafts count that no physician has seen.

    Raises:
        TableError: two reviewed rubrics, or two drafts, of one instruction.
    """
    reviewed = _kept(_kept(reviewed, _ID, splits[_ID]), _ID, published[_ID], among=False)
    used = _kept(drafts if use_unreviewed else drafts.slice(0, 0), _ID, splits[_ID])
    held_out = _kept(splits, "split", HELD_OUT_SPLITS)[_ID]
    for better in (published[_ID], reviewed[_ID], held_out):
        used = _kept(used, _ID, better, among=False)
    used = _kept(used, "rubric_version", rejected_versions(decisions), among=False)
    columns = SCHEMAS["raw_criteria"].names
    found = {"published": published, "reviewed": reviewed, "drafted": used}
    for name in ("reviewed", "drafted"):
        _one_rubric_each(name, found[name])
    return {name: table.select(columns) for name, table in found.items()}


def rejected_versions(decisions: pa.Table) -> pa.ChunkedArray:
    """The rubric_versions that a physician has turned down."""
    return _kept(decisions, "decision", [REJECTED])["rubric_version"]


def criterion_history(*, drafts: pa.Table, changes: pa.Table) -> pa.Table:
    """Rows of `criterion_versions`: what physicians changed, and every draft as it came.

    Args:
        drafts: rows of `rubric_drafts`.
        changes: rows of `review_changes`; a draft that they already tell of is not told twice.
    """
    schema = SCHEMAS["criterion_versions"]
    told = _kept(changes, "change", [DRAFTED])
    fresh = drafts.filter(pc.invert(pc.is_in(_version_key(drafts), value_set=_version_key(told))))
    drafted = pa.array([DRAFTED] * len(fresh), pa.string())
    columns = [
        drafted
        if name == "change"
        else fresh[name]
        if name in fresh.column_names
        else pa.nulls(len(fresh), schema.field(name).type)
        for name in schema.names
    ]
    return pa.concat_tables([changes.select(schema.names), pa.Table.from_arrays(columns, schema=schema)])


def rubric_count(criteria: pa.Table) -> int:
    """How many instructions have a rubric."""
    return int(pc.count_distinct(criteria[_ID]).as_py())


def _kept(table: pa.Table, column: str, values: Collection[str] | pa.ChunkedArray, *, among: bool = True) -> pa.Table:
    """The rows whose value is among the values, or is not."""
    if not isinstance(values, pa.ChunkedArray):
        values = pa.chunked_array([pa.array(list(values), pa.string())])
    mask = pc.is_in(table[column], value_set=values.combine_chunks())
    return table.filter(mask if among else pc.invert(mask))


def _version_key(table: pa.Table) -> pa.Array:
    return pc.binary_join_element_wise(table["rubric_version"], table["criterion_id"], "|").combine_chunks()


def _one_rubric_each(name: str, criteria: pa.Table) -> None:
    pairs = criteria.group_by([_ID, "rubric_version"]).aggregate([])
    several = pairs.group_by(_ID).aggregate([("rubric_version", "count")])
    several = several.filter(pc.greater(several["rubric_version_count"], 1))
    if len(several):
        raise TableError(f"{name} rubrics: {min(several[_ID].to_pylist())} has more than one: an instruction has one at a time")
