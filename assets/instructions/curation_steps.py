"""Difficulty, taxonomy and curation as steps: raw instructions and their clusters in, one decided row per instruction out.

What belongs here: which artifacts each step reads and writes, and what it depends on. The work is `difficulty.py`'s,
`taxonomy.py`'s and `curation.py`'s.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.endpoints.config import EndpointConfig
from assets.endpoints.desk import asker
from assets.endpoints.project import asking, endpoint_named
from assets.endpoints.unfinished import Counted
from assets.instructions.config import BandConfig
from assets.instructions.curation_config import curation_config
from assets.instructions.difficulty import make_scorers, score_difficulty
from assets.instructions.difficulty_agreement import agreement_with_sources
from assets.steps import Metadata, Settings, Step, StepRun
from training.config import ConfigError, StrictConfig

GROUP = "curation"
ACCURACY, AGREEMENT = "accuracy.json", "agreement.json"
_CONFIG = ("assets/instructions/curation_config.py", "assets/instructions/config.py", "assets/instructions/curation_steps.py")
_NAMES = ("assets/instructions/taxonomy_names.py", "dbt_project/seeds")
_TAXONOMY = ("taxonomy", "taxonomy_prototypes", "taxonomy_endpoint", "taxonomy_accuracy", "embedding")


def read_asset(run: StepRun, asset: str, columns: list[str] | None = None) -> pa.Table:
    """The table of an input whose role is its asset's name."""
    return pq.read_table(run.inputs[asset] / f"{asset}.parquet", columns=columns)


def _write(run: StepRun, asset: str, table: pa.Table) -> None:
    pq.write_table(table, run.outputs[asset] / f"{asset}.parquet", compression="zstd")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _resolved(settings: Settings, config: StrictConfig, endpoint: str | None) -> dict[str, Any]:
    """What counts for a skip key: of an endpoint what its replies depend on, neither its address nor its name in the file."""
    values = config.model_dump(mode="json")
    if endpoint is not None:
        values["endpoint"] = endpoint_named(settings.config, endpoint).identity
        values |= asking(settings.config)
    return values


def _whom(
    run: StepRun, config: StrictConfig, endpoint: str | None, *, purpose: str
) -> tuple[EndpointConfig | None, Counted | None]:
    """The endpoint of that name and how to ask it; neither without one.

    Raises:
        ConfigError: the user's file no longer says what the run was planned with.
    """
    if _resolved(run.settings, config, endpoint) != run.config:
        raise ConfigError("sections curation, endpoints and calls: they changed while the run was planned; run again")
    if endpoint is None:
        return None, None
    return endpoint_named(run.settings.config, endpoint), Counted(asker(run.settings, purpose=purpose))


def _difficulty(run: StepRun) -> dict[str, Metadata]:
    config = curation_config(run.settings.config).difficulty
    endpoint, ask = _whom(run, config, config.endpoint, purpose="difficulty")
    scorers = make_scorers(config, endpoint=endpoint, ask=ask)
    instructions = read_asset(run, "raw_instructions", ["instruction_id", "source", "text", "difficulty"])
    found = score_difficulty(instructions, scorers)
    _write(run, "instruction_difficulty", found.table)
    agreement = agreement_with_sources(instructions)
    _write_json(run.outputs["instruction_difficulty"] / AGREEMENT, agreement)
    metadata: Metadata = {f"scored by {name}": number for name, number in found.counts.items()}
    metadata |= {f"rank correlation {row['source']}": round(row["rho"], 3) for row in agreement if row["rho"] is not None}
    return {"instruction_difficulty": metadata | (ask.metadata if ask else {})}


def _taxonomy(run: StepRun) -> dict[str, Metadata]:
    from assets.instructions.taxonomy import classify
    from assets.instructions.taxonomy_accuracy import measure_accuracy
    from assets.instructions.taxonomy_names import load_source_labels, load_taxonomy

    config = curation_config(run.settings.config).taxonomy
    columns = ["instruction_id", "source", "text", "category", "specialty", "source_label"]
    instructions = read_asset(run, "raw_instructions", columns)
    names = load_taxonomy()
    embed = None
    if config.classifier == "prototypes":
        from assets.instructions.embedding import TextEmbedder

        embed = TextEmbedder.load(run.inputs["text_embedding"]).embed
    endpoint, ask = _whom(run, config, config.endpoint, purpose="taxonomy")
    found = classify(instructions, taxonomy=names, config=config, embed=embed, endpoint=endpoint, ask=ask)
    _write(run, "instruction_taxonomy", found.table)
    accuracy = measure_accuracy(instructions, found.table, taxonomy=names, labels=load_source_labels())
    _write_json(run.outputs["instruction_taxonomy"] / ACCURACY, accuracy)
    metadata: Metadata = {"rows": found.table.num_rows, **{f"replies {key}": n for key, n in sorted(found.outcomes.items())}}
    for what in ("category", "specialty"):
        metadata[f"{what} unknown"] = found.table.column(what).null_count
    for row in accuracy:
        if row["half"] == "held out" and row["accuracy"] is not None:
            metadata[f"accuracy {row['what']} {row['group']}"] = round(row["accuracy"], 3)
    return {"instruction_taxonomy": metadata | (ask.metadata if ask else {})}


