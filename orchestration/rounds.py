"""Rounds with people from the command line: sending forms out, taking them in, and how the rounds stand.

What belongs here: driving Dagster's jobs for one round. Options are `cli_rounds.py`'s.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.interfaces import PARTITIONS_OF, ProjectResource, current_making, current_ref
from assets.lock import only_run
from assets.reviewing.forms import ADJUDICATION, REVIEW, FormError
from assets.reviewing.returned import Belongs, belongs_to, local_copy
from assets.reviewing.rounds import place
from assets.rubrics.steps import RUBRICS
from assets.steps import Settings
from orchestration.instance import open_instance
from orchestration.run import RunFailed, why
from training.config import ConfigError
from training.storage import Store

# Kind of round → the asset that goes out, the asset that comes back, and what its job is called.
EXPORT_OF = {REVIEW: "review_exports", ADJUDICATION: "adjudication_exports"}
RETURN_OF = {REVIEW: "review_rounds", ADJUDICATION: "adjudication_rounds"}
JOB_OF = {REVIEW: "review", ADJUDICATION: "adjudication"}


def export_round(settings: Settings, *, kind: str, name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sends a round out; returns the metadata of its partition.

    Raises:
        RunFailed: it cannot be drawn, or a form would tell too much.
        ProjectBusy: another run works in the same folder.
    """
    asset = EXPORT_OF[kind]
    return _run(settings, job=f"export_{JOB_OF[kind]}", asset=asset, partition=name, config=config)


def import_files(settings: Settings, *, kind: str, files: Sequence[str], replace: bool) -> dict[str, Mapping[str, Any]]:
    """Takes returned files in, by the round that each belongs to; round → the metadata of its partition.

    Raises:
        RunFailed: a file has problems: each with its place, and nothing of that round is imported.
        FormError: a file is none of ours, or belongs to another kind of round.
        ProjectBusy: another run works in the same folder.
    """
    rounds: dict[str, list[str]] = {}
    for uri in files:
        belongs = round_of_file(uri)
        if belongs.kind != kind:
            raise FormError(
                f"{uri}: is a form of {belongs.kind}; take it in with: promedical {_COMMAND_OF[belongs.kind]} import"
            )
        rounds.setdefault(belongs.round, []).append(uri)
    if kind == REVIEW:
        _same_choices(settings)
    asset = RETURN_OF[kind]
    return {
        name: _run(
            settings,
            job=f"import_{JOB_OF[kind]}",
            asset=asset,
            partition=name,
            config={"files": found, "replace": replace},
        )
        for name, found in rounds.items()
    }


def _same_choices(settings: Settings) -> None:
    """Taking a review in says anew which rubrics count: under the choices of the run that said so before.

    Raises:
        ConfigError: the choices are others.
    """
    with open_instance(settings.home) as instance:
        before = current_making(instance, Store(settings.store_root), "raw_criteria")
    if before is not None and before.config != RUBRICS.config(settings):
        told = ", ".join(f"{key}: {json.dumps(value)}" for key, value in before.config.items())
        raise ConfigError(f"the rubrics stand under {told}; give the same --profile and --config as promedical run had")


def round_of_file(uri: str) -> Belongs:
    """The round that a file at a path or URL is for.

    Raises:
        FormError: it is none of ours.
    """
    with local_copy(uri) as path:
        return belongs_to(path)


_COMMAND_OF = {REVIEW: "review", ADJUDICATION: "adjudicate"}


def review_rates(settings: Settings) -> list[dict[str, Any]]:
    """The rows of `review_rates`, one per round that came back; and one with its drafts alone per round that is out.

    Raises:
        ConfigError: no round has gone out.
    """
    store = Store(settings.store_root)
    with open_instance(settings.home) as instance:
        ref = current_ref(instance, "review_rates")
        rows = pq.read_table(store.fetch(ref) / "review_rates.parquet").to_pylist() if ref else []
        names = instance.get_dynamic_partitions(PARTITIONS_OF["review_exports"].name or "")
        out = {name: current_ref(instance, "review_exports", name) for name in names}
    known = {row["round"] for row in rows}
    for name, made in out.items():
        if made is not None and name not in known:
            drafts = pq.read_table(store.fetch(made) / "drafts.parquet", columns=["rubric_version"])
            n = len(set(drafts["rubric_version"].to_pylist()))
            nothing = dict.fromkeys(("accepted", "edited", "rejected"), 0)
            rows.append({"round": name, "drafts": n, **nothing, "outstanding": n, "pass_rate": None, "low": None, "high": None})
    rows.sort(key=lambda row: place(row["round"]))
    if not rows:
        raise ConfigError("no round has gone out yet; send one with: promedical review export --round r1 --reviewers NAME")
    return rows


def rates_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """How the rounds stand, as lines for a terminal."""
    lines = [
        f"{'round':16s} {'drafts':>6s} {'accepted':>8s} {'edited':>6s} {'rejected':>8s} {'open':>5s}  strict pass rate [95 %]"
    ]
    for row in rows:
        rate = "n/a"
        if row["pass_rate"] is not None:
            rate = f"{100 * row['pass_rate']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        lines.append(
            f"{row['round']:16s} {row['drafts']:6d} {row['accepted']:8d} {row['edited']:6d} {row['rejected']:8d}"
            f" {row['outstanding']:5d}  {rate}"
        )
    return "\n".join(lines)


def _run(settings: Settings, *, job: str, asset: str, partition: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    from orchestration.build import build_defs

    with only_run(settings.home), open_instance(settings.home) as instance:
        defined = build_defs(project=ProjectResource.of(settings)).resolve_job_def(job)
        # Dagster refuses a partition that is not there yet; one whose round comes to nothing is taken away again.
        partitions = PARTITIONS_OF[asset].name or ""
        new = partition not in instance.get_dynamic_partitions(partitions)
        instance.add_dynamic_partitions(partitions, [partition])
        result = defined.execute_in_process(
            instance=instance,
            partition_key=partition,
            raise_on_error=False,
            run_config={
                "ops": {asset: {"config": dict(config)}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
        if not result.success:
            if new:
                instance.delete_dynamic_partition(partitions, partition)
            raise RunFailed(why(result, None).removeprefix(f"{asset}: "))
        (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(asset)]
        return {name: value.value for name, value in event.materialization.metadata.items()}
