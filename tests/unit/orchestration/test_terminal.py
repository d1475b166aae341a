"""Durations serve an estimate only: a file that cannot be read is begun anew, and is never half written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assets.reports.steps import REPORT
from orchestration.terminal import StepTimes


def test_what_was_measured_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "durations.json"
    StepTimes(path, "smoke").measured("report", 3.14)
    assert StepTimes(path, "smoke").expected(REPORT) == 3.1
    assert StepTimes(path, "local").expected(REPORT) == REPORT.seconds


@pytest.mark.parametrize("text", ["", '{"smoke": {"rep', "[]", '{"smoke": 3}', '{"smoke": {"report": "long"}}', "\udcff"])
def test_a_damaged_file_is_begun_anew(text: str, tmp_path: Path) -> None:
    path = tmp_path / "durations.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    times = StepTimes(path, "smoke")
    # A first guess: a smoke step takes a small part of what it takes under `local`.
    assert 0 < times.expected(REPORT) < REPORT.seconds / 2
    times.measured("report", 2.0)
    assert StepTimes(path, "smoke").expected(REPORT) == 2.0


def test_an_interrupted_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "durations.json"
    StepTimes(path, "smoke").measured("report", 2.0)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        StepTimes(path, "smoke").measured("report", 99.0)
    assert path.read_bytes() == before
