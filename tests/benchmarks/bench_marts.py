"""How long the warehouse takes at the paper's size, and its contracts, beside the same marts in pandas.

    python tests/benchmarks/bench_marts.py [--instructions 51990] [--pool 823703] [--repeats 3]

Generates raw tables (51,990 instructions × 3 responses × 7 criteria in a pool of 823,703 instructions), builds the warehouse
with dbt and its data tests as the orchestrator does, exports the marts, runs the four contracts on them, makes the marts with
pandas, and builds twice more, with nothing and with one verdict changed. Stops if pandas comes to other marts. Every timing is
a process of its own, imports included; its processor seconds stand beside it, since those do not hang on what else the machine
is doing. Ends with 1 if a limit does not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from assets.warehouse.dbt_command import BUILD, DBT, PROJECT_DIR, dbt_environment
from assets.warehouse.export import MARTS, export_mart
from assets.warehouse.versions import prepare_warehouse
from tests.benchmarks.marts_rows import MartSizes, change_one_verdict, write_raw_tables

MARTS_LIMIT, CONTRACTS_LIMIT = 60.0, 30.0
Timing = dict[str, float]


def build(folder: Path) -> Timing:
    """One build by dbt into `<folder>/w.duckdb`; seconds of the whole, of its start-up, and of each node."""
    start, processor = time.monotonic(), _children_seconds()
    prepare_warehouse(folder / "w.duckdb", "benchmark")
    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    places += ["--target-path", str(folder / "target"), "--log-path", str(folder / "target")]
    environment = os.environ | dbt_environment(folder / "w.duckdb", folder / "raw")
    done = subprocess.run([str(DBT), *BUILD, *places], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"dbt build failed:\n{done.stdout[-3000:]}")
    whole = time.monotonic() - start
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))
    nodes = {node["unique_id"]: float(node["execution_time"]) for node in results["results"]}
    spent = {"whole": whole, "cpu": _children_seconds() - processor}
    return spent | {"start-up": whole - float(results["elapsed_time"])} | nodes


def export(folder: Path) -> None:
    """Writes every mart as Parquet to `<folder>/marts`."""
    for mart in MARTS:
        export_mart(folder / "w.duckdb", mart, folder / "marts")


def check(folder: Path) -> None:
    """Runs the four contracts with their report; a failing one ends the benchmark."""
    from assets.checks.run import run_suites
    from assets.checks.suites import SUITES

    results = run_suites(SUITES, folder / "marts", data_docs=folder / "data_docs")
    failed = [f"{t}: {e['key']}: {e['detail']}" for t, r in results.items() for e in r["expectations"] if not e["passed"]]
    if failed:
        raise SystemExit("contracts failed:\n" + "\n".join(failed))


def pandas_peer(folder: Path) -> None:
    """The same marts with pandas, to `<folder>/peer`."""
    from tests.benchmarks.marts_pandas import build_marts

    build_marts(folder / "raw", folder / "peer")


def in_process(work: Callable[[Path], None], folder: Path) -> Timing:
    """Seconds and peak megabytes of the work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    start, processor = time.monotonic(), _children_seconds()
    process = context.Process(target=_measured, args=(work, folder, answers))
    process.start()
    process.join()
    seconds = time.monotonic() - start
    if process.exitcode:
        raise SystemExit(f"{work.__name__} ended with {process.exitcode}")
    return {"whole": seconds, "cpu": _children_seconds() - processor, "peak MB": answers.get()}


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(work: Callable[[Path], None], folder: Path, answers: Any) -> None:
    work(folder)
    answers.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def one_round(folder: Path) -> dict[str, Timing]:
    """Everything once, on the raw tables in `<folder>/raw`; the last build changes one verdict of them."""
    from tests.benchmarks.marts_pandas import differences

    (folder / "w.duckdb").unlink(missing_ok=True)
    took = {"dbt build": build(folder), "export": in_process(export, folder), "contracts": in_process(check, folder)}
    took["pandas"] = in_process(pandas_peer, folder)
    found = differences(folder / "marts", folder / "peer")
    if any(found.values()):
        raise SystemExit(f"pandas and dbt differ, rows by mart: {found}")
    took["build, nothing changed"] = build(folder)
    change_one_verdict(folder / "raw")
    took["build, one verdict changed"] = build(folder)
    return took


