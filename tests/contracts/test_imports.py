"""Imports go one way, orchestration → assets → training, and the code location loads without model libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("assets", "orchestration", "training", "tests")
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


def given_on(path: Path) -> set[str]:
    """Names that a file of ours imports from a module of ours which has them from elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            module = ROOT / f"{node.module.replace('.', '/')}.py"
            if module.is_file():
                found |= {f"{node.module}.{alias.name}" for alias in node.names if alias.name in taken_from_elsewhere(module)}
    return found


@cache
def taken_from_elsewhere(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_imported_from_the_module_that_defines_it(package: str) -> None:
    found = {path.relative_to(ROOT).as_posix(): names for path in modules(package) if (names := given_on(path))}
    assert found == {}


def loaded_modules(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_the_code_location_loads_without_model_libraries() -> None:
    assert not loaded_modules("import orchestration.definitions") & set(HEAVY)


def test_the_chain_is_planned_without_dagster_or_models() -> None:
    assert not loaded_modules("import assets.chain") & {*HEAVY, "dagster"}
