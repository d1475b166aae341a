"""Where a step asks: the project folder's ledger and the user's limits behind one function.

What belongs here: from settings to `Ask`. The calls run in a thread of their own, since whoever asks may have an event loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from assets.endpoints.calls import Ask, Call, Reply
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.project import calls_config
from assets.steps import Settings


def ledger_path(home: Path) -> Path:
    """Where a project folder keeps its ledger."""
    return home / "calls" / "ledger.sqlite"


def asker(settings: Settings, *, purpose: str, batches: int | None = None) -> Ask:
    """Asks under the project folder's ledger and the limits of the user's file.

    Args:
        settings: names both.
        purpose: what the calls are for; stands in the ledger and in the progress.
        batches: the most batches in which they will come, for the progress; None: nobody knows.
    """
    return desk(ledger_path(settings.home), calls_config(settings.config), purpose=purpose, batches=batches)


def desk(ledger: Path, limits: CallsConfig, *, purpose: str, batches: int | None = None) -> Ask:
    """Asks under this ledger and these limits."""
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    numbers = count(1)

    def ask(calls: Sequence[Call], endpoint: EndpointConfig) -> list[Reply]:
        from assets.endpoints.batch import ask_all
        from assets.endpoints.ledger import open_ledger
        from assets.endpoints.progress import CallProgress

        priced = endpoint.price_input or endpoint.price_output
        which = batch_label(next(numbers), batches)
        progress = CallProgress(f"{purpose} by {endpoint.model}{which}", currency=limits.currency if priced else None)
        with open_ledger(ledger, purpose=purpose, run=run) as opened:
            return _in_thread(ask_all(calls, endpoint=endpoint, ledger=opened, limits=limits, progress=progress))

    return ask


def batch_label(number: int, most: int | None) -> str:
    """Which of a step's batches is under way, nothing if there is one alone as far as anybody knows.

    >>> batch_label(1, None), batch_label(2, None), batch_label(2, 12)
    ('', ', batch 2', ', batch 2 of at most 12')
    """
    if most is None:
        return f", batch {number}" if number > 1 else ""
    return f", batch {number} of at most {most}" if most > 1 else ""


def _in_thread(work: Coroutine[Any, Any, list[Reply]]) -> list[Reply]:
    """Runs a coroutine in an event loop of its own; an interruption of the caller ends it first."""
    done: list[list[Reply]] = []
    errors: list[BaseException] = []
    started = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        started.set()
        done.append(await work)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            errors.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="calls", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            # A join without end would not let signals through.
            thread.join(0.1)
    except BaseException:
        started.wait()
        for loop, task in running:
            if thread.is_alive():
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if errors:
        raise errors[0]
    return done[0]
