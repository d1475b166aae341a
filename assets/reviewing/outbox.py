"""Forms on their way out: put where they are fetched from, and never over one that has been filled in.

What belongs here: files and folders. What is in a form is made by who sends it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Placed(NamedTuple):
    """What became of forms.

    Attributes:
        files: those that lie in the folder as they were made, whether put there now or before.
        kept: files of the same name that lay there and differ, as forms do that somebody has filled in; nothing was written.
    """

    files: tuple[Path, ...]
    kept: tuple[Path, ...]


def place(made: Sequence[Path], folder: Path) -> Placed:
    """Copies files into a folder under their names, each whole or not at all; one that is there and differs is left as it is.

    Args:
        made: the files, with distinct names.
        folder: where to; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    kept: list[Path] = []
    for source in made:
        content, target = source.read_bytes(), folder / source.name
        if target.exists():
            (files if target.read_bytes() == content else kept).append(target)
            continue
        # Half a form would be taken for one that somebody has changed, and kept for good.
        unfinished = target.with_name(f".{target.name}.unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(target)
        files.append(target)
    return Placed(tuple(files), tuple(kept))
