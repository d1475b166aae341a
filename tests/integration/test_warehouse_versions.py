"""Warehouse files of other versions of the project: an older one is built anew and says so, a newer one refused in a line."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.warehouse.export import MARTS, export_mart
from assets.warehouse.versions import VERSION, prepare_warehouse
from tests.fixtures.raw_tables import RUBRIC, case, dbt, lay_out
from training.config import ConfigError
from training.stages import ROOT

pytestmark = pytest.mark.slow
# The last commit whose warehouse has no version.
FIRST_VERSION = "8302ff5"


def raw_of_the_first_version(folder: Path) -> None:
    """The same raw tables as that version had them: `duplicate_of`, no label of the source, nothing curated."""
    path = folder / "raw" / "raw_instructions.parquet"
    table = pq.read_table(path).drop_columns(["source_label"])
    pq.write_table(table.append_column("duplicate_of", pa.nulls(table.num_rows, pa.string())), path)


@pytest.fixture(scope="module")
def old_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = ["git", "archive", FIRST_VERSION, "dbt_project"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"commit {FIRST_VERSION} is not in this clone's history")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dbt_project"


@pytest.fixture(scope="module")
def old_warehouse(old_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse")
    cases = [case("plain", RUBRIC, {"a": "mmum", "b": "mumm"}), case("gone", RUBRIC, {"a": "mmum"})]
    lay_out(folder, cases)
    raw_of_the_first_version(folder)
    done = dbt(["run"], folder, project=old_project)
    assert done.returncode == 0, done.stdout[-4000:]
    lay_out(folder, cases[:1])
    return folder


def columns(warehouse: Path, mart: str) -> list[str]:
    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        return [name for name, *_ in connection.execute(f"describe {mart}").fetchall()]
    finally:
        connection.close()


def test_a_warehouse_of_the_first_version_is_built_anew(old_warehouse: Path, tmp_path: Path) -> None:
    file = old_warehouse / "warehouse.duckdb"
    assert "duplicate_of" in columns(file, "instructions")
    # dbt alone does not touch it, and says what to do.
    done = dbt(["run"], old_warehouse)
    assert done.returncode == 1
    assert "this warehouse was built by an older version of the project: add --full-refresh" in done.stdout
    said = prepare_warehouse(file, "code")
    assert said == f"warehouse: {file} was built by version 1 of the project; it is built anew from the raw tables"
    assert dbt(["run"], old_warehouse).returncode == 0
    lay_out(tmp_path, [case("plain", RUBRIC, {"a": "mmum", "b": "mumm"})])
    assert dbt(["run"], tmp_path).returncode == 0
    for mart in MARTS:
        export_mart(file, mart, tmp_path / "brought up")
        export_mart(tmp_path / "warehouse.duckdb", mart, tmp_path / "fresh")
        brought_up, fresh = ((tmp_path / kind / f"{mart}.parquet").read_bytes() for kind in ("brought up", "fresh"))
        assert brought_up == fresh, mart
    assert "duplicate_of" not in columns(file, "instructions")
    assert prepare_warehouse(file, "code") is None


def stamp(file: Path, version: int) -> None:
    connection = duckdb.connect(str(file))
    connection.execute("update warehouse_version set version = ?", [version])
    connection.execute("create or replace table instructions as select 'kept' as instruction_id")
    connection.close()


def test_a_file_of_the_same_code_is_kept_and_one_of_other_models_is_not(tmp_path: Path) -> None:
    file = tmp_path / "warehouse" / "promedical.duckdb"
    assert prepare_warehouse(file, "one") is None
    stamp(file, VERSION)
    assert prepare_warehouse(file, "one") is None
    assert columns(file, "instructions") == ["instruction_id"]
    said = prepare_warehouse(file, "two")
    assert said is not None and "was built by other models; it is built anew" in said
    with pytest.raises(duckdb.CatalogException):
        columns(file, "instructions")
    assert prepare_warehouse(file, "two") is None


def test_an_empty_file_is_no_older_version(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    assert prepare_warehouse(tmp_path / "w.duckdb", "one") is None


def test_a_newer_version_is_refused_and_its_file_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    prepare_warehouse(file, "one")
    stamp(file, VERSION + 1)
    before = file.read_bytes()
    with pytest.raises(ConfigError) as error:
        prepare_warehouse(file, "one")
    assert str(error.value) == (
        f"warehouse: {file} was built by a newer version of the project (warehouse version 3, this one knows 2): "
        "update the project, or choose another --home"
    )
    assert file.read_bytes() == before


def test_what_is_no_warehouse_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigError, match="w.duckdb cannot be opened: .*; close what uses it, or move it away") as error:
        prepare_warehouse(file, "one")
    assert "\n" not in str(error.value)
    assert file.read_bytes() == b"not a database" * 1000
