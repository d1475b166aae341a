"""Ingestion: the records of single sources → the raw tables, sorted by id.

What belongs here: making the records that are missing, and putting all together in bounded memory. What does not: a source's
format (`sources/`), what one source's records are (`source_records.py`), which texts say the same (`clusters.py`).
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.instructions.source_records import (
    ARTIFACT,
    COUNTS,
    TABLES,
    SourceWork,
    publish_source_records,
    write_source_records,
)
from assets.instructions.sources.location import Location
from assets.instructions.tables import SCHEMAS, SORT_KEYS, TableWriter, write_table
from training.manifests import ArtifactRef
from training.storage import Store

PROCESSES = 2
# Below this a second process takes longer to start than to read.
_WORTH_A_PROCESS = 20 << 20
_MEMORY = "2GB"


def prepare_source_records(store: Store, works: Sequence[SourceWork], run_id: str | None) -> dict[str, ArtifactRef]:
    """Source → its records' artifact; those that the store does not hold are read now, two sources at a time if large.

    A source whose records are held is not opened. One that fails stops the others, and is not published.

    Raises:
        SourceError: as `write_source_records`.
    """
    found = {work.source.name: store.recall(work.key) for work in works}
    missing = [work for work in works if found[work.source.name] is None]
    refs = {name: known[ARTIFACT] for name, known in found.items() if known is not None}
    with store.workspace() as workspace:
        folders = {work.source.name: workspace / work.source.name for work in missing}
        for folder in folders.values():
            folder.mkdir()
        for work in _read(missing, folders):
            refs[work.source.name] = publish_source_records(store, work, folders[work.source.name], run_id).ref
    return dict(sorted(refs.items()))


def _read(works: Sequence[SourceWork], folders: Mapping[str, Path]) -> Iterator[SourceWork]:
    """Reads sources, and yields each when it has been read."""
    sizes = {work.source.name: work.source.size() for work in works}
    if len(works) < 2 or sum(sizes.values()) - max(sizes.values()) < _WORTH_A_PROCESS:
        for work in works:
            write_source_records(work, folders[work.source.name])
            yield work
        return
    # Large ones first, so that none is left over for the end. Spawned: a fork would copy Dagster's threads half.
    ordered = sorted(works, key=lambda work: -sizes[work.source.name])
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            waiting = [
                (work, pool.submit(write_source_records, _sendable(work), folders[work.source.name])) for work in ordered
            ]
            for work, done in waiting:
                done.result()
                yield work
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _sendable(work: SourceWork) -> SourceWork:
    # Without the open file system that the location may hold.
    return replace(work, source=replace(work.source, location=Location(work.source.location.uri)))


def combine(records: Mapping[str, Path], folder: Path) -> dict[str, int]:
    """Writes all raw tables of the sources' records, `<folder>/<table>.parquet`; table → its rows.

    The order in which sources are named does not matter. Memory is bounded: what does not fit is spilled to disk.

    Args:
        records: source → folder of its records.
        folder: where the tables are written.
    """
    rows = {}
    with _database(folder) as connection:
        for table in TABLES:
            files = [records[name] / f"{table}.parquet" for name in sorted(records)]
            rows[table] = _sorted_copy(connection, table, files, folder / f"{table}.parquet")
    told = [json.loads((records[name] / COUNTS).read_text(encoding="utf-8")) for name in sorted(records)]
    for table, found in (
        ("source_facts", [item["facts"] for item in told]),
        ("source_counts", [row for item in told for row in item["counts"]]),
    ):
        write_table(table, found, folder)
        rows[table] = len(found)
    return rows


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(
        config={"memory_limit": _MEMORY, "temp_directory": str(folder / "spilled"), "threads": PROCESSES}
    )
    try:
        yield connection
    finally:
        connection.close()


def _sorted_copy(connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Path], target: Path) -> int:
    """All rows of the files in the table's order; DuckDB sorts, spilling to disk, and pyarrow writes: bytes that repeat."""
    columns = SCHEMAS[table].names
    # What sorts equal may still differ in another column.
    order = ", ".join(dict.fromkeys([*SORT_KEYS[table], *columns]))
    count = 0
    with TableWriter(table, target) as writer:
        result = connection.sql(f"select {', '.join(columns)} from read_parquet({_listed(files)}) order by {order}")
        for batch in result.to_arrow_reader(1 << 14):
            writer.add(pa.Table.from_batches([batch]).cast(SCHEMAS[table]))
            count += len(batch)
    return count


def _listed(files: Sequence[Path]) -> str:
    return "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"
