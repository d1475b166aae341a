"""Replays of calls that were paid before: time for 100,000 of them, and what they leave behind.

    python -m tests.benchmarks.bench_replay [--calls 100000] [--repeat 3]

The ledger is filled first, as calls would fill it, with prompts of about 3 kB and replies of 300 bytes. A replay is what a step
does: its calls are given to the desk, which names them by their keys, and come back as replies. Ends with 1 if the limit does
not hold.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from assets.endpoints.budget import bound_of, cost_of
from assets.endpoints.calls import Call, Message, Reply, call_key
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.desk import desk
from assets.endpoints.ledger import open_ledger
from assets.endpoints.summary import ledger_summary

SECONDS_LIMIT = 20.0
# Nobody listens there: a call that is no replay is an error.
ENDPOINT = EndpointConfig(base_url="http://127.0.0.1:9/v1", model="judge", attempts=1, price_input=1.0, price_output=4.0)
_SENTENCE = "The patient, {number} years old, asks whether the medicine may be taken with food, milk or wine. "
_REPLY = '{"verdicts": [{"criterion": 1, "verdict": "met", "evidence": "may be taken with food"}]}' * 3


def make_calls(count: int) -> list[Call]:
    """Prompts of about 3 kB, every one another."""
    system = Message("system", "You judge answers to medical questions by the criteria given. " * 8)
    return [
        Call(messages=(system, Message("user", f"Question {number}. " + _SENTENCE.format(number=number) * 26)), max_tokens=512)
        for number in range(count)
    ]


def fill(path: Path, calls: list[Call]) -> float:
    """Writes a ledger in which all are answered; seconds that it took."""
    start = time.perf_counter()
    with open_ledger(path, purpose="bench", run="fill") as ledger:
        for call in calls:
            key = call_key(ENDPOINT.model, call)
            sent = ledger.send(key, call, ENDPOINT, bound_of(ENDPOINT, call))
            reply = Reply(
                key=key,
                outcome="answered",
                text=_REPLY,
                finish="stop",
                prompt_tokens=700,
                completion_tokens=80,
                replayed=False,
            )
            cost = cost_of(ENDPOINT, prompt_tokens=700, completion_tokens=80)
            ledger.answer(sent, reply, counted=True, money=cost.money, seconds=1.0)
    return time.perf_counter() - start


def replay(path: Path, calls: list[Call]) -> float:
    """Seconds until all replies are there."""
    ask = desk(path, CallsConfig(tokens=0), purpose="bench")
    start = time.perf_counter()
    replies = ask(calls, ENDPOINT)
    seconds = time.perf_counter() - start
    if not all(reply.replayed and reply.text == _REPLY for reply in replies) or len(replies) != len(calls):
        raise SystemExit("a reply is missing, or no replay")
    return seconds


def main(argv: list[str] | None = None) -> int:
    """Prints the table; 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-replay-") as folder:
        path = Path(folder) / "ledger.sqlite"
        calls = make_calls(arguments.calls)
        kilobytes = sum(len(message.content) for message in calls[-1].messages) / 1e3
        written = fill(path, calls)
        size = path.stat().st_size
        seconds = [replay(path, calls) for _ in range(arguments.repeat)]
        grown = (path.stat().st_size - size) / arguments.repeat
        start = time.perf_counter()
        rows = ledger_summary(path)
        summed = time.perf_counter() - start
    show(
        f"{len(calls):,} calls, prompts of {kilobytes:.1f} kB; ledger {size / 1e6:,.0f} MB, {grown / 1e6:.0f} MB more a replay"
    )
    figures = [
        (f"replay, median of {len(seconds)}", statistics.median(seconds), SECONDS_LIMIT),
        ("slowest", max(seconds), None),
        ("writing them, two rows a call", written, None),
        (f"summing up, {rows[0].replayed:,} replays", summed, None),
    ]
    show(f"{'figure':36s}{'measured':>12s}{'at most':>12s}")
    for name, measured, limit in figures:
        at_most = "" if limit is None else f"{limit:10.1f} s{'' if measured <= limit else '  DOES NOT HOLD'}"
        show(f"{name:36s}{measured:10.1f} s{at_most}")
    return 0 if all(limit is None or measured <= limit for _, measured, limit in figures) else 1


def show(line: str) -> None:
    """Writes a line at once: what is shown of calls goes to another stream."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
