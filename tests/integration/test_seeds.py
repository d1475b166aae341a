"""The taxonomy's seeds under dbt: they load, their tests pass, and a broken one fails by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from training.stages import ROOT

pytestmark = pytest.mark.slow


def build_seeds(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`dbt build` of the seeds alone, into a warehouse in the folder."""
    (folder / "raw").mkdir(exist_ok=True)
    places = {"PROMEDICAL_WAREHOUSE": str(folder / "w.duckdb"), "PROMEDICAL_RAW": str(folder / "raw")}
    command = [str(Path(sys.executable).parent / "dbt"), "build", "--select", "resource_type:seed"]
    # The marts' own tests on the seeds are not theirs.
    command += ["--indirect-selection", "cautious"]
    paths = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(folder / "target")]
    return subprocess.run(
        [*command, *paths, "--log-path", str(folder / "logs")],
        capture_output=True,
        text=True,
        env={**os.environ, **places},
        check=False,
    )


def test_the_seeds_load_and_pass_their_tests(tmp_path: Path) -> None:
    done = build_seeds(ROOT / "dbt_project", tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as warehouse:
        counts = {
            table: warehouse.execute(f"select count(*), count(distinct {key}) from {table}").fetchone()
            for table, key in (("categories", "category"), ("specialties", "specialty"))
        }
        undecided = warehouse.execute(
            "select count(*) from source_labels where category is null and specialty is null"
        ).fetchone()
        types = warehouse.execute("select distinct data_type from information_schema.columns").fetchall()
    assert counts == {"categories": (5, 5), "specialties": (26, 26)}
    # A cell that is empty is null in the warehouse, not a category of its own.
    assert undecided is not None and undecided[0] > 0
    assert types == [("VARCHAR",)]


def test_a_broken_seed_fails_by_name(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    specialties = project / "seeds" / "specialties.csv"
    lines = specialties.read_text(encoding="utf-8").splitlines(keepends=True)
    specialties.write_text("".join(lines[:-1]), encoding="utf-8")
    labels = project / "seeds" / "source_labels.csv"
    labels.write_text(labels.read_text(encoding="utf-8") + "kqa,Hiccup,cure,\n", encoding="utf-8")
    done = build_seeds(project, tmp_path)
    assert done.returncode != 0
    assert "Failure in test row_count_specialties_26" in done.stdout
    assert "Failure in test relationships_source_labels_category__category__ref_categories_" in done.stdout
