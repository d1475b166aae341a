"""Where a source lies: a local file or folder, or whatever fsspec reads (`s3://…`, `hf://datasets/owner/name`).

What belongs here: finding files, opening them as streams, and the digest of what they hold. Credentials come from the
environment, as the file systems read them (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, HF_TOKEN …), and are never part of a message.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from assets.instructions.sources.base import SourceError
from training.manifests import canonical_json, sha256_text

_BLOCK = 1 << 20


class BrokenOff(OSError):
    """The way to a file failed, not the file: no answer, or a connection that broke. Running again is the remedy."""


class _Stream(io.RawIOBase):
    """A file system's handle whose failures are all BrokenOff, whatever exception its client library has for them."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._handle.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._handle.seek(offset, whence))

    def tell(self) -> int:
        return int(self._handle.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._handle.read(len(buffer))
        except Exception as error:  # aiohttp's, botocore's, asyncio's …: none of them is an end of file
            raise BrokenOff(_said(error)) from error
        buffer[: len(data)] = data
        return len(data)


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a source; `name` is its path below the location, and stands in positions."""

    name: str
    path: str
    filesystem: Any

    @property
    def basename(self) -> str:
        """The last part of its name."""
        return self.name.rsplit("/", 1)[-1]

    @contextmanager
    def raw(self) -> Iterator[IO[bytes]]:
        """The file's bytes as they lie there.

        Raises:
            BrokenOff: the connection broke, now or while reading; for a remote file also if it cannot be opened.
            OSError: a local file that cannot be opened.
        """
        try:
            handle = self.filesystem.open(self.path, "rb", block_size=_BLOCK)
        except Exception as error:  # see _Stream
            if "file" in _protocols(self.filesystem):
                raise
            raise BrokenOff(_said(error)) from error
        with handle:
            # Lines with a limit: not every file system's own files can read those.
            yield io.BufferedReader(_Stream(handle), _BLOCK)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The file as a stream of bytes; what ends in .gz is unpacked on the way, a tar archive is not.

        Raises:
            BrokenOff, OSError: as `raw`.
        """
        with self.raw() as handle:
            if self.name.endswith(".gz") and not self.name.endswith(".tar.gz"):
                with gzip.open(handle) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield handle

    def signature(self) -> str:
        """What tells cheaply that the file is the same as before: its size with its ETag, or inode and times of change."""
        facts = self.filesystem.info(self.path)
        return ":".join(str(facts.get(key)) for key in ("size", "ETag", "ino", "mtime", "created", "LastModified"))

    def size(self) -> int:
        """Bytes, as they lie there."""
        return int(self.filesystem.info(self.path)["size"])

    def sha256(self) -> str:
        """sha256 of the bytes as they lie there, read as a stream."""
        digest = hashlib.sha256()
        with self.raw() as handle:
            while block := handle.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True)
class Location:
    """A file or folder, by path or URL."""

    uri: str

    @cached_property
    def _root(self) -> tuple[Any, str]:
        try:
            return fsspec.core.url_to_fs(self.uri)  # type: ignore[no-any-return]
        except (ImportError, ValueError) as error:
            raise SourceError(f"{self.uri}: cannot be opened: {_said(error)}") from error

    def exists(self) -> bool:
        """Whether there is such a file or folder.

        Raises:
            SourceError: the file system does not answer.
        """
        filesystem, path = self._root
        if isinstance(filesystem, LocalFileSystem) and os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK):
            raise SourceError(f"{self.uri}: permission denied; let this user read it")
        try:
            return bool(filesystem.exists(path))
        except Exception as error:  # every file system has errors of its own; none of them is a "no"
            raise SourceError(f"{self.uri}: no answer: {_said(error)}; run again") from error

    def is_file(self) -> bool:
        """Whether the location itself is a file."""
        filesystem, path = self._root
        return bool(filesystem.isfile(path))

    def file(self, name: str) -> SourceFile | None:
        """The file of that name below the location, or the location itself if it is called so; None if there is none."""
        return next(iter(self.files(name)), None)

    def files(self, *patterns: str) -> list[SourceFile]:
        """The files below the location whose relative path matches a pattern, in name order; of a file location: itself.

        All files without a pattern.

        Raises:
            SourceError: the file system does not answer.
        """
        filesystem, path = self._root
        try:
            # A listing that was kept from before would hide what has changed since.
            filesystem.invalidate_cache()
            if filesystem.isfile(path):
                prefix, names = path.removesuffix(path.rsplit("/", 1)[-1]), [path.rsplit("/", 1)[-1]]
            else:
                prefix = path.rstrip("/") + "/"
                names = sorted(found.removeprefix(prefix) for found in filesystem.find(path))
        except Exception as error:  # see exists
            raise SourceError(f"{self.uri}: no answer: {_said(error)}; run again") from error
        return [
            SourceFile(name=name, path=prefix + name, filesystem=filesystem)
            for name in names
            if not patterns or any(fnmatch(name, pattern) for pattern in patterns)
        ]


def _said(error: Exception) -> str:
    """What an error says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no answer'}"


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def content_digest(location: Location, files: list[SourceFile], memo: Path | None = None) -> str:
    """sha256 of what a source holds: that of its file, or over names and sha256 of its files.

    Args:
        location: of the source; a single file's digest is what `sha256sum` says of it.
        files: those that are read.
        memo: a JSON file that remembers digests by path and signature, so that an unchanged file is not hashed again.

    Raises:
        SourceError: a file cannot be read.
    """
    known: dict[str, str] = json.loads(memo.read_text(encoding="utf-8")) if memo is not None and memo.exists() else {}
    before = dict(known)
    digests = []
    for file in files:
        try:
            key = f"{file.path}|{file.signature()}"
            known[key] = known.get(key) or file.sha256()
        except OSError as error:
            why = error.strerror or str(error)
            remedy = "let this user read it" if isinstance(error, PermissionError) else "run again"
            raise SourceError(f"{location.uri}: {file.name} cannot be read: {why}; {remedy}") from error
        digests.append([file.name, known[key]])
    if memo is not None and known != before:
        memo.parent.mkdir(parents=True, exist_ok=True)
        temporary = memo.with_suffix(f".{uuid.uuid4().hex}")
        temporary.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(temporary, memo)
    return str(digests[0][1]) if location.is_file() else sha256_text(canonical_json(digests))
