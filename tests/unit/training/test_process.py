"""A stage's process leaves nothing behind when it is cancelled, and does not outlive its orchestrator, however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from training.process import end_group
from training.stages import ROOT, source_hash

# A stage that says where it is and then works for a minute, started through training.launch as the orchestrator does.
STAGE = """
import os, time
from pathlib import Path

def run(*, config, inputs, output):
    (output / "half").write_text("x")
    (Path(__file__).parent / "pid").write_text(str(os.getpid()))
    time.sleep(60)
    return {}
"""
LAUNCH = """
import sys
from training.launch import process
from training.stages import STAGES, Stage
sys.path.insert(0, FOLDER)
STAGES["slow"] = Stage(
    name="slow", module="slow_stage", config="training.config:StrictConfig", inputs=(), sources=("training/errors.py",)
)
sys.exit(process([FOLDER + "/spec.json", *sys.argv[1:]]))
"""
ORCHESTRATOR = """
import os, sys
from assets.interfaces import Compute
Compute()._wait([sys.executable, "-c", LAUNCH], os.environ)
"""


@pytest.fixture
def launch(tmp_path: Path) -> str:
    """The program that runs the stage; its flags are its arguments."""
    (tmp_path / "slow_stage.py").write_text(STAGE)
    spec = {"stage": "slow", "artifact": "slow", "config": {}, "inputs": {}, "store": str(tmp_path / "store")}
    version = source_hash(("training/errors.py",))
    (tmp_path / "spec.json").write_text(json.dumps(spec | {"skip_key": "k", "code_version": version}))
    return f"FOLDER = {str(tmp_path)!r}\n{LAUNCH}"


def wait_until(done: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.05)
    return done()


def pid_of_stage(folder: Path) -> int:
    file = folder / "pid"
    assert wait_until(lambda: file.exists() and file.read_text() != ""), "the stage did not start"
    return int(file.read_text())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose parent has not asked for it yet does no work.
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in (folder / "store" / "tmp").iterdir() if path.name != "lock"]


def test_a_cancelled_stage_removes_its_workspace(launch: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", launch], cwd=ROOT)
    assert pid_of_stage(tmp_path) == process.pid
    assert len(leftovers(tmp_path)) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert leftovers(tmp_path) == []


def test_a_stage_ends_with_its_orchestrator(launch: str, tmp_path: Path) -> None:
    code = f"LAUNCH = {launch!r}\n{ORCHESTRATOR}"
    orchestrator = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    stage = pid_of_stage(tmp_path)
    assert stage != orchestrator.pid
    orchestrator.kill()
    orchestrator.wait(timeout=30)
    assert wait_until(lambda: not is_alive(stage), 20.0), "the stage works on for nobody"
    assert wait_until(lambda: leftovers(tmp_path) == [])


def test_a_stage_whose_input_is_closed_from_the_start_works_on_unless_told_to_watch(launch: str, tmp_path: Path) -> None:
    # As in a pod, where nobody holds the other end.
    process = subprocess.Popen([sys.executable, "-c", launch], cwd=ROOT, stdin=subprocess.DEVNULL)
    pid_of_stage(tmp_path)
    assert process.poll() is None
    process.terminate()
    process.wait(timeout=30)


def test_a_stage_whose_sources_were_edited_since_the_plan_is_refused(launch: str, tmp_path: Path) -> None:
    spec = json.loads((tmp_path / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps(spec | {"code_version": "0" * 64}))
    done = subprocess.run([sys.executable, "-c", launch], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "promedical: slow: the sources of slow are not those the run was planned with; run again\n"


def test_a_group_whose_leader_is_gone_is_ended_all_the_same(tmp_path: Path) -> None:
    """The leader ends at once and leaves a child that ignores SIGTERM."""
    child = (
        "import os, signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    leader = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", leader], start_new_session=True)
    process.wait()
    assert wait_until(lambda: bool((tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    end_group(process, grace_seconds=0.1)
    pid = int((tmp_path / "child").read_text())
    assert wait_until(lambda: not is_alive(pid))
