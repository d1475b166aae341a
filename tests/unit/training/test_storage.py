"""The store: an artifact is there whole or not at all, and is what its manifest says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.manifests import ArtifactRef, Manifest
from training.storage import Store, StoreError, read_manifest


def publish(store: Store, name: str, files: dict[str, str], key: str = "k") -> Manifest:
    with store.workspace() as folder:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return store.publish(
            name=name, folder=folder, skip_key=key, inputs={}, config={"a": 1}, code_version="c", metadata={"m": 2}
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


def test_nothing_stays_of_work_that_failed(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"), store.workspace() as folder:
        (folder / "half").write_text("x")
        raise RuntimeError("boom")
    assert [p for p in (tmp_path / "store").rglob("*") if p.is_file()] == []


def test_skip_key_is_recalled_only_while_its_artifacts_exist(store: Store) -> None:
    ref = publish(store, "policy", {"w": "1"}).ref
    assert store.recall("key") is None
    store.remember("key", {"policy": ref})
    assert store.recall("key") == {"policy": ref}
    (store.fetch(ref) / "manifest.json").unlink()
    assert store.recall("key") is None


def test_remote_store_is_read_through_a_cache(tmp_path: Path) -> None:
    writer = Store("memory://bucket/store", cache=tmp_path / "writer")
    ref = publish(writer, "policy", {"a/w": "1"}).ref
    writer.remember("key", {"policy": ref})
    reader = Store("memory://bucket/store", cache=tmp_path / "reader")
    assert reader.recall("key") == {"policy": ref}
    assert (reader.fetch(ref) / "a/w").read_text() == "1"
    with pytest.raises(StoreError, match="not in the store"):
        reader.fetch(ArtifactRef(name="policy", digest="0" * 64))


def test_a_remote_artifact_without_its_manifest_does_not_exist(tmp_path: Path) -> None:
    import fsspec

    writer = Store("memory://bucket/partial", cache=tmp_path / "writer")
    ref = publish(writer, "policy", {"w": "1"}).ref
    fsspec.filesystem("memory").rm(f"/bucket/partial/artifacts/policy/{ref.digest}/manifest.json")
    reader = Store("memory://bucket/partial", cache=tmp_path / "reader")
    assert not reader.has(ref)


def test_index_file_is_readable_json(store: Store, tmp_path: Path) -> None:
    ref = publish(store, "policy", {"w": "1"}).ref
    store.remember("key", {"policy": ref})
    assert json.loads((tmp_path / "store/index/key.json").read_text()) == {"policy": f"policy@{ref.digest}"}
