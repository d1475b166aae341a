"""The smoke chain, run once through Dagster for all tests that look at what it left."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.corpus.schema import CORPUS_DIR
from assets.interfaces import STEP_LOG, current_ref
from assets.steps import Settings
from orchestration.instance import open_instance
from orchestration.run import run_chain
from tests.integration.vllm_server import start_vllm, vllm, vllm_home  # noqa: F401
from training.manifests import ArtifactRef
from training.storage import Store


class StepsDone(logging.Handler):
    """Collects the steps that did work, and apart from them those that found theirs done."""

    def __init__(self) -> None:
        super().__init__()
        self.by_event: dict[str, set[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.by_event.setdefault(record.__dict__["event"], set()).add(record.__dict__["step"])


@contextmanager
def listening() -> Iterator[dict[str, set[str]]]:
    handler = StepsDone()
    STEP_LOG.addHandler(handler)
    STEP_LOG.setLevel(logging.INFO)
    try:
        yield handler.by_event
    finally:
        STEP_LOG.removeHandler(handler)


@dataclass
class Project:
    """A project folder with its own copy of the corpus."""

    settings: Settings
    corpus: Path

    @property
    def store(self) -> Store:
        return Store(self.settings.store_root)

    def run(self) -> tuple[int, dict[str, set[str]]]:
        """Runs the chain; the number of steps looked at, and steps by how they ended."""
        with listening() as by_event:
            return run_chain(self.settings), by_event

    def refs(self, *assets: str) -> dict[str, ArtifactRef | None]:
        with open_instance(self.settings.home) as instance:
            return {asset: current_ref(instance, asset) for asset in assets}

    def edit_condition(self, condition: str, change: Callable[[str], str]) -> None:
        path = self.corpus / "conditions" / f"{condition}.yaml"
        before = path.read_text(encoding="utf-8")
        after = change(before)
        assert after != before, "the edit did not find what it wanted to change"
        path.write_text(after, encoding="utf-8")


def make_project(folder: Path) -> Project:
    corpus = folder / "corpus"
    shutil.copytree(CORPUS_DIR, corpus, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return Project(settings=Settings(profile="smoke", sources=(f"corpus={corpus}",), home=folder / "home"), corpus=corpus)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose smoke chain has run to its report."""
    project = make_project(tmp_path_factory.mktemp("chain"))
    project.run()
    return project
