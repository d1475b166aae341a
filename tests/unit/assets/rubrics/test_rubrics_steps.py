"""The steps of rubrics on small artifacts: whom drafts are for, what is asked, what is written, and what costs nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assets.rubrics.steps as steps
from assets.endpoints.calls import Ask, Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.instructions.tables import SCHEMAS, write_table
from assets.rubrics.statements import versioned
from assets.rubrics.steps import DRAFT_RUBRICS, RUBRICS
from assets.steps import Settings, Step, StepRun
from tests.unit.assets.instructions.embeddings import embedding_folder
from training.config import ConfigError

ENDPOINT = EndpointConfig(base_url="http://127.0.0.1:1/v1", model="drafter-model", key_variable="SECRET_KEY", price_input=3.0)
CRITERIA: list[Any] = [("main", "States the dose", 0.5), ("main", "Names the interval", 0.5), ("veto", "Never lies", None)]
GOOD = json.dumps(
    {
        "main": [{"text": "States the dose", "weight": 50}, {"text": "Names the interval", "weight": 50}],
        "bonus": [],
        "veto": [{"text": "Never lies"}],
    }
)
# instruction → cluster, split, kept
INSTRUCTIONS = {
    "fresh": ("c1", "rm_train", True),
    "other": ("c2", "validation", True),
    "twin": ("c2", "validation", True),
    "left out": ("c3", "rm_train", False),
    "bench": ("c4", "benchmark", True),
    "published": ("c5", "policy_train", True),
    "reviewed": ("c6", "panel_train", True),
}
CONFIG = """
endpoints:
  mine: {base_url: "http://127.0.0.1:1/v1", model: drafter-model, key_variable: SECRET_KEY, price_input: 3}
rubrics:
  drafter: {endpoint: mine, max_tokens: 900}
"""


def rubric_rows(key: str, origin: Any, **more: Any) -> list[dict[str, Any]]:
    return [asdict(row) | more for row in versioned(key, CRITERIA, origin=origin)]


def put(folder: Path, asset: str, table: str, rows: Sequence[dict[str, Any]] = ()) -> None:
    (folder / asset).mkdir(parents=True, exist_ok=True)
    pq.write_table(pq.read_table(write_table(table, rows, folder)), folder / asset / f"{asset}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The artifacts that the two steps read, under their assets' names."""
    columns = dict.fromkeys(SCHEMAS["raw_instructions"].names)
    texts = {key: f"May I take {key} with milk?" for key in INSTRUCTIONS}
    put(
        tmp_path, "raw_instructions", "raw_instructions", [columns | {"instruction_id": k, "text": t} for k, t in texts.items()]
    )
    for asset, columns_of in (("instruction_splits", ("cluster_id", "split")), ("curated_instructions", ("kept",))):
        (tmp_path / asset).mkdir()
        values = {
            name: [of[("cluster_id", "split", "kept").index(name)] for of in INSTRUCTIONS.values()] for name in columns_of
        }
        pq.write_table(pa.table({"instruction_id": list(INSTRUCTIONS), **values}), tmp_path / asset / f"{asset}.parquet")
    put(tmp_path, "published_criteria", "raw_criteria", rubric_rows("published", "physician"))
    put(tmp_path, "reviewed_criteria", "reviewed_criteria", rubric_rows("reviewed", "reviewed", review_id="r1"))
    for asset in ("review_decisions", "review_changes", "rubric_drafts"):
        put(tmp_path, asset, asset)
    shown = json.dumps([{"tier": tier, "text": text, "weight": weight} for tier, text, weight in CRITERIA])
    pool = [
        {"instruction_id": key, "text": texts[key], "rubric": shown, "origin": "reviewed", "review_id": "r1"} for key in texts
    ]
    put(tmp_path, "exemplar_pool", "exemplar_pool", pool)
    (tmp_path / "text_embedding").symlink_to(embedding_folder("smoke"))
    return tmp_path


