"""`<home>/serve.yaml`: the file for `promedical run --config` that declares the running server, there while it runs.

What belongs here: writing and removing it. What it says is in `serve.yaml.j2` beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.serving.model import ServedModel
from orchestration.serving.server import HOST, ServerChoices

TEMPLATE = Path(__file__).parent / "serve.yaml.j2"
NAME = "serve.yaml"


def forget(home: Path) -> None:
    """Removes the file of a server that was killed."""
    (home / NAME).unlink(missing_ok=True)


def base_url(choices: ServerChoices) -> str:
    """Where the server answers."""
    return f"http://{HOST}:{choices.port}/v1"


def render(model: ServedModel, choices: ServerChoices, path: Path) -> str:
    """The text of the file."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        path=path, base_url=base_url(choices), model=model.name, family=model.family, concurrency=choices.concurrency
    )


@contextmanager
def announced(model: ServedModel, choices: ServerChoices, home: Path) -> Iterator[Path]:
    """Keeps the file in a project folder; it is whole from the moment it is there."""
    path = home / NAME
    temporary = home / f"{NAME}.new"
    temporary.write_text(render(model, choices, path), encoding="utf-8")
    os.replace(temporary, path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
