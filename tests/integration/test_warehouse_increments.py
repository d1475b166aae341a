"""The warehouse built step by step over edits, against one built at once from the same raw tables: equal to the last byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.warehouse.export import MARTS, export_mart
from tests.fixtures.raw_tables import RUBRIC, Rows, case, dbt, lay_out

pytestmark = pytest.mark.slow
Cases = dict[str, dict[str, Rows]]


def some_cases() -> Cases:
    """Three sources; the corpus in two batches, of which the second was reviewed."""
    return {
        "plain": case("plain", RUBRIC, {"a": "mmum", "b": "mumm", "c": "mmmu"}),
        "bench": case("bench", RUBRIC, {"a": "mmum", "b": "mumm"}, split="benchmark"),
        "reviewed": case("reviewed", RUBRIC, {"a": "mumm", "b": "mmm?"}, review="round-1"),
        "bad": case("bad", "main:0.5 main:0.4 veto", {"a": "mmm", "b": "uum"}, source="kqa"),
        "asked": case("asked", RUBRIC, {"a": "mmmm", "b": "uuuu"}, source="kqa"),
        "bare": case("bare", "", {}, source="medquad"),
    }


def row(cases: Cases, name: str, table: str, **where: object) -> dict[str, Any]:
    (found,) = (r for r in cases[name][table] if all(r[key] == value for key, value in where.items()))
    return found


def rubric_edited(cases: Cases) -> None:
    for weight, criterion in zip((0.5, 0.5, None, None), cases["plain"]["raw_criteria"], strict=True):
        criterion |= {"weight": weight, "rubric_version": "v2-plain", "origin": "reviewed", "review_id": "round-2"}


def responses_added(cases: Cases) -> None:
    cases["reviewed"] = case("reviewed", RUBRIC, {"a": "mumm", "b": "mmm?", "c": "uumm", "d": "----"}, review="round-1")


def verdict_changed(cases: Cases) -> None:
    row(cases, "bench", "raw_verdicts", response_id="bench-a", criterion_id="bench-c3")["verdict"] = "unmet"


def pairs_vanish(cases: Cases) -> None:
    cases["asked"] = case("asked", RUBRIC, {"a": "mmmm"}, source="kqa")


def rubric_mended(cases: Cases) -> None:
    row(cases, "bad", "raw_criteria", criterion_id="bad-c1")["weight"] = 0.5


def source_removed(cases: Cases) -> None:
    del cases["bad"], cases["asked"]


def source_added(cases: Cases) -> None:
    cases["own"] = case("own", RUBRIC, {"a": "mmum", "b": "mumm"}, source="own", split="panel_train")


def split_moved(cases: Cases) -> None:
    row(cases, "bench", "instruction_splits").update(cluster_id="cluster-plain", split="rm_train")


def left_out(cases: Cases) -> None:
    row(cases, "plain", "curated_instructions").update(
        representative_id="bench", similarity=0.9, merged_by="semantic", excluded_because="duplicate", kept=False
    )


def rubric_drafted(cases: Cases) -> None:
    cases["bare"] = case("bare", RUBRIC, {"a": "mmum", "b": "mumm"}, source="medquad", kind="model", origin="drafted")
    cases["drafted"] = case("drafted", RUBRIC, {"a": "mumm", "b": "mmuu"}, source="medquad", kind="model", origin="drafted")


def draft_refused(cases: Cases) -> None:
    cases["unheard"] = case("unheard", "", {}, source="medquad", refused="no_reply")


def draft_accepted(cases: Cases) -> None:
    # As it was drafted: ids, texts and weights stay.
    for criterion in cases["bare"]["raw_criteria"]:
        criterion |= {"origin": "reviewed", "review_id": "round-1"}


def dispute_decided(cases: Cases) -> None:
    cases["drafted"]["raw_verdicts"] += [
        {"response_id": "drafted-a", "criterion_id": "drafted-c0", "verdict": said, "judge": judge, "judge_kind": kind}
        for judge, kind, said in (("p", "human", "met"), ("q", "human", "unmet"), ("adjudicated:one", "adjudicated", "unmet"))
    ]


# Edits made together, in batches of their own, with the marts that must differ after them.
STEPS: tuple[tuple[tuple[Callable[[Cases], None], ...], set[str]], ...] = (
    ((rubric_edited, responses_added), {"criteria", "responses", "resolved_verdicts", "response_scores", "preference_pairs"}),
    ((verdict_changed, rubric_mended), {"verdicts", "criterion_preferences", "preference_pairs", "quarantine", "criteria"}),
    ((pairs_vanish,), {"responses", "preference_pairs", "criterion_preferences", "pair_outcomes"}),
    ((source_removed,), {"instructions", "criteria", "responses", "verdicts", "response_scores", "preference_pairs"}),
    ((source_added, split_moved), {"instructions", "criteria", "responses", "preference_pairs", "criterion_preferences"}),
    ((left_out,), {"instructions", "preference_pairs", "criterion_preferences", "pair_outcomes"}),
    ((rubric_drafted, draft_refused), {"criteria", "responses", "verdicts", "preference_pairs", "quarantine"}),
    ((draft_accepted, dispute_decided), {"criteria", "verdicts", "resolved_verdicts", "response_scores"}),
)


def build(folder: Path, warehouse: str, *options: str) -> None:
    done = dbt(["run", *options], folder, warehouse=warehouse)
    assert done.returncode == 0, done.stdout[-4000:]


def exported(folder: Path, warehouse: str) -> dict[str, bytes]:
    out = folder / f"{warehouse}.marts"
    for mart in MARTS:
        export_mart(folder / warehouse, mart, out)
    return {mart: (out / f"{mart}.parquet").read_bytes() for mart in MARTS}


def differing(left: dict[str, bytes], right: dict[str, bytes]) -> set[str]:
    return {mart for mart in MARTS if left[mart] != right[mart]}


def test_step_by_step_equals_at_once_over_every_edit(tmp_path: Path) -> None:
    cases = some_cases()
    lay_out(tmp_path, cases.values())
    build(tmp_path, "steps.duckdb")
    before = exported(tmp_path, "steps.duckdb")
    for number, (edits, touched) in enumerate(STEPS):
        for edit in edits:
            edit(cases)
        lay_out(tmp_path, cases.values())
        build(tmp_path, "steps.duckdb")
        build(tmp_path, f"whole-{number}.duckdb")
        now = exported(tmp_path, "steps.duckdb")
        assert differing(now, exported(tmp_path, f"whole-{number}.duckdb")) == set(), edits
        assert differing(now, before) >= touched, edits
        before = now


def planted(warehouse: Path, value: float | None = None) -> list[tuple[str, float]]:
    """Responses with their agreement on their first criterion, after setting all to `value` if one is given."""
    connection = duckdb.connect(str(warehouse))
    try:
        if value is not None:
            connection.execute("update resolved_verdicts set agreement = ?", [value])
        query = "select response_id, agreement from resolved_verdicts where criterion_id like '%-c0' order by all"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def batches(warehouse: Path) -> dict[str, tuple[int, str]]:
    """Batch → how many instructions it has, and its version."""
    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        rows = connection.execute("select batch, n_instructions, batch_version from int_batches__versioned").fetchall()
    finally:
        connection.close()
    return {batch: (n, version) for batch, n, version in rows}


def test_only_changed_batches_are_computed(tmp_path: Path) -> None:
    cases = some_cases()
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    # A value that no build would come to stays where nothing is computed.
    planted(tmp_path / "warehouse.duckdb", 0.125)
    row(cases, "reviewed", "raw_verdicts", response_id="reviewed-a", criterion_id="reviewed-c0")["verdict"] = "unmet"
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    assert planted(tmp_path / "warehouse.duckdb") == [
        ("asked-a", 0.125),
        ("asked-b", 0.125),
        ("bench-a", 0.125),
        ("bench-b", 0.125),
        ("plain-a", 0.125),
        ("plain-b", 0.125),
        ("plain-c", 0.125),
        ("reviewed-a", 1.0),
        ("reviewed-b", 1.0),
    ]


def test_a_draft_makes_its_batch_anew_and_a_review_the_batches_that_it_leaves_and_joins(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    cases = some_cases()
    rubric_drafted(cases)
    # Answered before anybody wrote a rubric: of the draft nothing but its criteria is new.
    drafts = cases["bare"]["raw_criteria"]
    cases["bare"] |= {"raw_criteria": [], "raw_verdicts": []}
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    before = batches(warehouse)
    assert {batch: n for batch, (n, _) in before.items()} == {"corpus": 2, "corpus/round-1": 1, "kqa": 2, "medquad": 2}

    cases["bare"]["raw_criteria"] = drafts
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    drafted = batches(warehouse)
    assert {batch for batch in drafted if drafted[batch] != before.get(batch)} == {"medquad"}

    planted(warehouse, 0.125)
    draft_accepted(cases)
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    reviewed = batches(warehouse)
    # Round 1 of another source is another batch.
    assert {batch: n for batch, (n, _) in reviewed.items() if reviewed[batch] != drafted.get(batch)} == {
        "medquad": 1,
        "medquad/round-1": 1,
    }
    made_anew = {response for response, agreement in planted(warehouse) if agreement != 0.125}
    assert made_anew == {"bare-a", "bare-b", "drafted-a", "drafted-b"}


def test_a_build_that_ended_half_way_and_an_edit_undone_leave_nothing_behind(tmp_path: Path) -> None:
    cases = some_cases()
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb")
    before = exported(tmp_path, "warehouse.duckdb")
    verdict_changed(cases)
    lay_out(tmp_path, cases.values())
    build(tmp_path, "warehouse.duckdb", "--select", "+int_verdicts__resolved")
    lay_out(tmp_path, some_cases().values())
    build(tmp_path, "warehouse.duckdb")
    assert differing(exported(tmp_path, "warehouse.duckdb"), before) == set()
