"""Answers of a language model kept on disk, so that a run that was cut short goes on and pays for nothing twice.

What belongs here: what a prompt is, and the file of answers. Asking is `endpoint.py`'s.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from assets.endpoints.config import EndpointConfig


class Prompt(NamedTuple):
    """What the model is told to do, and what with."""

    system: str
    user: str


class ReplyCache:
    """Answers by model, longest answer and hash of the prompt, in an SQLite file.

    Not by address: the same model elsewhere is not asked again.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute(
            "create table if not exists replies (model text, max_tokens int, prompt_hash text, reply text,"
            " primary key (model, max_tokens, prompt_hash))"
        )

    def get(self, config: EndpointConfig, prompt: Prompt) -> str | None:
        """The answer that was given before, if any."""
        row = self._database.execute(
            "select reply from replies where model = ? and max_tokens = ? and prompt_hash = ?", _key(config, prompt)
        ).fetchone()
        return None if row is None else str(row[0])

    def put(self, config: EndpointConfig, prompt: Prompt, reply: str) -> None:
        """Keeps an answer, on disk when this returns."""
        with self._database:
            self._database.execute("insert or replace into replies values (?, ?, ?, ?)", (*_key(config, prompt), reply))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _key(config: EndpointConfig, prompt: Prompt) -> tuple[str, int, str]:
    return config.model, config.max_tokens, prompt_hash(prompt)


def prompt_hash(prompt: Prompt) -> str:
    """sha256 over both parts of a prompt."""
    return hashlib.sha256(json.dumps(prompt, ensure_ascii=False).encode()).hexdigest()
