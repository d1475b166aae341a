"""Verdicts as Dagster assets: models' judgements, what went to adjudication, what came back, and all verdicts together."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.interfaces import ADJUDICATION_ROUNDS, ProjectResource, clear_failures, current_ref, step_assets
from assets.reviewing.forms import Problem
from assets.reviewing.interfaces import ImportConfig, asset_folder, partition_folder, publish_partition, take_in
from assets.reviewing.rounds import RESPONSES, check_unchanged
from assets.steps import Metadata
from assets.verdicts.adjudication_blind import new_secret
from assets.verdicts.adjudication_draw import adjudication_pool
from assets.verdicts.adjudication_export import Export, add_thirds, make_export, read_export, write_export
from assets.verdicts.adjudication_forms import write_forms
from assets.verdicts.adjudication_import import Returned, add_return, read_returned, returns_of, round_of
from assets.verdicts.adjudication_outcome import cells, disputed
from assets.verdicts.adjudication_rounds import read_round, write_round
from assets.verdicts.adjudication_steps import VERDICTS
from assets.verdicts.judge_steps import JUDGE
from training.manifests import ArtifactRef
from training.storage import Store

_SOURCES = ("assets/verdicts", "assets/reviewing")
_INPUTS = (
    "raw_instructions",
    "curated_instructions",
    "instruction_splits",
    "raw_criteria",
    "raw_responses",
    "known_verdicts",
    "model_verdicts",
)


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [adjudication_exports, adjudication_rounds, *(step_assets(step) for step in (JUDGE, VERDICTS))]


class AdjudicationExportConfig(dg.Config):
    """A round that goes out, or more of one that is out: then what is given of the first three must be what it has.

    Attributes:
        reviewers: pseudonyms, three or more if disputes shall go to a third; empty for a round that is out already.
        count: how many responses are drawn; 100 if not given.
        seed: of drawing and dealing out; 0 if not given.
        disputed: whether what the two first reviewers differ on goes out to thirds.
        folder: where the forms are written; empty: `<home>/rounds/<round>`.
    """

    reviewers: list[str] = []
    count: int | None = None
    seed: int | None = None
    disputed: bool = False
    folder: str = ""


@dg.asset(
    partitions_def=ADJUDICATION_ROUNDS,
    deps=list(_INPUTS),
    group_name="verdicts",
    kinds={"python", "parquet"},
    description="What went to double-blind adjudication, a partition per round; forms lie where `folder` in the metadata says.",
)
def adjudication_exports(
    context: dg.AssetExecutionContext, config: AdjudicationExportConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Draws a round, or adds a part for thirds, and writes its forms after checking that they tell nothing."""
    store = project.store()
    folder = Path(config.folder or project.settings().home / "rounds" / context.partition_key)
    with clear_failures():
        inputs = {name: asset_folder(context, store, name) for name in _INPUTS}
        _, before = partition_folder(context, store, "adjudication_exports")
        if before is None and config.disputed:
            raise dg.Failure(f"round {context.partition_key} is not out yet: export it with reviewers first")
        if before is not None:
            export = read_export(before)
            check_unchanged(export.name, asked=config.model_dump(include=set(_options(export))), has=_options(export))
            if config.disputed:
                _, returned = partition_folder(context, store, "adjudication_rounds")
                export = add_thirds(export, _disputes(export.name, returned))
        else:
            others = _other_rounds(context, store)
            tables = {name: made for name, (_, made) in inputs.items()}
            export = _drawn(tables, context.partition_key, config, [made for _, made in others.values()])
            inputs |= others
        forms = write_forms(export, folder)

        def write(output: Path) -> Metadata:
            write_export(export, output)
            return {
                "responses": export.count,
                "items": len(export.items),
                "parts": export.parts,
                "folder": str(folder),
                "files": len(forms.files),
                "kept": len(forms.kept),
                **{f"left out: {reason}": number for reason, number in export.left_out.items()},
            }

        return publish_partition(
            context,
            project,
            asset="adjudication_exports",
            inputs={name: made for name, (made, _) in inputs.items()},
            config={**_options(export), "disputed": config.disputed},
            sources=_SOURCES,
            write=write,
        )


