"""Ingestion: sources → rows of the raw tables, near-duplicates named, nothing lost.

What belongs here: putting the sources' records together. What does not: a source's format, drawing splits, writing files.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assets.instructions.clusters import cluster_instructions
from assets.instructions.config import SplitConfig
from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.sources.registry import Source
from assets.instructions.splits import ClusterMember, assign_splits
from assets.instructions.tables import SCHEMAS


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTables:
    """Rows by table, and the counts of records by (source, kind) for the report."""

    tables: dict[str, list[dict[str, Any]]]
    read: dict[tuple[str, str], int]
    accepted: dict[tuple[str, str], int]
    quarantined: dict[tuple[str, str], int]
    labels_replaced: int


def ingest(sources: Sequence[Source]) -> RawTables:
    """Reads all sources; deterministic in their content, whatever the order they are named in.

    Raises:
        SourceError: a source without a usable file, or one that is named twice.
        AssertionError: a source for which read = accepted + quarantined does not hold.
    """
    if len({source.name for source in sources}) != len(sources):
        raise SourceError("a source is named twice; name each once")
    return combine([source.adapter.read(source.uri) for source in sorted(sources, key=lambda item: item.name)])


def combine(read: Sequence[SourceRecords]) -> RawTables:
    """Makes raw tables of what the adapters read.

    Raises:
        AssertionError: as `ingest`.
    """
    for records in read:
        records.check_nothing_lost()
    instructions = [item for records in read for item in records.instructions]
    clustering = cluster_instructions(instructions)
    rows: dict[str, list[dict[str, Any]]] = {
        "raw_instructions": [
            {**_columns("raw_instructions", asdict(item)), "duplicate_of": clustering.duplicate_of.get(item.instruction_id)}
            for item in instructions
        ],
        "instruction_pins": [
            {
                "instruction_id": item.instruction_id,
                "cluster_id": clustering.cluster_ids[item.instruction_id],
                "split": item.split,
            }
            for item in instructions
        ],
    }
    for table, attribute in (
        ("raw_criteria", "criteria"),
        ("raw_responses", "responses"),
        ("raw_verdicts", "verdicts"),
        ("raw_quarantine", "quarantined"),
        ("fragments", "fragments"),
        ("annotations", "annotations"),
    ):
        rows[table] = [_columns(table, asdict(item)) for records in read for item in getattr(records, attribute)]
    return RawTables(
        tables=rows,
        read=_by_kind((records.source, records.read) for records in read),
        accepted=_by_kind((records.source, records.accepted) for records in read),
        quarantined=_by_kind((records.source, Counter(item.kind for item in records.quarantined)) for records in read),
        labels_replaced=sum(records.labels_replaced for records in read),
    )


def split_rows(
    pins: Sequence[Mapping[str, Any]], *, config: SplitConfig, previous: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Rows of `instruction_splits` from rows of `instruction_pins`; see `splits.py`."""
    splits = assign_splits([ClusterMember(**pin) for pin in pins], config=config, previous=previous)
    return [
        {"instruction_id": pin["instruction_id"], "cluster_id": pin["cluster_id"], "split": splits[pin["instruction_id"]]}
        for pin in pins
    ]


def fingerprint(source: Source) -> str:
    """sha256 over names and bytes of the files a source reads: equal means that it need not be read again.

    Raises:
        SourceError: a file vanished or cannot be read.
    """
    digest = hashlib.sha256(source.name.encode())
    for path in source.adapter.files(source.uri):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SourceError(f"source {source.name}: {path} cannot be read: {error.strerror}") from error
        name = path.relative_to(source.uri).as_posix().encode()
        # Lengths stand in front, so that no other split into names and bytes gives the same stream.
        digest.update(f"{len(name)}:{len(content)}:".encode() + name + content)
    return digest.hexdigest()


def _columns(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in SCHEMAS[table].names}


def _by_kind(counts: Iterable[tuple[str, Counter[str]]]) -> dict[tuple[str, str], int]:
    return {(source, kind): number for source, counter in counts for kind, number in sorted(counter.items())}
