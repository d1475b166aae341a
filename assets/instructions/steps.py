"""Ingestion as a step: sources → their records → raw tables.

What belongs here: what ingestion depends on (the sources' content, not where they lie) and which asset each table is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.ingest import combine, prepare_source_records
from assets.instructions.project_file import personal_data_config
from assets.instructions.source_records import ARTIFACT, SourceWork
from assets.instructions.sources.base import SourceError
from assets.instructions.sources.registry import Source, resolve_sources
from assets.steps import Metadata, Settings, Step, StepRun
from training.manifests import ArtifactRef
from training.storage import Store

# Asset → raw table. What is published gets company before it becomes raw_criteria, raw_responses or raw_verdicts: see the
# steps of rubrics, responses and verdicts.
TABLE_OF = {
    "raw_instructions": "raw_instructions",
    "instruction_pins": "instruction_pins",
    "published_criteria": "raw_criteria",
    "fragments": "fragments",
    "annotations": "annotations",
    "published_responses": "raw_responses",
    "published_verdicts": "raw_verdicts",
    "raw_quarantine": "raw_quarantine",
    "source_facts": "source_facts",
    "source_counts": "source_counts",
}
# What the records of a source depend on is in their keys, which the config names.
_CODE = tuple(f"assets/instructions/{name}.py" for name in ("ingest", "steps", "tables"))


def source_works(settings: Settings) -> list[SourceWork]:
    """The chosen sources in name order, each with the digest of its content now.

    Raises:
        SourceError, ConfigError: a source or the user's file cannot be used.
    """
    sources = resolve_sources(list(settings.sources), declared=settings.config)
    return [source_work(settings, source) for source in sorted(sources, key=lambda source: source.name)]


def source_work(settings: Settings, source: Source) -> SourceWork:
    """One source with the digest of its content now.

    Raises:
        SourceError, ConfigError: as `source_works`.
    """
    return SourceWork(
        source=source,
        content_digest=source.content_digest(settings.home / "source_digests.json"),
        personal_data=personal_data_config(settings.config),
    )


def _ingest_config(settings: Settings) -> dict[str, Any]:
    works = source_works(settings)
    return {"sources": {work.source.name: {"content": work.content_digest, "records": work.key} for work in works}}


def _prepare(settings: Settings, store: Store, config: Mapping[str, Any], run_id: str) -> dict[str, ArtifactRef]:
    works = source_works(settings)
    changed = [work.source.name for work in works if work.key != config["sources"][work.source.name]["records"]]
    if changed:
        raise SourceError(f"source {changed[0]}: its content changed while the run was planned; run again")
    return prepare_source_records(store, works, run_id)


def _ingest(run: StepRun) -> dict[str, Metadata]:
    metadata: dict[str, Metadata] = {asset: {"sources": ", ".join(sorted(run.prepared))} for asset in TABLE_OF}
    with TemporaryDirectory(dir=run.outputs["raw_instructions"].parent) as folder:
        rows = combine(run.prepared, Path(folder))
        for asset, table in TABLE_OF.items():
            (Path(folder) / f"{table}.parquet").rename(run.outputs[asset] / f"{asset}.parquet")
            metadata[asset]["rows"] = rows[table]
    counts = pq.read_table(run.outputs["source_counts"] / "source_counts.parquet").to_pylist()
    for row in counts:
        about = "source_facts" if row["outcome"] == "personal_data" else "raw_quarantine"
        metadata[about][" ".join(filter(None, (row["outcome"], row["source"], row["kind"], row["reason"])))] = row["n"]
    facts = pq.read_table(run.outputs["source_facts"] / "source_facts.parquet").to_pylist()
    metadata["annotations"]["labels_replaced"] = sum(row["labels_replaced"] for row in facts)
    for row in facts:
        use = "commercial use allowed" if row["commercial_use"] else "not for commercial use"
        metadata["source_facts"][f"licence {row['source']}"] = f"{row['licence']}, {use}"
    return metadata


INGEST = Step(
    name="ingest",
    outputs=tuple(TABLE_OF),
    inputs={},
    group="instructions",
    groups={"published_criteria": "rubrics", "published_responses": "responses", "fragments": "responses"}
    | {"published_verdicts": "verdicts", "annotations": "verdicts"},
    config=_ingest_config,
    prepares=ARTIFACT,
    prepare=_prepare,
    run=_ingest,
    sources=_CODE,
    libraries=("pyarrow", "duckdb", "PyYAML"),
    seconds=5,
    descriptions={
        "raw_instructions": "Every accepted instruction of every source, with its licence and source row.",
        "instruction_pins": "What a source says of its instructions: which belong together, and the split it pins them to.",
        "published_criteria": "Every criterion as its source gives it; dbt quarantines rubrics whose weights are wrong.",
        "fragments": "Sentences of the embedded corpus that responses are composed of.",
        "annotations": "The labels of single annotators, kept for figures of agreement.",
        "published_responses": "Answers that came with a source.",
        "published_verdicts": "Verdicts that came with a source.",
        "raw_quarantine": "Input records that could not be used, each with its reason: read = accepted + quarantined.",
        "source_facts": "Licence, commercial use, provider terms, citation, home and content digest of every source.",
        "source_counts": "Records read, accepted and quarantined by source, kind and reason, and texts with personal data.",
    },
    kinds=("python", "parquet"),
)
