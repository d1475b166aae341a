"""The steps that sample candidates from endpoints and from the base model, on small artifacts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from assets.instructions.tables import SCHEMAS
from assets.responses.sampling_steps import BASE_RESPONSES, GENERATE_RESPONSES
from assets.steps import Settings, StepRun
from tests.fixtures.candidate_tables import raw_tables
from tests.fixtures.fault_server import fault_server
from tests.unit.assets.responses.response_runs import ENDPOINTS, GENERATORS, run_step, settings
from tests.unit.assets.responses.scripted_endpoint import ScriptedAsk
from training.config import ConfigError


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedAsk]:
    """Puts a script behind the endpoints."""

    def put(script: Any) -> ScriptedAsk:
        ask = ScriptedAsk(script)
        module = ModuleType("assets.endpoints.desk")

        def asker(settings: Settings, *, purpose: str, batches: int) -> ScriptedAsk:
            assert purpose == "responses"
            return ask

        module.asker = asker  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "assets.endpoints.desk", module)
        return ask

    return put


def test_without_generators_an_empty_table_comes_and_nothing_is_read(tmp_path: Path) -> None:
    assert GENERATE_RESPONSES.config(settings(tmp_path)) == {"generators": []}
    # No input is there to be read.
    metadata, files = run_step(GENERATE_RESPONSES, settings(tmp_path), {}, tmp_path)
    table = pq.read_table(files["generated_responses"])
    assert (table.num_rows, table.schema) == (0, SCHEMAS["generated_responses"])
    assert metadata == {"generated_responses": {"rows": 0}}


def test_eligible_instructions_are_put_to_every_generator(tmp_path: Path, answer: Callable[..., ScriptedAsk]) -> None:
    ask = answer(lambda model, question, seed: (f"{model} {question} {seed}", "stop" if seed == 0 else "length"))
    inputs = raw_tables(
        tmp_path / "in",
        {"a": "rm_train", "b": "validation", "c": "policy_train", "d": "rm_train", "e": "benchmark", "f": "rm_train"},
        excluded=["d"],
        without_rubric=["e"],
        published=[("f", "m", "1"), ("f", "m", "2"), ("f", "m", "3"), ("a", "m", "1")],
    )
    metadata, files = run_step(GENERATE_RESPONSES, settings(tmp_path, GENERATORS), inputs, tmp_path)
    assert [(model, call.messages[-1].content, call.seed) for model, call in ask.asked] == [
        ("qwen3-8b", "a?", 0),
        ("qwen3-8b", "a?", 1),
        ("qwen3-8b", "b?", 0),
        ("qwen3-8b", "b?", 1),
        ("llama-3-8b", "a?", 0),
        ("llama-3-8b", "b?", 0),
    ]
    rows = pq.read_table(files["generated_responses"]).to_pylist()
    assert [row["response_id"] for row in rows] == sorted(row["response_id"] for row in rows)
    assert {(row["model"], row["family"], row["outcome"]) for row in rows} == {
        ("qwen3-8b", "qwen3", "answered"),
        ("qwen3-8b", "qwen3", "truncated"),
        ("llama-3-8b", "llama3", "answered"),
    }
    assert metadata["generated_responses"] == {
        "rows": 6,
        "instructions": 2,
        "instructions eligible": 2,
        "families": "llama3, qwen3",
        "asked": 6,
        "repeated": 0,
        "llama-3-8b answered": 2,
        "qwen3-8b answered": 2,
        "qwen3-8b truncated": 2,
    }


def test_the_same_replies_give_the_same_bytes(tmp_path: Path, answer: Callable[..., ScriptedAsk]) -> None:
    inputs = raw_tables(tmp_path / "in", {f"i{n}": "rm_train" for n in range(30)})
    written = []
    for number in range(2):
        answer(lambda model, question, seed: (f"{model} {question} {seed}", "stop"))
        _, files = run_step(GENERATE_RESPONSES, settings(tmp_path, GENERATORS), inputs, tmp_path / str(number))
        written.append(files["generated_responses"].read_bytes())
    assert written[0] == written[1]


def test_a_limit_draws_the_same_instructions_and_more_of_them_when_it_grows(
    tmp_path: Path, answer: Callable[..., ScriptedAsk]
) -> None:
    inputs = raw_tables(tmp_path / "in", {f"i{n}": "rm_train" for n in range(30)})
    drawn = []
    for limit in (3, 8):
        ask = answer(lambda *_: ("Yes.", "stop"))
        chosen = settings(tmp_path, {**GENERATORS, "limit": limit})
        run_step(GENERATE_RESPONSES, chosen, inputs, tmp_path / str(limit))
        drawn.append({call.messages[-1].content for _, call in ask.asked})
    assert [len(few) for few in drawn] == [3, 8]
    assert drawn[0] < drawn[1]


def sample(request: dict[str, Any], tries: int) -> dict[str, Any]:
    """Runs in the server."""
    if request["messages"][-1]["content"] == "b?":
        return {"status": 400, "body": '{"error": {"message": "too long"}}'}
    usage = {"prompt_tokens": 4, "completion_tokens": 3}
    return {"reply": f"Rest {request['seed']}.", "finish": "length" if request["seed"] else "stop", "usage": usage}


def test_over_http_every_sample_is_asked_once_and_a_second_run_replays_all(tmp_path: Path) -> None:
    inputs = raw_tables(tmp_path / "in", {"a": "rm_train", "b": "validation"})
    generators = {"generators": [{"endpoint": "generator_qwen", "samples": 2}]}
    written = []
    with fault_server(tmp_path / "server", script="tests.unit.assets.responses.test_response_steps:sample") as server:
        port = urlsplit(server.base_url).port
        assert port is not None
        for number in range(2):
            chosen = settings(tmp_path, generators, endpoints={"generator_qwen": ("qwen3-8b", "qwen3", port)})
            _, files = run_step(GENERATE_RESPONSES, chosen, inputs, tmp_path / str(number))
            written.append(files["generated_responses"].read_bytes())
        assert len(server.received()) == 4
    assert written[0] == written[1]
    rows = pq.read_table(files["generated_responses"]).to_pylist()
    assert sorted((row["instruction_id"], row["attempt"], row["text"], row["outcome"], row["tokens"]) for row in rows) == [
        ("a", 0, "Rest 0.", "answered", 3),
        ("a", 1, "Rest 1.", "truncated", 3),
        ("b", 0, "", "refused_by_endpoint", None),
        ("b", 1, "", "refused_by_endpoint", None),
    ]


def test_nothing_eligible_asks_nobody(tmp_path: Path, answer: Callable[..., ScriptedAsk]) -> None:
    ask = answer(lambda *_: ("Yes.", "stop"))
    inputs = raw_tables(tmp_path / "in", {"a": "policy_train"})
    metadata, files = run_step(GENERATE_RESPONSES, settings(tmp_path, GENERATORS), inputs, tmp_path)
    assert ask.asked == [] and metadata["generated_responses"]["instructions"] == 0
    assert pq.read_table(files["generated_responses"]).num_rows == 0


def test_the_resolved_config_holds_what_a_reply_depends_on_and_no_address(tmp_path: Path) -> None:
    def config(**changed: tuple[str, str, int]) -> dict[str, Any]:
        return GENERATE_RESPONSES.config(settings(tmp_path, GENERATORS, endpoints={**ENDPOINTS, **changed}))

    before = config()
    assert "127.0.0.1" not in str(before) and "generator_qwen" not in str(before)
    assert config(generator_qwen=("qwen3-8b", "qwen3", 9999)) == before
    assert config(generator_qwen=("qwen3-4b", "qwen3", 8001)) != before
    assert config(generator_qwen=("qwen3-8b", "qwen", 8001)) != before


def test_an_endpoint_that_changed_since_planning_is_not_asked(tmp_path: Path, answer: Callable[..., ScriptedAsk]) -> None:
    ask = answer(lambda *_: ("Yes.", "stop"))
    config = GENERATE_RESPONSES.config(settings(tmp_path, GENERATORS))
    changed = settings(tmp_path, GENERATORS, endpoints={**ENDPOINTS, "generator_qwen": ("other", "qwen3", 8001)})
    (tmp_path / "out").mkdir()
    work = StepRun(
        settings=changed,
        config=config,
        inputs=raw_tables(tmp_path / "in", {"a": "rm_train"}),
        outputs={"generated_responses": tmp_path / "out"},
        refs={},
        previous=None,
    )
    assert GENERATE_RESPONSES.run is not None
    with pytest.raises(ConfigError, match="sections responses, endpoints and calls: they changed while the run was planned"):
        GENERATE_RESPONSES.run(work)
    assert ask.asked == []


def test_paper_wants_three_families_of_endpoints_and_base_model_together(tmp_path: Path) -> None:
    assert len(GENERATE_RESPONSES.config(settings(tmp_path, profile="paper"))["generators"]) == 3
    # With the base model, a Qwen3, the two other families would do.
    two: dict[str, Any] = {"generators": [{"endpoint": "generator_llama"}, {"endpoint": "generator_gemma"}]}
    assert GENERATE_RESPONSES.config(settings(tmp_path, two, profile="paper"))
    without_base = {**two, "base_model": {"max_instructions": 0}}
    with pytest.raises(ConfigError, match=r"come from 2 \(gemma, llama\): add generators of 1 more"):
        GENERATE_RESPONSES.config(settings(tmp_path, without_base, profile="paper"))
    two_declared = {name: where for name, where in ENDPOINTS.items() if name != "generator_gemma"}
    with pytest.raises(ConfigError, match="endpoint 'generator_gemma' is not declared"):
        GENERATE_RESPONSES.config(settings(tmp_path, profile="paper", endpoints=two_declared))


def test_the_base_model_is_off_locally_and_reads_nothing_then(tmp_path: Path) -> None:
    config = BASE_RESPONSES.config(settings(tmp_path))
    assert config["max_instructions"] == 0
    assert BASE_RESPONSES.used_inputs(config) == {}


def test_the_users_section_switches_the_base_model_on(tmp_path: Path) -> None:
    chosen = {"splits": ["validation"], "enough": 2, "base_model": {"max_instructions": 7, "samples": 3}}
    config = BASE_RESPONSES.config(settings(tmp_path, chosen))
    assert (config["max_instructions"], config["samples"], config["model_name"]) == (7, 3, "base")
    assert (config["splits"], config["enough"]) == (["validation"], 2)
    assert set(BASE_RESPONSES.used_inputs(config)) == set(BASE_RESPONSES.inputs)
    with pytest.raises(ConfigError, match="responses: base_model: instructions: unknown key"):
        BASE_RESPONSES.config(settings(tmp_path, {"base_model": {"instructions": 7}}))
