"""The dbt project: its build with every test on a small case, and its SQL against training/rubric_score.py on random ones.

The property test runs the SQL that dbt compiled, in a DuckDB in memory, so that hypothesis can try and shrink many cases. What
it expects comes from `rubric_score` and, for resolving verdicts, from a few lines of Python here.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assets.checks.run import run_suites
from assets.checks.suites import SUITES
from assets.instructions.sources.base import Origin
from assets.warehouse.dbt_command import PROJECT_DIR as PROJECT
from tests.fixtures.raw_tables import COLUMNS, RUBRIC, Rows, as_table, case, dbt, lay_out
from training.records import Criterion, JudgeKind
from training.rubric_score import (
    SCORE_TOLERANCE,
    WEIGHT_TOLERANCE,
    RubricError,
    check_weights,
    lexicographic_order,
    score_response,
)

pytestmark = pytest.mark.slow
RANKED: tuple[JudgeKind, ...] = ("adjudicated", "human", "construction", "assumed", "model")
CASES = (
    case("plain", RUBRIC, {"a": "mmum", "b": "mumm", "c": "mmmu"}),
    case("validated", RUBRIC, {"a": "mmum", "b": "mumm"}, split="validation"),
    case("benched", RUBRIC, {"a": "mmum", "b": "mumm", "unlabelled": "----"}, split="benchmark"),
    case("assumed", RUBRIC, {"a": "mmum", "b": "mumm"}, split="benchmark", kind="assumed"),
    case("unsplit", RUBRIC, {"a": "mmum", "b": "mumm"}, split=None),
    case("hard", RUBRIC, {"a": "mmum", "b": "mumm"}, left_out="too_hard"),
    case("alone", "main:1.0", {"a": "m"}),
    case("tied", RUBRIC, {"a": "mumm", "b": "mumm"}),
    case("open", RUBRIC, {"a": "mumm", "b": "mmm?"}),
    case("badsum", "main:0.5 main:0.4 veto", {"a": "mmm", "b": "uum"}),
    case("nomain", "bonus veto", {"a": "mm"}),
    case("drafted", RUBRIC, {"a": "mmum", "b": "mumm"}, split="policy_train", kind="model", origin="drafted"),
    case("decided", RUBRIC, {"a": "mmum", "b": "mumm"}, split="validation", kind="adjudicated", origin="reviewed", review="r1"),
    case("undrafted", "", {}, refused="duplicate_criterion"),
    case("unheard", "", {}, refused="no_reply"),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt")
    lay_out(folder, CASES)
    done = dbt(["build"], folder)
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest.fixture(scope="module")
def warehouse(built: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(built / "warehouse.duckdb"), read_only=True)


def test_every_unit_test_and_data_test_ran(built: Path) -> None:
    results = json.loads((built / "target" / "run_results.json").read_text())["results"]
    outcomes = Counter((result["unique_id"].split(".")[0], result["status"]) for result in results)
    assert outcomes.pop(("model", "success")) == len(list((PROJECT / "models").rglob("*.sql")))
    assert outcomes.pop(("seed", "success")) == len(list((PROJECT / "seeds").glob("*.csv")))
    assert outcomes.pop(("unit_test", "pass")) >= 8
    assert outcomes.pop(("test", "pass")) >= 40
    assert not outcomes


def test_every_model_is_described_by_its_grain(built: Path) -> None:
    nodes = json.loads((built / "target" / "manifest.json").read_text())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    assert [m["name"] for m in models if not m["description"].startswith("Grain: one row per")] == []


def test_tolerances_are_those_of_python() -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    assert float(variables["weight_tolerance"]) == WEIGHT_TOLERANCE
    assert float(variables["score_tolerance"]) == SCORE_TOLERANCE


def test_pairs_of_the_small_case(warehouse: duckdb.DuckDBPyConnection) -> None:
    query = "select chosen_id, rejected_id, decided_by, margin, split from preference_pairs order by all"
    assert warehouse.execute(query).fetchall() == [
        ("benched-a", "benched-b", "main", 0.25, "benchmark"),
        ("decided-a", "decided-b", "main", 0.25, "validation"),
        ("drafted-a", "drafted-b", "main", 0.25, "policy_train"),
        ("plain-a", "plain-b", "main", 0.25, "rm_train"),
        ("plain-a", "plain-c", "veto", 1.0, "rm_train"),
        ("plain-b", "plain-c", "veto", 1.0, "rm_train"),
        ("validated-a", "validated-b", "main", 0.25, "validation"),
    ]


def test_outcomes_count_what_the_marts_leave_out(warehouse: duckdb.DuckDBPyConnection) -> None:
    query = "select split, outcome, n_pairs, n_assumed from pair_outcomes order by split nulls last, outcome"
    assert warehouse.execute(query).fetchall() == [
        ("benchmark", "main", 2, 1),
        ("benchmark", "undecidable", 2, 0),
        ("policy_train", "main", 1, 0),
        ("rm_train", "main", 1, 0),
        ("rm_train", "tie", 1, 0),
        ("rm_train", "undecidable", 1, 0),
        ("rm_train", "veto", 2, 0),
        ("validation", "main", 2, 0),
        (None, "main", 1, 0),
    ]


def test_an_instruction_that_was_left_out_stays_a_row_without_preferences(warehouse: duckdb.DuckDBPyConnection) -> None:
    columns = "category, difficulty, difficulty_scorer, excluded_because, kept, split"
    query = f"select {columns} from instructions where instruction_id = 'hard'"
    assert warehouse.execute(query).fetchall() == [("treatment", 5.5, "by hand", "too_hard", False, "rm_train")]
    for mart, expected in {"response_scores": 2, "preference_pairs": 0, "criterion_preferences": 0}.items():
        assert warehouse.execute(f"select count(*) from {mart} where instruction_id = 'hard'").fetchone() == (expected,), mart


def test_a_label_that_no_seed_has_warns_and_does_not_stop(tmp_path: Path) -> None:
    labelled = case("plain", RUBRIC, {"a": "mmum"})
    labelled["curated_instructions"][0]["category"] = "of_ones_own"
    lay_out(tmp_path, [labelled])
    done = dbt(["build", "--exclude-resource-type", "unit_test"], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    warned = {result["unique_id"].split(".")[2] for result in results if result["status"] == "warn"}
    assert warned == {"relationships_instructions_category__category__ref_categories_"}


def test_a_bad_rubric_leaves_its_instruction_and_nothing_else(warehouse: duckdb.DuckDBPyConnection) -> None:
    query = "select source, reason, count(*) from quarantine group by all order by all"
    assert warehouse.execute(query).fetchall() == [
        ("raw_criteria", "bad_weights", 3),
        ("raw_criteria", "no_main_criterion", 2),
        ("raw_verdicts", "bad_weights", 6),
        ("raw_verdicts", "no_main_criterion", 2),
        ("rubric_drafts", "duplicate_criterion", 1),
        ("rubric_drafts", "no_reply", 1),
    ]
    for table, column in (
        ("criteria", "instruction_id"),
        ("verdicts", "response_id"),
        ("resolved_verdicts", "response_id"),
        ("response_scores", "response_id"),
        ("criterion_preferences", "instruction_id"),
    ):
        found = warehouse.execute(f"select distinct {column} from {table}").fetchall()
        assert found
        assert not [key for (key,) in found if key.startswith(("badsum", "nomain"))]
    kept = warehouse.execute("select count(*) from instructions where instruction_id in ('badsum', 'nomain')").fetchone()
    assert kept == (2,)


def test_the_marts_pass_their_contracts(built: Path, warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for (table,) in warehouse.execute(
        "select table_name from information_schema.tables where table_type = 'BASE TABLE'"
    ).fetchall():
        pq.write_table(warehouse.execute(f"select * from {table}").to_arrow_table(), tmp_path / f"{table}.parquet")
    results = run_suites(SUITES, tmp_path)
    assert [(t, e["key"], e["detail"]) for t, r in results.items() for e in r["expectations"] if not e["passed"]] == []


def test_broken_promises_of_raw_tables_stop_the_build(tmp_path: Path) -> None:
    broken = {
        "raw_verdicts": [{"verdict": "maybe"}, {"criterion_id": "validated-c0"}, {"criterion_id": "nowhere"}],
        "instruction_splits": [{"cluster_id": "cluster-benched"}],
        "raw_criteria": [{"rubric_version": "another"}, {"tier": None}],
        "curated_instructions": [
            {"kept": False},
            {"representative_id": "nowhere"},
            {"instruction_id": "plain"},
            {"difficulty": 11.0},
        ],
        # The second has a draft that counts.
        "draft_quarantine": [{"source_row": "nowhere"}, {"source_row": "drafted"}],
    }
    lay_out(tmp_path, CASES)
    for table, changes in broken.items():
        rows = [row for c in CASES for row in c[table]]
        rows[: len(changes)] = [row | change for row, change in zip(rows, changes, strict=False)]
        pq.write_table(as_table(table, rows), tmp_path / "raw" / f"{table}.parquet")
    done = dbt(["build", "--select", "staging", "--exclude-resource-type", "unit_test"], tmp_path)
    assert done.returncode == 1, done.stdout[-4000:]
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    failed = {result["unique_id"].split(".")[2] for result in results if result["status"] == "fail"}
    assert failed == {
        "accepted_values_stg_raw__verdicts_verdict__met__unmet__unknown",
        "verdicts_stay_inside_one_instruction",
        "relationships_stg_raw__verdicts_criterion_id__criterion_id__ref_stg_raw__criteria_",
        "splits_share_no_cluster",
        "kept_or_a_reason_why_not",
        "relationships_stg_raw__curated_instructions_representative_id__instruction_id__ref_stg_raw__instructions_",
        "primary_key_stg_raw__curated_instructions_instruction_id",
        "every_instruction_is_curated",
        "difficulty_is_from_0_to_10",
        "instructions_have_one_rubric_version",
        "required_stg_raw__criteria_instruction_id__tier__text__rubric_version",
        "relationships_stg_raw__draft_quarantine_source_row__instruction_id__ref_stg_raw__instructions_",
        "a_rubric_is_drafted_or_quarantined_and_not_both",
    }


def test_vocabularies_are_those_of_python() -> None:
    models = yaml.safe_load((PROJECT / "models" / "staging" / "staging.yml").read_text())["models"]
    allowed = {
        column["name"]: set(test["accepted_values"]["arguments"]["values"])
        for model in models
        for column in model["columns"]
        for test in column.get("data_tests", ())
        if isinstance(test, dict) and "accepted_values" in test
    }
    assert allowed["origin"] == set(get_args(Origin))
    assert allowed["judge_kind"] == set(get_args(JudgeKind))
    rules = {rule.key: rule.arguments for suite in SUITES.values() for rule in suite.rules}
    assert set(rules["origin_vocabulary"]["value_set"]) == set(get_args(Origin))
    assert set(rules["judge_kind_vocabulary"]["value_set"]) == set(get_args(JudgeKind))


MODELS = (
    "intermediate/int_instructions__split",
    "intermediate/int_batches__versioned",
    "intermediate/int_rubrics__checked",
    "intermediate/int_criteria__accepted",
    "intermediate/int_verdicts__resolved",
    "intermediate/int_responses__scored",
    "intermediate/int_response_pairs__compared",
    "intermediate/int_criterion_pairs__compared",
    "marts/preference_pairs",
    "marts/criterion_preferences",
)


@pytest.fixture(scope="module")
def compiled(built: Path) -> list[tuple[str, str]]:
    """Model → the SQL dbt compiled, in the order in which they build on each other."""
    root = built / "target" / "compiled" / "promedical" / "models"
    return [(model.split("/")[1], (root / f"{model}.sql").read_text()) for model in MODELS]


WEIGHTS = st.one_of(
    st.just([0.1, 0.2, 0.3, 0.4]),
    st.lists(st.integers(1, 9), min_size=1, max_size=4).map(lambda parts: [p / sum(parts) for p in parts]),
    st.lists(st.sampled_from([0.5, 0.25, 0.0, -0.5, None, float("nan"), 1.0]), min_size=0, max_size=3),
)
SAID = st.sampled_from(["met", "met", "unmet", "unknown"])
LABELS = st.one_of(
    st.lists(st.tuples(st.sampled_from(RANKED), SAID), max_size=4),
    st.lists(st.tuples(st.just("human"), SAID), min_size=3, max_size=5),
)


@st.composite
def random_case(draw: st.DrawFn) -> dict[str, Any]:
    tiers = [("main", w) for w in draw(WEIGHTS)] + [("bonus", None)] * draw(st.integers(0, 2))
    tiers += [("veto", None)] * draw(st.integers(0 if tiers else 1, 2))
    # Mostly one plain label, so that scores are often defined and orders decided.
    plain = st.tuples(st.sampled_from(["construction", "construction", "assumed"]), st.sampled_from(["met", "unmet"]))
    cell = st.one_of(
        *[plain.map(lambda label: [label])] * 3, LABELS if draw(st.booleans()) else plain.map(lambda label: [label])
    )
    labels = [[draw(cell) for _ in tiers] for _ in range(draw(st.integers(1, 4)))]
    return {"tiers": tiers, "labels": labels, "split": draw(st.sampled_from(["rm_train", "benchmark"]))}


def resolve(labels: list[tuple[str, str]]) -> tuple[str, str | None]:
    """The verdict of a (response, criterion), and the kind that decides."""
    if not labels:
        return "unknown", None
    kind = next(kind for kind in RANKED if kind in [k for k, _ in labels])
    said = Counter(verdict for k, verdict in labels if k == kind)
    verdict, count = said.most_common(1)[0]
    agreed = count * 2 > said.total() if kind == "human" else len(said) == 1
    return (verdict if agreed else "unknown"), kind


def run_models(cases: list[dict[str, Any]], compiled: list[tuple[str, str]]) -> duckdb.DuckDBPyConnection:
    tables: dict[str, Rows] = {table: [] for table in COLUMNS}
    for i, c in enumerate(cases):
        made = case(f"i{i}", " ".join(tier for tier, _ in c["tiers"]), {}, split=c["split"])
        for row, (_, weight) in zip(made["raw_criteria"], c["tiers"], strict=True):
            row["weight"] = weight
        for r, cells in enumerate(c["labels"]):
            made["raw_responses"].append({"response_id": f"i{i}-r{r}", "instruction_id": f"i{i}", "text": ""})
            made["raw_verdicts"] += [
                {
                    "response_id": f"i{i}-r{r}",
                    "criterion_id": f"i{i}-c{k}",
                    "judge": f"j{j}",
                    "judge_kind": kind,
                    "verdict": said,
                }
                for k, labels in enumerate(cells)
                for j, (kind, said) in enumerate(labels)
            ]
        for table, rows in made.items():
            tables[table] += rows
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as warehouse; use warehouse")
    for table, rows in tables.items():
        staged = "stg_raw__" + table.removeprefix("raw_")
        connection.register("rows", as_table(table, rows))
        connection.execute(f"create table {staged} as select * from rows")
        connection.unregister("rows")
    for name, sql in compiled:
        connection.execute(f"create table {name} as {sql}")
    return connection


def close(left: float | None, right: float | None) -> bool:
    return left is right if left is None or right is None else abs(left - right) < 1e-12


def plain_labels(letters: str) -> list[list[tuple[str, str]]]:
    return [[("construction", {"m": "met", "u": "unmet"}[letter])] for letter in letters]


TENTHS = [("main", 0.1), ("main", 0.2), ("main", 0.3), ("main", 0.4), ("bonus", None)]


# 0.1 + 0.2 and 0.3 differ in their last bits: a tie all the same, which the bonus decides.
@example(cases=[{"tiers": TENTHS, "labels": [plain_labels("mmuuu"), plain_labels("uumum")], "split": "rm_train"}])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases=st.lists(random_case(), min_size=1, max_size=6))
def test_sql_and_python_agree(cases: list[dict[str, Any]], compiled: list[tuple[str, str]]) -> None:
    connection = run_models(cases, compiled)
    scored = {
        row[0]: row[1:]
        for row in connection.execute("select response_id, s1, s2, s3, assumed from int_responses__scored").fetchall()
    }
    query = "select first_id, second_id, outcome, better_id, margin from int_response_pairs__compared"
    compared = {row[:2]: row[2:] for row in connection.execute(query).fetchall()}
    pairs = {row for row in connection.execute("select chosen_id, rejected_id from preference_pairs").fetchall()}
    query = "select criterion_id, better_id, worse_id, discordant, judge_kind from criterion_preferences"
    preferences = set(connection.execute(query).fetchall())
    connection.close()
    expected_pairs, expected_preferences, n_scores, n_compared = set(), set(), 0, 0
    for i, c in enumerate(cases):
        rubric = [
            Criterion(criterion_id=f"i{i}-c{k}", tier=tier, text="…", weight=weight)
            for k, (tier, weight) in enumerate(c["tiers"])
        ]
        try:
            check_weights(rubric)
        except RubricError:
            continue
        resolved = {f"i{i}-r{r}": [resolve(labels) for labels in cells] for r, cells in enumerate(c["labels"])}
        scores = {response: score_response(rubric, [v for v, _ in cells]) for response, cells in resolved.items()}
        assumed = {response: sum(kind == "assumed" for _, kind in cells) for response, cells in resolved.items()}
        n_scores += len(scores)
        for response, score in scores.items():
            s1, *rest = scored[response]
            assert close(s1, score.s1)
            assert rest == [score.s2, score.s3, assumed[response]]
        for first, second in combinations(sorted(resolved), 2):
            n_compared += 1
            order = lexicographic_order(scores[first], scores[second])
            better = {"first": first, "second": second}.get(order.better)
            outcome, better_id, margin = compared[first, second]
            assert (outcome, better_id) == (order.decided_by or order.better, better)
            assert close(margin, order.margin)
            counts = c["split"] == "rm_train" or not assumed[first] + assumed[second]
            if better and counts:
                expected_pairs.add((better, second if better == first else first))
            for criterion, left, right in zip(rubric, resolved[first], resolved[second], strict=True):
                if {left[0], right[0]} != {"met", "unmet"}:
                    continue
                winner, loser = (first, second) if left[0] == "met" else (second, first)
                weaker = max((left[1], right[1]), key=("adjudicated", "human", "construction", "model", "assumed").index)
                if c["split"] == "rm_train" or weaker != "assumed":
                    discordant = counts and better == loser
                    expected_preferences.add((criterion.criterion_id, winner, loser, discordant, weaker))
    assert pairs == expected_pairs
    assert preferences == expected_preferences
    assert (len(scored), len(compared)) == (n_scores, n_compared)


def test_ranks_cover_every_kind_of_judge() -> None:
    assert set(RANKED) == set(get_args(JudgeKind))
