"""The plan looks at the check as Dagster has it, not only at the verdict that the store remembers."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

import orchestration.plan
from assets.interfaces import Compute, ProjectResource, current_ref, step_assets
from assets.steps import Metadata, Settings, Step, StepRun
from orchestration.plan import plan_run
from training.storage import Store


def _write(work: StepRun) -> dict[str, Metadata]:
    (work.outputs["made"] / "a.txt").write_text(str(work.config["text"]))
    return {}


def made_of(text: str) -> Step:
    return Step(
        name="made",
        outputs=("made",),
        inputs={},
        group="reports",
        config=lambda settings: {"text": text},
        run=_write,
        sources=("training/errors.py",),
    )


CHECKING = Step(
    name="checking",
    outputs=("results",),
    inputs={"made": "made"},
    checks=("made",),
    check_name="contract",
    group="reports",
    config=lambda settings: {},
    sources=("training/errors.py",),
)


class Project:
    """One asset and the contract on it."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(profile="smoke", sources=("corpus",), home=home)
        self.store = Store(self.settings.store_root)
        self.instance = dg.DagsterInstance.ephemeral()
        self._monkeypatch = monkeypatch

    def run(self, made: Step, *, check: bool = True, passes: bool = True) -> None:
        @dg.asset_check(asset="made", name="contract", blocking=True)
        def contract() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=passes)

        resources = {"project": ProjectResource(home=str(self.settings.home)), "compute": Compute()}
        chosen = dg.AssetSelection.all() if check else dg.AssetSelection.all() - dg.AssetSelection.all_asset_checks()
        everything = [step_assets(made), contract]
        dg.materialize(everything, resources=resources, instance=self.instance, selection=chosen, raise_on_error=False)
        if check:
            self._remember_verdict(passes)

    def _remember_verdict(self, passes: bool) -> None:
        ref = current_ref(self.instance, "made")
        assert ref is not None
        key = CHECKING.key({}, {"made": ref})
        with self.store.workspace() as folder:
            (folder / "results.json").write_text(str(passes))
            manifest = self.store.publish(
                name="results",
                folder=folder,
                skip_key=key,
                inputs={"made": str(ref)},
                config={},
                code_version="c",
                metadata={"passed": passes},
            )
        self.store.remember(key, {"results": manifest.ref})

    def plan(self, made: Step) -> dict[str, str]:
        self._monkeypatch.setattr(orchestration.plan, "CHAIN", (made, CHECKING))
        planned = plan_run(self.settings, self.store, self.instance, (made, CHECKING))
        return {item.step.name: item.state for item in planned}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_made_and_checked_is_fresh(project: Project) -> None:
    assert project.plan(made_of("x")) == {"made": "run", "checking": "depends"}
    project.run(made_of("x"))
    assert project.plan(made_of("x")) == {"made": "fresh", "checking": "fresh"}


def test_a_change_that_is_taken_back_is_checked_again(project: Project) -> None:
    project.run(made_of("x"))
    project.run(made_of("y"), check=False)
    # The store knows both the artifact and that it passed; Dagster's check is of the other one.
    assert project.plan(made_of("x")) == {"made": "run", "checking": "run"}
    project.run(made_of("x"), check=False)
    assert project.plan(made_of("x")) == {"made": "fresh", "checking": "run"}
    project.run(made_of("x"))
    assert project.plan(made_of("x")) == {"made": "fresh", "checking": "fresh"}


def test_a_new_history_is_told_of_the_check(project: Project) -> None:
    project.run(made_of("x"))
    project.instance = dg.DagsterInstance.ephemeral()
    assert project.plan(made_of("x")) == {"made": "run", "checking": "run"}


def test_a_check_that_dagster_saw_fail_last_is_not_fresh(project: Project) -> None:
    project.run(made_of("x"))
    project.run(made_of("x"), passes=False)
    project._remember_verdict(True)
    assert project.plan(made_of("x")) == {"made": "fresh", "checking": "run"}
