"""Manifests: what an artifact holds, where it came from, and the digest that names it.

What belongs here: hashing and the manifest's shape. Where artifacts lie is `storage.py`'s business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

MANIFEST = "manifest.json"
# Listed and hashed, but no part of the digest: they may differ between two runs that make the same content.
SIDECARS = ("logs", "data_docs")


class ArtifactRef(BaseModel):
    """Exactly one artifact: its name and digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

    @classmethod
    def parse(cls, text: str) -> ArtifactRef:
        """Reads `name@digest`.

        >>> str(ArtifactRef.parse("policy@0f3a"))
        'policy@0f3a'
        """
        name, _, digest = text.rpartition("@")
        if not name or not digest:
            raise ValueError(f"not an artifact reference (name@digest): {text!r}")
        return cls(name=name, digest=digest)


class FileEntry(BaseModel):
    """One file of an artifact: path below its folder, sha256, size in bytes, rows of a table, part of the digest or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    sha256: str
    size: int
    rows: int | None = None
    content: bool = True

    @model_validator(mode="after")
    def _stays_inside(self) -> FileEntry:
        parts = PurePosixPath(self.path).parts
        if not parts or parts[0] == "/" or ".." in parts or PurePosixPath(self.path).as_posix() != self.path:
            raise ValueError(f"{self.path!r} is no plain path below the artifact's folder")
        # Else a file could be added beside the digest by saying that it does not count.
        if self.content != is_content(self.path):
            raise ValueError(f"{self.path}: only {' and '.join(SIDECARS)} are left out of the digest")
        return self


class Making(BaseModel):
    """One piece of work and the artifact it made: under which skip key, from what, and what it said of it.

    The same content may be made many times, from other inputs or under another config: each has its own making.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    digest: str
    skip_key: str
    inputs: dict[str, str]
    config: dict[str, Any]
    code_version: str
    metadata: dict[str, Any]
    created_at: str
    run_id: str | None = None

    @property
    def ref(self) -> ArtifactRef:
        """Name and digest."""
        return ArtifactRef(name=self.name, digest=self.digest)


class Manifest(Making):
    """What an artifact holds and who made it first, written last: an artifact without it does not exist."""

    files: tuple[FileEntry, ...]

    def making(self) -> Making:
        """Its provenance alone."""
        return Making(**{name: getattr(self, name) for name in Making.model_fields})


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space, so that equal values hash alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)


def sha256_text(text: str) -> str:
    """sha256 of a text's UTF-8 bytes, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """sha256 of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_content(path: str) -> bool:
    """Whether the file at this path below an artifact's folder counts in its digest.

    >>> is_content("logs/run.txt"), is_content("model/logs.txt")
    (False, True)
    """
    return path.split("/")[0] not in SIDECARS


def describe_files(folder: Path) -> tuple[FileEntry, ...]:
    """Every file below a folder in path order, hashed; the manifest itself is left out."""
    entries = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        relative = path.relative_to(folder).as_posix()
        if relative == MANIFEST:
            continue
        entries.append(
            FileEntry(
                path=relative,
                sha256=sha256_file(path),
                size=path.stat().st_size,
                rows=_parquet_rows(path),
                content=is_content(relative),
            )
        )
    return tuple(entries)


def content_digest(name: str, files: tuple[FileEntry, ...]) -> str:
    """sha256 over the artifact's name and its content files' paths and hashes."""
    return sha256_text(canonical_json([name, [[f.path, f.sha256] for f in files if f.content]]))


def build_manifest(
    *,
    name: str,
    folder: Path,
    skip_key: str,
    inputs: Mapping[str, str],
    config: Mapping[str, Any],
    code_version: str,
    metadata: Mapping[str, Any],
    run_id: str | None,
) -> Manifest:
    """The manifest of a folder's present content."""
    files = describe_files(folder)
    return Manifest(
        name=name,
        digest=content_digest(name, files),
        skip_key=skip_key,
        inputs=dict(inputs),
        config=dict(config),
        code_version=code_version,
        files=files,
        metadata=dict(metadata),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run_id,
    )


def _parquet_rows(path: Path) -> int | None:
    if path.suffix != ".parquet":
        return None
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
