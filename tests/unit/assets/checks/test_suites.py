"""The suites on hand-made marts: valid ones pass, every planted defect fails its own rule and the row is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.checks.run import MAX_ROWS, run_suite, run_suites
from assets.checks.suites import SUITES
from tests.fixtures.marts import DEFECTS, SPLITS, Tables, marts, named_after, row, write

pytestmark = pytest.mark.slow


def test_valid_marts_pass_every_suite_and_data_docs_are_written(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    results = run_suites(SUITES, write(tmp_path / "marts", marts(*SPLITS)), data_docs=docs)
    assert list(results) == ["criteria", "resolved_verdicts", "preference_pairs", "criterion_preferences"]
    assert {table: result["passed"] for table, result in results.items()} == dict.fromkeys(SUITES, True)
    assert json.loads(json.dumps(results)) == results
    pages = {path.stem for path in docs.rglob("*.html")}
    assert {"index", *SUITES} <= pages


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Failing rows by table and rule, of one run over all defects; each lies in marts of its own, whose ids carry its name."""
    together: Tables = {table: [] for table in marts()}
    for name in ("none", *DEFECTS):
        tables = marts(*SPLITS)
        if name in DEFECTS:
            DEFECTS[name][-1](tables)
        for table, rows in named_after(name, tables).items():
            together[table] += rows
    results = run_suites(SUITES, write(tmp_path_factory.mktemp("planted"), together))
    return {t: {e["key"]: e["failing_rows"] for e in result["expectations"]} for t, result in results.items()}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_fails_its_rule_and_names_the_row(defect: str, planted: dict[str, dict[str, Any]]) -> None:
    table, rule, named, _ = DEFECTS[defect]
    assert f"{defect}: {named}" in {value for failing in planted[table][rule] for value in failing.values()}


def test_marts_without_a_defect_fail_nothing_beside_them(planted: dict[str, dict[str, Any]]) -> None:
    failing = [row for rules in planted.values() for rows in rules.values() for row in rows]
    assert failing
    assert not [row for row in failing if any(str(value).startswith("none: ") for value in row.values())]


def test_a_preference_of_an_instruction_that_was_left_out_fails(tmp_path: Path) -> None:
    tables = marts(*SPLITS)
    row(tables, "instructions", instruction_id="external").update(kept=False, excluded_because="too_easy")
    results = run_suites(SUITES, write(tmp_path, tables))
    failed = {(t, e["key"]): e["failing_rows"] for t, r in results.items() for e in r["expectations"] if not e["passed"]}
    assert failed.keys() == {("preference_pairs", "instruction_kept"), ("criterion_preferences", "instruction_kept")}
    named = {failing["pair_id"] for failing in failed["preference_pairs", "instruction_kept"]}
    assert named == {"external-12", "external-13", "external-23"}


def test_an_empty_table_fails(tmp_path: Path) -> None:
    result = run_suite("preference_pairs", write(tmp_path, marts(*SPLITS) | {"preference_pairs": []}))
    assert not result.passed
    (rows,) = (e for e in result.expectations if e.key == "has_rows")
    assert (rows.passed, rows.detail) == (False, "observed 0")


def test_failing_rows_are_plain_and_at_most_twenty(tmp_path: Path) -> None:
    tables = marts(*SPLITS)
    for verdict in tables["resolved_verdicts"]:
        verdict["agreement"] = 1.5
    result = run_suite("resolved_verdicts", write(tmp_path, tables))
    (share,) = (e for e in result.expectations if e.key == "agreement_is_a_share")
    assert (len(share.failing_rows), share.detail) == (MAX_ROWS, "48 of 48 rows fail")
    assert {type(value) for failing in share.failing_rows for value in failing.values()} == {str, float}


def test_a_rule_that_cannot_be_evaluated_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = SUITES["criteria"]
    query = suite.query.replace("length(trim(w.text)) as text_length, ", "")
    changed: Any = type(suite)(table=suite.table, query=query, identity=suite.identity, rules=suite.rules)
    monkeypatch.setitem(SUITES, "criteria", changed)
    result = run_suite("criteria", write(tmp_path, marts(*SPLITS)))
    assert [e.key for e in result.expectations if not e.passed] == ["text_not_empty"]
    (broken,) = (e for e in result.expectations if not e.passed)
    assert 'could not be evaluated: Error: The column "text_length" in BatchData does not exist' in broken.detail


def test_nan_weights_do_not_slip_through(tmp_path: Path) -> None:
    tables = marts(*SPLITS)
    row(tables, "criteria", criterion_id="external-a")["weight"] = float("nan")
    result = run_suite("criteria", write(tmp_path, tables))
    assert [e.key for e in result.expectations if not e.passed] == ["main_weight_positive", "main_weights_sum_to_one"]
