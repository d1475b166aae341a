"""The reward model's speed against the usual way: training by TRL's RewardTrainer, scoring one sequence per criterion.

    python -m tests.benchmarks.bench_rm [--base gemma|random|FOLDER] [--only train score short] [--steps 5] [--quick]

Both sides run in turns, each in a process of its own (`bench_rm_worker.py`), from the same weights on the same examples in the
same precision. Before a row is timed, three steps warm both up: until then a process's memory still grows, and a step pays for
pages that later steps find in place (measured: 900,000 page faults in a tree's first two steps, none in the fourth). In fp32
the first has to give the same loss and the same gradients on both. Ends with 1 if a limit does not hold, after all rows were
printed. Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.benchmarks.bench_rm_examples import Shape
from tests.benchmarks.bench_rm_table import Row, Side, Target, head, table
from tests.benchmarks.bench_rm_worker import Worker, WorkerDied

SAME_LOSS, SAME_GRADIENT, SAME_SCORE = 1e-4, 1e-3, 1e-4
WARM_UP = 3


@dataclass(frozen=True)
class Task:
    """One row to measure.

    Attributes:
        kind: what `--only` names.
        least: how many times as fast as the usual way it has to be, for each precision; None for no limit.
        batch: pairs in a forward pass of the usual way.
    """

    kind: Literal["train", "short", "score"]
    name: str
    shape: Shape
    least: dict[str, float | None]
    batch: int = 6


TASKS = (
    Task("train", "train K=6 |y|=320", Shape(criteria=6, response=320), {"float32": 5.0, "bfloat16": 3.5}),
    # All 8 pairs at once, 13,632 tokens, would need more than 24 GB in fp32.
    Task("train", "train K=8 |y|=700", Shape(criteria=8, response=700), {"float32": 6.0, "bfloat16": 4.5}, batch=4),
    Task("short", "train K=6 |y|=64", Shape(criteria=6, response=64), {"float32": None, "bfloat16": None}),
    Task("score", "score G=8 K=6 |y|=320", Shape(criteria=6, response=320, responses=8), {"float32": 5.0}),
)


class NotTheSame(RuntimeError):
    """The two sides do not compute the same."""


@contextmanager
def both(kind: str, spec: dict[str, Any], *, usual_precision: str) -> Iterator[tuple[Worker, Worker]]:
    """The two sides of a row, loaded; whatever happens, they are ended."""
    started: list[Worker] = []
    try:
        for side in ("usual", "tree"):
            precision = usual_precision if side == "usual" else spec["precision"]
            started.append(Worker(f"{kind}-{side}", {**spec, "precision": precision}))
        yield started[0], started[1]
    finally:
        for worker in started:
            worker.kill()


def measure(task: Task, precision: str, *, folder: Path, repeats: int, batch: int, autocast: bool) -> Row:
    """Runs one row in turns: the warm-up, whose first step compares the sides, then the repeats.

    Raises:
        NotTheSame: losses, gradients or scores differ by more than their limits.
        WorkerDied: a side ended by itself.
    """
    training, least = task.kind != "score", task.least[precision]
    with tempfile.TemporaryDirectory(prefix="bench-rm-") as scratch:
        spec = {
            "folder": str(folder),
            "shape": task.shape.as_json(),
            "precision": precision,
            "steps": WARM_UP + repeats,
            "batch": batch,
            "gradients": str(Path(scratch) / "gradients") if training and precision == "float32" else "",
        }
        usual_precision = "autocast" if autocast and precision == "bfloat16" else precision
        with both("train" if training else "score", spec, usual_precision=usual_precision) as sides:
            show(f"  {task.name}, {precision}: {compare(*(side.step() for side in sides))}")
            for _ in range(WARM_UP - 1):
                for side in sides:
                    side.step()
            rounds = [[side.step() for side in sides] for _ in range(repeats)]
            peaks = [side.close() for side in sides]
    usual, tree = (
        Side(
            seconds=[step["seconds"] for step in steps],
            update=[step["update"] for step in steps] if training else None,
            peak_mb=peak,
        )
        for steps, peak in zip(zip(*rounds, strict=True), peaks, strict=True)
    )
    target = None if least is None else Target(ratio=least, memory=training)
    return Row(name=task.name, precision=precision, shape=task.shape, usual=usual, tree=tree, target=target)


def compare(usual: dict[str, Any], tree: dict[str, Any]) -> str:
    """What the first step says of the two sides, in words.

    Raises:
        NotTheSame: they differ by more than their limits.
    """
    if "logits" in usual:
        largest = max(abs(a - b) for a, b in zip(usual["logits"], tree["logits"], strict=True))
        if not largest <= SAME_SCORE:
            raise NotTheSame(f"scores differ by {largest:.1e}, at most {SAME_SCORE:g} is allowed")
        return f"{len(usual['logits'])} scores differ by at most {largest:.1e}; usual way in batches of {usual['batch_size']}"
    loss = abs(usual["loss"] - tree["loss"]) / abs(usual["loss"])
    if "gradient" not in tree:
        return f"losses {usual['loss']:.4f} and {tree['loss']:.4f} (not compared: each rounds in its own order)"
    if not (loss <= SAME_LOSS and tree["worst"] <= SAME_GRADIENT):
        raise NotTheSame(f"loss differs by {loss:.1e}, gradient of {tree['worst_name']} by {tree['worst']:.1e} (relative)")
    return (
        f"loss {usual['loss']:.5f}, relative difference {loss:.1e}; gradients of {tree['parameters']:,} weights "
        f"{tree['gradient']:.1e}, worst parameter {tree['worst']:.1e}"
    )


def main(argv: list[str] | None = None) -> int:
    """Prints the table; 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="gemma", help="gemma, random, or a folder with a model and its tokenizer")
    parser.add_argument("--only", nargs="+", choices=("train", "score", "short"), default=["train", "score", "short"])
    parser.add_argument("--precision", nargs="+", choices=("float32", "bfloat16"), default=["float32", "bfloat16"])
    parser.add_argument("--steps", type=int, default=5, help="repeats of a step of training; scoring has 3 at most")
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--autocast", action="store_true", help="TRL's own default in bf16: fp32 weights under autocast")
    parser.add_argument("--batch", type=int, help="pairs of a forward pass of the usual way; a divisor of K (6 and 8)")
    arguments = parser.parse_args(argv)
    repeats = 2 if arguments.quick else arguments.steps
    rows: list[Row] = []
    failures: list[str] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-rm-") as scratch:
        folder = Path(scratch)
        command = [sys.executable, "-m", "tests.benchmarks.bench_rm_base", str(folder), "--base", arguments.base]
        subprocess.run(command, check=True)
        show(head(arguments.base, arguments.batch, threads=threads_of_torch(), repeats=repeats, autocast=arguments.autocast))
        for task in TASKS:
            for precision in task.least:
                if task.kind not in arguments.only or precision not in arguments.precision:
                    continue
                options = {"batch": arguments.batch or task.batch, "autocast": arguments.autocast}
                options["repeats"] = min(repeats, 3) if task.kind == "score" else repeats
                try:
                    rows.append(measure(task, precision, folder=folder, **options))
                    show(f"    usual {rows[-1].usual.median:.2f} s, tree {rows[-1].tree.median:.2f} s: {rows[-1].ratio:.2f} x")
                except (NotTheSame, WorkerDied) as error:
                    failures.append(f"{task.name}, {precision}: {error}")
    show(table(rows))
    show(f"\n{(time.perf_counter() - began) / 60:.1f} minutes")
    for failure in failures:
        show(f"NOT MEASURED: {failure}")
    return 1 if failures or any(row.missed() for row in rows) else 0


def threads_of_torch() -> int:
    """Threads that torch takes in a process like the sides' ones."""
    code = "import torch; print(torch.get_num_threads())"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def show(line: str) -> None:
    """Writes a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
