"""A training stage started alone, without Dagster: it refuses what the contracts would have stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.conftest import Project
from training.contracts import CONTRACTS_FILE
from training.launch import main
from training.manifests import sha256_file
from training.stages import ROOT
from training.storage import Store

pytestmark = pytest.mark.slow
CONFIG = str(ROOT / "training" / "configs" / "reward_model" / "smoke.yaml")


def publish_with_swapped_pair(project: Project, folder: Path) -> tuple[Path, str]:
    """A snapshot that claims to have passed, manifest and all, with one pair the wrong way round."""
    ref = project.refs("reward_model_snapshot")["reward_model_snapshot"]
    assert ref is not None
    copy = folder / "copy"
    shutil.copytree(project.store.fetch(ref), copy)
    (copy / "manifest.json").unlink()
    file = copy / "preference_pairs.parquet"
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0]["chosen_id"], rows[0]["rejected_id"] = rows[0]["rejected_id"], rows[0]["chosen_id"]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    record = json.loads((copy / CONTRACTS_FILE).read_text())
    record["tables"]["preference_pairs"] = sha256_file(file)
    (copy / CONTRACTS_FILE).write_text(json.dumps(record))
    store = Store(folder / "store")
    manifest = store.publish(
        name="reward_model_snapshot", folder=copy, skip_key="k", inputs={}, config={}, code_version="c", metadata={}
    )
    return store.fetch(manifest.ref), rows[0]["pair_id"]


def test_a_defective_snapshot_is_refused_with_the_row_named(
    finished: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot, pair_id = publish_with_swapped_pair(finished, tmp_path)
    base = finished.refs("base_model")["base_model"]
    assert base is not None
    inputs = [f"snapshot={snapshot}", f"base_model={finished.store.fetch(base)}"]
    code = main("reward_model", ["--config", CONFIG, "--inputs", *inputs, "--store", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert code == 1
    assert error.startswith("python -m training.reward_model: ")
    assert pair_id in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--inputs", "snapshots=x"], "unknown input 'snapshots=x'; needed as NAME=FOLDER: snapshot, base_model"),
        (["--inputs", "snapshot=."], "missing input base_model; needed as NAME=FOLDER: snapshot, base_model"),
        (["--inputs", "snapshot=.", "base_model=."], "no manifest.json, so this is no finished artifact"),
    ],
)
def test_wrong_inputs_are_named_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("reward_model", ["--config", CONFIG, *arguments, "--store", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_an_unknown_key_is_named_with_those_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(Path(CONFIG).read_text() + "\nepoch: 3\n")
    assert main("reward_model", ["--config", str(config), "--store", str(tmp_path)]) == 1
    assert "epoch: unknown key; allowed: " in capsys.readouterr().err
