"""The steps difficulty, taxonomy and curation, each run on small artifacts, one after the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.instructions.curation_config import curation_config
from assets.instructions.curation_steps import CURATION, DIFFICULTY, TAXONOMY
from assets.steps import Settings, Step, StepRun
from tests.fixtures.fault_server import fault_server
from training.config import ConfigError
from training.stages import ROOT

CASE = "A 67-year-old man with a history of heart failure for the past 3 weeks takes 500 mg. What is the most likely diagnosis?"
# id, source, text, own specialty, own difficulty, source_label
ROWS = [
    ("a", "plain", CASE, None, None, None),
    ("b", "plain", CASE.lower(), None, None, None),
    ("c", "plain", "Hi", None, None, None),
    ("d", "plain", "How is gout treated?", None, 9.5, "Rheumatology"),
    ("e", "rubrics", "Contraception after birth", "gynaecology", None, None),
]


def write(folder: Path, asset: str, table: pa.Table) -> None:
    (folder / asset).mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / asset / f"{asset}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The artifacts that the three steps read, under their assets' names."""
    ids, sources, texts, specialties, difficulties, labels = zip(*ROWS, strict=True)
    strings = pa.string()
    instructions = {
        "instruction_id": pa.array(ids, strings),
        "source": pa.array(sources, strings),
        "text": pa.array(texts, strings),
        "category": pa.nulls(len(ids), strings),
        "specialty": pa.array(specialties, strings),
        "difficulty": pa.array(difficulties, pa.float64()),
        "source_label": pa.array(labels, strings),
    }
    write(tmp_path, "raw_instructions", pa.table(instructions))
    write(tmp_path, "instruction_pins", pa.table({"instruction_id": ids, "split": pa.nulls(len(ids), strings)}))
    clusters = {
        "instruction_id": ids,
        "cluster_id": ["1", "1", "2", "3", "4"],
        "representative_id": ["a", "a", "c", "d", "e"],
        "similarity": [1.0] * 5,
        "merged_by": pa.array([None, "exact", None, None, None], strings),
    }
    write(tmp_path, "instruction_clusters", pa.table(clusters))
    write(tmp_path, "source_facts", pa.table({"source": ["plain", "rubrics"], "brings_rubrics": [False, True]}))
    return tmp_path


def run(step: Step, folder: Path, config: Path | None = None) -> dict[str, Any]:
    """Runs a step over the folder, its outputs beside its inputs; returns the metadata of its one output."""
    settings = Settings(profile="smoke", sources=("plain", "rubrics"), home=folder / "home", config=config)
    values = step.config(settings)
    assert values == json.loads(json.dumps(values)), "a skip key needs plain values"
    inputs = {role: folder / asset for role, asset in step.used_inputs(values).items()}
    outputs = {asset: folder / asset for asset in step.outputs}
    for path in outputs.values():
        path.mkdir()
    assert step.run is not None
    made = step.run(StepRun(settings=settings, config=values, inputs=inputs, outputs=outputs, refs={}, previous=None))
    (output,) = step.outputs
    return made[output]


def text_embedding(folder: Path) -> None:
    """A hashed embedding: random directions, a text is the sum of its words'."""
    pytest.importorskip("assets.instructions.embedding", reason="the embedding of texts is another part's")
    from safetensors.numpy import save_file

    path = folder / "text_embedding"
    path.mkdir()
    facts = {"kind": "hashed", "model": "hashed", "hashed": {"buckets": 512, "shortest": 3, "longest": 4, "ngram_weight": 0.3}}
    (path / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    vectors = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)
    save_file({"vectors": vectors}, path / "vectors.safetensors")


def rows_of(folder: Path, asset: str) -> dict[str, dict[str, Any]]:
    return {row["instruction_id"]: row for row in pq.read_table(folder / asset / f"{asset}.parquet").to_pylist()}


def test_the_three_steps_on_small_tables(folder: Path) -> None:
    text_embedding(folder)
    scored = run(DIFFICULTY, folder)
    assert scored == {"scored by source": 1, "scored by lexical-v1": 4, "scored by unknown": 0}
    classified = run(TAXONOMY, folder)
    assert classified["rows"] == 5
    taxonomy = rows_of(folder, "instruction_taxonomy")
    assert (taxonomy["d"]["category"], taxonomy["d"]["specialty"]) == ("treatment", "rheumatology")
    assert {row["classifier"] for row in taxonomy.values()} == {"prototypes-v1"}
    accuracy = json.loads((folder / "instruction_taxonomy" / "accuracy.json").read_text(encoding="utf-8"))
    # Only "e" is labelled: "Rheumatology" is no label that a hand decided on.
    assert [(row["what"], row["group"], row["n"]) for row in accuracy] == [("specialty", "rubrics", 1)]
    curated = run(CURATION, folder)
    assert curated == {"rows": 5, "kept": 2, "excluded duplicate": 1, "excluded too_easy": 1, "excluded too_hard": 1}
    rows = rows_of(folder, "curated_instructions")
    assert {key: row["excluded_because"] for key, row in rows.items()} == {
        "a": None,
        "b": "duplicate",
        "c": "too_easy",
        "d": "too_hard",
        "e": None,
    }
    assert (rows["b"]["representative_id"], rows["b"]["merged_by"]) == ("a", "exact")
    assert (rows["e"]["specialty"], rows["e"]["specialty_by"]) == ("obstetrics_and_gynaecology", "source")


