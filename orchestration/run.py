"""One run of the chain from the command line: plan, execute what is not fresh, say how it ended.

What belongs here: driving Dagster. Options are `cli.py`'s, display is `terminal.py`'s.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence
from functools import partial

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from assets.chain import CHAIN, before, with_what_is_missing
from assets.instructions.sources.base import SourceError
from assets.interfaces import ProjectResource, current_making, current_ref
from assets.lock import only_run
from assets.reports.model_counts import NOTHING, chain_counts
from assets.reports.model_counts import TABLES as COUNTED_TABLES
from assets.steps import Settings, Step
from assets.warehouse.steps import WAREHOUSE
from orchestration.instance import open_instance
from orchestration.plan import PlannedStep, plan_run
from orchestration.terminal import RunDisplay, StepTimes
from training.config import ConfigError
from training.stages import ROOT
from training.storage import Store


class RunFailed(RuntimeError):
    """The chain stopped; the message says at which step and why."""


def run_chain(settings: Settings, steps: Sequence[Step] = CHAIN) -> int:
    """Runs what is not fresh and returns the number of steps that had to be looked at (0: nothing to do).

    What the steps read and nobody ever made is made first; what is there is taken as it is.

    Raises:
        RunFailed: a step failed, or a contract did.
        ProjectBusy: another run works in the same folder.
        ConfigError, SourceError: see `plan_run`.
    """
    with only_run(settings.home), open_instance(settings.home) as instance:
        store = Store(settings.store_root)
        store.sweep()
        steps = with_what_is_missing(
            steps, made=lambda asset: current_ref(instance, asset) is not None, inputs=partial(_reads, settings)
        )
        _say_what_is_old(settings, store, instance, steps)
        planned = plan_run(settings, store, instance, steps)
        todo = [item.step for item in planned if item.state != "fresh"]
        if todo:
            _show_plan(planned, settings)
            _execute(instance, settings, todo)
        return len(todo)


def _reads(settings: Settings, step: Step) -> Collection[str]:
    """The assets that a step reads under these choices."""
    return step.used_inputs(step.config(settings)).values()


# What is counted at the end, where a run makes it.
_COUNTED = frozenset({*COUNTED_TABLES, "model_verdicts"})
# What a user wants to read at the end, the last of them first: asset → the file to open.
_PAPERS = {"report": "report.html", "data_card": "data_card.html"}


def show_result(settings: Settings, steps: Sequence[Step]) -> None:
    """Prints what the steps made: the headline of the report or else of the data card, what came of language models.

    Where none of these is among it, where the artifacts lie.
    """
    store = Store(settings.store_root)
    made = [name for step in steps if not step.checks for name in step.outputs]
    with open_instance(settings.home) as instance:
        refs = {name: current_ref(instance, name) for name in made}
        papers = {name: current_making(instance, store, name) for name in _PAPERS if name in refs}
    shown = [(name, making) for name, making in papers.items() if making is not None]
    if shown:
        print(f"\n{shown[0][1].metadata['headline']}\n")
    counts = chain_counts({name: store.fetch(ref, verify=False) for name, ref in refs.items() if ref and name in _COUNTED})
    for line in counts if counts != [NOTHING] or not shown else []:
        print(line)
    for name, making in shown:
        print(f"{name.replace('_', ' ')}: {store.fetch(making.ref) / _PAPERS[name]}")
    if not shown and not counts:
        for name, ref in refs.items():
            print(f"{name}: {store.url(ref) if ref else 'not made'}")
    # `make ui` is for the home that make demo uses.
    elsewhere = settings.home != (ROOT / ".promedical").absolute()
    print(f"open the Dagster UI on this history with: {f'promedical ui --home {settings.home}' if elsewhere else 'make ui'}")


def _say_what_is_old(settings: Settings, store: Store, instance: dg.DagsterInstance, steps: Sequence[Step]) -> None:
    """A selection takes what is before it as it is; whoever changed a source or a key wants to know."""
    try:
        earlier = before(steps, inputs=partial(_reads, settings))
        old = [item.step.name for item in plan_run(settings, store, instance, earlier) if item.state != "fresh"]
    except (ConfigError, SourceError):
        # What is not run need not be configured; whether it is old cannot be told then.
        return
    if old:
        print(
            f"promedical: taken as they are, though sources, config or code have changed since: {', '.join(old)};"
            " run without --select to renew them",
            file=sys.stderr,
            flush=True,
        )


def _show_plan(planned: Sequence[PlannedStep], settings: Settings) -> None:
    fresh = sum(item.state == "fresh" for item in planned)
    print(
        f"promedical core: profile {settings.profile}, sources {', '.join(settings.sources)}; "
        f"{len(planned) - fresh} steps to run, {fresh} fresh",
        file=sys.stderr,
        flush=True,
    )


def _execute(instance: dg.DagsterInstance, settings: Settings, todo: Sequence[Step]) -> None:
    # Dagster marks what it may still change; that is for us to watch, not for who runs the chain.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    from orchestration.build import build_defs

    job = build_defs(project=ProjectResource.of(settings)).resolve_job_def("core")
    asset_keys = _asset_keys(job, todo)
    check_keys = {dg.AssetCheckKey(dg.AssetKey(asset), step.check_name) for step in todo for asset in step.checks}
    if WAREHOUSE in todo:
        # dbt's own tests: all that no step of ours stands for.
        ours = {step.check_name for step in CHAIN if step.checks}
        check_keys |= {key for key in job.asset_layer.asset_graph.asset_check_keys if key.name not in ours}
    subset = job.get_subset(asset_selection=asset_keys, asset_check_selection=check_keys)
    with RunDisplay(todo, StepTimes(settings.home / "durations.json", settings.profile)) as display:
        result = subset.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={"promedical/profile": settings.profile},
        )
    if not result.success:
        raise RunFailed(why(result, display.failed_step))
    check_made(result, todo)


def _asset_keys(job: dg.JobDefinition, todo: Sequence[Step]) -> set[dg.AssetKey]:
    keys = {dg.AssetKey(name) for step in todo if not step.checks for name in step.outputs}
    if WAREHOUSE in todo:
        # All of dbt's models in one build, the ones on the way to the marts included.
        every = job.asset_layer.asset_graph.get_all_asset_keys()
        keys |= {key for key in every if key.path[-1].startswith(("stg_", "int_"))}
    return keys


def check_made(result: dg.ExecuteInProcessResult, todo: Sequence[Step]) -> None:
    """Asks for each asset and check of a run: Dagster calls a run a success although something in it was skipped.

    Raises:
        RunFailed: names what this run did not make, whatever an earlier one did.
    """
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    checked = {(evaluation.asset_key, evaluation.check_name) for evaluation in result.get_asset_check_evaluations()}
    missing = [name for step in todo if not step.checks for name in step.outputs if dg.AssetKey(name) not in made]
    missing += [
        f"the check {step.check_name} of {asset}"
        for step in todo
        for asset in step.checks
        if (dg.AssetKey(asset), step.check_name) not in checked
    ]
    if missing:
        raise RunFailed(f"the run ended without {', '.join(missing)}")


def why(result: dg.ExecuteInProcessResult, failed_step: str | None) -> str:
    """Why a run failed: failed checks with their rows, then each failed step; one line, unless nobody foresaw the error."""
    reasons = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.error is not None and data.error.cls_name == "DagsterAssetCheckFailedError":
                # What failed is told below, with its rows.
                continue
            description = data.user_failure_data.description if data.user_failure_data else None
            reasons.append(f"{event.step_key}: {description or _unexpected(data.error)}")
    for evaluation in result.get_asset_check_evaluations():
        # A warning stops nothing, and so explains nothing.
        if evaluation.passed or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        rows = evaluation.metadata.get("failing_rows") or evaluation.metadata.get("contacts")
        detail = f": {str(rows.value)[:600]}" if rows is not None else ""
        reasons.insert(0, f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()} failed{detail}")
    return "\n".join(reasons) or f"step {failed_step or 'unknown'} failed"


def _unexpected(error: SerializableErrorInfo | None) -> str:
    if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
        return "interrupted; run again to go on from where it was"
    # No message of ours: a defect, whose cause is found by its traceback only.
    return error.to_string().strip() if error is not None else "failed"
