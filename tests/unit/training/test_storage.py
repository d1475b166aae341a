"""The store: an artifact is there whole or not at all, and is what its manifest says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pydantic import ValidationError

from training.manifests import ArtifactRef, FileEntry, Manifest, sha256_text
from training.stages import ROOT
from training.storage import Store, StoreError, read_manifest


def publish(
    store: Store,
    name: str,
    files: dict[str, str],
    key: str = "k",
    metadata: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
) -> Manifest:
    with store.workspace() as folder:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return store.publish(
            name=name,
            folder=folder,
            skip_key=key,
            inputs=inputs or {},
            config={"a": 1},
            code_version="c",
            metadata=metadata or {"m": 2},
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_was_published_is_fetched(store: Store) -> None:
    manifest = publish(store, "policy", {"weights.txt": "1 2 3", "sub/tokenizer.txt": "a"})
    folder = store.fetch(manifest.ref)
    assert (folder / "weights.txt").read_text() == "1 2 3"
    assert (folder / "sub/tokenizer.txt").read_text() == "a"
    assert read_manifest(folder) == manifest
    assert [(f.path, f.size) for f in manifest.files] == [("sub/tokenizer.txt", 1), ("weights.txt", 5)]


def test_digest_names_content_and_name_but_not_time_logs_or_inputs(store: Store) -> None:
    first = publish(store, "policy", {"w": "1", "logs/run.txt": "10:00"})
    second = publish(store, "policy", {"w": "1", "logs/run.txt": "11:00"}, key="other")
    assert first.digest == second.digest
    assert publish(store, "policy", {"w": "2"}).digest != first.digest
    assert publish(store, "panel", {"w": "1"}).digest != first.digest
    assert publish(store, "policy", {"v": "1"}).digest != first.digest


@pytest.mark.parametrize("damage", ["changed", "longer", "missing", "no manifest"])
def test_damage_is_named(store: Store, damage: str) -> None:
    ref = publish(store, "policy", {"w.bin": "abc"}).ref
    folder = store.fetch(ref)
    if damage == "changed":
        (folder / "w.bin").write_text("abd")
    elif damage == "longer":
        (folder / "w.bin").write_text("abcd")
    elif damage == "missing":
        (folder / "w.bin").unlink()
    else:
        (folder / "manifest.json").unlink()
    with pytest.raises(StoreError, match="manifest.json" if damage == "no manifest" else "w.bin"):
        store.fetch(ref)


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_an_edited_file_does_not_pass_with_an_edited_manifest(store: Store) -> None:
    ref = publish(store, "policy", {"w.bin": "abc"}).ref
    folder = store.fetch(ref)
    (folder / "w.bin").write_text("abd")
    edit_manifest(folder, lambda manifest: manifest["files"][0].update(sha256=sha256_text("abd")))
    with pytest.raises(StoreError, match="lists have another digest"):
        store.fetch(ref)


def test_an_added_file_is_refused_listed_or_not(store: Store) -> None:
    ref = publish(store, "policy", {"w.bin": "abc"}).ref
    folder = store.fetch(ref)
    (folder / "chat_template.jinja").write_text("x")
    with pytest.raises(StoreError, match="chat_template.jinja is not in its manifest.json"):
        store.fetch(ref)
    entry = {"path": "chat_template.jinja", "sha256": sha256_text("x"), "size": 1}
    edit_manifest(folder, lambda manifest: manifest["files"].append(entry))
    with pytest.raises(StoreError, match="lists have another digest"):
        store.fetch(ref)
    # Nor by saying that the file is no part of the content.
    edit_manifest(folder, lambda manifest: manifest["files"][-1].update(content=False))
    with pytest.raises(StoreError, match="chat_template.jinja: only logs and data_docs are left out of the digest"):
        store.fetch(ref)


def test_a_link_to_a_folder_outside_is_refused(store: Store, tmp_path: Path) -> None:
    ref = publish(store, "policy", {"w.bin": "abc"}).ref
    (tmp_path / "outside").mkdir()
    (store.fetch(ref) / "adapter").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="adapter is not in its manifest.json"):
        store.fetch(ref)


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped", "a/../../escaped", "a//b", "./w", ""])
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="no plain path below the artifact's folder"):
        FileEntry(path=path, sha256="0", size=1)


def test_a_remote_manifest_cannot_write_outside(tmp_path: Path) -> None:
    writer = Store("memory://bucket/escape", cache=tmp_path / "writer")
    ref = publish(writer, "policy", {"w": "1"}).ref
    remote = fsspec.filesystem("memory")
    path = f"/bucket/escape/artifacts/policy/{ref.digest}"
    manifest = json.loads(remote.cat_file(f"{path}/manifest.json"))
    manifest["files"][0]["path"] = "../../../../escaped"
    remote.pipe_file(f"{path}/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(StoreError, match="no plain path"):
        Store("memory://bucket/escape", cache=tmp_path / "reader").fetch(ref)
    assert not list(tmp_path.rglob("escaped"))


def test_only_the_files_that_are_read_are_hashed(store: Store) -> None:
    ref = publish(store, "policy", {"curve.csv": "1", "weights.bin": "22"}).ref
    folder = store.fetch(ref, files=("curve.csv",))
    (folder / "weights.bin").write_text("33")
    assert store.fetch(ref, files=("curve.csv",)) == folder
    with pytest.raises(StoreError, match="weights.bin is not what"):
        store.fetch(ref)
    (folder / "curve.csv").write_text("2")
    with pytest.raises(StoreError, match="curve.csv is not what"):
        store.fetch(ref, files=("curve.csv",))
    with pytest.raises(StoreError, match="holds no log.jsonl"):
        store.fetch(ref, files=("log.jsonl",))


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "no manifest"])
def test_publishing_again_mends_a_damaged_copy(store: Store, damage: str) -> None:
    ref = publish(store, "policy", {"w.bin": "abc", "v.bin": "d"}).ref
    folder = store.fetch(ref)
    if damage == "changed":
        (folder / "w.bin").write_text("abd")
    elif damage == "added":
        (folder / "x.bin").write_text("abd")
    else:
        (folder / {"missing": "w.bin", "no manifest": "manifest.json"}[damage]).unlink()
    with pytest.raises(StoreError, match=rf"; remove {re.escape(str(folder))} and run again"):
        store.fetch(ref)
    assert publish(store, "policy", {"w.bin": "abc", "v.bin": "d"}).ref == ref
    assert sorted(path.name for path in store.fetch(ref).iterdir()) == ["manifest.json", "v.bin", "w.bin"]
    assert (folder / "w.bin").read_text() == "abc"


def test_whoever_is_late_takes_the_winners_copy_if_it_is_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        # Another process publishes the same between the look and the rename.
        monkeypatch.setattr(os, "rename", rename)
        publish(store, "policy", {"w": "1"}, key="faster")
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    manifest = publish(store, "policy", {"w": "1"}, key="slower")
    assert manifest.skip_key == "faster"
    assert store.fetch(manifest.ref)


def test_whoever_is_late_does_not_take_a_damaged_copy(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        target.mkdir()
        (target / "manifest.json").write_text("{")
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    with pytest.raises(StoreError, match="manifest.json: cannot be read"):
        publish(store, "policy", {"w": "1"})


def test_each_making_of_the_same_content_is_kept_apart(store: Store) -> None:
    first = publish(store, "policy", {"w": "1"}, key="a", metadata={"read": 184})
    second = publish(store, "policy", {"w": "1"}, key="b", metadata={"read": 200}, inputs={"in": "raw@2"})
    # What lies on disk is the first maker's, and is returned as such.
    assert second == first == read_manifest(store.fetch(first.ref))
    assert (first.skip_key, first.metadata) == ("a", {"read": 184})
    ours = store.making("b", second.ref)
    assert (ours.skip_key, ours.metadata, ours.inputs, ours.ref) == ("b", {"read": 200}, {"in": "raw@2"}, first.ref)
    assert store.making("a", first.ref).metadata == {"read": 184}
    with pytest.raises(StoreError, match="no record that it was made under the skip key c"):
        store.making("c", first.ref)


def leftovers(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name != "lock"]


def test_nothing_stays_of_work_that_failed(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), store.workspace() as folder:
        (folder / "half").write_text("x")
        raise RuntimeError("boom")
    assert leftovers(tmp_path / "store") == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_is_not(store: Store, tmp_path: Path) -> None:
    assert store.sweep() == 0
    code = f"""
