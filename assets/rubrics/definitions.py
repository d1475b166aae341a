"""Rubrics as Dagster assets: drafting, what went to physicians, what came back, and the rubrics that stand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.interfaces import REVIEW_ROUNDS, ProjectResource, clear_failures, step_assets
from assets.reviewing.forms import Problem
from assets.reviewing.interfaces import ImportConfig, asset_folder, partition_folder, publish_partition, take_in
from assets.reviewing.rounds import DRAFTS, check_unchanged
from assets.rubrics.review_draw import draw
from assets.rubrics.review_forms import write_forms
from assets.rubrics.review_import import Returned, merge, read_returned
from assets.rubrics.review_round import Drawn, read_export, write_export
from assets.rubrics.review_steps import REVIEWS
from assets.rubrics.review_tables import RoundTables, read_round, write_round
from assets.rubrics.steps import DRAFT_RUBRICS, RUBRICS
from assets.steps import Metadata

_SOURCES = ("assets/rubrics", "assets/reviewing")
_INSTRUCTIONS = ("raw_instructions", "curated_instructions")


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [review_exports, review_rounds, *(step_assets(step) for step in (REVIEWS, DRAFT_RUBRICS, RUBRICS))]


class ReviewExportConfig(dg.Config):
    """A round that goes out; what is given of the first three for one that is out must be what it has.

    Attributes:
        reviewers: pseudonyms of those who get a share; empty for a round that is out already.
        count: how many drafts are drawn; 500 if not given.
        seed: of the draw; 0 if not given.
        folder: where the forms are written; empty: `<home>/rounds/<round>`.
    """

    reviewers: list[str] = []
    count: int | None = None
    seed: int | None = None
    folder: str = ""


@dg.asset(
    partitions_def=REVIEW_ROUNDS,
    # The drafts it draws from came of earlier rounds: a loop over time, which no graph of assets can hold. What was read stands
    # in the partition's manifest.
    deps=list(_INSTRUCTIONS),
    group_name="rubrics",
    kinds={"python", "parquet"},
    description="The drafts that went to physicians, a partition per round; the forms lie where `folder` in the metadata says.",
)
def review_exports(
    context: dg.AssetExecutionContext, config: ReviewExportConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Draws a round and writes its forms; of a round that is out already only forms that are gone are written."""
    store = project.store()
    folder = Path(config.folder or project.settings().home / "rounds" / context.partition_key)
    with clear_failures():
        _, before = partition_folder(context, store, "review_exports")
        inputs = {name: asset_folder(context, store, name) for name in (*_INSTRUCTIONS, "rubric_drafts", "review_decisions")}
        if before is not None:
            drawn = read_export(before)
            check_unchanged(drawn.round, asked=config.model_dump(include=set(_options(drawn))), has=_options(drawn))
        else:
            drafts, decisions = (
                pq.read_table(inputs[name][1] / f"{name}.parquet").to_pylist() for name in ("rubric_drafts", "review_decisions")
            )
            drawn = draw(
                drafts,
                _instructions({row["instruction_id"] for row in drafts}, *(inputs[name][1] for name in _INSTRUCTIONS)),
                name=context.partition_key,
                count=DRAFTS if config.count is None else config.count,
                seed=config.seed or 0,
                exclude={row["rubric_version"] for row in decisions},
                reviewers=config.reviewers,
            )
        forms = write_forms(drawn, folder)

        def write(output: Path) -> Metadata:
            write_export(drawn, output)
            return {"summary": drawn.summary(), "folder": str(folder), "files": len(forms.files), "kept": len(forms.kept)}

        return publish_partition(
            context,
            project,
            asset="review_exports",
            inputs={name: made for name, (made, _) in inputs.items()},
            config=_options(drawn),
            sources=_SOURCES,
            write=write,
        )


@dg.asset(
    partitions_def=REVIEW_ROUNDS,
    deps=["review_exports"],
    group_name="rubrics",
    kinds={"python", "parquet"},
    description="What came back of a round: decisions, reviewed criteria, who changed what. Made by `promedical review import`"
    " or by the sensor returned_files; a round without an entry is still out.",
)
def review_rounds(
    context: dg.AssetExecutionContext, config: ImportConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Takes the files of a round in, all or none."""
    store = project.store()
    with clear_failures():
        ref, exported = partition_folder(context, store, "review_exports")
        if ref is None or exported is None:
            raise dg.Failure(
                f"round {context.partition_key} never went out from this project folder; see: promedical review status"
            )
        drawn = read_export(exported)
        _, before = partition_folder(context, store, "review_rounds")
        tables: RoundTables | None = read_round(before) if before else None
        received_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

        def take(path: Path) -> list[Problem]:
            nonlocal tables
            returned = read_returned(path, drawn, received_at=received_at)
            if not isinstance(returned, Returned):
                return returned
            merged = merge(tables, returned, replace=config.replace)
            if not isinstance(merged, RoundTables):
                return merged
            tables = merged
            return []

        take_in(config.files, take)
        assert tables is not None

        def write(output: Path) -> Metadata:
            write_round(tables, output)
            return {"decided": len(tables.review_decisions), "outstanding": tables.drafts - len(tables.review_decisions)}

        return publish_partition(
            context,
            project,
            asset="review_rounds",
            inputs={"review_exports": ref},
            config={"files": [uri.rsplit("/", 1)[-1] for uri in config.files], "replace": config.replace},
            sources=_SOURCES,
            write=write,
        )


def _options(drawn: Drawn) -> dict[str, Any]:
    """What a round was asked to be."""
    return {"reviewers": list(drawn.reviewers), "count": drawn.asked, "seed": drawn.seed}


def _instructions(wanted: set[str], raw: Path, curated: Path) -> list[dict[str, Any]]:
    texts = pq.read_table(raw / "raw_instructions.parquet", columns=["instruction_id", "text"]).to_pylist()
    labels = pq.read_table(
        curated / "curated_instructions.parquet", columns=["instruction_id", "category", "specialty"]
    ).to_pylist()
    known = {row["instruction_id"]: row for row in labels if row["instruction_id"] in wanted}
    return [row | known[row["instruction_id"]] for row in texts if row["instruction_id"] in known]
