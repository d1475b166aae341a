"""Each planted defect stops the run before the reward model, with the row named, and the snapshot can't be cut afterwards.

So does one that dbt's own tests find in the raw tables, and Dagster shows that test as failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assets.warehouse.definitions as warehouse
from assets.chain import steps_named
from assets.warehouse.export import forget_state
from orchestration.instance import open_instance
from orchestration.run import RunFailed, run_chain
from tests.integration.conftest import Project, make_project

pytestmark = pytest.mark.slow
Rows = list[dict[str, object]]


def swapped(rows: Rows) -> str:
    rows[0]["chosen_id"], rows[0]["rejected_id"] = rows[0]["rejected_id"], rows[0]["chosen_id"]
    return str(rows[0]["pair_id"])


def across_instructions(rows: Rows) -> str:
    other = next(row for row in rows if row["instruction_id"] != rows[0]["instruction_id"])
    rows[0]["rejected_id"] = other["rejected_id"]
    return str(rows[0]["pair_id"])


def benchmark_in_training(rows: Rows) -> str:
    row = next(row for row in rows if row["split"] == "benchmark")
    row["split"] = "rm_train"
    return str(row["criterion_id"])


def assumed_in_a_metric(rows: Rows) -> str:
    row = next(row for row in rows if row["split"] == "benchmark")
    row["judge_kind"] = "assumed"
    return str(row["criterion_id"])


def unknown_veto_with_a_score(rows: Rows) -> str:
    # The veto verdict among these is unknown now, while response_scores still has the response's S3.
    response = rows[0]["response_id"]
    for row in rows:
        if row["response_id"] == response:
            row["verdict"] = "unknown"
    return str(response)


DEFECTS: dict[str, tuple[str, Callable[[Rows], str]]] = {
    "swapped": ("preference_pairs", swapped),
    "across_instructions": ("preference_pairs", across_instructions),
    "benchmark_in_training": ("criterion_preferences", benchmark_in_training),
    "unknown_veto_with_a_score": ("resolved_verdicts", unknown_veto_with_a_score),
    "assumed_in_a_metric": ("criterion_preferences", assumed_in_a_metric),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("contracts"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_stops_the_run(defect: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    table, plant = DEFECTS[defect]
    export, named = warehouse.export_mart, []

    def export_with_defect(path: Path, mart: str, folder: Path) -> int:
        count = export(path, mart, folder)
        if mart == table:
            file = folder / f"{mart}.parquet"
            schema = pq.read_schema(file)
            rows = pq.read_table(file).to_pylist()
            named.append(plant(rows))
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        return count

    monkeypatch.setattr(warehouse, "export_mart", export_with_defect)
    # Each defect is a new state of the marts under an old skip key: forget what the last one left.
    for record in (project.settings.home / "store" / "index").glob("*.json"):
        if table in record.read_text() or "criteria" in record.read_text():
            record.unlink()
    with pytest.raises(RunFailed) as failure:
        project.run()
    assert f"contract of {table} failed" in str(failure.value)
    assert named[0] in str(failure.value)
    assert project.refs("reward_model_snapshot", "reward_model") == {"reward_model_snapshot": None, "reward_model": None}
    with pytest.raises(RunFailed, match=f"reward_model_snapshot: the contract failed on .*{table}"):
        run_chain(project.settings, steps_named(["reward_model_snapshot"]))


def test_a_failed_dbt_test_reaches_dagster(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out = warehouse.lay_out_raw

    def lay_out_with_a_duplicate(inputs: Mapping[str, Path], folder: Path) -> None:
        lay_out(inputs, folder)
        table = pq.read_table(folder / "raw_responses.parquet")
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), folder / "raw_responses.parquet")

    monkeypatch.setattr(warehouse, "lay_out_raw", lay_out_with_a_duplicate)
    forget_state(project.settings.warehouse_path)
    with pytest.raises(RunFailed, match="primary_key_stg_raw__responses"):
        run_chain(project.settings, steps_named(["ingest", "instruction_splits", "candidates", "warehouse"]))
    key = dg.AssetCheckKey(dg.AssetKey("stg_raw__responses"), "primary_key_stg_raw__responses_response_id")
    with open_instance(project.settings.home) as instance:
        (last_run,) = instance.get_run_ids(limit=1)
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert (record.run_id, record.status.value) == (last_run, "FAILED")
