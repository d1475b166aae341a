"""K-QA as published through the whole smoke chain: real physicians' rubrics and annotators' labels from file to report."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.steps import Settings
from tests.integration.conftest import Project
from training.stages import ROOT

KQA = ROOT.parent / "shared" / "data" / "kqa"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not KQA.is_dir(), reason="K-QA is not there: ../shared/data/kqa"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    home = tmp_path_factory.mktemp("kqa") / "home"
    made = Project(settings=Settings(profile="smoke", sources=(f"kqa={KQA}",), home=home), corpus=Path())
    made.run()
    return made


def _folder(project: Project, asset: str) -> Path:
    ref = project.refs(asset)[asset]
    assert ref is not None, f"{asset} was not materialized"
    return project.store.fetch(ref)


def test_the_report_counts_what_the_published_files_hold(project: Project) -> None:
    counts = json.loads((_folder(project, "report") / "report.json").read_text(encoding="utf-8"))["counts"]
    benchmark = [row for row in counts["instructions"] if row["split"] == "benchmark"]
    # 50 labelled questions, one of which has no rubric.
    assert sum(row["with_rubric"] for row in benchmark) == 49
    # 399 labelled claims less 3 of the question without a rubric and 5 that match no statement; each decides two criteria.
    human = [row for row in counts["verdicts"] if row["judge_kind"] == "human"]
    assert sum(row["n"] for row in human) == 2 * (399 - 3 - 5)


def test_labelled_questions_are_benchmark_only_and_no_assumed_verdict_is_measured(project: Project) -> None:
    instructions = pq.read_table(_folder(project, "instructions") / "instructions.parquet").to_pylist()
    responses = pq.read_table(_folder(project, "responses") / "responses.parquet").to_pylist()
    split_of = {row["instruction_id"]: row["split"] for row in instructions}
    of_models = {split_of[row["instruction_id"]] for row in responses if row["model"] in ("gpt4", "gpt35", "bard", "askk")}
    assert of_models == {"benchmark"}
    predictions = pq.read_table(_folder(project, "reward_model_benchmark") / "predictions.parquet").to_pylist()
    assert predictions
    physician = {row["response_id"] for row in responses if row["model"] == "physician"}
    assert not physician & {row["response_id"] for row in predictions}


def test_the_agreement_of_its_annotators_stands_in_the_report(project: Project) -> None:
    folder = _folder(project, "report")
    agreement = json.loads((folder / "report.json").read_text(encoding="utf-8"))["agreement"]
    # Computed apart from this project: tests/unit/assets/reports/test_annotators.py.
    assert agreement["units"] == 399 - 3 - 5
    assert agreement["alpha"] == pytest.approx(0.71296042, abs=1e-8)
    assert [round(pair["value"], 6) for pair in agreement["kappa"]] == [0.644683, 0.746064, 0.738679]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "K-QA: agreement of its annotators" in page
    assert "No language model was configured: rubrics and verdicts come from the sources." in page
