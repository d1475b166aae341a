"""The documentation that dbt generates: every model and seed, and every column that is really there, is described."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.raw_tables import RUBRIC, case, dbt, lay_out

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The nodes of dbt's catalog beside those of its manifest."""
    folder = tmp_path_factory.mktemp("docs")
    lay_out(folder, [case("plain", RUBRIC, {"a": "mmum", "b": "mumm"})])
    for command in (["build", "--exclude-resource-type", "unit_test"], ["docs", "generate"]):
        done = dbt(command, folder)
        assert done.returncode == 0, done.stdout[-4000:]
    read = {name: json.loads((folder / "target" / f"{name}.json").read_text())["nodes"] for name in ("catalog", "manifest")}
    assert (folder / "target" / "index.html").exists()
    return read


def test_every_column_of_every_model_is_described(documented: dict[str, dict[str, Any]]) -> None:
    manifest = documented["manifest"]
    models = {name: node for name, node in documented["catalog"].items() if name.startswith("model.")}
    assert models.keys() == {name for name in manifest if name.startswith("model.")}
    undescribed = [
        f"{name.rpartition('.')[2]}.{column}"
        for name, node in models.items()
        for column in node["columns"]
        if not manifest[name]["columns"].get(column, {}).get("description")
    ]
    assert undescribed == []


def test_no_column_is_described_that_no_model_has(documented: dict[str, dict[str, Any]]) -> None:
    extra = [
        f"{name.rpartition('.')[2]}.{column}"
        for name, node in documented["catalog"].items()
        if name.startswith("model.")
        for column in documented["manifest"][name]["columns"]
        if column not in node["columns"]
    ]
    assert extra == []
