"""A file that came back: what kind of round it belongs to, and getting it from wherever it lies.

What belongs here: names and places of files. What is in them is read by who sent them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import fsspec

from assets.reviewing.forms import ADJUDICATION, REVIEW, FormError
from assets.reviewing.label_studio_reader import read_labelled
from assets.reviewing.workbook_reader import read_workbook

SUFFIXES = (".xlsx", ".json")
_LARGEST = 64 << 20


class Belongs(NamedTuple):
    """The round a file is for."""

    kind: str
    round: str


def belongs_to(path: Path) -> Belongs:
    """What a returned file says that it is for.

    Raises:
        FormError: it is none of ours; one line that names it.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise FormError(f"{path.name}: is neither a workbook (.xlsx) nor a Label Studio export (.json)")
    if path.suffix.lower() == ".json":
        told = [task.facts for task in read_labelled(path).tasks]
        facts = told[0] if told else {}
        if any(other.get("round") != facts.get("round") for other in told):
            raise FormError(f"{path.name}: holds tasks of several rounds; export each project by itself")
    else:
        facts = read_workbook(path).facts
    kind, name = facts.get("kind", ""), facts.get("round", "")
    if kind not in (REVIEW, ADJUDICATION) or not name:
        raise FormError(f"{path.name}: does not say which round it belongs to; it is no form of ours")
    return Belongs(kind, name)


@contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """The file at a path or fsspec URL (`s3://…`) as a local file of the same name.

    Raises:
        FormError: it cannot be read, or is larger than any form.
    """
    name = uri.rstrip("/").rsplit("/", 1)[-1]
    with TemporaryDirectory() as folder:
        try:
            filesystem, path = fsspec.core.url_to_fs(uri)
            if not filesystem.isfile(path):
                raise FileNotFoundError(f"no file at {uri}")
            if filesystem.size(path) > _LARGEST:
                raise FormError(f"{name}: larger than any form of ours ({_LARGEST >> 20} MB)")
            copy = Path(folder) / name
            filesystem.get_file(path, str(copy))
        except FormError:
            raise
        except (OSError, ValueError, ImportError) as error:
            raise FormError(f"{name}: cannot be read: {' '.join(str(error).split())[:200]}") from error
        yield copy
