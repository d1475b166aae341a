"""Seconds per GRPO step against plain TRL with batched one-sequence-per-criterion scoring.

    python -m tests.benchmarks.bench_policy [--base gemma|random|FOLDER] [--steps 3] [--length 320]

Both sides run in turns, each in a process of its own, from the same weights under the same config. The first step has to give
both the same mean reward. Ends with 1 if a limit does not hold: scoring 5 times as fast, the step 1.3 times and within 10 % of
what Amdahl's law lets the faster scoring give. Linux only.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_rm import NotTheSame, show, threads_of_torch
from tests.benchmarks.bench_rm_examples import Shape
from tests.benchmarks.bench_rm_worker import Worker

WARM_UP = 2
LEAST_SCORING, LEAST_STEP, LEAST_OF_BOUND = 5.0, 1.3, 0.9
SAME_REWARD = 1e-3
PARTS = ("generation", "scoring", "rest")


def amdahl_bound(usual: Mapping[str, float], tree_scoring: float) -> float:
    """How many times as fast a step gets if its scoring alone gets faster.

    >>> round(amdahl_bound({"generation": 4.0, "scoring": 5.0, "rest": 1.0}, 1.0), 3)
    1.667
    """
    total = sum(usual[part] for part in PARTS)
    return total / (total - usual["scoring"] + tree_scoring)


def split_step(answer: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of a step by part."""
    generation, scoring = float(answer["generation"]), float(answer["scoring"])
    return {"generation": generation, "scoring": scoring, "rest": float(answer["seconds"]) - generation - scoring}


def medians(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median of each part."""
    return {part: statistics.median(step[part] for step in steps) for part in PARTS}


@contextmanager
def both(spec: dict[str, Any]) -> Iterator[list[Worker]]:
    """The two sides, loaded; whatever happens, they are ended."""
    started: list[Worker] = []
    try:
        for side in ("policy-usual", "policy-tree"):
            started.append(Worker(side, spec))
        yield started
    finally:
        for worker in started:
            worker.kill()


def measure(spec: dict[str, Any], repeats: int) -> tuple[list[list[dict[str, float]]], list[float]]:
    """Steps of both sides by part, and their peaks in MB.

    Raises:
        NotTheSame: the first step's rewards differ.
    """
    with both(spec) as sides:
        first = [side.step() for side in sides]
        apart = abs(first[0]["reward"] - first[1]["reward"])
        if not apart <= SAME_REWARD or first[0]["tokens"] != first[1]["tokens"]:
            raise NotTheSame(f"mean rewards of the first step differ by {apart:.1e}, tokens {[f['tokens'] for f in first]}")
        show(f"  first step: mean reward {first[0]['reward']:.4f}, difference {apart:.1e}; {first[0]['tokens']} tokens")
        for _ in range(WARM_UP - 1):
            for side in sides:
                side.step()
        rounds = [[split_step(side.step()) for side in sides] for _ in range(repeats)]
        return [list(steps) for steps in zip(*rounds, strict=True)], [side.close() for side in sides]


def report(usual: Mapping[str, float], tree: Mapping[str, float]) -> list[str]:
    """Prints the breakdown; the limits that do not hold, in words."""
    show(f"\n{'seconds a step':18}{'usual':>9}{'tree':>9}{'times as fast':>15}")
    for part in PARTS:
        show(f"{part:18}{usual[part]:9.2f}{tree[part]:9.2f}{usual[part] / tree[part]:15.2f}")
    totals = [sum(side[part] for part in PARTS) for side in (usual, tree)]
    ratio, bound = totals[0] / totals[1], amdahl_bound(usual, tree["scoring"])
    show(f"{'whole':18}{totals[0]:9.2f}{totals[1]:9.2f}{ratio:15.2f}   Amdahl's bound {bound:.2f}, {ratio / bound:.0%} of it")
    scoring = usual["scoring"] / tree["scoring"]
    limits = (
        (scoring, LEAST_SCORING, "scoring"),
        (ratio, LEAST_STEP, "the step"),
        (ratio / bound, LEAST_OF_BOUND, "the bound"),
    )
    return [f"{name}: {value:.2f} is below {least:g}" for value, least, name in limits if value < least]


def main(argv: list[str] | None = None) -> int:
    """Prints the table; 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="gemma", help="gemma, random, or a folder with a model and its tokenizer")
    parser.add_argument("--steps", type=int, default=3, help="timed steps")
    parser.add_argument("--length", type=int, default=320, help="tokens of a completion")
    parser.add_argument("--micro-batch", type=int, default=2, help="completions of a forward pass; a divisor of 8")
    arguments = parser.parse_args(argv)
    shape = Shape(criteria=6, response=arguments.length, responses=8)
    with tempfile.TemporaryDirectory(prefix="bench-policy-") as scratch:
        command = [sys.executable, "-m", "tests.benchmarks.bench_rm_base", scratch, "--base", arguments.base]
        subprocess.run(command, check=True)
        show(
            f"base {arguments.base}; {threads_of_torch()} torch threads; G = 8 completions of {shape.response} tokens, "
            f"6 criteria; LoRA in float32, {arguments.micro_batch} completions a forward pass\n"
            f"medians of {arguments.steps} steps in turns, after {WARM_UP} to warm up"
        )
        spec = {
            "folder": str(Path(scratch)),
            "shape": shape.as_json(),
            "steps": WARM_UP + arguments.steps,
            "micro_batch": arguments.micro_batch,
        }
        (usual, tree), peaks = measure(spec, arguments.steps)
    missed = report(medians(usual), medians(tree))
    show(f"peak MB above the loaded weights: usual {peaks[0]:,.0f}, tree {peaks[1]:,.0f}")
    for line in missed:
        show(f"MISSED: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
