"""The store: immutable artifacts, published in one step with the manifest last, and the index of what a skip key made.

What belongs here: where artifacts lie, how they get there whole or not at all, and that what is read is what was published.
On a local folder an artifact is written under a temporary name and renamed; on a remote one (`s3://…`, through fsspec) its
manifest is uploaded last, and what has no manifest does not exist.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from pydantic import ValidationError

from training.manifests import MANIFEST, ArtifactRef, Making, Manifest, build_manifest, content_digest, sha256_file
from training.working import abandoned


class StoreError(RuntimeError):
    """An artifact is absent, incomplete or not what its manifest says; the message names it."""


class Store:
    """Artifacts under one root: `artifacts/<name>/<digest>/`; and what a skip key made: `index/<skip key>.json`.

    Beside each of the latter lies one record per artifact of how it was made: `index/<skip key>/<name>@<digest>.json`.

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
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The lock ends with the process, however that ends: so `sweep` can tell whether anyone works here.
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Removes what dead processes left, and nobody will miss; returns how much.

        That is all in the temporary folder, unless anyone works there, and work under way that rests for longer than
        `working.KEPT`.
        """
        return self._sweep_working() + self._sweep_temporary()

    def _sweep_working(self) -> int:
        swept = 0
        for folder in (self._local / "working").glob("*"):
            with abandoned(folder) as ours:
                if ours:
                    self.put_aside(folder)
                    swept += 1
        return swept

    def _sweep_temporary(self) -> int:
        temporary = self._local / "tmp"
        if not temporary.exists():
            return 0
        with (temporary / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            leftovers = [path for path in temporary.iterdir() if path.name != "lock"]
            for path in leftovers:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return len(leftovers)

    def working_folder(self, skip_key: str) -> Path:
        """Where a stage keeps what it can go on from, on this machine's disk also if the store is remote."""
        return self._local / "working" / skip_key

    def curves_folder(self, name: str, skip_key: str) -> Path:
        """Where the live curves of making an artifact lie, on this machine's disk also if the store is remote."""
        return self._local / "curves" / name / skip_key[:12]

    def put_aside(self, folder: Path) -> None:
        """Takes a folder on this store's disk away in one step and removes it; no error if another process has."""
        with self.workspace() as aside, suppress(FileNotFoundError):
            os.rename(folder, aside / "removed")

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
        """Makes a folder's content an artifact, records this making of it, and consumes the folder.

        Content that is already there stays as it is, and so does its manifest, which names whoever made it first; a damaged
        copy is replaced.

        Returns:
            The manifest that lies in the store.
        """
        made = build_manifest(
            name=name,
            folder=folder,
            skip_key=skip_key,
            inputs=inputs,
            config=config,
            code_version=code_version,
            metadata=metadata,
            run_id=run_id,
        )
        (folder / MANIFEST).write_text(made.model_dump_json(indent=1), encoding="utf-8")
        manifest = self._place(folder, made.ref)
        if not self.is_local:
            self._upload(self._folder(made.ref), manifest)
        self._write_index(f"{skip_key}/{made.ref}", made.making().model_dump_json(indent=1))
        return manifest if self.is_local else self.manifest(made.ref)

    def fetch(self, ref: ArtifactRef, *, verify: bool = True, files: tuple[str, ...] | None = None) -> Path:
        """The local folder of exactly this artifact, downloaded from a remote store if needed.

        Args:
            ref: name and digest.
            verify: whether its files are checked; without, only that its manifest is there and names it.
            files: those that will be read, if not all of them: no other is hashed.

        Raises:
            StoreError: no manifest, a manifest that does not belong to the digest, or a file that differs from it.
        """
        folder = self._folder(ref)
        try:
            return _checked(folder, ref, verify=verify, files=files)
        except StoreError as error:
            if self.is_local:
                hint = f"; remove {folder} and run again to have it made anew" if folder.exists() else ""
                raise StoreError(f"{error}{hint}") from error
        # No copy here yet, or a damaged one: the remote one counts.
        self._download(ref)
        return _checked(folder, ref, verify=verify, files=files)

    def manifest(self, ref: ArtifactRef) -> Manifest:
        """The manifest of an artifact, its other files unread.

        Raises:
            StoreError: the store does not hold it.
        """
        path = f"{self._remote(ref)}/{MANIFEST}"
        if not self._fs.exists(path):
            raise StoreError(f"artifact {ref}: not in the store {self.root}")
        return _parse_manifest(self._fs.cat_file(path), where=path)

    def url(self, ref: ArtifactRef) -> str:
        """Where the artifact lies, below the root as it was given."""
        return f"{self.root}/artifacts/{ref.name}/{ref.digest}"

    def has(self, ref: ArtifactRef) -> bool:
        """Whether the artifact's manifest exists."""
        return bool(self._fs.exists(f"{self._remote(ref)}/{MANIFEST}"))

    def remember(self, skip_key: str, refs: Mapping[str, ArtifactRef]) -> None:
        """Records which artifacts a skip key made, in one atomic write, once all of them are published under it."""
        self._write_index(skip_key, json.dumps({name: str(ref) for name, ref in sorted(refs.items())}, indent=1))

    def remember_as(self, skip_key: str, also: str) -> None:
        """Records what a skip key made under another one too, which stands for the same work.

        Raises:
            StoreError: the first is not known.
        """
        refs = self.recall(skip_key)
        if refs is None:
            raise StoreError(f"no record of the skip key {skip_key}")
        for ref in refs.values():
            made = self.making(skip_key, ref).model_copy(update={"skip_key": also})
            self._write_index(f"{also}/{ref}", made.model_dump_json(indent=1))
        self.remember(also, refs)

    def recall(self, skip_key: str) -> dict[str, ArtifactRef] | None:
        """The artifacts a skip key made, or None if it is not known, or one of them or the record of its making is gone."""
        path = self._index(skip_key)
        if not self._fs.exists(path):
            return None
        refs = {name: ArtifactRef.parse(text) for name, text in json.loads(self._fs.cat_file(path)).items()}
        known = all(self.has(ref) and self._fs.exists(self._index(f"{skip_key}/{ref}")) for ref in refs.values())
        return refs if known else None

    def making(self, skip_key: str, ref: ArtifactRef) -> Making:
        """How the work under this skip key made this artifact, whoever made the same content before.

        Raises:
            StoreError: it did not, as far as the store knows.
        """
        path = self._index(f"{skip_key}/{ref}")
        if not self._fs.exists(path):
            raise StoreError(f"artifact {ref}: no record that it was made under the skip key {skip_key}")
        try:
            return Making.model_validate_json(self._fs.cat_file(path))
        except ValidationError as error:
            raise StoreError(f"{path}: cannot be read: {error}") from error

    def _folder(self, ref: ArtifactRef) -> Path:
        return self._local / "artifacts" / ref.name / ref.digest

    def _remote(self, ref: ArtifactRef) -> str:
        return f"{self._path}/artifacts/{ref.name}/{ref.digest}"

    def _index(self, name: str) -> str:
        return f"{self._path}/index/{name}.json"

    def _write_index(self, name: str, text: str) -> None:
        path = self._index(name)
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self.is_local:
            temporary = Path(f"{path}.{uuid.uuid4().hex}")
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, path)
        else:
            self._fs.pipe_file(path, text.encode())

    def _place(self, folder: Path, ref: ArtifactRef) -> Manifest:
        """Renames a folder to where the artifact belongs, unless a whole copy stands there; the manifest of what then does."""
        target = self._folder(ref)
        try:
            _checked(target, ref)
        except StoreError:
            if target.exists():
                self.put_aside(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(folder, target)
            except OSError:
                # Another process may have been faster: as good, if what it put there is whole.
                _checked(target, ref)
        return read_manifest(target)

    def _upload(self, folder: Path, manifest: Manifest) -> None:
        target = self._remote(manifest.ref)
        if self._stands_remotely(manifest.ref):
            return
        for entry in manifest.files:
            self._fs.put_file(str(folder / entry.path), f"{target}/{entry.path}")
        self._fs.put_file(str(folder / MANIFEST), f"{target}/{MANIFEST}")

    def _stands_remotely(self, ref: ArtifactRef) -> bool:
        # Reading it all back would cost as much as uploading it: a reader hashes what it downloads.
        try:
            manifest = self.manifest(ref)
        except StoreError:
            return False
        if manifest.ref != ref or content_digest(ref.name, manifest.files) != ref.digest:
            return False
        sizes = {f"{self._remote(ref)}/{entry.path}": entry.size for entry in manifest.files}
        return all(self._fs.exists(path) and self._fs.size(path) == size for path, size in sizes.items())

    def _download(self, ref: ArtifactRef) -> None:
        source = self._remote(ref)
        manifest = self.manifest(ref)
        with self.workspace() as temporary:
            for entry in manifest.files:
                (temporary / entry.path).parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._fs.get_file(f"{source}/{entry.path}", str(temporary / entry.path))
                except FileNotFoundError as error:
                    raise StoreError(f"artifact {ref}: {entry.path} is missing in the store {self.root}") from error
            (temporary / MANIFEST).write_bytes(self._fs.cat_file(f"{source}/{MANIFEST}"))
            _checked(temporary, ref)
            self._place(temporary, ref)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact folder.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    try:
        return _parse_manifest((folder / MANIFEST).read_bytes(), where=str(folder / MANIFEST))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{folder}: no {MANIFEST}, so this is no finished artifact") from error


def verify_files(folder: Path, manifest: Manifest, *, files: tuple[str, ...] | None = None) -> None:
    """Checks that a manifest belongs to its digest, and that the folder holds what it lists, nothing less and nothing more.

    Args:
        folder: where the artifact lies.
        manifest: its manifest.
        files: those whose content is hashed, by default all; presence and size are checked of every file.

    Raises:
        StoreError: names the first thing that differs.
    """
    if content_digest(manifest.name, manifest.files) != manifest.digest:
        raise StoreError(f"artifact {manifest.ref}: the files its {MANIFEST} lists have another digest")
    listed = {entry.path for entry in manifest.files}
    absent = [name for name in files or () if name not in listed]
    if absent:
        raise StoreError(f"artifact {manifest.ref}: holds no {absent[0]}")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}
    unlisted = sorted(found - listed - {MANIFEST})
    if unlisted:
        raise StoreError(f"artifact {manifest.ref}: {unlisted[0]} is not in its {MANIFEST}")
    for entry in manifest.files:
        path = folder / entry.path
        if not path.is_file():
            raise StoreError(f"artifact {manifest.ref}: {entry.path} is missing")
        hashed = files is None or entry.path in files
        if path.stat().st_size != entry.size or (hashed and sha256_file(path) != entry.sha256):
            raise StoreError(f"artifact {manifest.ref}: {entry.path} is not what the manifest says")


def _checked(folder: Path, ref: ArtifactRef, *, verify: bool = True, files: tuple[str, ...] | None = None) -> Path:
    """The folder, if it holds this artifact."""
    manifest = read_manifest(folder)
    if manifest.ref != ref:
        raise StoreError(f"artifact {ref}: its manifest says {manifest.ref}")
    if verify:
        verify_files(folder, manifest, files=files)
    return folder


def _parse_manifest(text: bytes, *, where: str) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(f"{where}: cannot be read: {error}") from error
