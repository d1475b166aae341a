"""A skip key names all its step's result depends on: no module of ours that the work reaches is left out, and no library."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import training.stages
from assets.chain import CHAIN
from assets.reports.study_steps import STUDY_REPORT
from assets.reward_model.study_steps import REWARD_MODEL_STUDY, cell_step
from assets.steps import Settings, Step
from training.manifests import ArtifactRef
from training.stages import ROOT, STAGES

# The study is in no chain; a cell of it stands for all.
STEPS = (*CHAIN, cell_step("full-0"), REWARD_MODEL_STUDY, STUDY_REPORT)
# Modules that no result depends on, and why; what they import is not followed.
APART = {
    "assets/interfaces/__init__.py": "hands a step its inputs and takes its outputs; their content is in the key",
    "assets/steps.py": "describes steps; the descriptions' values are in the key",
    "assets/lock.py": "keeps runs apart",
    "assets/instructions/curation_config.py": "reads the user's file; the resolved config is in the key",
    "assets/instructions/curation_steps.py": "describes steps; another step takes names of theirs",
    "assets/instructions/dedup_steps.py": "describes steps; another step takes names of theirs",
    "assets/instructions/project_file.py": "reads the user's file; the resolved config is in the key",
    "assets/instructions/sources/location.py": "finds a source's files; its records have a key of their own",
    "assets/instructions/source_records.py": "reads a source; its records have a key of their own, which the config names",
    "training/config.py": "reads configs; the resolved config is in the key",
    "training/errors.py": "an error leaves no result",
    "training/launch.py": "hands a stage its inputs and takes its output",
    "training/manifests.py": "names what was made",
    "training/process.py": "ends processes",
    "training/progress.py": "writes to the terminal",
    "training/stages.py": "lists the stages; what a stage depends on is in the key",
    "training/storage.py": "keeps what was made",
}
LIBRARIES_APART = {
    "dagster": "carries a run; no content passes through it",
    "dagster_dbt": "starts dbt, whose version is in the key",
    "pydantic": "refuses wrong values and changes none",
}
# Steps whose work neither `run` nor a stage names: module and function.
ENTRY = {
    "warehouse": ("assets.warehouse.definitions", "_build"),
    "contracts": ("assets.checks.definitions", "_check"),
    "data_card": ("assets.reports.data_card_steps", "_data_card"),
}


@dataclass
class Reached:
    """Files of ours by the way that leads there, and libraries by the file that imports them."""

    files: dict[str, str]
    libraries: dict[str, str]


def entry(step: Step) -> tuple[str, str | None]:
    """Module and function of a step's work; of a stage all of its module."""
    if step.stage is not None:
        return STAGES[step.stage].module, None
    if step.name in ENTRY:
        return ENTRY[step.name]
    assert step.run is not None
    return step.run.__module__, step.run.__name__


