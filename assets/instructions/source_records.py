"""One source's records as an artifact: a Parquet file per raw table, read once, and what was counted on the way.

What belongs here: streaming a source into a folder, publishing it, and the key by which it is found again: the source's
content, its adapter's keys, what is done with personal data, and the code. Where the source lies is no part of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.instructions.personal_data import PersonalDataConfig
from assets.instructions.personal_data_records import PersonalDataFound, screen_records
from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.sources.registry import Source
from assets.instructions.tables import SCHEMAS, TableWriter
from training.manifests import Manifest
from training.records import Split
from training.stages import skip_key, source_hash
from training.storage import Store

ARTIFACT = "source_records"
COUNTS = "counts.json"
CODE = (
    *("assets/instructions/sources", "assets/corpus", "assets/rubrics", "training/records.py"),
    *(f"assets/instructions/{name}.py" for name in ("source_records", "tables", "terms", "personal_data")),
    *(f"assets/instructions/personal_data_{name}.py" for name in ("lexicon", "names", "phones", "reach", "records", "spans")),
)
LIBRARIES = ("pyarrow", "ijson", "orjson", "defusedxml", "phonenumbers")
# Table → attribute of a batch that holds its rows.
TABLES = {
    "raw_instructions": "instructions",
    "instruction_pins": "instructions",
    "raw_criteria": "criteria",
    "raw_responses": "responses",
    "raw_verdicts": "verdicts",
    "raw_quarantine": "quarantined",
    "fragments": "fragments",
    "annotations": "annotations",
}


@dataclass(frozen=True, kw_only=True)
class SourceWork:
    """A source with the digest of its content now, and what is done with personal data in it."""

    source: Source
    content_digest: str
    personal_data: PersonalDataConfig

    @property
    def config(self) -> dict[str, Any]:
        """All that the records depend on beside content and code."""
        return {
            "adapter": self.source.adapter_name,
            "keys": self.source.keys(),
            "personal_data": self.personal_data.model_dump(mode="json"),
        }

    @property
    def key(self) -> str:
        """The skip key."""
        return skip_key(
            step=ARTIFACT, inputs={"content": self.content_digest}, config=self.config, sources=CODE, libraries=LIBRARIES
        )


class _Totals:
    """What all batches of a source come to."""

    def __init__(self, source: str) -> None:
        self._whole = SourceRecords(source=source)
        self._refused: Counter[tuple[str, str]] = Counter()

    def add(self, batch: SourceRecords) -> None:
        """Adds a batch's counts."""
        self._whole.read += batch.read
        # Not +=, which drops what a later batch takes back.
        self._whole.accepted.update(batch.accepted)
        self._whole.labels_replaced += batch.labels_replaced
        self._refused.update((item.kind, item.reason) for item in batch.quarantined)

    def counts(self, found: PersonalDataFound) -> list[dict[str, Any]]:
        """Rows of `source_counts`.

        Raises:
            AssertionError: read = accepted + quarantined does not hold for some kind of record.
        """
        refused: Counter[str] = Counter()
        for (kind, _), number in self._refused.items():
            refused[kind] += number
        for kind in {*self._whole.read, *self._whole.accepted, *refused}:
            if self._whole.read[kind] != self._whole.accepted[kind] + refused[kind]:
                raise AssertionError(
                    f"source {self._whole.source}: {self._whole.read[kind]} {kind} records read, but"
                    f" {self._whole.accepted[kind]} accepted and {refused[kind]} quarantined"
                )
        rows = [("read", kind, "", n) for kind, n in self._whole.read.items()]
        rows += [("accepted", kind, "", n) for kind, n in self._whole.accepted.items()]
        rows += [("quarantined", kind, reason, n) for (kind, reason), n in self._refused.items()]
        rows += [("personal_data", kind, action, n) for (kind, action), n in found.texts.items()]
        names = ("outcome", "kind", "reason", "n")
        return [{"source": self._whole.source, **dict(zip(names, row, strict=True))} for row in sorted(rows) if row[3]]

    @property
    def labels_replaced(self) -> int:
        """See SourceRecords."""
        return self._whole.labels_replaced


def write_source_records(work: SourceWork, folder: Path) -> dict[str, Any]:
    """Streams a source into a folder; returns what stands in its counts.json: `facts`, `counts`, `personal_data_places`.

    Raises:
        SourceError: nothing usable, a connection that broke, or content that changed while it was read.
        AssertionError: a record was lost.
    """
    source = work.source
    before = source.signature()
    totals, found = _Totals(source.name), PersonalDataFound()
    held_out: dict[str, Split] = {}
    with ExitStack() as stack:
        writers = {table: stack.enter_context(TableWriter(table, folder / f"{table}.parquet")) for table in TABLES}
        for batch in source.read():
            held_out.update({name: split for name, split in batch.held_out.items() if held_out.get(name) != "external"})
            screen_records(batch, work.personal_data, found)
            totals.add(batch)
            for table, attribute in TABLES.items():
                writers[table].add_records(getattr(batch, attribute))
    if held_out:
        _hold_out(folder / "instruction_pins.parquet", held_out)
    if source.signature() != before:
        raise SourceError(f"source {source.name}: its files changed while they were read; run again")
    told = {
        "facts": {
            **source.facts(),
            "content_digest": work.content_digest,
            "labels_replaced": totals.labels_replaced,
            "personal_data": work.personal_data.summary(),
        },
        "counts": totals.counts(found),
        "personal_data_places": dict(sorted(found.places.items())),
    }
    (folder / COUNTS).write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    return told


def _hold_out(path: Path, held_out: Mapping[str, Split]) -> None:
    """Pins instructions that were written before a later row said that they are held out; external comes before benchmark."""
    pins = pq.read_table(path, schema=SCHEMAS["instruction_pins"])
    splits = [
        known if known == "external" else held_out.get(name, known)
        for name, known in zip(pins["instruction_id"].to_pylist(), pins["split"].to_pylist(), strict=True)
    ]
    with TableWriter("instruction_pins", path) as writer:
        writer.add(pins.set_column(pins.schema.get_field_index("split"), "split", pa.array(splits, pa.string())))


def publish_source_records(store: Store, work: SourceWork, folder: Path, run_id: str | None) -> Manifest:
    """Makes a folder that `write_source_records` filled an artifact, and remembers it by its key."""
    told = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    manifest = store.publish(
        name=ARTIFACT,
        folder=folder,
        skip_key=work.key,
        inputs={},
        config=work.config,
        code_version=source_hash(CODE),
        metadata=shown(told),
        run_id=run_id,
    )
    store.remember(work.key, {ARTIFACT: manifest.ref})
    return manifest


def shown(told: Mapping[str, Any]) -> dict[str, Any]:
    """Facts and counts as flat metadata for the UI.

    >>> shown({"facts": {"licence": "MIT"}, "counts": [{"outcome": "read", "kind": "question", "reason": "", "n": 2}]})
    {'licence': 'MIT', 'read question': 2}
    """
    counts = {" ".join(filter(None, (row["outcome"], row["kind"], row["reason"]))): row["n"] for row in told["counts"]}
    return {**{key: value for key, value in told["facts"].items() if value is not None}, **counts}