def _curate(run: StepRun) -> dict[str, Metadata]:
    from assets.instructions.curation import curate
    from assets.instructions.taxonomy_names import load_taxonomy

    facts = read_asset(run, "source_facts", ["source", "brings_rubrics"]).to_pylist()
    rows = curate(
        instructions=read_asset(run, "raw_instructions", ["instruction_id", "source", "category", "specialty"]),
        pins=read_asset(run, "instruction_pins", ["instruction_id", "split"]),
        clusters=read_asset(run, "instruction_clusters"),
        difficulty=read_asset(run, "instruction_difficulty"),
        taxonomy=read_asset(run, "instruction_taxonomy"),
        names=load_taxonomy(),
        exempt=[fact["source"] for fact in facts if fact["brings_rubrics"]],
        band=BandConfig.model_validate(run.config),
    )
    _write(run, "curated_instructions", rows)
    why = Counter({value["values"]: value["counts"] for value in pc.value_counts(rows["excluded_because"]).to_pylist()})
    kept = why.pop(None, 0)
    return {
        "curated_instructions": {"rows": rows.num_rows, "kept": kept, **{f"excluded {k}": n for k, n in sorted(why.items())}}
    }


def _taxonomy_inputs(config: Any) -> tuple[str, ...]:
    return ("raw_instructions", "text_embedding") if config["classifier"] == "prototypes" else ("raw_instructions",)


def _difficulty_config(settings: Settings) -> dict[str, Any]:
    config = curation_config(settings.config).difficulty
    return _resolved(settings, config, config.endpoint)


def _taxonomy_config(settings: Settings) -> dict[str, Any]:
    config = curation_config(settings.config).taxonomy
    return _resolved(settings, config, config.endpoint)


DIFFICULTY = Step(
    name="difficulty",
    outputs=("instruction_difficulty",),
    inputs={"raw_instructions": "raw_instructions"},
    group=GROUP,
    config=_difficulty_config,
    run=_difficulty,
    sources=(
        *_CONFIG,
        "assets/endpoints",
        *(
            f"assets/instructions/{name}.py"
            for name in ("difficulty", "difficulty_agreement", "difficulty_local", "difficulty_endpoint")
        ),
    ),
    libraries=("pyarrow", "numpy", "scipy", "openai", "httpx2"),
    seconds=2,
    descriptions={
        "instruction_difficulty": "Difficulty, 0 to 10, of every instruction and who scored it; null where nobody could."
    },
    kinds=("python", "parquet"),
)
TAXONOMY = Step(
    name="taxonomy",
    outputs=("instruction_taxonomy",),
    inputs={"raw_instructions": "raw_instructions", "text_embedding": "text_embedding"},
    group=GROUP,
    config=_taxonomy_config,
    run=_taxonomy,
    used=_taxonomy_inputs,
    sources=(
        *_CONFIG,
        "assets/endpoints",
        *_NAMES,
        *(f"assets/instructions/{name}.py" for name in _TAXONOMY),
        "training/benchmark/baselines.py",
    ),
    libraries=("pyarrow", "numpy", "scipy", "tokenizers", "safetensors", "openai", "httpx2"),
    seconds=5,
    descriptions={
        "instruction_taxonomy": "Category and specialty of every instruction by the classifier, null where it is unsure, and"
        " its accuracy on labelled rows."
    },
    kinds=("python", "parquet"),
)
CURATION = Step(
    name="curation",
    outputs=("curated_instructions",),
    inputs={
        asset: asset
        for asset in (
            "raw_instructions",
            "instruction_pins",
            "instruction_clusters",
            "instruction_difficulty",
            "instruction_taxonomy",
            "source_facts",
        )
    },
    group=GROUP,
    config=lambda settings: curation_config(settings.config).band.model_dump(mode="json"),
    run=_curate,
    sources=(*_CONFIG, *_NAMES, "assets/instructions/curation.py", "training/records.py"),
    libraries=("duckdb", "pyarrow"),
    seconds=2,
    descriptions={"curated_instructions": "One row per raw instruction: kept, or why not; its labels and what it merged into."},
    kinds=("duckdb", "parquet"),
)
