"""A stage's artifact says what it was made from, and two makings from other inputs are two artifacts."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import sleep, time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.config import load_config
from training.errors import StageRefusal
from training.launch import MADE_FROM, run_stage
from training.manifests import ArtifactRef
from training.stages import STAGES
from training.storage import Store, read_manifest
from training.working import workplace

STAGE = replace(STAGES["base_model"], module="a_stage_that_writes_the_same")


class _Programme:
    """A stage's programme that writes the same whatever it reads."""

    @staticmethod
    def run(*, config: object, inputs: dict[str, Path], output: Path) -> dict[str, int]:
        (output / "answers.txt").write_text("the same")
        return {}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setitem(sys.modules, STAGE.module, _Programme)
    return Store(str(tmp_path / "store"))


def _made(store: Store, folder: Path, digest: str) -> Path:
    pq.write_table(pa.table({"text": ["a"]}), folder / "raw_instructions.parquet")
    config = load_config(STAGE.config_class(), stage="base_model", profile="smoke")
    making = run_stage(
        STAGE,
        artifact="base_model",
        config=config,
        folders={"raw_instructions": folder},
        refs={"raw_instructions": ArtifactRef(name="raw_instructions", digest=digest)},
        store=store,
        key=f"key-{digest}",
        run_id=None,
    )
    return store.fetch(making.ref)


def test_the_same_content_from_other_inputs_names_its_own(store: Store, tmp_path: Path) -> None:
    first, second = _made(store, tmp_path, "aaa"), _made(store, tmp_path, "bbb")
    for folder, digest in ((first, "aaa"), (second, "bbb")):
        assert json.loads((folder / MADE_FROM).read_text()) == {"raw_instructions": f"raw_instructions@{digest}"}
        assert read_manifest(folder).inputs == {"raw_instructions": f"raw_instructions@{digest}"}
    assert first != second


def test_the_same_content_from_the_same_inputs_is_one_artifact(store: Store, tmp_path: Path) -> None:
    assert _made(store, tmp_path, "aaa") == _made(store, tmp_path, "aaa")


class _Resuming:
    """A stage's programme that is killed once, and finds what it left."""

    @staticmethod
    def run(*, config: object, inputs: dict[str, Path], output: Path, working: Path, curves: Path) -> dict[str, str]:
        steps = working / "steps"
        if not steps.exists():
            steps.write_text("one")
            raise KeyboardInterrupt
        (output / "answers.txt").write_text(steps.read_text())
        return {"curves": str(curves)}


def _resume(store: Store) -> ArtifactRef:
    stage = replace(STAGE, resumes=True)
    config = load_config(STAGE.config_class(), stage="base_model", profile="smoke")
    return run_stage(
        stage, artifact="base_model", config=config, folders={}, refs={}, store=store, key="k" * 64, run_id=None
    ).ref


def test_a_stage_that_resumes_finds_what_it_left_until_its_artifact_is_published(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, STAGE.module, _Resuming)
    with pytest.raises(KeyboardInterrupt):
        _resume(store)
    assert (store.working_folder("k" * 64) / "steps").exists()
    folder = store.fetch(_resume(store))
    assert (folder / "answers.txt").read_text() == "one"
    assert list(store.working_folder("k" * 64).parent.iterdir()) == []
    assert read_manifest(folder).metadata["curves"] == f"{store.root}/curves/base_model/{'k' * 12}"


def test_who_comes_to_work_under_way_waits_and_takes_what_was_made(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entered, may_end, runs = Event(), Event(), []

    class Slow:
        @staticmethod
        def run(*, output: Path, **_: object) -> dict[str, int]:
            runs.append(output)
            entered.set()
            assert may_end.wait(10)
            (output / "answers.txt").write_text("once")
            return {}

    monkeypatch.setitem(sys.modules, STAGE.module, Slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_resume, store)
        assert entered.wait(10)
        second = pool.submit(_resume, store)
        while "waiting for it" not in (said := capsys.readouterr().err):
            assert not second.done()
            sleep(0.01)
        may_end.set()
        assert first.result() == second.result()
    assert "another process does this work" in said
    assert len(runs) == 1
    assert list(store.working_folder("k" * 64).parent.iterdir()) == []


def test_work_that_another_did_between_plan_and_lock_is_not_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    class Counted:
        @staticmethod
        def run(*, output: Path, **_: object) -> dict[str, int]:
            runs.append(output)
            (output / "answers.txt").write_text("once")
            return {}

    monkeypatch.setitem(sys.modules, STAGE.module, Counted)
    # The other has put its folder away: nobody is waited for.
    first = _resume(store)
    assert _resume(store) == first
    assert len(runs) == 1
    assert list(store.working_folder("k" * 64).parent.iterdir()) == []


def test_a_stage_that_is_started_several_times_over_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, STAGE.module, _Programme)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StageRefusal, match="^WORLD_SIZE is 2: start a stage once, .* is `processes` in the config$"):
        _resume(store)
    assert not store.working_folder("k" * 64).exists()


def test_a_folder_outlives_the_process_that_worked_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt), workplace(folder) as place:
        (place / "steps").write_text("one")
        raise KeyboardInterrupt
    with workplace(folder) as place:
        assert (place / "steps").read_text() == "one"


def test_who_waited_for_a_folder_that_was_put_away_works_in_a_new_one(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "work"

    def wait() -> list[str]:
        with workplace(folder) as place:
            return [path.name for path in place.iterdir()]

    with ThreadPoolExecutor(1) as pool:
        with workplace(folder) as place:
            (place / "steps").write_text("one")
            second = pool.submit(wait)
            while "waiting for it" not in capsys.readouterr().err:
                sleep(0.01)
            store.put_aside(place)
        assert second.result(10) == ["lock"]


def _rests(folder: Path, *, days: float) -> None:
    then = time() - days * 86_400
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


def test_work_that_rests_for_a_month_is_swept_and_what_is_younger_or_under_way_is_not(store: Store) -> None:
    folders = {name: store.working_folder(name) for name in ("old", "young", "written", "busy")}
    for folder in folders.values():
        with workplace(folder) as place:
            (place / "state.pt").write_text("one")
        _rests(folder, days=29 if folder.name == "young" else 31)
    os.utime(folders["written"] / "state.pt")
    (store.working_folder("foreign")).mkdir()
    _rests(store.working_folder("foreign"), days=31)
    with workplace(folders["busy"]) as place:
        _rests(place, days=31)
        assert store.sweep() == 1
    assert sorted(path.name for path in folders["old"].parent.iterdir()) == ["busy", "foreign", "written", "young"]
    assert (folders["young"] / "state.pt").read_text() == "one"
    assert store.sweep() == 1 and not folders["busy"].exists()