def module_file(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(file: Path, function: str | None) -> Iterator[str]:
    """Every import, also those inside functions; of `from a import b` both a and a.b.

    With a function, those alone whose names it uses, or what it uses of its module does: a module may hold several steps.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree)) if function is None else list(used(tree, function))
    for_types = {id(node) for test in nodes if is_type_checking(test) for node in ast.walk(test)}
    for node in nodes:
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{file}: a relative import is not followed"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def used(tree: ast.Module, function: str) -> Iterator[ast.AST]:
    """The nodes of a function and of all at the top of its module that it uses, by name and transitively."""
    tops: dict[str, list[ast.stmt]] = {}
    for top in tree.body:
        for name in bound_names(top):
            tops.setdefault(name, []).append(top)
    todo, seen = [function], {function}
    assert function in tops, f"no {function} at the top of its module"
    while todo:
        for top in tops.get(todo.pop(), []):
            for node in ast.walk(top):
                yield node
                if isinstance(node, ast.Name) and node.id not in seen:
                    seen.add(node.id)
                    todo.append(node.id)


def bound_names(top: ast.stmt) -> list[str]:
    if isinstance(top, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in top.names]
    if isinstance(top, ast.FunctionDef | ast.ClassDef):
        return [top.name]
    targets = top.targets if isinstance(top, ast.Assign) else [top.target] if isinstance(top, ast.AnnAssign) else []
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def reach(step: Step) -> Reached:
    reached = Reached(files={}, libraries={})
    first, function = entry(step)
    todo = [(first, first)]
    while todo:
        name, way = todo.pop(0)
        file = module_file(name)
        if file is None or (path := file.relative_to(ROOT).as_posix()) in reached.files:
            continue
        if path in APART and name != first:
            continue
        reached.files[path] = way
        for imported in imports(file, function if name == first else None):
            package = imported.split(".")[0]
            if package in ("training", "assets"):
                todo.append((imported, f"{way} → {imported}"))
            elif package not in sys.stdlib_module_names:
                reached.libraries.setdefault(package, path)
    return reached


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_module_that_a_step_reaches_is_in_its_sources(step: Step) -> None:
    files = {path: way for path, way in reach(step).files.items() if not path.endswith("__init__.py")}
    assert files, f"{step.name}: nothing was followed"
    left_out = {p: way for p, way in files.items() if not any(p == s or p.startswith(f"{s}/") for s in step.sources)}
    assert not left_out, f"{step.name}: in none of its sources, yet reached by its work: {left_out}"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_library_that_a_step_imports_is_in_its_key(step: Step) -> None:
    distributions = packages_distributions()
    named = {plain(library) for library in step.libraries}
    for package, file in reach(step).libraries.items():
        if package not in LIBRARIES_APART:
            possible = {plain(name) for name in distributions.get(package, [package])}
            assert possible & named, f"{step.name}: {file} imports {package}, whose version is not in its key"


def test_what_is_left_apart_exists() -> None:
    assert [path for path in APART if not (ROOT / path).is_file()] == []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that skip keys are taken of."""
    for folder in ("assets", "training", "dbt_project"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.setattr(training.stages, "ROOT", tmp_path)
    training.stages.source_hash.cache_clear()
    return tmp_path


def keys() -> dict[str, str]:
    training.stages.source_hash.cache_clear()
    made = {step.name: step.key({"a": 1}, {"in": ArtifactRef(name="x", digest="1")}) for step in STEPS}
    training.stages.source_hash.cache_clear()
    return made


def changed_by(file: Path, text: str) -> set[str]:
    before = keys()
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    after = keys()
    return {name for name in before if before[name] != after[name]}


def test_an_edited_readme_or_config_changes_no_key(tree: Path) -> None:
    assert changed_by(tree / "README.md", "\nMore.\n") == set()
    assert changed_by(tree / "assets/corpus/README.md", "\nMore.\n") == set()
    # Its values count, as the resolved config that is in the key beside the sources.
    assert changed_by(tree / "training/configs/policy/local.yaml", "\n# A word.\n") == set()


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("training/policy/train.py", {"policy"}),
        ("training/base_model/random_model.py", {"base_model"}),
        ("training/generation/rollouts.py", {"policy", "base_rollouts", "policy_rollouts", "base_responses"}),
        ("training/benchmark/policy_stage.py", {"reward_model_benchmark", "policy_benchmark", "reward_model_study"}),
        # How cells are compared trains no cell anew.
        ("training/study/table.py", {"reward_model_study"}),
        ("assets/reports/study_tables.py", {"report", "study_report"}),
        ("assets/reports/report.css", {"report", "data_card", "study_report"}),
        ("assets/instructions/difficulty_local.py", {"difficulty", "data_card"}),
        ("assets/instructions/clusters.py", {"deduplicate"}),
        ("assets/checks/suites.py", {"contracts"}),
        ("dbt_project/models/marts/criteria.sql", {"warehouse"}),
    ],
)
def test_an_edited_source_changes_the_keys_of_what_is_made_with_it_and_no_other(file: str, steps: set[str], tree: Path) -> None:
    assert changed_by(tree / file, "\n") == steps


def test_library_versions_and_inputs_and_config_count(monkeypatch: pytest.MonkeyPatch) -> None:
    step = next(step for step in CHAIN if step.name == "report")
    ref, other = ArtifactRef(name="x", digest="1"), ArtifactRef(name="x", digest="2")
    before = step.key({"a": 1}, {"in": ref})
    assert step.key({"a": 1}, {"in": ref}) == before
    assert step.key({"a": 2}, {"in": ref}) != before
    assert step.key({"a": 1}, {"in": other}) != before
    monkeypatch.setattr(training.stages, "version", lambda name: "0" if name == "duckdb" else "1")
    first = step.key({"a": 1}, {"in": ref})
    monkeypatch.setattr(training.stages, "version", lambda name: "2" if name == "duckdb" else "1")
    assert step.key({"a": 1}, {"in": ref}) != first


ASKING = """
endpoints: {one: {base_url: "http://127.0.0.1:9/v1", model: m, family: f}}
curation:
  difficulty: {scorers: [endpoint], endpoint: one}
  taxonomy: {classifier: endpoint, endpoint: one}
rubrics: {drafter: {endpoint: one}}
responses: {generators: [{endpoint: one}]}
verdicts: {judges: [{name: one, endpoint: one}]}
"""


@pytest.mark.parametrize("name", ["difficulty", "taxonomy", "draft_rubrics", "generate_responses", "judge"])
def test_of_the_section_calls_what_is_asked_again_counts_and_what_it_may_cost_does_not(name: str, tmp_path: Path) -> None:
    step = next(step for step in CHAIN if step.name == name)

    def key(calls: str) -> str:
        file = tmp_path / "own.yaml"
        file.write_text(ASKING + calls, encoding="utf-8")
        return step.key(step.config(Settings(profile="local", sources=(), home=tmp_path, config=file)), {})

    assert key("calls: {tokens: 5, failures_allowed: 0.5}") == key("") != key("calls: {retry_refused: true}")
