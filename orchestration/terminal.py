"""What `promedical run` shows: each step with its number, elapsed time and an estimate of the rest; then how it ended.

What belongs here: listening to steps and remembering how long they took. What does not: deciding what runs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from assets.interfaces import STEP_LOG
from assets.steps import Step
from training.progress import format_seconds

# Profile → step → seconds.
_TIMES = TypeAdapter(dict[str, dict[str, float]])

# A first guess for a profile, as a share of what a step takes under `local`.
_OF_LOCAL = {"smoke": 0.15}


class StepTimes:
    """How long each step took under a profile the last time, kept beside the store."""

    def __init__(self, path: Path, profile: str) -> None:
        self._path, self._profile = path, profile
        self._all = _read_times(path)

    def expected(self, step: Step) -> float:
        """Seconds, as measured last time or as a first guess."""
        return self._all.get(self._profile, {}).get(step.name, step.seconds * _OF_LOCAL.get(self._profile, 1.0))

    def measured(self, name: str, seconds: float) -> None:
        """Remembers a duration."""
        self._all.setdefault(self._profile, {})[name] = round(seconds, 1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._all, indent=1), encoding="utf-8")
        os.replace(temporary, self._path)


def _read_times(path: Path) -> dict[str, dict[str, float]]:
    # They serve an estimate and nothing else: a file that cannot be used is begun anew.
    try:
        return _TIMES.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


class RunDisplay(logging.Handler):
    """Prints one line when a step starts and one when it ends."""

    def __init__(self, steps: Sequence[Step], times: StepTimes) -> None:
        super().__init__(level=logging.INFO)
        self._steps = {step.name: step for step in steps}
        self._left = list(self._steps)
        self._times = times
        self._start = time.monotonic()
        self.failed_step: str | None = None

    def __enter__(self) -> RunDisplay:
        STEP_LOG.setLevel(logging.INFO)
        STEP_LOG.propagate = False
        STEP_LOG.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        STEP_LOG.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Shows one event of one step."""
        name, event, seconds = str(record.__dict__["step"]), str(record.__dict__["event"]), float(record.__dict__["seconds"])
        if event == "start":
            self._started(name)
            return
        if name in self._left:
            self._left.remove(name)
        if event == "done":
            self._times.measured(name, seconds)
        if event == "failed":
            self.failed_step = name
        print(f"        {name}: {event} in {format_seconds(seconds)}", file=sys.stderr, flush=True)

    def _started(self, name: str) -> None:
        number = len(self._steps) - len(self._left) + 1
        rest = sum(self._times.expected(self._steps[left]) for left in self._left)
        own = self._times.expected(self._steps[name]) if name in self._steps else 0.0
        elapsed = format_seconds(time.monotonic() - self._start)
        print(
            f"[{number:2d}/{len(self._steps)}] {name:24s} elapsed {elapsed}, this step ~{format_seconds(own)}, "
            f"all the rest ~{format_seconds(rest)}",
            file=sys.stderr,
            flush=True,
        )