import os, signal
from training.storage import Store
with Store({str(tmp_path / "store")!r}).workspace() as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert len(leftovers(tmp_path / "store")) == 1
    with store.workspace() as folder:
        (folder / "alive").write_text("x")
        assert Store(tmp_path / "store").sweep() == 0
        assert len(leftovers(tmp_path / "store")) == 2
    assert store.sweep() == 1
    assert leftovers(tmp_path / "store") == []


def test_skip_key_is_recalled_only_while_its_artifacts_exist(store: Store) -> None:
    ref = publish(store, "policy", {"w": "1"}, key="key").ref
    assert store.recall("key") is None
    store.remember("key", {"policy": ref})
    assert store.recall("key") == {"policy": ref}
    (store.fetch(ref) / "manifest.json").unlink()
    assert store.recall("key") is None


def test_a_making_without_its_record_is_not_recalled(store: Store) -> None:
    ref = publish(store, "policy", {"w": "1"}, key="key").ref
    store.remember("other", {"policy": ref})
    assert store.recall("other") is None


def test_remote_store_is_read_through_a_cache(tmp_path: Path) -> None:
    writer = Store("memory://bucket/store", cache=tmp_path / "writer")
    ref = publish(writer, "policy", {"a/w": "1"}, key="key").ref
    writer.remember("key", {"policy": ref})
    reader = Store("memory://bucket/store", cache=tmp_path / "reader")
    assert reader.recall("key") == {"policy": ref}
    assert (reader.fetch(ref) / "a/w").read_text() == "1"
    with pytest.raises(StoreError, match="not in the store"):
        reader.fetch(ArtifactRef(name="policy", digest="0" * 64))


