"""One run at a time in a project folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assets.lock import ProjectBusy, only_run
from training.stages import ROOT

TRY = """
import sys
from pathlib import Path
from assets.lock import ProjectBusy, only_run
try:
    with only_run(Path(sys.argv[1])):
        print("got it")
except ProjectBusy as error:
    print(error)
"""

HOLD = """
import sys, time
from pathlib import Path
from assets.lock import ProjectBusy, only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(2)
"""


def another_process(home: Path) -> str:
    done = subprocess.run([sys.executable, "-c", TRY, str(home)], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_another_process_is_told_and_waits_for_its_turn(tmp_path: Path) -> None:
    with only_run(tmp_path):
        # A run inside the run is the same run, and its end is not the end of the lock.
        with only_run(tmp_path):
            pass
        assert another_process(tmp_path) == f"another run is working in {tmp_path}; wait for it, or choose another --home"
    assert another_process(tmp_path) == "got it"


def test_who_waits_gets_its_turn(tmp_path: Path) -> None:
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert held.stdout is not None and held.stdout.readline() == "held\n"
    with pytest.raises(ProjectBusy), only_run(tmp_path, wait_seconds=0.2):
        pass
    with only_run(tmp_path, wait_seconds=30):
        assert held.wait(timeout=10) == 0
