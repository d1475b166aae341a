"""Tables larger than memory in order: DuckDB reads, joins and sorts them, spilling to disk, and pyarrow writes the same bytes.

What belongs here: opening such a database, and writing what a query gives in a table's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.instructions.tables import SCHEMAS, SORT_KEYS, TableWriter

_MEMORY, _THREADS = "1GB", 2


@contextmanager
def database(folders: Mapping[str, Path], scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with a view of each asset's `<folder>/<asset>.parquet`.

    Args:
        folders: asset → its folder.
        scratch: where is spilled what does not fit into memory.
    """
    connection = duckdb.connect(
        config={"memory_limit": _MEMORY, "temp_directory": str(scratch / "spilled"), "threads": _THREADS}
    )
    try:
        for asset, folder in folders.items():
            file = str(folder / f"{asset}.parquet").replace("'", "''")
            connection.execute(f"create view {asset} as select * from read_parquet('{file}')")
        yield connection
    finally:
        connection.close()


def write_sorted(connection: duckdb.DuckDBPyConnection, table: str, query: str, folder: Path) -> Path:
    """Writes what a query gives as `<folder>/<table>.parquet`, in the table's order; `{columns}` stands for its columns."""
    columns = ", ".join(SCHEMAS[table].names)
    # What sorts equal may still differ in another column.
    order = ", ".join(dict.fromkeys([*SORT_KEYS[table], *SCHEMAS[table].names]))
    path = folder / f"{table}.parquet"
    with TableWriter(table, path) as writer:
        result = connection.sql(f"select * from ({query.format(columns=columns)}) order by {order}")
        for batch in result.to_arrow_reader(1 << 14):
            writer.add(pa.Table.from_batches([batch]).cast(SCHEMAS[table]))
    return path
