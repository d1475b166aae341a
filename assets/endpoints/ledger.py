"""The ledger of calls: what was sent, what came of it and what it cost.

What belongs here: its rows; the file is `ledger_file.py`'s. A key that was answered is never sent again, nor one that was
refused unless that is asked for. Each attempt is written before it goes out, so that one whose process died is known, and
counts as paid.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assets.endpoints.budget import Cost
from assets.endpoints.calls import Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.endpoints.ledger_file import clear_errors, open_to_write

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt that has been written down and goes out now."""

    sent_id: int
    key: str
    bound: Cost


@contextmanager
def open_ledger(path: Path, *, purpose: str, run: str) -> Iterator[Ledger]:
    """The ledger, its only writer.

    Args:
        path: the file, made if it does not exist.
        purpose: what the calls are for: rubrics, responses, verdicts …
        run: names the run; both stand beside each row.

    Raises:
        LedgerError: as `open_to_write`.
    """
    with open_to_write(path) as database:
        yield Ledger(database, path=path, purpose=purpose, run=run)


class Ledger:
    """An open ledger; use `open_ledger`. Every method raises LedgerError if the file fails, as on a full disk."""

    def __init__(self, database: sqlite3.Connection, *, path: Path, purpose: str, run: str) -> None:
        self._database, self._path = database, path
        self._purpose, self._run = purpose, run

    def known(self, keys: Sequence[str], *, refused: bool = True) -> dict[str, Reply]:
        """The replies that need not be asked for, as replays; refusals among them, unless they are asked for again."""
        found = {}
        distinct = list(dict.fromkeys(keys))
        with clear_errors(self._path):
            for start in range(0, len(distinct), _CHUNK):
                chunk = distinct[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                if refused:
                    for key, error in self._database.execute(f"select key, error from refused where key in ({marks})", chunk):
                        found[key] = unanswered(key, "refused", error, replayed=True)
                # After the refusals: what was refused first may have been answered later.
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
        return found

    def replay(self, keys: Iterable[str]) -> None:
        """Writes down that these were answered from here, at no cost."""
        now = time.time()
        with self._transaction():
            self._database.executemany(
                "insert into replayed values (?, ?, ?, ?)", ((key, self._purpose, self._run, now) for key in keys)
            )

    def send(self, key: str, call: Call, endpoint: EndpointConfig, bound: Cost) -> Sent:
        """Writes an attempt down, and the prompt once per key; it may go out when this returns."""
        request = {
            "messages": [list(message) for message in call.messages],
            "max_tokens": call.max_tokens,
            "temperature": call.temperature,
            "top_p": call.top_p,
            "seed": call.seed,
            "schema": call.schema,
        }
        with self._transaction():
            self._database.execute(
                "insert into prompts select ?, ?, ? where not exists (select 1 from prompts where key = ?)",
                (key, endpoint.model, json.dumps(request, ensure_ascii=False), key),
            )
            cursor = self._database.execute(
                "insert into sent (key, model, host, purpose, run, tokens_bound, money_bound, at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    endpoint.model,
                    endpoint.host,
                    self._purpose,
                    self._run,
                    bound.tokens,
                    bound.money,
                    time.time(),
                ),
            )
        return Sent(int(cursor.lastrowid or 0), key, bound)

    def answer(self, sent: Sent, reply: Reply, *, counted: bool, money: float, seconds: float) -> None:
        """Keeps an answer; counted: whether the endpoint itself said how many tokens it took."""
        row = (
            sent.sent_id,
            sent.key,
            reply.text,
            reply.finish,
            reply.prompt_tokens,
            reply.completion_tokens,
            "endpoint" if counted else "bound",
            money,
            seconds,
            time.time(),
        )
        self._insert("answered", row)

    def refuse(self, sent: Sent, error: str, cost: Cost) -> None:
        """Keeps that the endpoint will not answer this prompt, and what saying so cost."""
        self._insert("refused", (sent.sent_id, sent.key, error, cost.tokens, cost.money, time.time()))

    def fail(self, sent: Sent, kind: str, cost: Cost) -> None:
        """Keeps that an attempt brought nothing, and what it may have cost."""
        self._insert("failed", (sent.sent_id, sent.key, kind, cost.tokens, cost.money, time.time()))

    def spent(self) -> Cost:
        """All that was ever paid or may have been: answers, attempts that may have been billed, attempts nobody saw end."""
        with clear_errors(self._path):
            tokens, money = self._database.execute(
                "select coalesce(sum(tokens), 0), coalesce(sum(money), 0.0) from ("
                " select prompt_tokens + completion_tokens as tokens, money from answered"
                " union all select tokens, money from refused"
                " union all select billed_tokens, billed_money from failed"
                " union all select tokens_bound, money_bound from sent where not exists (select 1 from answered where sent_id"
                " = id) and not exists (select 1 from refused where sent_id = id)"
                " and not exists (select 1 from failed where sent_id = id))"
            ).fetchone()
        return Cost(int(tokens), float(money))

    def _insert(self, table: str, row: tuple[object, ...]) -> None:
        with clear_errors(self._path):
            self._database.execute(f"insert into {table} values ({','.join('?' * len(row))})", row)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with clear_errors(self._path):
            self._database.execute("begin")
            try:
                yield
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")


def unanswered(key: str, outcome: Literal["refused", "failed"], error: str, *, replayed: bool = False) -> Reply:
    """The reply to a call that has no text."""
    return Reply(
        key=key,
        outcome=outcome,
        text=None,
        finish=None,
        prompt_tokens=0,
        completion_tokens=0,
        replayed=replayed,
        error=error,
    )
