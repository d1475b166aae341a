"""What is shown of calls: while they are made, and of a ledger afterwards."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from assets.endpoints.budget import Cost
from assets.endpoints.errors import LedgerError
from assets.endpoints.ledger import open_ledger
from assets.endpoints.progress import CallProgress
from assets.endpoints.summary import CallRow, FailedCall, failed_calls, ledger_summary, summary_table
from tests.fixtures.fault_server import fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, question, questions


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(stream: io.StringIO) -> CallProgress:
    shown = CallProgress("verdicts by m", currency="EUR", stream=stream)
    shown.begin(total=4, replayed=1_000)
    for outcome in ("answered", "failed", "refused"):
        shown.count(outcome)  # type: ignore[arg-type]
    return shown


def test_a_line_says_how_far_it_is_what_it_cost_and_how_long_the_rest_takes() -> None:
    stream = io.StringIO()
    shown = progress(stream)
    shown._start -= 30
    shown.show(spent=Cost(12_345, 1.5), in_flight=2, paused=61)
    assert stream.getvalue() == (
        "    verdicts by m: 3/4 asked, 1 failed, 1 refused, 1,000 replayed, spent in all 12,345 tokens and 1.50 EUR,"
        " left ~0:10, elapsed 0:30, 2 in flight, the endpoint asks to wait 1:01\n"
    )


def test_a_terminal_gets_one_line_that_is_written_anew_and_a_log_a_line_every_ten_seconds() -> None:
    stream = Terminal()
    shown = progress(stream)
    shown.show(spent=Cost(), in_flight=1)
    shown.show(spent=Cost(), in_flight=0, last=True)
    assert stream.getvalue().count("\r") == 2 and stream.getvalue().count("\n") == 1
    assert (shown.every, progress(io.StringIO()).every) == (0.5, 10.0)


def test_a_long_silence_is_shown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While nothing ends, since the endpoint asked for a second."""
    monkeypatch.setattr("assets.endpoints.progress._EVERY_LOG", 0.2)
    with fault_server(tmp_path, [{"status": 429, "tries": 1, "headers": {"Retry-After": "1"}}]) as server:
        ask(tmp_path, questions(1), endpoint(server.base_url))
    lines = capsys.readouterr().err.splitlines()
    assert any("0/1 asked" in line and "left ~?" in line and "the endpoint asks to wait" in line for line in lines)
    assert "1/1 asked" in lines[-1]


def test_a_ledger_by_hand(tmp_path: Path) -> None:
    priced = {"price_input": 1e5, "price_output": 0.0, "attempts": 2, "concurrency": 1}
    rules = [
        {"when": "q1", "status": 500, "model": "m"},
        {"when": "q2", "status": 400},
        {"when": "q3", "tries": 1, "fault": "truncate"},
    ]
    with fault_server(tmp_path, rules) as server:
        ask(tmp_path, questions(4), endpoint(server.base_url, **priced), purpose="verdicts", failures_allowed=1)
        ask(tmp_path, questions(4), endpoint(server.base_url, model="n"), purpose="verdicts")
        server.set_rules([])
        ask(tmp_path, questions(1), endpoint(server.base_url), purpose="rubrics")
    path = tmp_path / "ledger.sqlite"
    with open_ledger(path, purpose="rubrics", run="r") as ledger:
        ledger.send("z", question(9), endpoint("http://127.0.0.1:9/v1"), Cost(500, 7.0))
    # q0 and q3 are answered with five tokens, of which three were read at 0.1 each; q3's first try may have cost its bound of
    # 335 tokens, 330 of them read. Of model n, nothing but q2 and q3's first try went wrong; it is free.
    assert ledger_summary(path) == [
        CallRow("rubrics", "m", 0, 0, 1, 0, 1, 1, 500, 7.0),
        CallRow("verdicts", "m", 2, 1, 1, 3, 0, 0, 345, pytest.approx(33.6)),
        CallRow("verdicts", "n", 3, 1, 0, 1, 0, 0, 350, 0.0),
    ]
    (failed, unseen) = failed_calls(path)
    assert failed == FailedCall(failed.key, "verdicts", "m", 2, "HTTP 500")
    assert unseen == FailedCall("z", "rubrics", "m", 1, "unseen")
    with open_ledger(path, purpose="p", run="r") as ledger:
        assert ledger.spent() == Cost(500 + 345 + 350, pytest.approx(40.6))


def test_a_table_has_a_line_per_purpose_and_model_and_their_sums() -> None:
    rows = [CallRow("rubrics", "m", 1, 0, 0, 2, 0, 3, 1_500, 0.5), CallRow("verdicts", "model", 20, 1, 0, 0, 0, 0, 10, 1.25)]
    assert summary_table(rows).splitlines() == [
        "purpose   model  answered  refused  unanswered  failed  unseen  replayed  tokens  money",
        "rubrics   m             1        0           0       2       0         3   1,500   0.50",
        "verdicts  model        20        1           0       0       0         0      10   1.25",
        "all                    21        1           0       2       0         3   1,510   1.75",
    ]
    assert summary_table([]).splitlines()[1].split() == ["all", *["0"] * 7, "0.00"]


def test_without_a_ledger_there_is_nothing_to_say(tmp_path: Path) -> None:
    for say in (ledger_summary, failed_calls):
        with pytest.raises(LedgerError, match="no call was made from this project folder yet"):
            say(tmp_path / "ledger.sqlite")
