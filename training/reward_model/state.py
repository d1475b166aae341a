"""What a training keeps while it is under way, so that a killed one goes on where it was: no artifact, removed in the end.

What belongs here: where a training stands, and files that are there whole or not at all and belong to one config and its
inputs.
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal, one_line

# From which a killed training goes on.
STATE = "state.pt"
# What a finished training leaves to calibration.
TRAINED = "trained.pt"


@dataclass(kw_only=True)
class TrainingRun:
    """Where a training stands, and in the end what it leaves behind.

    Attributes:
        curve: one row per step.
        total: steps planned.
        planned_tokens: what these steps will come to, as far as the first epoch tells.
        steps: steps done.
        epoch: the epoch that trees are taken from, from 0.
        taken: trees taken from it.
        trees_seen, tokens_seen: what went through the network; of the pairwise loss alone less than was taken.
        without_gain: validations since the best.
        too_long: what becomes of prompts that are too long, in each epoch alike; see `TreeCounts`.
        best: the trained weights at the best validation; empty in processes other than the main one.
    """

    curve: list[dict[str, float | int | None]] = field(default_factory=list)
    total: int = 0
    planned_tokens: int = 0
    steps: int = 0
    epoch: int = 0
    taken: int = 0
    best_step: int = 0
    best_loss: float | None = None
    without_gain: int = 0
    stopped_early: bool = False
    trees_seen: int = 0
    tokens_seen: int = 0
    too_long: dict[str, int] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """All of it, to be saved; `TrainingRun(**content)` is the same again."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


class Saved:
    """The files of one training.

    Args:
        folder: where they lie; has to exist.
        key: names the config and the inputs of this training; a file with another is not used.
    """

    def __init__(self, folder: Path, *, key: str) -> None:
        self._folder, self._key = folder, key

    def save(self, name: str, content: dict[str, Any], *, before_it_counts: Callable[[], object] | None = None) -> None:
        """Writes tensors, numbers, texts and containers of them, in place of what stood under this name.

        Args:
            name: the file.
            content: what it is to hold.
            before_it_counts: called when all is on the disk and what stood there before still counts.

        Raises:
            StageRefusal: the disk does not take it.
        """
        path, fresh = self._folder / name, self._folder / f"{name}.new"
        with _writing(path), fresh.open("wb") as handle:
            torch.save({"key": self._key, "content": content}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        # What fails in here is not the disk's fault: it may be a process that another waits for in vain.
        if before_it_counts is not None:
            before_it_counts()
        with _writing(path):
            os.replace(fresh, path)
            # The new name, too, has to outlive a power cut.
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def load(self, name: str, *, warn: bool = True) -> Any:
        """What was saved under this name; None if nothing was, or nothing that can be used.

        Args:
            name: the file.
            warn: whether a file that cannot be used is named on standard error.
        """
        path = self._folder / name
        if not path.exists():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                # torch does not look at the checksums that it writes.
                damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
            found = torch.load(path, map_location="cpu", weights_only=True)
            if found["key"] != self._key:
                raise ValueError("it belongs to another config or other inputs")
            return found["content"]
        # A file that is only there to save time may be wrong in any way: it is never a reason to stop.
        except Exception as error:
            if warn:
                print(f"    {path}: not used ({one_line(error)}); starting anew", file=sys.stderr, flush=True)
            return None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    # torch's writer reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise StageRefusal(f"{path}: cannot be written ({one_line(error)}); free space there and run again") from error
