"""Kill −9 in the middle of a batch, five times: nothing that was recorded is asked again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.endpoints.ledger import open_ledger
from assets.endpoints.summary import failed_calls
from tests.fixtures.fault_server import ROOT, FaultServer, fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, questions, rows

CALLS, AT_ONCE, KILLS = 600, 8, 5
_CODE = "import sys; from tests.unit.assets.endpoints.asking import main; main(sys.argv)"


def start_and_kill(folder: Path, server: FaultServer, after: float) -> None:
    """Starts a batch, and kills it so many seconds after its first request."""
    before = len(server.received())
    child = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(folder), server.base_url, str(CALLS), str(AT_ONCE)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while len(server.received()) == before:
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(after)
    finally:
        child.kill()
        child.wait()
    # The server may still be working on what it has.
    time.sleep(0.3)


def recorded(folder: Path) -> set[str]:
    """The questions that the ledger has an answer to."""
    query = "select json_extract(request, '$.messages[1][1]') from answered join prompts using (key)"
    return {prompt for (prompt,) in rows(folder, query)}


def test_five_kills_lose_at_most_the_calls_in_flight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(2**32)
    drawn = random.Random(seed)
    kept: list[tuple[int, set[str]]] = []
    with fault_server(tmp_path, [{"delay": 0.05}]) as server:
        for _ in range(KILLS):
            start_and_kill(tmp_path, server, after=drawn.uniform(0.02, 0.6))
            kept.append((len(server.received()), recorded(tmp_path)))
        server.set_rules([])
        replies = ask(tmp_path, questions(CALLS), endpoint(server.base_url, concurrency=AT_ONCE))
        received = server.received()
        asked = server.asked()
        paid = server.tokens()
    assert [reply.text for reply in replies] == [f"ok: q{number}" for number in range(CALLS)]
    # The kills did hit something, and each time later than before.
    sizes = [len(known) for _, known in kept]
    assert 0 < sizes[-1] < CALLS and sizes == sorted(sizes), f"seed {seed}: {sizes}"
    for count, known in kept:
        assert not known & {event["prompt"] for event in received[count:]}, f"seed {seed}"
    repeats = sum(asked.values()) - CALLS
    assert repeats <= KILLS * AT_ONCE, f"seed {seed}"
    assert server.most_at_once() <= AT_ONCE
    assert failed_calls(tmp_path / "ledger.sqlite") == []
    with open_ledger(tmp_path / "ledger.sqlite", purpose="test", run="test") as ledger:
        assert ledger.spent().tokens >= paid
    with capsys.disabled():
        print(
            f"\n    kill -9 x {KILLS}: recorded at each {sizes}, {CALLS} calls, {repeats} repeats (at most {KILLS * AT_ONCE})"
        )
