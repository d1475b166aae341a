"""The whole chain through Dagster, with real dbt, Great Expectations, torch and TRL: what it leaves, what it does not redo."""

from __future__ import annotations

import time

import dagster as dg
import pyarrow.parquet as pq
import pytest

from assets.chain import CHAIN
from assets.preferences.steps import SNAPSHOTS
from orchestration.instance import open_instance
from orchestration.plan import plan_run
from orchestration.run import run_chain
from tests.integration.conftest import Project, listening, make_project
from training.storage import read_manifest

pytestmark = pytest.mark.slow


def test_every_asset_of_the_chain_stands_for_a_whole_artifact(finished: Project) -> None:
    outputs = [name for step in CHAIN if not step.checks for name in step.outputs]
    for name, ref in finished.refs(*outputs).items():
        assert ref is not None, f"{name} was not materialized"
        manifest = read_manifest(finished.store.fetch(ref))
        assert manifest.files, f"{name} is empty"


def test_lineage_leads_from_the_report_to_raw_instructions(finished: Project) -> None:
    found: set[str] = set()
    todo = [str(finished.refs("report")["report"])]
    while todo:
        ref_name, _, digest = todo.pop().rpartition("@")
        if ref_name in found:
            continue
        found.add(ref_name)
        folder = finished.settings.home / "store" / "artifacts" / ref_name / digest
        todo += read_manifest(folder).inputs.values()
    assert {"policy", "reward_model", "panel_reward_model", "base_model", "benchmark_snapshot", "criteria"} <= found
    assert {"raw_instructions", "raw_verdicts", "instruction_splits"} <= found


def test_report_is_self_contained_and_says_what_it_cannot_show(finished: Project) -> None:
    folder = finished.store.fetch(finished.refs("report")["report"])  # type: ignore[arg-type]
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "too small to show an effect" in html
    assert "policy gain not validated" in html.lower()
    assert 'src="http' not in html and "<script src" not in html
    assert (folder / "report.json").exists() and (folder / "report.csv").exists()


def test_a_new_history_has_the_contracts_checked_in_it(finished: Project) -> None:
    with dg.DagsterInstance.ephemeral() as empty:
        planned = plan_run(finished.settings, finished.store, empty)
    assert {item.step.name: item.state for item in planned}["contracts"] == "run"


def test_running_again_does_nothing_within_a_minute(finished: Project) -> None:
    start = time.monotonic()
    looked_at, by_event = finished.run()
    assert (looked_at, by_event) == (0, {})
    assert time.monotonic() - start < 60


def test_a_changed_rubric_reruns_what_hangs_on_it_and_no_more(finished: Project) -> None:
    before = finished.refs("base_model", "reward_model", "panel_reward_model", "policy", "instruction_splits")
    benchmarked = finished.refs("benchmark_snapshot", "report")
    finished.edit_condition("gout", lambda text: text.replace("    text: ", "    text: Correctly ", 1))
    _, by_event = finished.run()
    # A benchmark rubric: everything measured on it is done again, nothing is trained again.
    assert finished.refs(*before) == before
    assert {"reward_model_benchmark", "policy_benchmark", "report"} <= by_event["done"]
    assert not by_event["done"] & {"base_model", "reward_model", "panel_reward_model", "policy", "instruction_splits"}
    after = finished.refs(*benchmarked)
    assert all(after[name] != ref for name, ref in benchmarked.items())
    assert finished.run()[0] == 0


def test_a_changed_training_rubric_retrains_its_reward_model_and_not_the_panel(finished: Project) -> None:
    instructions = finished.store.fetch(finished.refs("instructions")["instructions"])  # type: ignore[arg-type]
    rows = pq.read_table(instructions / "instructions.parquet", columns=["source_row", "split"]).to_pylist()
    condition = min(row["source_row"].partition(".yaml")[0] for row in rows if row["split"] == "rm_train")
    finished.edit_condition(condition, lambda text: text.replace("    text: ", "    text: Correctly ", 1))
    data_steps = list(CHAIN[: CHAIN.index(SNAPSHOTS[-1]) + 1])
    with listening() as by_event:
        run_chain(finished.settings, data_steps)
    assert "reward_model_snapshot" in by_event["done"]
    with open_instance(finished.settings.home) as instance:
        planned = plan_run(finished.settings, finished.store, instance)
    states = {item.step.name: item.state for item in planned}
    assert states["reward_model"] == "run"
    assert states["policy"] == "depends"
    # Other splits' snapshots hold none of its rows.
    assert {states[name] for name in ("base_model", "panel_reward_model", "base_rollouts")} == {"fresh"}


def test_sources_without_a_training_pair_stop_in_one_clear_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    from orchestration.run import RunFailed

    project = make_project(tmp_path_factory.mktemp("benchmark_only"))
    for path in (project.corpus / "conditions").glob("*.yaml"):
        if "split: benchmark" not in path.read_text(encoding="utf-8"):
            path.unlink()
    with pytest.raises(RunFailed, match="reward_model_snapshot: the sources yield no training pair; add a source"):
        project.run()
