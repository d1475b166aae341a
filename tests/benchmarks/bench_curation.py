"""Raw files of nine sets to curated instructions and data card at the paper's size: time, memory, growth.

    python -m tests.benchmarks.bench_curation [--rows 823703] [--small 205925]

Generates the sets (`raw_files.py`), then runs `promedical run --select curation` on them as a user would, imports, Dagster and
the distillation of the embedding included, in a project folder of its own. Memory is that of the command and all its children
together, looked at four times a second. The growth is the time of all rows over that of the small pool, both in this run. The
peer for de-duplication, SemHash, is in `bench_dedup.py`. Ends with 1 if a limit does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.raw_files import TOTAL, write_raw_files
from training.stages import ROOT

SECONDS_LIMIT, MEMORY_LIMIT_GB, GROWTH_LIMIT = 600.0, 6.0, 4.6
# What is the same whatever the rows: shown apart, so that the growth can be judged.
_FIXED = ("text_embedding",)


def main(argv: list[str] | None = None) -> int:
    """Prints the tables; 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=TOTAL)
    parser.add_argument("--small", type=int, default=TOTAL // 4)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-curation-") as name:
        folder = Path(name)
        sizes = (arguments.small, arguments.rows)
        runs = {rows: curate(rows, folder / str(rows)) for rows in sizes}
    return 0 if show(runs, small=arguments.small, rows=arguments.rows) else 1


def curate(rows: int, folder: Path) -> dict[str, float]:
    """Runs the command on `rows` rows; seconds of the whole and of each step, and peak memory in GB."""
    print(f"generating {rows:,} rows …", file=sys.stderr, flush=True)
    sources = write_raw_files(folder / "raw", rows)
    command = [sys.executable, "-m", "orchestration.cli", "run", "--select", "curation", "--home", str(folder / "home")]
    command += [part for name, path in sources.items() for part in ("--source", f"{name}={path}")]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DO_NOT_TRACK": "1"}, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _tree_bytes(process.pid))
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"the command failed with {process.returncode}")
    steps: dict[str, float] = json.loads((folder / "home" / "durations.json").read_text(encoding="utf-8"))["local"]
    return {"whole": time.monotonic() - start, "memory": peak / 1e9, **steps}


def _tree_bytes(pid: int) -> int:
    """Memory of a process and its descendants; pages that they share are counted once each."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def show(runs: dict[int, dict[str, float]], *, small: int, rows: int) -> bool:
    """Prints steps and limits; whether all limits hold."""
    print(f"\n{'step':28s}{small:>14,d}{rows:>14,d}{'ratio':>8s}")
    for step in (name for name in runs[rows] if name not in ("whole", "memory")):
        first, second = runs[small].get(step, 0.0), runs[rows][step]
        note = "  the same for any size" if step in _FIXED else ""
        print(f"{step:28s}{first:12.1f} s{second:12.1f} s{second / max(first, 0.1):8.1f}{note}")
    growth = runs[rows]["whole"] / runs[small]["whole"]
    figures = (
        ("raw files to data card", runs[rows]["whole"], SECONDS_LIMIT, "s"),
        ("peak memory", runs[rows]["memory"], MEMORY_LIMIT_GB, "GB"),
        (f"time over that of {small:,}", growth, GROWTH_LIMIT, "times"),
    )
    print(f"\n{'figure':28s}{'measured':>14s}{'at most':>14s}")
    for name, measured, limit, unit in figures:
        print(f"{name:28s}{measured:14.1f}{limit:14.1f} {unit:6s}{'' if measured <= limit else 'DOES NOT HOLD'}")
    return all(measured <= limit for _, measured, limit, _ in figures)


if __name__ == "__main__":
    sys.exit(main())
