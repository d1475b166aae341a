"""A stage's artifact says what it was made from, and two makings from other inputs are two artifacts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.config import load_config
from training.launch import MADE_FROM, run_stage
from training.manifests import ArtifactRef
from training.stages import STAGES
from training.storage import Store, read_manifest

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
