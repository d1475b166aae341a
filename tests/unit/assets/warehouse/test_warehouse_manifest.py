"""dbt's manifest: parsed once per state of the project, whole, however many ask for it at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assets.warehouse import manifest
from training.config import ConfigError
from training.stages import ROOT

TWO = """
import sys
from pathlib import Path
from assets.warehouse import manifest
manifest.PROJECT_DIR = Path(sys.argv[1])
print(manifest.ensure_manifest())
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(manifest, "PROJECT_DIR", copy)
    return copy


@pytest.mark.slow
def test_two_processes_at_once_get_the_same_whole_manifest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", TWO, str(project)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in "12"
    ]
    said = [process.communicate()[0].strip() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0] == said[1]
    nodes = json.loads(Path(said[0]).read_text())["nodes"]
    assert "model.promedical.criteria" in nodes
    assert sorted(path.name for path in (project / "target").iterdir()) == [Path(said[0]).name, "partial_parse.msgpack"]
    # Parsed already: dbt is not started again, as it must be for another state of the files.
    monkeypatch.setattr(manifest, "DBT", Path("/does/not/exist"))
    assert str(manifest.ensure_manifest()) == said[0]
    monkeypatch.setattr(manifest, "source_hash", lambda sources: "0" * 64)
    with pytest.raises(FileNotFoundError):
        manifest.ensure_manifest()


@pytest.mark.slow
def test_a_project_that_cannot_be_parsed_leaves_no_manifest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "models" / "marts" / "criteria.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(ConfigError, match="(?s)dbt cannot parse dbt_project.*nowhere"):
        manifest.ensure_manifest()
    assert list((project / "target").iterdir()) == []
