"""Instructions as Dagster assets: the records of each source, ingestion, and what curation makes of them."""

from typing import Any

import dagster as dg

from assets.instructions.curation_steps import CURATION, DIFFICULTY, TAXONOMY
from assets.instructions.dedup_steps import DEDUPLICATE, SPLITS, TEXT_EMBEDDING
from assets.instructions.ingest import prepare_source_records
from assets.instructions.source_records import ARTIFACT
from assets.instructions.sources.registry import Source, parse_source, resolve_sources
from assets.instructions.sources.specs import load_specs
from assets.instructions.steps import INGEST, source_work
from assets.interfaces import CLEAR_ERRORS, SOURCES, ProjectResource, step_assets, ui_metadata
from assets.steps import Settings


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    steps = (INGEST, TEXT_EMBEDDING, DEDUPLICATE, SPLITS, DIFFICULTY, TAXONOMY, CURATION)
    return [source_records, *(step_assets(step) for step in steps)]


@dg.asset(
    name=ARTIFACT,
    partitions_def=SOURCES,
    group_name="instructions",
    kinds={"python", "parquet"},
    description="What each source gave, a partition per source: read once for as long as its content stays the same.",
)
def source_records(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult[Any]:
    """Reads the source that the partition is called after, unless its records are known."""
    settings, store = project.settings(), project.store()
    try:
        work = source_work(settings, _source(settings, context.partition_key))
        reused = store.recall(work.key) is not None
        (ref,) = prepare_source_records(store, [work], context.run_id).values()
    except CLEAR_ERRORS as error:
        raise dg.Failure(str(error)) from error
    return dg.MaterializeResult(
        data_version=dg.DataVersion(ref.digest), metadata=ui_metadata(store, store.making(work.key, ref), reused)
    )


def _source(settings: Settings, name: str) -> Source:
    """The project's source of that name; else one that is declared, or an adapter that knows where to read."""
    chosen = {source.name: source for source in resolve_sources(list(settings.sources), declared=settings.config)}
    return chosen.get(name) or parse_source(name, load_specs(settings.config))
