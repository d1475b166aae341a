"""The base model's candidates, sampled from a random model of a few thousand parameters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.fixtures.candidate_tables import raw_tables
from training.base_model.config import BaseModelConfig
from training.base_model.stage import run as make_base_model
from training.config import CONFIG_DIR, PROFILES, ConfigError, load_config, parse_config, read_yaml
from training.errors import StageRefusal
from training.generation.candidate_config import CandidateGenerationConfig
from training.generation.candidate_stage import FILE, run
from training.generation.samples import SCHEMA
from training.records import content_id

SPLITS = {f"i{n}": "rm_train" for n in range(5)} | {"p": "policy_train"}
SMOKE = load_config(CandidateGenerationConfig, stage="candidate_generation", profile="smoke")


def config(**changes: Any) -> CandidateGenerationConfig:
    return CandidateGenerationConfig(**{**SMOKE.model_dump(), "max_instructions": None, **changes})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    tables = raw_tables(folder, SPLITS)
    shape = read_yaml(CONFIG_DIR / "base_model" / "smoke.yaml")
    shape["random"] |= {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "layers": 2, "max_positions": 128}
    base = folder / "base_model"
    base.mkdir()
    make_base_model(config=BaseModelConfig(**shape), inputs=tables, output=base)
    return {"base_model": base, **tables}


def rows_of(
    inputs: Mapping[str, Path], folder: Path, chosen: CandidateGenerationConfig
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder.mkdir(exist_ok=True)
    metadata = run(config=chosen, inputs=dict(inputs), output=folder)
    table = pq.read_table(folder / FILE)
    assert table.schema == SCHEMA
    return metadata, table.to_pylist()


def test_every_eligible_instruction_is_sampled_with_other_seeds_each_time(inputs: dict[str, Path], tmp_path: Path) -> None:
    metadata, rows = rows_of(inputs, tmp_path, config(samples=2))
    assert metadata["instructions"] == metadata["instructions_available"] == 5
    assert metadata["asked"] == 10 == len(rows) + metadata["repeated"]
    assert {row["instruction_id"] for row in rows} == {f"i{n}" for n in range(5)}
    assert [row["response_id"] for row in rows] == sorted(row["response_id"] for row in rows)
    # A random model cut after twelve tokens never says the same twice.
    assert sorted((row["instruction_id"], row["attempt"]) for row in rows) == [(f"i{n}", k) for n in range(5) for k in range(2)]
    assert len({row["text"] for row in rows}) == 10
    seeds = {row["attempt"]: json.loads(row["sampling"])["seed"] for row in rows}
    assert seeds[0] == 0 and seeds[1] > len(SPLITS)
    for row in rows:
        assert (row["model"], row["family"]) == ("base", "qwen3")
        if row["text"]:
            assert row["response_id"] == content_id("response", row["instruction_id"], "base", row["text"])
        if row["finish"] == "length":
            assert (row["outcome"], row["tokens"]) == ("truncated", 12)
    assert {row["outcome"] for row in rows} >= {"truncated"}


def test_the_same_config_gives_the_same_bytes_and_another_seed_others(inputs: dict[str, Path], tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        rows_of(inputs, tmp_path / name, config(seed=seed))
    first, second, third = ((tmp_path / name / FILE).read_bytes() for name in ("a", "b", "c"))
    assert first == second != third


def test_a_limit_draws_some_of_the_eligible(inputs: dict[str, Path], tmp_path: Path) -> None:
    metadata, rows = rows_of(inputs, tmp_path, config(max_instructions=2, samples=1))
    assert (metadata["instructions"], metadata["instructions_available"], len(rows)) == (2, 5, 2)


def test_greedy_sampling_gives_one_answer_per_instruction(inputs: dict[str, Path], tmp_path: Path) -> None:
    _, rows = rows_of(inputs, tmp_path, config(samples=1, temperature=0.0, max_instructions=1))
    assert [row["attempt"] for row in rows] == [0]


def test_a_prompt_beyond_the_context_is_recorded_and_stops_nobody_else(inputs: dict[str, Path], tmp_path: Path) -> None:
    long = tmp_path / "long"
    tables = raw_tables(long, {"i0": "rm_train", "long " * 60: "rm_train"})
    metadata, rows = rows_of({**inputs, **tables}, tmp_path / "out", config(samples=2))
    assert metadata["outcome too_long"] == 2
    found = {(row["instruction_id"] == "i0", row["outcome"] == "too_long", row["attempt"]) for row in rows}
    assert found == {(True, False, 0), (True, False, 1), (False, True, 0), (False, True, 1)}
    assert {(row["text"], row["finish"], row["tokens"]) for row in rows if row["outcome"] == "too_long"} == {("", None, None)}


def test_a_base_model_of_another_family_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StageRefusal, match="the base model is a qwen3, not a llama; set family to it"):
        rows_of(inputs, tmp_path, config(family="llama"))


def test_switched_off_it_writes_an_empty_table_without_inputs_or_model_library(tmp_path: Path) -> None:
    assert (SMOKE.uses_inputs, config().uses_inputs[0]) == ((), "base_model")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from training.config import load_config\n"
        "from training.generation.candidate_config import CandidateGenerationConfig as C\n"
        "from training.generation.candidate_stage import run\n"
        "run(config=load_config(C, stage='candidate_generation', profile='local'), inputs={}, output=Path(sys.argv[1]))\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    table = pq.read_table(tmp_path / FILE)
    assert (table.num_rows, table.schema) == (0, SCHEMA)


def test_nothing_eligible_loads_no_model(inputs: dict[str, Path], tmp_path: Path) -> None:
    metadata, rows = rows_of({**inputs, "base_model": tmp_path / "absent"}, tmp_path / "out", config(splits=["benchmark"]))
    assert (metadata["instructions_available"], metadata["asked"], rows) == (0, 0, [])


def test_profiles_have_the_same_keys() -> None:
    for profile in PROFILES:
        assert set(read_yaml(CONFIG_DIR / "candidate_generation" / f"{profile}.yaml")) == set(
            CandidateGenerationConfig.model_fields
        )
        load_config(CandidateGenerationConfig, stage="candidate_generation", profile=profile)


def test_greedy_samples_that_would_all_be_the_same_are_refused() -> None:
    with pytest.raises(ConfigError, match="x: samples above 1 need a temperature above 0"):
        parse_config(CandidateGenerationConfig, {**SMOKE.model_dump(), "temperature": 0}, where="x")
