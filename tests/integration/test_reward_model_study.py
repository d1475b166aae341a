"""A study by the command's function and Dagster, with real training on the smoke model: what is made, what is not again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.interfaces import Compute, current_ref
from assets.reward_model.study_steps import CELLS
from assets.steps import Settings
from orchestration.instance import open_instance
from orchestration.run import RunFailed
from orchestration.study import run_study, study_states
from tests.integration.conftest import Project
from training.launch import LaunchSpec
from training.storage import Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of a project whose chain has run: other tests change theirs."""
    home = tmp_path_factory.mktemp("study") / "home"
    shutil.copytree(finished.settings.home, home)
    return replace(finished.settings, home=home)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ran as a stage; a name in it beforehand dies when it is started."""
    started: list[str] = []
    real = Compute.run

    def run(self: Compute, context: dg.AssetExecutionContext, spec: LaunchSpec) -> None:
        name = context.partition_key if context.has_partition_key else spec.stage
        if f"kill {name}" in started:
            started.remove(f"kill {name}")
            raise dg.Failure("killed")
        started.append(name)
        real(self, context, spec)

    monkeypatch.setattr(Compute, "run", run)
    return started


def run(settings: Settings, **chosen: Any) -> str:
    return run_study(settings, variants=chosen.get("variants"), seeds=chosen.get("seeds"))


def spent() -> float:
    """Seconds of a processor that this process and those it waited for have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def ref_of(settings: Settings, asset: str, partition: str | None = None) -> Any:
    with open_instance(settings.home) as instance:
        return current_ref(instance, asset, partition)


def read(settings: Settings) -> dict[str, Any]:
    folder = Store(settings.store_root).fetch(ref_of(settings, "reward_model_study"))
    found: dict[str, Any] = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    return found


def test_a_study_goes_on_where_it_stopped_and_does_nothing_twice(
    settings: Settings, stages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stages.append("kill scalar-0")
    with pytest.raises(RunFailed, match="^cell scalar-0: killed$"):
        run(settings)
    assert stages == ["full-0"]
    states = {cell.name: cell.state for cell in study_states(settings, variants=None, seeds=None)}
    assert states == {"full-0": "made", "scalar-0": "not made", "full-1": "not made", "scalar-1": "not made"}

    before = spent()
    told = run(settings)
    assert spent() - before < 60
    assert stages == ["full-0", "scalar-0", "full-1", "scalar-1", "reward_model_study"]
    assert "Can't be told" in told and "study.html" in told
    assert "cell 2/4 scalar-0: ~" in (said := capsys.readouterr().err) and "left in all" in said
    study = read(settings)
    assert study["seeds"] == {"full": [0, 1], "scalar": [0, 1]} and study["missing"] == study["left_out"] == []

    stages.clear()
    assert run(settings) == told
    assert stages == []


def test_a_cell_that_is_gone_is_made_again_alone_and_the_table_stands(settings: Settings, stages: list[str]) -> None:
    run(settings)
    table, cell = ref_of(settings, "reward_model_study"), ref_of(settings, CELLS, "scalar-1")
    stages.clear()
    shutil.rmtree(Path(settings.store_root) / "artifacts" / CELLS / cell.digest)
    run(settings)
    # Training repeats itself bit for bit, so that the table is made of the same.
    assert stages == ["scalar-1"]
    assert (ref_of(settings, CELLS, "scalar-1"), ref_of(settings, "reward_model_study")) == (cell, table)


def test_a_partition_that_the_ui_materializes_is_the_same_work(settings: Settings, stages: list[str]) -> None:
    from assets.interfaces import ProjectResource
    from orchestration.build import build_defs

    run(settings)
    stages.clear()
    resource = ProjectResource.of(settings)
    with open_instance(settings.home) as instance:
        job = build_defs(project=resource).resolve_job_def("study_cell")
        assert job.execute_in_process(instance=instance, partition_key="full-1").success
        # A name that is no cell is refused in one line.
        instance.add_dynamic_partitions("study_cells", ["half-0"])
        failed = job.execute_in_process(instance=instance, partition_key="half-0", raise_on_error=False)
        instance.delete_dynamic_partition("study_cells", "half-0")
    assert stages == []
    (event,) = (e for e in failed.all_events if e.is_step_failure)
    assert "unknown cell 'half-0'; a cell is VARIANT-SEED" in str(event.step_failure_data.user_failure_data)