def test_a_damaged_cached_copy_is_downloaded_again(tmp_path: Path) -> None:
    store = Store("memory://bucket/heal", cache=tmp_path / "cache")
    ref = publish(store, "policy", {"w": "1"}).ref
    (store.fetch(ref) / "w").write_text("2")
    assert (store.fetch(ref) / "w").read_text() == "1"


def test_publishing_again_mends_a_remote_copy_that_lacks_a_file(tmp_path: Path) -> None:
    ref = publish(Store("memory://bucket/mend", cache=tmp_path / "a"), "policy", {"w": "1"}).ref
    fsspec.filesystem("memory").rm(f"/bucket/mend/artifacts/policy/{ref.digest}/w")
    reader = Store("memory://bucket/mend", cache=tmp_path / "b")
    with pytest.raises(StoreError, match="w is missing in the store memory://bucket/mend"):
        reader.fetch(ref)
    publish(Store("memory://bucket/mend", cache=tmp_path / "c"), "policy", {"w": "1"})
    assert (reader.fetch(ref) / "w").read_text() == "1"


def test_a_remote_artifact_without_its_manifest_does_not_exist(tmp_path: Path) -> None:
    writer = Store("memory://bucket/partial", cache=tmp_path / "writer")
    ref = publish(writer, "policy", {"w": "1"}).ref
    fsspec.filesystem("memory").rm(f"/bucket/partial/artifacts/policy/{ref.digest}/manifest.json")
    reader = Store("memory://bucket/partial", cache=tmp_path / "reader")
    assert not reader.has(ref)


def test_index_file_is_readable_json(store: Store, tmp_path: Path) -> None:
    ref = publish(store, "policy", {"w": "1"}).ref
    store.remember("key", {"policy": ref})
    assert json.loads((tmp_path / "store/index/key.json").read_text()) == {"policy": f"policy@{ref.digest}"}
