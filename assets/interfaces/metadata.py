"""What the UI shows of a materialization.

What belongs here: metadata that every artifact has. An asset's own figures come with its manifest.
"""

from pathlib import Path

import dagster as dg

from assets.steps import Metadata
from training.launch import scalar_metadata
from training.manifests import Making, Manifest
from training.storage import Store

# Metadata entry of a materialization: the skip key of the work behind it.
SKIP_KEY = "skip_key"


def ui_metadata(store: Store, made: Making, reused: bool) -> Metadata:
    """What the UI shows of an artifact: its own figures, a first look at a table, size, where it lies, what made it."""
    folder = store.fetch(made.ref, verify=False)
    manifest = store.manifest(made.ref)
    rows = [entry.rows for entry in manifest.files if entry.rows is not None]
    # In the order in which the UI lists them: what a reader looks for first, then where it comes from.
    shown: Metadata = dict(scalar_metadata(made))
    if len(rows) == 1:
        shown["dagster/row_count"] = rows[0]
    preview = _preview(folder, manifest)
    if preview:
        shown["first_rows"] = dg.MetadataValue.md(preview)
    return {
        **shown,
        "artifact": dg.MetadataValue.path(str(folder.absolute())),
        "size_bytes": sum(entry.size for entry in manifest.files),
        "reused": reused,
        "made_at": made.created_at,
        "made_from": dg.MetadataValue.json(made.inputs),
        "made_under": dg.MetadataValue.json(made.config),
        SKIP_KEY: made.skip_key,
    }


def _preview(folder: Path, manifest: Manifest, rows: int = 5) -> str:
    tables = [entry.path for entry in manifest.files if entry.path.endswith(".parquet")]
    if len(tables) != 1:
        return ""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / tables[0]).slice(0, rows)
    lines = [" | ".join(table.column_names), " | ".join("---" for _ in table.column_names)]
    for row in table.to_pylist():
        lines.append(" | ".join(str(value)[:60].replace("|", "/").replace("\n", " ") for value in row.values()))
    return "\n".join(lines)