class Answering:
    """An `ask` that gives every call the same good reply, and remembers the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, calls: Sequence[Call], endpoint: EndpointConfig) -> list[Reply]:
        assert endpoint == ENDPOINT
        self.calls += calls
        about: dict[str, Any] = {"prompt_tokens": 1, "completion_tokens": 1, "replayed": False}
        return [Reply(key=str(n), outcome="answered", text=GOOD, finish="stop", **about) for n in range(len(calls))]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Answering:
    answering = Answering()

    def desk(settings: Settings, *, batches: int) -> Ask:
        return answering

    monkeypatch.setattr(steps, "_ask", desk)
    return answering


def settings(folder: Path, config: str = CONFIG) -> Settings:
    path = folder / "config.yaml"
    path.write_text(config, encoding="utf-8")
    return Settings(profile="smoke", sources=(), home=folder / "home", config=path)


def run(step: Step, folder: Path, chosen: Settings, config: dict[str, Any] | None = None) -> dict[str, Any]:
    values = step.config(chosen) if config is None else config
    assert values == json.loads(json.dumps(values)), "a skip key needs plain values"
    inputs = {role: folder / asset for role, asset in step.used_inputs(values).items()}
    outputs = {asset: folder / "out" / asset for asset in step.outputs}
    for path in outputs.values():
        path.mkdir(parents=True, exist_ok=True)
    assert step.run is not None
    return step.run(StepRun(settings=chosen, config=values, inputs=inputs, outputs=outputs, refs={}, previous=None))


def made(folder: Path, asset: str) -> list[dict[str, Any]]:
    table = pq.read_table(folder / "out" / asset / f"{asset}.parquet")
    assert table.schema == SCHEMAS[asset]
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def drafted_for(folder: Path) -> set[str]:
    return {row["instruction_id"] for row in made(folder, "rubric_drafts")}


def test_without_a_drafter_nothing_is_read_or_asked_and_the_tables_are_empty(folder: Path) -> None:
    chosen = settings(folder, "{}")
    assert DRAFT_RUBRICS.config(chosen) == {"drafter": None}
    assert DRAFT_RUBRICS.used_inputs({"drafter": None}) == {}
    started = time.perf_counter()
    run(DRAFT_RUBRICS, folder, chosen)
    assert time.perf_counter() - started < 0.2
    assert made(folder, "rubric_drafts") == made(folder, "draft_quarantine") == []


def test_drafts_are_for_kept_instructions_of_training_splits_without_another_rubric(folder: Path, ask: Answering) -> None:
    metadata = run(DRAFT_RUBRICS, folder, settings(folder))
    assert drafted_for(folder) == {"fresh", "other", "twin"}
    assert len(ask.calls) == 3
    assert metadata["rubric_drafts"]["asked"] == metadata["rubric_drafts"]["drafted"] == 3
    assert metadata["draft_quarantine"] == {"rows": 0, "quarantined": 0}


def test_exemplars_come_from_the_pool_but_not_from_the_benchmark_or_the_same_cluster(folder: Path, ask: Answering) -> None:
    run(DRAFT_RUBRICS, folder, settings(folder, CONFIG + "  exemplars: 20\n"))
    shown = {row["instruction_id"]: set(json.loads(row["exemplars"])) for row in made(folder, "rubric_drafts")}
    assert shown["fresh"] == {"other", "twin", "left out", "published", "reviewed"}
    assert shown["other"] == shown["twin"] == {"fresh", "left out", "published", "reviewed"}
    asked = [call.messages[1].content.split("Write the rubric of this question:")[1] for call in ask.calls]
    (call,) = [call for call, about in zip(ask.calls, asked, strict=True) if "May I take fresh with milk?" in about]
    assert "May I take twin with milk?" in call.messages[1].content and "May I take bench" not in call.messages[1].content
    assert call.max_tokens == 900


def test_without_exemplars_neither_pool_nor_embedding_is_an_input(folder: Path, ask: Answering) -> None:
    chosen = settings(folder, CONFIG + "  exemplars: 0\n")
    roles = DRAFT_RUBRICS.used_inputs(DRAFT_RUBRICS.config(chosen))
    assert not {"exemplar_pool", "text_embedding"} & set(roles)
    assert {"exemplar_pool", "text_embedding"} < set(DRAFT_RUBRICS.used_inputs(DRAFT_RUBRICS.config(settings(folder))))
    run(DRAFT_RUBRICS, folder, settings(folder, CONFIG + "  exemplars: 0\n"))
    assert {row["exemplars"] for row in made(folder, "rubric_drafts")} == {"[]"}


def test_a_limit_draws_the_same_instructions_and_reviews_bring_no_others_in(folder: Path, ask: Answering) -> None:
    limited = CONFIG + "  limit: 2\n"
    run(DRAFT_RUBRICS, folder, settings(folder, limited))
    # sha256 puts the ids in the order twin, fresh, other, reviewed.
    assert drafted_for(folder) == {"twin", "fresh"}
    put(folder, "reviewed_criteria", "reviewed_criteria", rubric_rows("twin", "reviewed", review_id="r1"))
    run(DRAFT_RUBRICS, folder, settings(folder, limited))
    assert drafted_for(folder) == {"fresh"}


def test_held_out_splits_are_drafted_for_where_the_configuration_says_so(folder: Path, ask: Answering) -> None:
    run(DRAFT_RUBRICS, folder, settings(folder, CONFIG + "  splits: [benchmark]\n"))
    assert drafted_for(folder) == {"bench"}


def test_a_draft_that_was_turned_down_goes_to_quarantine(folder: Path, ask: Answering) -> None:
    version = rubric_rows("fresh", "drafted")[0]["rubric_version"]
    decision = dict.fromkeys(SCHEMAS["review_decisions"].names, "x") | {"rubric_version": version, "decision": "rejected"}
    put(folder, "review_decisions", "review_decisions", [decision])
    metadata = run(DRAFT_RUBRICS, folder, settings(folder))
    assert drafted_for(folder) == {"other", "twin"}
    assert [(row["source_row"], row["reason"]) for row in made(folder, "draft_quarantine")] == [("fresh", "rejected_by_review")]
    assert metadata["draft_quarantine"]["quarantined rejected_by_review"] == 1


def test_the_key_names_the_model_and_neither_its_address_nor_its_key_nor_its_name(folder: Path, ask: Answering) -> None:
    config = DRAFT_RUBRICS.config(settings(folder))
    assert config["drafter"] == {
        "endpoint": {"model": "drafter-model", "structured": "json_schema"},
        "max_tokens": 900,
        "temperature": 0.0,
    }
    said = json.dumps(config)
    assert not any(word in said for word in ("127.0.0.1", "SECRET_KEY", "mine", "use_unreviewed"))


def test_a_file_that_changed_since_the_run_was_planned_is_refused(folder: Path, ask: Answering) -> None:
    planned = DRAFT_RUBRICS.config(settings(folder))
    with pytest.raises(ConfigError, match="changed while the run was planned"):
        run(DRAFT_RUBRICS, folder, settings(folder, CONFIG + "  limit: 1\n"), planned)
    assert ask.calls == []


def test_the_same_inputs_give_the_same_bytes(folder: Path, ask: Answering) -> None:
    path = folder / "out" / "rubric_drafts" / "rubric_drafts.parquet"
    run(DRAFT_RUBRICS, folder, settings(folder))
    first = path.read_bytes()
    run(DRAFT_RUBRICS, folder, settings(folder))
    assert path.read_bytes() == first


def test_one_rubric_per_instruction_goes_on_with_its_history(folder: Path) -> None:
    drafts = [
        row
        for key in ("fresh", "bench", "reviewed")
        for row in rubric_rows(key, "drafted", drafter="m", exemplars="[]", repaired=False)
    ]
    put(folder, "rubric_drafts", "rubric_drafts", drafts)
    change = dict.fromkeys(SCHEMAS["review_changes"].names) | {"instruction_id": "reviewed", "change": "added", "round": "r1"}
    change |= {"criterion_id": "criterion_0", "rubric_version": "rubric_0"}
    put(folder, "review_changes", "review_changes", [change])
    metadata = run(RUBRICS, folder, settings(folder, "{}"))
    rows = made(folder, "raw_criteria")
    assert {(row["instruction_id"], row["origin"]) for row in rows} == {
        ("published", "physician"),
        ("reviewed", "reviewed"),
        ("fresh", "drafted"),
    }
    assert len(rows) == 9 and [row["criterion_id"] for row in rows] == sorted(row["criterion_id"] for row in rows)
    assert metadata["raw_criteria"] == {
        "rows": 9,
        "rubrics published": 1,
        "rubrics reviewed": 1,
        "rubrics drafted": 1,
        "drafts not used": 2,
    }
    history = made(folder, "criterion_versions")
    assert metadata["criterion_versions"] == {"rows": 10, "change added": 1, "change drafted": 9}
    assert [row["instruction_id"] for row in history] == ["bench"] * 3 + ["fresh"] * 3 + ["reviewed"] * 4


def test_unreviewed_drafts_stay_out_where_the_configuration_says_so(folder: Path) -> None:
    put(folder, "rubric_drafts", "rubric_drafts", rubric_rows("fresh", "drafted", drafter="m", exemplars="[]", repaired=False))
    chosen = settings(folder, "rubrics: {use_unreviewed: false}")
    assert RUBRICS.config(chosen) == {"use_unreviewed": False}
    metadata = run(RUBRICS, folder, chosen)
    assert metadata["raw_criteria"]["rubrics drafted"] == 0 and metadata["raw_criteria"]["drafts not used"] == 1
    assert len(made(folder, "criterion_versions")) == 3


def test_published_rubrics_pass_through_unchanged(folder: Path) -> None:
    put(folder, "reviewed_criteria", "reviewed_criteria")
    run(RUBRICS, folder, settings(folder, "{}"))
    path = folder / "published_criteria" / "published_criteria.parquet"
    assert made(folder, "raw_criteria") == pq.read_table(path).to_pylist()


def test_a_drafter_that_the_file_does_not_declare_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="endpoint 'other' is not declared"):
        DRAFT_RUBRICS.config(settings(folder, CONFIG.replace("endpoint: mine", "endpoint: other")))


def test_a_draft_that_got_no_reply_leaves_the_step_unfinished(
    folder: Path, ask: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "unfinished" not in run(DRAFT_RUBRICS, folder, settings(folder))["rubric_drafts"]

    def failing(calls: Sequence[Call], endpoint: EndpointConfig) -> list[Reply]:
        first, *others = ask(calls, endpoint)
        return [replace(first, outcome="failed", text=None, error="timeout"), *others]

    monkeypatch.setattr(steps, "_ask", lambda settings, *, batches: failing)
    assert run(DRAFT_RUBRICS, folder, settings(folder))["rubric_drafts"]["unfinished"] == 1
    assert [row["reason"] for row in made(folder, "draft_quarantine")] == ["no_reply"]
