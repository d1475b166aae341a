"""The two sides of the reward-model benchmark as processes of their own, which run in turns.

Each side loads its model, says so, and then runs one step for every word it gets, while the other one waits. So both are
measured in one run, alternating, and the peak memory of each is its own. Linux only: the peak comes from /proc.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

_MODULE = "tests.benchmarks.bench_rm_worker"


class WorkerDied(RuntimeError):
    """A side ended before it answered."""


class Worker:
    """The parent's end of a side."""

    def __init__(self, side: str, spec: dict[str, Any]) -> None:
        self._side = side
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the side)
        command = [sys.executable, "-m", _MODULE, side, json.dumps(spec)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, bufsize=1
        )
        self.ready = self._answer()

    def step(self) -> dict[str, Any]:
        """Lets the side run one step, and gives what it says of it."""
        return self._ask("step")

    def close(self) -> float:
        """Ends the side; its peak in MB above the loaded weights."""
        peak = float(self._ask("end")["peak_mb"])
        self._process.wait()
        self._log.close()
        return peak

    def kill(self) -> None:
        """Ends the side whatever it does; nothing if it has ended."""
        self._process.kill()
        self._process.wait()

    def _ask(self, word: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        # Of a side that has ended, its missing answer tells more than the broken pipe.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(word + "\n")
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            tail = "".join(self._log.readlines()[-15:])
            raise WorkerDied(f"{self._side} ended with {code} (-9 is mostly: out of memory)\n{tail}")
        found: dict[str, Any] = json.loads(line)
        return found


class Talk:
    """The side's end: waits for words, answers, and knows the memory of its process."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._loaded = 0.0

    def loaded(self, **facts: Any) -> None:
        """To be called when the weights are in memory and nothing else is: peaks count from here."""
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        self._loaded = _status_mb("VmRSS")
        self.answer(**facts)

    def next(self) -> bool:
        """Waits for the next word; False when there is no further step."""
        return sys.stdin.readline().strip() == "step"

    def answer(self, **facts: Any) -> None:
        """Says what came of the last word."""
        self._answers.write(json.dumps(facts) + "\n")
        self._answers.flush()

    def end(self) -> None:
        """The last answer."""
        self.answer(peak_mb=_status_mb("VmHWM") - self._loaded)


def _status_mb(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status says no {key}")


def _sides() -> dict[str, Callable[[dict[str, Any], Talk], None]]:
    from tests.benchmarks import bench_rm_scoring, bench_rm_tree, bench_rm_trl

    return {
        "train-usual": bench_rm_trl.train,
        "train-tree": bench_rm_tree.train,
        "score-usual": bench_rm_scoring.score_sequences,
        "score-tree": bench_rm_scoring.score_trees,
    }


def main(argv: list[str]) -> int:
    """Runs one side until it is told to end."""
    side, spec = argv
    # What libraries print goes to the log; answers have the pipe to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Whole sequences need many GB: where memory runs out, a side shall end and nothing else.
    Path("/proc/self/oom_score_adj").write_text("1000")
    talk = Talk(answers)
    _sides()[side](json.loads(spec), talk)
    talk.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
