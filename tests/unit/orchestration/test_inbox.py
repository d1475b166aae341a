"""The inbox as the sensor sees it: a folder, or a prefix of a bucket behind a real S3 protocol server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from assets.reviewing.forms import FormError
from assets.reviewing.returned import local_copy
from orchestration.sensors import files_in


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import s3fs

    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                break
            time.sleep(0.2)
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
            ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("forms")
        yield "s3://forms/inbox"
        s3fs.S3FileSystem.clear_instance_cache()
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(files_in(str(tmp_path / "none"))) == []


def test_forms_of_a_folder_are_listed_with_a_version_that_changes_with_them(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"one")
    (tmp_path / "b.JSON").write_bytes(b"two")
    (tmp_path / "notes.txt").write_bytes(b"three")
    (tmp_path / "folder.xlsx").mkdir()
    before = dict(files_in(str(tmp_path)))
    assert {uri.rsplit("/", 1)[-1] for uri in before} == {"a.xlsx", "b.JSON"}
    (tmp_path / "a.xlsx").write_bytes(b"another")
    after = dict(files_in(str(tmp_path)))
    changed = {uri.rsplit("/", 1)[-1] for uri in before if before[uri] != after[uri]}
    assert changed == {"a.xlsx"}


def test_a_prefix_of_a_bucket_is_an_inbox_too(bucket: str) -> None:
    import s3fs

    filesystem = s3fs.S3FileSystem()
    assert list(files_in(bucket)) == []
    filesystem.pipe("forms/inbox/review-r1-ann.xlsx", b"one")
    filesystem.pipe("forms/inbox/readme.txt", b"no form")
    filesystem.pipe("forms/elsewhere/review-r1-ben.xlsx", b"other")
    ((uri, version),) = files_in(bucket)
    assert uri == "s3://forms/inbox/review-r1-ann.xlsx"
    with local_copy(uri) as path:
        assert (path.name, path.read_bytes()) == ("review-r1-ann.xlsx", b"one")
    filesystem.pipe("forms/inbox/review-r1-ann.xlsx", b"two")
    ((_, later),) = files_in(bucket)
    assert later != version
    with (
        pytest.raises(FormError, match="review-r1-ben.xlsx: cannot be read: no file at"),
        local_copy(f"{bucket}/review-r1-ben.xlsx"),
    ):
        pass
