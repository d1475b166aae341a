"""The command `promedical score`: answers in a JSONL file, scored by the reward model in a process of its own.

What belongs here: options, which model counts, and the process. What it does is in `training/scoring`; no torch is loaded here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orchestration.standing import standing_model
from training.config import ConfigError
from training.process import end_group, unwind_on_sigterm
from training.stages import ROOT

_LEAST_TOKENS = 256
_EPILOG = """\
a line of the input:
  {"id": 7, "instruction": "…", "responses": ["…", "…"],
   "rubric": [{"tier": "main", "text": "…", "weight": 1.0}, {"tier": "bonus", "text": "…"}, {"tier": "veto", "text": "…"}]}
main weights sum to 1, or none has one (s1 is null then); all other keys are carried through to the output

examples:
  promedical score answers.jsonl --out scored.jsonl     # interrupted, it goes on when it is run again
  promedical score answers.jsonl | jq .scores
  zcat answers.jsonl.gz | promedical score - --model runs/reward_model --device cuda --tokens-per-batch 65536
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    score = commands.add_parser(
        "score",
        help="score answers in a JSONL file with the reward model",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    score.add_argument("file", metavar="FILE.jsonl", help="one JSON object a line; - is standard input")
    score.add_argument("--out", default="-", metavar="FILE", help="- is standard output (default: %(default)s)")
    score.add_argument(
        "--model", type=Path, metavar="FOLDER", help="a reward_model artifact (default: the one that stands in the project)"
    )
    score.add_argument(
        "--tokens-per-batch", type=int, metavar="N", help="most tokens in one forward pass (default: as it was trained)"
    )
    score.add_argument("--device", choices=("cpu", "cuda"), help="(default: cuda where there is one)")
    return score


def run_score(arguments: argparse.Namespace) -> int:
    """Scores the file; returns the exit code of the process that did.

    Raises:
        ConfigError: an option, the file or the model cannot be used.
        StoreError: the model's artifact is gone.
    """
    unwind_on_sigterm()
    if arguments.tokens_per_batch is not None and arguments.tokens_per_batch < _LEAST_TOKENS:
        raise ConfigError(f"--tokens-per-batch must be at least {_LEAST_TOKENS}, not {arguments.tokens_per_batch}")
    home: Path = arguments.home.absolute()
    with _regular_file(arguments.file, home) as file:
        # Whoever loads it hashes its files, once.
        model = arguments.model or standing_model(home, "reward_model", verify=False)
        # -P: a folder of the user's named like one of ours is not imported.
        command = [sys.executable, "-P", "-m", "training.scoring", str(file), "--model", str(model), "--end-with-stdin"]
        command += ["--name", "<stdin>" if arguments.file == "-" else arguments.file]
        command += [] if arguments.out == "-" else ["--out", str(Path(arguments.out).resolve())]
        command += ["--device", arguments.device] if arguments.device else []
        command += ["--tokens-per-batch", str(arguments.tokens_per_batch)] if arguments.tokens_per_batch else []
        try:
            return _run(command)
        except KeyboardInterrupt:
            if arguments.out != "-":
                raise
            # Nothing is kept of standard output that a new run could go on from.
            print("promedical: interrupted", file=sys.stderr)
            return 130


@contextmanager
def _regular_file(name: str, home: Path) -> Iterator[Path]:
    """The input as a file that can be read twice: itself, or a copy of what comes through a pipe, removed in the end."""
    path = Path(name)
    if name != "-" and not path.exists():
        raise ConfigError(f"{name}: no such file; give a JSONL file, or - for standard input")
    if path.is_dir():
        raise ConfigError(f"{name} is a folder; give a JSONL file")
    if path.is_file() and name != "-":
        with _reading(name), path.open("rb"):
            pass
        yield path
        return
    with tempfile.TemporaryDirectory(dir=home, prefix="score-") as folder:
        copy = Path(folder) / "input.jsonl"
        with _reading(name), _opened(name) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error


def _opened(name: str) -> BinaryIO:
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if name == "-" else Path(name).open("rb")


def _run(command: Sequence[str], *, grace_seconds: float = 10.0) -> int:
    """Runs the process in a group of its own, and ends all of it on the way out; returns its exit code."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", "")},
        # Never written to: its end tells the process that nobody waits for it any more.
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        code = process.wait()
        return 128 - code if code < 0 else code
    finally:
        end_group(process, grace_seconds=grace_seconds)
