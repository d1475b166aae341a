"""A stage's artifact says what it was made from, and two makings from other inputs are two artifacts."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import sleep

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.config import load_config
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


def test_a_folder_outlives_the_process_that_worked_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt), workplace(folder) as place:
        (place.folder / "steps").write_text("one")
        raise KeyboardInterrupt
    with workplace(folder) as place:
        assert (place.folder / "steps").read_text() == "one" and not place.waited


def test_who_waited_for_a_folder_that_was_put_away_works_in_a_new_one(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "work"

    def wait() -> list[str]:
        with workplace(folder) as place:
            return [path.name for path in place.folder.iterdir()]

    with ThreadPoolExecutor(1) as pool:
        with workplace(folder) as place:
            (place.folder / "steps").write_text("one")
            second = pool.submit(wait)
            while "waiting for it" not in capsys.readouterr().err:
                sleep(0.01)
            store.put_aside(place.folder)
        assert second.result(10) == ["lock"]
