"""Text embedding, de-duplication, splits and the contamination check as steps.

What belongs here: which files a step reads and writes, its config, and what the UI shows of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.instructions.clusters import cluster_table
from assets.instructions.config import DedupConfig, SplitConfig
from assets.instructions.contamination import Member, find_contacts
from assets.instructions.embedding import TextEmbedder
from assets.instructions.sources.registry import resolve_sources
from assets.instructions.splits import split_table
from assets.reward_model.steps import stage_step
from assets.steps import Metadata, Settings, Step, StepRun
from training.records import HELD_OUT_SPLITS

CONTACTS, RESULTS = "contamination_contacts.parquet", "results.json"
_RULE = tuple(
    f"assets/instructions/{name}.py"
    for name in ("dedup_steps", "config", "embedding", "sameness", "terms", "guard_words", "phrasing")
) + (
    "assets/rubrics/statements.py",
    "assets/instructions/sources/base.py",
    "training/benchmark/baselines.py",
    "training/records.py",
)
_LIBRARIES = ("numpy", "pyarrow", "safetensors", "scipy", "tokenizers")


def _table(run_inputs: Mapping[str, Path], name: str, columns: list[str]) -> pa.Table:
    return pq.read_table(run_inputs[name] / f"{name}.parquet", columns=columns)


def _dedup_config(settings: Settings) -> dict[str, Any]:
    sources = resolve_sources(list(settings.sources), declared=settings.config)
    preferred = sorted(source.name for source in sources if source.adapter.brings_rubrics)
    return {"thresholds": DedupConfig().model_dump(), "preferred": preferred}


def _deduplicate(run: StepRun) -> dict[str, Metadata]:
    embedder = TextEmbedder.load(run.inputs["text_embedding"])
    rows = cluster_table(
        instructions=_table(run.inputs, "raw_instructions", ["instruction_id", "source", "text"]),
        pins=_table(run.inputs, "instruction_pins", ["instruction_id", "cluster_key", "split"]),
        embed=embedder.embed,
        threshold=DedupConfig(**run.config["thresholds"]).threshold(embedder.kind),
        preferred=run.config["preferred"],
    )
    pq.write_table(rows, run.outputs["instruction_clusters"] / "instruction_clusters.parquet", compression="zstd")
    merged = Counter(rows.column("merged_by").to_pylist())
    sizes = Counter(rows.column("cluster_id").to_pylist())
    return {
        "instruction_clusters": {
            "embedding": embedder.name,
            "representatives": merged[None],
            "merged exact": merged["exact"],
            "merged semantic": merged["semantic"],
            "clusters": len(sizes),
            "largest cluster": max(sizes.values(), default=0),
        }
    }


def _split(run: StepRun) -> dict[str, Metadata]:
    before = _split_history(run.previous)
    rows = split_table(
        clusters=_table(run.inputs, "instruction_clusters", ["instruction_id", "cluster_id"]),
        pins=_table(run.inputs, "instruction_pins", ["instruction_id", "split"]),
        config=SplitConfig(**run.config),
        previous=before,
    )
    pq.write_table(rows, run.outputs["instruction_splits"] / "instruction_splits.parquet", compression="zstd")
    # What is not among the sources now keeps its split for when it comes back.
    history = before | dict(_split_pairs(rows))
    told = pa.table({"instruction_id": sorted(history), "split": [history[key] for key in sorted(history)]})
    pq.write_table(told, run.outputs["split_history"] / "split_history.parquet", compression="zstd")
    counts = Counter(rows.column("split").to_pylist())
    return {
        "instruction_splits": {f"split {split}": number for split, number in sorted(counts.items())},
        "split_history": {"rows": len(history), "not among the sources now": len(history) - rows.num_rows},
    }


def _split_history(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {}
    return dict(_split_pairs(pq.read_table(folder / "split_history.parquet")))


def _split_pairs(rows: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(rows.column("instruction_id").to_pylist(), rows.column("split").to_pylist(), strict=True)


def check_contamination(inputs: Mapping[str, Path], config: Mapping[str, Any], folder: Path) -> Metadata:
    """Compares the kept instructions of all splits; writes `results.json` and the contacts as Parquet.

    Returns:
        The results: `passed` (no contact), how many instructions were compared, contacts by level.
    """
    embedder = TextEmbedder.load(inputs["text_embedding"])
    threshold = DedupConfig(**config["thresholds"]).threshold(embedder.kind)
    members = _kept_members(inputs)
    contacts = find_contacts(members, embed=embedder.embed, threshold=threshold)
    pq.write_table(contacts, folder / CONTACTS, compression="zstd")
    levels = Counter(contacts.column("level").to_pylist())
    held_out = sum(member.split in HELD_OUT_SPLITS for member in members)
    results: Metadata = {
        "passed": contacts.num_rows == 0,
        "held_out": held_out,
        "training": len(members) - held_out,
        "exact": levels["exact"],
        "semantic": levels["semantic"],
        "threshold": threshold,
        "embedding": embedder.name,
    }
    (folder / RESULTS).write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")
    return results


def _kept_members(inputs: Mapping[str, Path]) -> list[Member]:
    curated = _table(inputs, "curated_instructions", ["instruction_id", "kept"])
    kept = set(curated.filter(curated.column("kept")).column("instruction_id").to_pylist())
    split_of = dict(_split_pairs(_table(inputs, "instruction_splits", ["instruction_id", "split"])))
    rows = _table(inputs, "raw_instructions", ["instruction_id", "text"])
    return [
        Member(instruction_id=key, text=text, split=split_of[key])
        for key, text in zip(rows.column("instruction_id").to_pylist(), rows.column("text").to_pylist(), strict=True)
        if key in kept
    ]


def _contamination(run: StepRun) -> dict[str, Metadata]:
    folder = run.outputs["contamination_results"]
    return {"contamination_results": check_contamination(run.inputs, run.config, folder)}


TEXT_EMBEDDING = stage_step(
    "text_embedding",
    "text_embedding",
    inputs={},
    group="curation",
    seconds=20,
    description="Static vectors by which instructions are compared: a distilled sentence encoder, or hashed words (smoke).",
)
DEDUPLICATE = Step(
    name="deduplicate",
    outputs=("instruction_clusters",),
    inputs={name: name for name in ("raw_instructions", "instruction_pins", "text_embedding")},
    group="curation",
    config=_dedup_config,
    run=_deduplicate,
    sources=(*_RULE, "assets/instructions/clusters.py", "assets/instructions/similar_pairs.py"),
    libraries=_LIBRARIES,
    seconds=5,
    descriptions={
        "instruction_clusters": "For every instruction what it merges into, how similar they are, and its cluster for splits."
    },
    kinds=("python", "parquet"),
)
SPLITS = Step(
    name="instruction_splits",
    outputs=("instruction_splits", "split_history"),
    past="split_history",
    inputs={name: name for name in ("instruction_clusters", "instruction_pins")},
    group="curation",
    config=lambda settings: SplitConfig().model_dump(),
    run=_split,
    sources=(*(f"assets/instructions/{name}.py" for name in ("splits", "config", "dedup_steps")), "training/records.py"),
    libraries=("pyarrow", "numpy"),
    seconds=1,
    descriptions={
        "instruction_splits": "The split of every instruction: by cluster, pinned or drawn, sticky over refreshes.",
        "split_history": "The split of every instruction that any run has seen: what was held out once never trains.",
    },
    kinds=("python", "parquet"),
)
CONTAMINATION = Step(
    name="contamination",
    outputs=("contamination_results",),
    inputs={name: name for name in ("raw_instructions", "instruction_splits", "curated_instructions", "text_embedding")},
    checks=("curated_instructions",),
    check_name="contamination",
    group="curation",
    config=lambda settings: {"thresholds": DedupConfig().model_dump()},
    run=_contamination,
    sources=(*_RULE, "assets/instructions/contamination.py"),
    libraries=_LIBRARIES,
    seconds=3,
)
