"""Calls, endpoints and ledgers as the tests of this folder need them."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from assets.endpoints.calls import Call, Message, Reply
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.desk import desk


def question(number: int, **values: Any) -> Call:
    return Call(messages=(Message("system", "be brief"), Message("user", f"q{number}")), **({"max_tokens": 5} | values))


def questions(count: int, first: int = 0) -> list[Call]:
    return [question(number) for number in range(first, first + count)]


def endpoint(base_url: str, **values: Any) -> EndpointConfig:
    fields: dict[str, Any] = {"model": "m", "backoff_seconds": 0.001, "timeout_seconds": 5.0, "attempts": 3} | values
    return EndpointConfig(base_url=base_url, **fields)


def ask(folder: Path, calls: Sequence[Call], to: EndpointConfig, *, purpose: str = "test", **limits: Any) -> Sequence[Reply]:
    return desk(folder / "ledger.sqlite", CallsConfig(**limits), purpose=purpose)(calls, to)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in the ledger, read as another process would."""
    with closing(sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def main(arguments: Sequence[str]) -> None:
    """Asks in a process of its own, which a test may kill: folder, address, number of calls, calls at once."""
    folder, base_url, count, concurrency = arguments[-4:]
    # A shell ignores it for what it runs in the background, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ask(Path(folder), questions(int(count)), endpoint(base_url, concurrency=int(concurrency), timeout_seconds=60))
