"""The ledger of calls: what was sent, what came of it and what it cost, in an SQLite file that nothing is ever taken from.

What belongs here: the file. A key that was answered or refused is never sent again. Each attempt is written before it goes
out, so that one whose process died is known, and counts as paid. Triggers refuse UPDATE and DELETE.

Every write is a transaction in the write-ahead log. `synchronous` is NORMAL: a process that is killed loses nothing; a
machine that loses power may lose the last few transactions, at worst calls of the last moments, and never more. FULL was
measured at 2 to 5 ms more for each of the two writes of a call.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.endpoints.budget import Cost
from assets.endpoints.calls import Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.endpoints.errors import LedgerError

VERSION = 1
_TABLES = {
    "prompts": "key text primary key, model text not null, request text not null",
    "sent": "id integer primary key, key text not null, model text not null, host text not null, purpose text not null,"
    " run text not null, tokens_bound int not null, money_bound real not null, at real not null",
    "answered": "sent_id int primary key, key text not null unique, text text not null, finish text, prompt_tokens int"
    " not null, completion_tokens int not null, money real not null, seconds real not null, at real not null",
    "refused": "sent_id int primary key, key text not null unique, error text not null, at real not null",
    # billed_*: what the attempt may have cost although nothing usable came.
    "failed": "sent_id int primary key, key text not null, kind text not null, billed_tokens int not null,"
    " billed_money real not null, at real not null",
    "replayed": "key text not null, purpose text not null, run text not null, at real not null",
}
_CHUNK = 500
_NOT_OURS = "is no ledger of calls of this version; move it away, or choose another --home"


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt that has been written down and goes out now."""

    sent_id: int
    key: str
    bound: Cost


class Ledger:
    """One open file; `purpose` and `run` stand beside each of its rows.

    Args:
        path: the file, made if it does not exist.
        purpose: what the calls are for: rubrics, responses, verdicts …
        run: names the run.

    Raises:
        LedgerError: the file is something else, or of a newer version.
    """

    def __init__(self, path: Path, *, purpose: str, run: str) -> None:
        self._purpose, self._run = purpose, run
        path.parent.mkdir(parents=True, exist_ok=True)
        # The event loop's thread opened it or another did: only one uses it at a time.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise LedgerError(f"{path} {_NOT_OURS} ({error})") from error

    def _prepare(self, path: Path) -> None:
        run = self._database.execute
        run("pragma journal_mode = wal")
        run("pragma synchronous = normal")
        (version,) = run("pragma user_version").fetchone()
        if version == VERSION:
            return
        if version or run("select count(*) from sqlite_master").fetchone() != (0,):
            raise LedgerError(f"{path} {_NOT_OURS}")
        run("begin immediate")
        for table, columns in _TABLES.items():
            run(f"create table {table} ({columns})")
            for action in ("update", "delete"):
                run(
                    f"create trigger {table}_no_{action} before {action} on {table}"
                    " begin select raise(abort, 'the ledger is append-only'); end"
                )
        run("create index sent_key on sent (key)")
        run(f"pragma user_version = {VERSION}")
        run("commit")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def known(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that need not be asked for, as replays."""
        found = {}
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), _CHUNK):
            chunk = distinct[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            answered = self._database.execute(
                f"select key, text, finish, prompt_tokens, completion_tokens from answered where key in ({marks})", chunk
            )
            for key, text, finish, prompt_tokens, completion_tokens in answered:
                found[key] = Reply(
                    key=key,
                    outcome="answered",
                    text=text,
                    finish=finish,
                    prompt_tokens=prompt_tokens,
                    completion_tokens=completion_tokens,
                    replayed=True,
                )
            for key, error in self._database.execute(f"select key, error from refused where key in ({marks})", chunk):
                found[key] = refusal(key, error, replayed=True)
        return found

    def replay(self, keys: Iterable[str]) -> None:
        """Writes down that these were answered from here, at no cost."""
        now = time.time()
        self._database.execute("begin")
        self._database.executemany(
            "insert into replayed values (?, ?, ?, ?)", ((key, self._purpose, self._run, now) for key in keys)
        )
        self._database.execute("commit")

    def send(self, key: str, call: Call, endpoint: EndpointConfig, bound: Cost) -> Sent:
        """Writes an attempt down; it may go out when this returns."""
        request = {
            "messages": [list(message) for message in call.messages],
            "max_tokens": call.max_tokens,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "seed": call.seed,
            "schema": call.schema,
        }
        self._database.execute("begin")
        self._database.execute(
            "insert or ignore into prompts values (?, ?, ?)", (key, endpoint.model, json.dumps(request, ensure_ascii=False))
        )
        row = (key, endpoint.model, endpoint.host, self._purpose, self._run, bound.tokens, bound.money, time.time())
        cursor = self._database.execute(
            "insert into sent (key, model, host, purpose, run, tokens_bound, money_bound, at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._database.execute("commit")
        return Sent(int(cursor.lastrowid or 0), key, bound)

    def answer(self, sent: Sent, reply: Reply, *, money: float, seconds: float) -> None:
        """Keeps an answer."""
        row = (
            sent.sent_id,
            sent.key,
            reply.text,
            reply.finish,
            reply.prompt_tokens,
            reply.completion_tokens,
            money,
            seconds,
            time.time(),
        )
        self._database.execute("insert into answered values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def refuse(self, sent: Sent, error: str) -> None:
        """Keeps that the endpoint will not answer this prompt."""
        self._database.execute("insert into refused values (?, ?, ?, ?)", (sent.sent_id, sent.key, error, time.time()))

    def fail(self, sent: Sent, kind: str, *, billed: bool) -> None:
        """Keeps that an attempt brought nothing; billed: what it may have cost counts as spent."""
        cost = sent.bound if billed else Cost()
        row = (sent.sent_id, sent.key, kind, cost.tokens, cost.money, time.time())
        self._database.execute("insert into failed values (?, ?, ?, ?, ?, ?)", row)

    def spent(self) -> Cost:
        """All that was ever paid or may have been: answers, attempts that may have been billed, attempts nobody saw end."""
        tokens, money = self._database.execute(
            "select coalesce(sum(tokens), 0), coalesce(sum(money), 0.0) from ("
            " select prompt_tokens + completion_tokens as tokens, money from answered"
            " union all select billed_tokens, billed_money from failed"
            " union all select tokens_bound, money_bound from sent where id not in"
            " (select sent_id from answered union all select sent_id from refused union all select sent_id from failed))"
        ).fetchone()
        return Cost(int(tokens), float(money))


def refusal(key: str, error: str, *, replayed: bool) -> Reply:
    """The reply to a call that the endpoint will not answer."""
    return Reply(
        key=key,
        outcome="refused",
        text=None,
        finish=None,
        prompt_tokens=0,
        completion_tokens=0,
        replayed=replayed,
        error=error,
    )