def test_the_users_file_reaches_the_steps(folder: Path) -> None:
    config = folder / "own.yaml"
    config.write_text(
        "sources: {mine: {adapter: medqa}}\n"
        "endpoints: {judge: {base_url: 'http://127.0.0.1:9/v1', model: m, price_input: 3}}\n"
        "curation:\n  band: {low: 0, unknown: keep}\n  difficulty: {scorers: [source]}\n"
        "  taxonomy: {classifier: endpoint, endpoint: judge}\n",
        encoding="utf-8",
    )
    assert run(DIFFICULTY, folder, config) == {"scored by source": 1, "scored by unknown": 4}
    settings = Settings(profile="smoke", sources=("plain",), home=folder, config=config)
    assert CURATION.config(settings) == {"low": 0.0, "high": 9.0, "unknown": "keep"}
    # What a reply depends on, and neither the endpoint's address nor its price nor its name here.
    assert TAXONOMY.config(settings)["endpoint"] == {"model": "m", "structured": "json_schema"}
    # With an endpoint nothing is embedded, and a new embedding makes nothing stale.
    assert TAXONOMY.used_inputs(TAXONOMY.config(settings)) == {"raw_instructions": "raw_instructions"}


def test_the_steps_ask_the_declared_endpoint_and_pay_once(folder: Path) -> None:
    config = folder / "own.yaml"
    said = '{"category": "treatment", "specialty": "rheumatology"}'
    with fault_server(folder / "server", [{"when": "Reply with the integer", "reply": "6"}, {"reply": said}]) as server:
        config.write_text(
            f"endpoints: {{judge: {{base_url: '{server.base_url}', model: m}}}}\n"
            "curation:\n  difficulty: {scorers: [source, endpoint], endpoint: judge}\n"
            "  taxonomy: {classifier: endpoint, endpoint: judge}\n",
            encoding="utf-8",
        )
        for _ in range(2):
            assert run(DIFFICULTY, folder, config) == {
                "scored by source": 1,
                "scored by endpoint:m": 4,
                "scored by unknown": 0,
            }
            assert run(TAXONOMY, folder, config)["replies answered"] == 5
            for asset in ("instruction_difficulty", "instruction_taxonomy"):
                shutil.rmtree(folder / asset)
        # Four that the source left open, and five to classify; the second time all are replayed.
        assert len(server.received()) == 9


def test_calls_without_a_reply_leave_the_steps_unfinished(folder: Path) -> None:
    config = folder / "own.yaml"
    with fault_server(folder / "server", [{"when": "gout", "status": 503}, {"reply": "null"}]) as server:
        config.write_text(
            f"endpoints: {{judge: {{base_url: '{server.base_url}', model: m, attempts: 1}}}}\n"
            "calls: {failures_allowed: 0.5}\n"
            "curation:\n  difficulty: {scorers: [endpoint], endpoint: judge}\n"
            "  taxonomy: {classifier: endpoint, endpoint: judge}\n",
            encoding="utf-8",
        )
        assert [run(step, folder, config)["unfinished"] for step in (DIFFICULTY, TAXONOMY)] == [1, 1]


def test_a_file_that_changed_since_the_run_was_planned_asks_nobody(folder: Path) -> None:
    config = folder / "own.yaml"
    text = "endpoints: {judge: {base_url: 'http://127.0.0.1:9/v1', model: MODEL}}\n"
    text += "curation: {difficulty: {scorers: [endpoint], endpoint: judge}}\n"
    config.write_text(text, encoding="utf-8")
    settings = Settings(profile="smoke", sources=("plain",), home=folder, config=config)
    planned = DIFFICULTY.config(settings)
    config.write_text(text.replace("MODEL", "other"), encoding="utf-8")
    work = StepRun(settings=settings, config=planned, inputs={}, outputs={}, refs={}, previous=None)
    assert DIFFICULTY.run is not None
    with pytest.raises(ConfigError, match="changed while the run was planned"):
        DIFFICULTY.run(work)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curation: {bend: {low: 1}}", "curation: bend: unknown key; allowed: band, difficulty, taxonomy"),
        ("curation: {band: {low: 11}}", "curation: band.low: "),
        ("curation: [1]", "curation must map names to their values"),
        ("curation: {difficulty: {scorers: [endpoint]}}", "give both or none"),
    ],
)
def test_a_wrong_section_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        curation_config(path)
    assert message in str(raised.value) and str(path) in str(raised.value)


def test_without_a_section_the_defaults_hold(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("curation:\n", encoding="utf-8")
    assert curation_config(path) == curation_config(None)


@pytest.mark.parametrize("step", [DIFFICULTY, TAXONOMY, CURATION])
def test_what_a_step_depends_on_exists(step: Step) -> None:
    missing = [source for source in step.sources if not (ROOT / source).exists()]
    assert missing in ([], ["assets/instructions/embedding.py"])
