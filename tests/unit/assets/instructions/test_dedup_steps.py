"""The steps from raw instructions to the contamination check, on real files; the check through Dagster stops or lets pass."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.checks.definitions import contamination
from assets.instructions.dedup_steps import CONTAMINATION, DEDUPLICATE, SPLITS, TEXT_EMBEDDING
from assets.interfaces import ProjectResource
from assets.steps import Settings, Step, StepRun
from tests.unit.assets.instructions.embeddings import embedding_folder
from training.storage import Store

TEXTS = {
    "a": ("What is the treatment of gout?", "external"),
    "b": ("How is gout treated?", None),
    "c": ("How is croup treated?", None),
}


def settings(home: Path) -> Settings:
    return Settings(profile="smoke", sources=("corpus",), home=home)


def written(folder: Path, name: str, table: pa.Table) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{name}.parquet")
    return folder


def performed(step: Step, inputs: dict[str, Path], home: Path, previous: Path | None = None) -> tuple[Path, dict]:
    assert step.run is not None
    outputs = {name: home / name for name in step.outputs}
    for folder in outputs.values():
        folder.mkdir(parents=True)
    run = StepRun(
        settings=settings(home),
        config=step.config(settings(home)),
        inputs={role: inputs[asset] for role, asset in step.inputs.items()},
        outputs=outputs,
        refs={},
        previous=previous,
    )
    return outputs[step.outputs[0]], step.run(run)[step.outputs[0]]


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Path]:
    ids = list(TEXTS)
    instructions = pa.table({"instruction_id": ids, "source": ["s"] * 3, "text": [text for text, _ in TEXTS.values()]})
    pins = pa.table(
        {
            "instruction_id": ids,
            "cluster_key": pa.array([None] * 3, pa.string()),
            "split": pa.array([split for _, split in TEXTS.values()], pa.string()),
        }
    )
    return {
        "raw_instructions": written(tmp_path / "raw", "raw_instructions", instructions),
        "instruction_pins": written(tmp_path / "raw", "instruction_pins", pins),
        "text_embedding": embedding_folder("smoke"),
    }


def test_from_raw_instructions_to_splits(raw: dict[str, Path], tmp_path: Path) -> None:
    clusters, facts = performed(DEDUPLICATE, raw, tmp_path / "one")
    assert facts["merged semantic"] == 1 and facts["representatives"] == 2 and facts["largest cluster"] == 2
    assert facts["embedding"] == "hashed-words-and-ngrams"
    inputs = raw | {"instruction_clusters": clusters}
    splits, counts = performed(SPLITS, inputs, tmp_path / "two")
    found = {r["instruction_id"]: r["split"] for r in pq.read_table(splits / "instruction_splits.parquet").to_pylist()}
    assert found["a"] == found["b"] == "external"
    assert found["c"] != "external"
    assert counts["split external"] == 2
    # Sticky: what stood before decides for what no source pins.
    before = written(
        tmp_path / "before",
        "split_history",
        pa.table({"instruction_id": ["c", "gone"], "split": ["validation", "benchmark"]}),
    )
    again, _ = performed(SPLITS, inputs, tmp_path / "three", before)
    assert pq.read_table(again / "instruction_splits.parquet").to_pylist()[2]["split"] == "validation"
    history = {
        r["instruction_id"]: r["split"]
        for r in pq.read_table(again.parent / "split_history" / "split_history.parquet").to_pylist()
    }
    assert history == {"a": "external", "b": "external", "c": "validation", "gone": "benchmark"}


def test_configs_say_which_sources_bring_rubrics(tmp_path: Path) -> None:
    assert DEDUPLICATE.config(settings(tmp_path))["preferred"] == ["corpus"]
    assert TEXT_EMBEDDING.config(settings(tmp_path))["kind"] == "hashed"


def checked(raw: dict[str, Path], home: Path, *, kept: list[bool]) -> tuple[dg.AssetCheckEvaluation, dg.ExecuteInProcessResult]:
    """The check on artifacts in a store; splits are wrong on purpose: `b` trains although `a` is external."""
    store = Store(home / "store")
    ids = list(TEXTS)
    tables = {
        "curated_instructions": pa.table({"instruction_id": ids, "kept": kept}),
        "instruction_splits": pa.table({"instruction_id": ids, "split": ["external", "rm_train", "rm_train"]}),
        "raw_instructions": pq.read_table(raw["raw_instructions"] / "raw_instructions.parquet"),
    }
    instance = dg.DagsterInstance.ephemeral()
    for name in CONTAMINATION.inputs.values():
        with store.workspace() as folder:
            if name in tables:
                written(folder, name, tables[name])
            else:
                for path in raw[name].iterdir():
                    (folder / path.name).write_bytes(path.read_bytes())
            manifest = store.publish(
                name=name, folder=folder, skip_key=name, inputs={}, config={}, code_version="c", metadata={}
            )
        tags = {"dagster/data_version": manifest.digest}
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key=name, tags=tags))
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(name) for name in CONTAMINATION.inputs.values()],
        asset_checks=[contamination],
        resources={"project": ProjectResource(home=str(home), profile="smoke", sources=["corpus"])},
        jobs=[dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks())],
    )
    result = definitions.resolve_job_def("check").execute_in_process(instance=instance, raise_on_error=False)
    return result.get_asset_check_evaluations()[0], result


def test_the_check_names_a_planted_paraphrase_and_blocks(raw: dict[str, Path], tmp_path: Path) -> None:
    evaluation, _ = checked(raw, tmp_path, kept=[True, True, True])
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.asset_key == dg.AssetKey("curated_instructions")
    assert all(spec.blocking for spec in contamination.check_specs)
    (contact,) = evaluation.metadata["contacts"].value
    assert (contact["held_out_id"], contact["training_id"], contact["level"]) == ("a", "b", "semantic")
    assert evaluation.metadata["held_out"].value == 1 and evaluation.metadata["training"].value == 2


def test_what_was_not_kept_is_not_compared(raw: dict[str, Path], tmp_path: Path) -> None:
    evaluation, result = checked(raw, tmp_path, kept=[True, False, True])
    assert result.success
    assert evaluation.passed
    assert evaluation.metadata["training"].value == 1
