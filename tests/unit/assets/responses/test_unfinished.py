"""Calls that stayed without a reply within what is allowed: the table counts, and the next run asks for these alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from assets.interfaces import Compute, ProjectResource, current_ref, step_assets
from assets.responses.sampling_steps import GENERATE_RESPONSES
from assets.steps import Metadata, Settings, Step, StepRun
from orchestration.plan import plan_run
from tests.fixtures.candidate_tables import raw_tables
from tests.fixtures.fault_server import FaultServer, fault_server
from training.storage import Store

ASSET = "generated_responses"


class Project:
    """Four instructions, a generator behind a server that misbehaves, and the step that asks it."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.folder, self.server = folder, server
        self.instance = dg.DagsterInstance.ephemeral()
        tables = raw_tables(folder / "in", dict.fromkeys("abcd", "rm_train"))
        # The file is read when a step is planned: its content may change, its path may not.
        self.settings = Settings(profile="local", sources=(), home=folder / "home", config=folder / "mine.yaml")
        self.calls()
        self._materialize(*(self._raw(name, path) for name, path in tables.items()))

    def calls(self, **limits: Any) -> None:
        """Writes the user's file with this section `calls`."""
        one = {"base_url": self.server.base_url, "model": "m", "family": "f", "attempts": 1, "backoff_seconds": 0.001}
        values = {"endpoints": {"one": one}, "responses": {"generators": [{"endpoint": "one"}]}, "calls": limits}
        (self.folder / "mine.yaml").write_text(json.dumps(values), encoding="utf-8")

    def state(self) -> str:
        """What the plan says of the step."""
        store = Store(self.settings.store_root)
        (planned,) = plan_run(self.settings, store, self.instance, [GENERATE_RESPONSES])
        return planned.state

    def run(self) -> list[str]:
        """Runs the step; returns the prompts that came in meanwhile."""
        before = len(self.server.received())
        self._materialize(GENERATE_RESPONSES)
        return sorted(event["prompt"] for event in self.server.received()[before:])

    def outcomes(self) -> dict[str, str]:
        """Instruction → outcome, in the table that stands."""
        ref = current_ref(self.instance, ASSET)
        assert ref is not None
        rows = pq.read_table(Store(self.settings.store_root).fetch(ref) / f"{ASSET}.parquet").to_pylist()
        return {row["instruction_id"]: row["outcome"] for row in rows}

    def shown(self, name: str) -> Any:
        """An entry of the table's metadata."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(ASSET))
        assert event is not None and event.asset_materialization is not None
        value = event.asset_materialization.metadata.get(name)
        return value and value.value

    def _materialize(self, *steps: Step) -> None:
        resources = {"project": ProjectResource.of(self.settings), "compute": Compute()}
        made = dg.materialize([step_assets(step) for step in steps], resources=resources, instance=self.instance)
        assert made.success

    def _raw(self, name: str, path: Path) -> Step:
        def copy(run: StepRun) -> dict[str, Metadata]:
            shutil.copytree(path, run.outputs[name], dirs_exist_ok=True)
            return {}

        return Step(name=name, outputs=(name,), inputs={}, group="instructions", config=lambda settings: {}, run=copy)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    with fault_server(tmp_path) as server:
        yield lambda *rules: server.set_rules(rules) or Project(tmp_path, server)


def test_what_failed_within_what_is_allowed_is_asked_alone_by_the_next_run(project: Callable[..., Project]) -> None:
    made = project({"when": "b?", "status": 503}, {"when": "d?", "fault": "reset"})
    made.calls(failures_allowed=1.0)
    assert made.run() == ["a?", "b?", "c?", "d?"]
    assert made.outcomes() == {"a": "answered", "b": "no_reply", "c": "answered", "d": "no_reply"}
    assert made.shown("unfinished") == 2 and made.state() == "run"
    # Still without a reply: the same table, and still not done.
    assert made.run() == ["b?", "d?"]
    assert made.state() == "run"
    made.server.set_rules([])
    assert made.run() == ["b?", "d?"]
    assert made.outcomes() == dict.fromkeys("abcd", "answered")
    assert made.shown("unfinished") is None and made.state() == "fresh"
    assert made.run() == [] and made.shown("reused") is True


def test_what_was_refused_is_asked_again_where_the_user_says_so_and_its_answer_stays(project: Callable[..., Project]) -> None:
    made = project({"when": "b?", "status": 413}, {"when": "d?", "status": 413})
    made.run()
    assert made.outcomes()["b"] == "refused_by_endpoint" and made.state() == "fresh"
    made.server.set_rules([{"when": "d?", "status": 413}])
    made.calls(retry_refused=True)
    assert made.state() == "run"
    assert made.run() == ["b?", "d?"]
    better = {"a": "answered", "b": "answered", "c": "answered", "d": "refused_by_endpoint"}
    assert made.outcomes() == better
    # While the switch is set, every run asks once more what is still refused.
    assert made.state() == "run" and made.run() == ["d?"]
    # Without it what came stands, and not what was made before it was set.
    made.calls()
    assert made.state() == "fresh" and made.run() == [] and made.outcomes() == better
