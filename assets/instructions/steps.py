"""Ingestion and splits as steps: sources → raw tables, clusters → splits.

What belongs here: what ingestion depends on (the sources' content, not where they lie) and which asset each table is.
"""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from assets.instructions.config import SplitConfig
from assets.instructions.ingest import fingerprint, ingest, split_rows
from assets.instructions.sources.registry import parse_sources
from assets.instructions.tables import write_table
from assets.steps import Metadata, Settings, Step, StepRun

# Asset → raw table. Published answers get company before they become raw_responses: see responses/steps.py.
TABLE_OF = {
    "raw_instructions": "raw_instructions",
    "instruction_pins": "instruction_pins",
    "raw_criteria": "raw_criteria",
    "fragments": "fragments",
    "annotations": "annotations",
    "published_responses": "raw_responses",
    "published_verdicts": "raw_verdicts",
    "raw_quarantine": "raw_quarantine",
}
_CODE = ("assets/instructions", "assets/corpus", "assets/rubrics", "training/records.py", "training/benchmark/baselines.py")


def _ingest_config(settings: Settings) -> dict[str, Any]:
    sources = parse_sources(list(settings.sources))
    return {"sources": {source.name: fingerprint(source) for source in sorted(sources, key=lambda source: source.name)}}


def _ingest(run: StepRun) -> dict[str, Metadata]:
    raw = ingest(parse_sources(list(run.settings.sources)))
    metadata: dict[str, Metadata] = {}
    for asset, table in TABLE_OF.items():
        rows = raw.tables[table]
        folder = run.outputs[asset]
        write_table(table, rows, folder).rename(folder / f"{asset}.parquet")
        metadata[asset] = {"rows": len(rows), "sources": ", ".join(sorted(run.config["sources"]))}
    for counts, what in ((raw.read, "read"), (raw.accepted, "accepted"), (raw.quarantined, "quarantined")):
        for (source, kind), number in counts.items():
            metadata["raw_quarantine"][f"{what} {source} {kind}"] = number
    metadata["annotations"]["labels_replaced"] = raw.labels_replaced
    return metadata


def _split(run: StepRun) -> dict[str, Metadata]:
    pins = pq.read_table(run.inputs["instruction_pins"] / "instruction_pins.parquet").to_pylist()
    rows = split_rows(pins, config=SplitConfig(**run.config), previous=_previous_splits(run))
    write_table("instruction_splits", rows, run.outputs["instruction_splits"])
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["split"])] = counts.get(str(row["split"]), 0) + 1
    return {"instruction_splits": {f"split {split}": number for split, number in sorted(counts.items())}}


def _previous_splits(run: StepRun) -> dict[str, str]:
    # What stood before the run keeps an instruction where it was; it is no input, since it is what this step makes.
    folder = run.previous.get("instruction_splits")
    if folder is None:
        return {}
    return {row["instruction_id"]: row["split"] for row in pq.read_table(folder / "instruction_splits.parquet").to_pylist()}


INGEST = Step(
    name="ingest",
    outputs=tuple(TABLE_OF),
    inputs={},
    group="instructions",
    groups={"raw_criteria": "rubrics", "published_responses": "responses", "fragments": "responses"}
    | {"published_verdicts": "verdicts", "annotations": "verdicts"},
    config=_ingest_config,
    run=_ingest,
    sources=_CODE,
    libraries=("pyarrow", "PyYAML"),
    seconds=5,
    descriptions={
        "raw_instructions": "Every accepted instruction of every source, with its licence and source row.",
        "instruction_pins": "The near-duplicate cluster of every instruction, and the split its source pins it to.",
        "raw_criteria": "Every criterion as its source gives it; dbt quarantines rubrics whose weights are wrong.",
        "fragments": "Sentences of the embedded corpus that responses are composed of.",
        "annotations": "The labels of single annotators, kept for figures of agreement.",
        "published_responses": "Answers that came with a source.",
        "published_verdicts": "Verdicts that came with a source.",
        "raw_quarantine": "Input records that could not be used, each with its reason: read = accepted + quarantined.",
    },
    kinds=("python", "parquet"),
)
SPLITS = Step(
    name="instruction_splits",
    outputs=("instruction_splits",),
    inputs={"instruction_pins": "instruction_pins"},
    group="instructions",
    config=lambda settings: SplitConfig().model_dump(),
    run=_split,
    uses_previous=True,
    sources=_CODE,
    libraries=("pyarrow", "PyYAML"),
    seconds=1,
    descriptions={"instruction_splits": "The split of every instruction: by cluster, pinned or drawn, sticky over refreshes."},
    kinds=("python", "parquet"),
)
