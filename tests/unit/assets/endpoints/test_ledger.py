"""The ledger's file: append-only, one writer, readable meanwhile, and one line for what is no ledger."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from assets.endpoints.budget import Cost
from assets.endpoints.calls import Reply
from assets.endpoints.errors import LedgerError
from assets.endpoints.ledger import Ledger, open_ledger
from assets.endpoints.ledger_file import open_to_read
from tests.fixtures.fault_server import ROOT
from tests.unit.assets.endpoints.asking import endpoint, question, rows

TO = endpoint("http://127.0.0.1:9/v1")
TABLES = ("prompts", "sent", "answered", "refused", "failed", "replayed")


def reply(key: str, text: str = "yes", **values: int) -> Reply:
    tokens = {"prompt_tokens": 3, "completion_tokens": 1} | values
    return Reply(key=key, outcome="answered", text=text, finish="stop", replayed=False, **tokens)


def send(ledger: Ledger, key: str, bound: int = 100) -> Cost:
    ledger.send(key, question(1), TO, Cost(bound, bound / 10))
    return ledger.spent()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A ledger with a row in each table."""
    with open_ledger(tmp_path / "ledger.sqlite", purpose="p", run="r") as ledger:
        ledger.answer(ledger.send("a", question(1), TO, Cost(9, 0.9)), reply("a"), counted=True, money=0.4, seconds=0.1)
        ledger.refuse(ledger.send("b", question(2), TO, Cost(9, 0.9)), "too long", Cost())
        ledger.fail(ledger.send("c", question(3), TO, Cost(9, 0.9)), "timeout", Cost(9, 0.9))
        ledger.replay(["a"])
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["update {} set key = 'z'", "delete from {}", "update {0} set rowid = rowid + 100"])
def test_a_row_is_never_changed_or_removed(filled: Path, table: str, statement: str) -> None:
    with closing(sqlite3.connect(filled)) as database:
        before = database.execute(f"select * from {table}").fetchall()
        assert before
        with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
            database.execute(statement.format(table))
        database.commit()
        assert database.execute(f"select * from {table}").fetchall() == before


@pytest.mark.parametrize("table", ["prompts", "sent", "answered", "refused", "failed"])
def test_a_row_is_not_replaced_either(filled: Path, table: str) -> None:
    with closing(sqlite3.connect(filled)) as database, pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        database.execute(f"insert or replace into {table} select * from {table}")


def test_a_call_has_one_answer(filled: Path) -> None:
    with open_ledger(filled, purpose="p", run="r") as ledger:
        sent = ledger.send("a", question(1), TO, Cost(9, 0.9))
        with pytest.raises(LedgerError, match="append-only"):
            ledger.answer(sent, reply("a", "no"), counted=True, money=0.4, seconds=0.1)
        assert ledger.known(["a"])["a"].text == "yes"


def test_what_was_spent_by_hand(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite", purpose="p", run="r") as ledger:
        assert ledger.spent() == Cost(0, 0.0)
        # Sent, and nobody knows: the bound. Then what came of it: an answer's own tokens, the bound of a timeout, nothing.
        first = ledger.send("a", question(1), TO, Cost(100, 10.0))
        assert ledger.spent() == Cost(100, 10.0)
        ledger.answer(first, reply("a"), counted=True, money=0.25, seconds=0.1)
        assert ledger.spent() == Cost(4, 0.25)
        second = ledger.send("b", question(2), TO, Cost(100, 10.0))
        ledger.fail(second, "timeout", Cost(100, 10.0))
        third = ledger.send("b", question(2), TO, Cost(100, 10.0))
        ledger.fail(third, "HTTP 503", Cost())
        fourth = ledger.send("b", question(2), TO, Cost(100, 10.0))
        ledger.refuse(fourth, "filtered", Cost(7, 0.5))
        ledger.replay(["a"] * 50)
        assert ledger.spent() == Cost(111, 10.75)
    with open_ledger(tmp_path / "ledger.sqlite", purpose="p", run="s") as ledger:
        assert ledger.spent() == Cost(111, 10.75)


def test_what_was_asked_is_kept_once_and_can_be_read(filled: Path) -> None:
    with open_ledger(filled, purpose="p", run="s") as ledger:
        ledger.send("c", question(3), TO, Cost(9, 0.9))
    found = rows(filled.parent, "select model, request from prompts where key = 'c'")
    assert len(found) == 1
    assert found[0][0] == "m"
    assert json.loads(found[0][1]) == {
        "messages": [["system", "be brief"], ["user", "q3"]],
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": None,
        "schema": None,
    }


def test_texts_come_back_as_they_were(tmp_path: Path) -> None:
    texts = ["", "a\x00b", "naïve 😀 \u2028", "x" * 100_000, "' ; drop table answered; --"]
    with open_ledger(tmp_path / "ledger.sqlite", purpose="p", run="r") as ledger:
        for number, text in enumerate(texts):
            sent = ledger.send(str(number), question(number), TO, Cost(9, 0.9))
            ledger.answer(sent, reply(str(number), text), counted=True, money=0.0, seconds=0.1)
        known = ledger.known([str(number) for number in range(len(texts))])
    assert [known[str(number)].text for number in range(len(texts))] == texts


def test_others_read_while_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with open_ledger(path, purpose="p", run="r") as ledger, open_to_read(path) as reading:
        assert reading.execute("select count(*) from sent").fetchone() == (0,)
        send(ledger, "a")
        assert reading.execute("select count(*) from sent").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading.execute("insert into replayed values ('a', 'b', 'c', 0)")
        send(ledger, "b")


def test_a_second_process_is_refused_in_one_line_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from assets.endpoints.ledger import open_ledger\n"
        "with open_ledger(pathlib.Path(sys.argv[1]), purpose='p', run='r'): print('open', flush=True); time.sleep(60)"
    )
    path = tmp_path / "ledger.sqlite"
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None and child.stdout.readline() == "open\n"
        with (
            pytest.raises(LedgerError, match="is in use: another process makes calls"),
            open_ledger(path, purpose="p", run="r"),
        ):
            pass
    finally:
        child.kill()
        child.communicate()
    with open_ledger(path, purpose="p", run="r") as ledger:
        assert ledger.spent() == Cost()


def test_a_second_thread_waits_for_the_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    entered: list[float] = []

    def second() -> None:
        with open_ledger(path, purpose="p", run="r"):
            entered.append(time.monotonic())

    with open_ledger(path, purpose="p", run="r"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        left = time.monotonic()
    thread.join()
    assert entered[0] >= left


def _other(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)


@pytest.mark.parametrize("kind", ["text", "other", "version", "newer", "truncated"])
def test_what_is_no_ledger_is_said_in_one_line_and_left_as_it_is(filled: Path, kind: str) -> None:
    path = filled
    if kind == "text":
        path.write_bytes(b"not a database, but long enough to look like one " * 40)
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "newer":
        _other(path, "pragma user_version = 2")
    else:
        path = filled.with_name("other.sqlite")
        _other(path, "create table prompts (a)" + ("; pragma user_version = 1" if kind == "version" else ""))
    before = path.read_bytes()
    with pytest.raises(LedgerError) as raised, open_ledger(path, purpose="p", run="r") as ledger:
        ledger.known(["a"])
        send(ledger, "z")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == before
    if kind != "truncated":
        assert "is no ledger of calls of this version; move it away, or choose another --home" in str(raised.value)
        with pytest.raises(LedgerError), open_to_read(path):
            pass


def test_no_ledger_yet_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="does not exist: no call was made"), open_to_read(tmp_path / "ledger.sqlite"):
        pass
