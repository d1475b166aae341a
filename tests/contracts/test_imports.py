"""Imports go one way, orchestration → assets → training, and the code location loads without model libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "trl", "vllm", "great_expectations", "kubernetes", "peft")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", modules("training"), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_training_imports_nothing_above_it(path: Path) -> None:
    forbidden = {"assets", "orchestration", "dagster", "dagster_dbt"} | (
        {"dagster_pipes"} if path.name != "launch.py" else set()
    )
    assert not imported(path) & forbidden


@pytest.mark.parametrize("path", modules("assets"), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_assets_import_dagster_only_where_they_become_assets(path: Path) -> None:
    assert "orchestration" not in imported(path)
    if path.name not in ("definitions.py", "interfaces.py") and path.parent != ROOT / "assets/interfaces":
        assert not imported(path) & {"dagster", "dagster_dbt", "dagster_pipes"}


def loaded_modules(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_the_code_location_loads_without_model_libraries() -> None:
    assert not loaded_modules("import orchestration.definitions") & set(HEAVY)


def test_the_chain_is_planned_without_dagster_or_models() -> None:
    assert not loaded_modules("import assets.chain") & {*HEAVY, "dagster"}