def show(rounds: list[dict[str, Timing]]) -> bool:
    """Prints the table and the profile of the median round; whether both limits hold."""

    def both(*names: str) -> tuple[list[float], list[float]]:
        wall, processor = ([sum(took[name][kind] for name in names) for took in rounds] for kind in ("whole", "cpu"))
        return wall, processor

    lines = [
        ("marts: dbt build with data tests, and export", both("dbt build", "export"), MARTS_LIMIT),
        ("  of which dbt build", both("dbt build"), None),
        ("  of which export to Parquet", both("export"), None),
        ("peer: the same marts in pandas, no tests", both("pandas"), None),
        ("contracts: four suites and their report", both("contracts"), CONTRACTS_LIMIT),
        ("dbt build, nothing changed", both("build, nothing changed"), None),
        ("dbt build, one verdict changed", both("build, one verdict changed"), None),
    ]
    base = median(lines[0][1][0])
    print(f"\n{'':46s} {'median s':>9s} {'range':>13s} {'cpu s':>6s} {'limit':>6s} {'to marts':>8s}")
    for name, (wall, processor), limit in lines:
        spread, allowed = f"{min(wall):.1f}–{max(wall):.1f}", f"{limit:.0f}" if limit else ""
        figures = f"{median(wall):9.1f} {spread:>13s} {median(processor):6.1f} {allowed:>6s} {median(wall) / base:7.2f}×"
        print(f"{name:46s} {figures}")
    peaks = {name: max(took[name]["peak MB"] for took in rounds) for name in ("export", "contracts", "pandas")}
    print("peak memory: " + ", ".join(f"{name} {peak:,.0f} MB" for name, peak in peaks.items()))
    _profile(sorted((took["dbt build"] for took in rounds), key=lambda timing: timing["whole"])[len(rounds) // 2])
    return all(median(wall) <= limit for _, (wall, _), limit in lines if limit is not None)


def _profile(timing: Timing, longest: int = 12) -> None:
    kinds: Timing = {}
    for node, seconds in timing.items():
        kind = node.partition(".")[0]
        kinds[kind] = kinds.get(kind, 0.0) + seconds
    print(f"\ndbt build: {kinds['whole']:.1f} s, start-up {kinds['start-up']:.1f} s; then over two threads, in thread seconds:")
    print("  " + ", ".join(f"{kind}s {kinds[kind]:.1f}" for kind in ("model", "test", "seed")))
    nodes = sorted(((s, node) for node, s in timing.items() if "." in node), reverse=True)[:longest]
    for seconds, node in nodes:
        print(f"  {seconds:5.1f}  {node.split('.')[0]:5s}  {node.split('.')[2]}")


def main() -> None:
    """Runs the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instructions", type=int, default=51_990, help="instructions with rubric and responses")
    parser.add_argument("--pool", type=int, default=823_703, help="all instructions, those that curation left out included")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rounds = Path(name), []
        sizes = MartSizes(instructions=options.instructions, excluded=max(0, options.pool - options.instructions))
        for number in range(options.repeats):
            counts = write_raw_tables(folder / "raw", sizes)
            if number == 0:
                load = f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
                print(", ".join(f"{table} {rows:,}" for table, rows in counts.items()) + f"; {load}", flush=True)
            rounds.append(one_round(folder))
            print(f"round {number + 1}: " + ", ".join(f"{k} {v['whole']:.1f} s" for k, v in rounds[-1].items()), flush=True)
        if not show(rounds):
            raise SystemExit("a limit does not hold")


if __name__ == "__main__":
    main()
