"""The store: immutable artifacts, published in one step with the manifest last, and the index of what a skip key made.

What belongs here: where artifacts lie and how they get there whole or not at all. On a local folder an artifact is written
under a temporary name and renamed; on a remote one (`s3://…`, through fsspec) its manifest is uploaded last, and what has no
manifest does not exist.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from pydantic import ValidationError

from training.manifests import MANIFEST, ArtifactRef, Manifest, build_manifest, sha256_file


class StoreError(RuntimeError):
    """An artifact is absent, incomplete or not what its manifest says; the message names it."""


class Store:
    """Artifacts under one root: `artifacts/<name>/<digest>/` and `index/<skip key>.json`.

    Args:
        root: a local folder or an fsspec URL such as `s3://bucket/prefix`.
        cache: where a remote store's artifacts are kept locally once read; required for a remote root.
    """

    def __init__(self, root: str | Path, *, cache: Path | None = None) -> None:
        self.root = str(root).rstrip("/")
        self.is_local = "://" not in self.root
        if not self.is_local and cache is None:
            raise StoreError(f"store {self.root}: a remote store needs a local cache folder")
        self._local = Path(self.root).absolute() if self.is_local else Path(cache or ".").absolute()
        self._fs, self._path = fsspec.core.url_to_fs(self.root)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder beside the artifacts, removed in the end unless it was published."""
        folder = self._local / "tmp" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(
        self,
        *,
        name: str,
        folder: Path,
        skip_key: str,
        inputs: Mapping[str, str],
        config: Mapping[str, Any],
        code_version: str,
        metadata: Mapping[str, Any],
        run_id: str | None = None,
    ) -> Manifest:
        """Makes a folder's content an artifact and returns its manifest. The folder is consumed.

        Publishing content that is already there is no error: the artifact stays as it is.
        """
        manifest = build_manifest(
            name=name,
            folder=folder,
            skip_key=skip_key,
            inputs=inputs,
            config=config,
            code_version=code_version,
            metadata=metadata,
            run_id=run_id,
        )
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        target = self._local / "artifacts" / name / manifest.digest
        if not (target / MANIFEST).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(folder, target)
            except OSError:
                if not (target / MANIFEST).exists():
                    raise
        if not self.is_local:
            self._upload(target, manifest)
        return manifest

    def fetch(self, ref: ArtifactRef, *, verify: bool = True) -> Path:
        """The local folder of exactly this artifact, downloaded from a remote store if needed, every file checked.

        Raises:
            StoreError: no manifest, or a file whose sha256 or size differs from it.
        """
        folder = self._local / "artifacts" / ref.name / ref.digest
        if not (folder / MANIFEST).exists() and not self.is_local:
            self._download(ref, folder)
        manifest = read_manifest(folder)
        if manifest.ref != ref:
            raise StoreError(f"artifact {ref}: its manifest says {manifest.ref}")
        if verify:
            verify_files(folder, manifest)
        return folder

    def manifest(self, ref: ArtifactRef) -> Manifest:
        """The manifest of an artifact, its other files unread.

        Raises:
            StoreError: the store does not hold it.
        """
        path = f"{self._path}/artifacts/{ref.name}/{ref.digest}/{MANIFEST}"
        if not self._fs.exists(path):
            raise StoreError(f"artifact {ref}: not in the store {self.root}")
        return Manifest.model_validate_json(self._fs.cat_file(path))

    def url(self, ref: ArtifactRef) -> str:
        """Where the artifact lies, below the root as it was given."""
        return f"{self.root}/artifacts/{ref.name}/{ref.digest}"

    def has(self, ref: ArtifactRef) -> bool:
        """Whether the artifact's manifest exists."""
        return bool(self._fs.exists(f"{self._path}/artifacts/{ref.name}/{ref.digest}/{MANIFEST}"))

    def remember(self, skip_key: str, refs: Mapping[str, ArtifactRef]) -> None:
        """Records which artifacts a skip key made, in one atomic write."""
        text = json.dumps({name: str(ref) for name, ref in sorted(refs.items())}, indent=1)
        path = f"{self._path}/index/{skip_key}.json"
        self._fs.makedirs(f"{self._path}/index", exist_ok=True)
        if self.is_local:
            temporary = Path(f"{path}.{uuid.uuid4().hex}")
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, path)
        else:
            self._fs.pipe_file(path, text.encode())

    def recall(self, skip_key: str) -> dict[str, ArtifactRef] | None:
        """The artifacts a skip key made, or None if it is not known or one of them is gone."""
        path = f"{self._path}/index/{skip_key}.json"
        if not self._fs.exists(path):
            return None
        refs = {name: ArtifactRef.parse(text) for name, text in json.loads(self._fs.cat_file(path)).items()}
        return refs if all(self.has(ref) for ref in refs.values()) else None

    def _upload(self, folder: Path, manifest: Manifest) -> None:
        target = f"{self._path}/artifacts/{manifest.name}/{manifest.digest}"
        if self._fs.exists(f"{target}/{MANIFEST}"):
            return
        for entry in manifest.files:
            self._fs.put_file(str(folder / entry.path), f"{target}/{entry.path}")
        self._fs.put_file(str(folder / MANIFEST), f"{target}/{MANIFEST}")

    def _download(self, ref: ArtifactRef, folder: Path) -> None:
        source = f"{self._path}/artifacts/{ref.name}/{ref.digest}"
        if not self._fs.exists(f"{source}/{MANIFEST}"):
            raise StoreError(f"artifact {ref}: not in the store {self.root}")
        with self.workspace() as temporary:
            manifest = Manifest.model_validate_json(self._fs.cat_file(f"{source}/{MANIFEST}"))
            for entry in manifest.files:
                (temporary / entry.path).parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(f"{source}/{entry.path}", str(temporary / entry.path))
            verify_files(temporary, manifest)
            (temporary / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
            folder.parent.mkdir(parents=True, exist_ok=True)
            os.rename(temporary, folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact folder.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: no {MANIFEST}, so this is no finished artifact") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder}: {MANIFEST} cannot be read: {error}") from error


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Checks size and sha256 of every file a manifest lists.

    Raises:
        StoreError: names the first file that differs.
    """
    for entry in manifest.files:
        path = folder / entry.path
        if not path.is_file():
            raise StoreError(f"artifact {manifest.ref}: {entry.path} is missing")
        if path.stat().st_size != entry.size or sha256_file(path) != entry.sha256:
            raise StoreError(f"artifact {manifest.ref}: {entry.path} is not what the manifest says")