@dg.asset(
    partitions_def=ADJUDICATION_ROUNDS,
    deps=["adjudication_exports"],
    group_name="verdicts",
    kinds={"python", "parquet"},
    description="What came back of a round: verdicts, passages and comments of its reviewers. Made by `promedical adjudicate"
    " import` or by the sensor returned_files; a round without an entry is still out.",
)
def adjudication_rounds(
    context: dg.AssetExecutionContext, config: ImportConfig, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Takes the files of a round in, all or none."""
    store = project.store()
    with clear_failures():
        ref, exported = partition_folder(context, store, "adjudication_exports")
        if ref is None or exported is None:
            raise dg.Failure(f"round {context.partition_key} never went out from this project folder")
        export = read_export(exported)
        _, before = partition_folder(context, store, "adjudication_rounds")
        returns = returns_of(read_round(before), export) if before else {}

        def take(path: Path) -> list[Problem]:
            nonlocal returns
            returned = read_returned(path, export)
            if not isinstance(returned, Returned):
                return returned
            added = add_return(returns, returned, replace=config.replace)
            if isinstance(added, list):
                return added
            returns = added
            return []

        take_in(config.files, take)
        round_ = round_of(export, returns)

        def write(output: Path) -> Metadata:
            write_round(round_, output)
            states = [cell.state for cell in cells(round_)]
            return {"items": len(states), **{state: states.count(state) for state in sorted(set(states))}}

        return publish_partition(
            context,
            project,
            asset="adjudication_rounds",
            inputs={"adjudication_exports": ref},
            config={"files": [uri.rsplit("/", 1)[-1] for uri in config.files], "replace": config.replace},
            sources=_SOURCES,
            write=write,
        )


def _options(export: Export) -> dict[str, Any]:
    """What a round was asked to be."""
    return {"reviewers": list(export.reviewers), "count": export.count, "seed": export.seed}


def _disputes(name: str, returned: Path | None) -> list[tuple[str, str]]:
    if returned is None:
        raise dg.Failure(f"round {name}: nothing has come back yet; take files in first: promedical adjudicate import FILE …")
    round_ = read_round(returned)
    found = disputed(round_)
    if not found:
        outstanding = sum(cell.state == "outstanding" for cell in cells(round_))
        raise dg.Failure(
            f"round {name}: nothing is disputed" + (f"; {outstanding} items are outstanding" if outstanding else "")
        )
    return found


def _other_rounds(context: dg.AssetExecutionContext, store: Store) -> dict[str, tuple[ArtifactRef, Path]]:
    """The rounds that went out before this one, by their role among what it was drawn from."""
    found = {}
    for name in context.instance.get_dynamic_partitions(ADJUDICATION_ROUNDS.name or ""):
        ref = current_ref(context.instance, "adjudication_exports", name)
        if ref is not None and name != context.partition_key:
            found[f"adjudication_exports/{name}"] = (ref, store.fetch(ref))
    return found


def _drawn(folders: dict[str, Path], name: str, config: AdjudicationExportConfig, before: list[Path]) -> Export:
    def rows(table: str, *columns: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(folders[table] / f"{table}.parquet", columns=list(columns)).to_pylist()
        return found

    about: dict[str, dict[str, Any]] = {
        row["instruction_id"]: row for row in rows("raw_instructions", "instruction_id", "text")
    }
    for table, columns in (("curated_instructions", ("category", "kept")), ("instruction_splits", ("split",))):
        for row in rows(table, "instruction_id", *columns):
            about[row["instruction_id"]] |= row
    whole = [row for row in about.values() if "split" in row and "kept" in row]
    judges = {row["judge"] for table in ("known_verdicts", "model_verdicts") for row in rows(table, "judge")}
    criterion = ("criterion_id", "instruction_id", "tier", "text", "weight", "rubric_version")
    return make_export(
        adjudication_pool(
            whole,
            rows("raw_criteria", *criterion),
            rows("raw_responses", "response_id", "instruction_id", "model", "text"),
            labelled_before={item.response_id for folder in before for item in read_export(folder).items},
        ),
        name=name,
        reviewers=config.reviewers,
        count=RESPONSES if config.count is None else config.count,
        seed=config.seed or 0,
        secret=new_secret(),
        judges=judges,
    )
