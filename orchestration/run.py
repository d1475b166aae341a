"""One run of the chain from the command line: plan, execute what is not fresh, say how it ended.

What belongs here: driving Dagster. Options are `cli.py`'s, display is `terminal.py`'s.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from assets.chain import CHAIN
from assets.interfaces import ProjectResource, current_ref
from assets.steps import Settings, Step
from assets.warehouse.steps import WAREHOUSE
from orchestration.instance import only_run, open_instance
from orchestration.plan import PlannedStep, plan_run
from orchestration.terminal import RunDisplay, StepTimes
from training.storage import Store, read_manifest


class RunFailed(RuntimeError):
    """The chain stopped; the message says at which step and why."""


def run_chain(settings: Settings, steps: Sequence[Step] = CHAIN) -> int:
    """Runs what is not fresh and returns the number of steps that had to be looked at (0: nothing to do).

    Raises:
        RunFailed: a step failed, or a contract did.
        ProjectBusy: another run works in the same folder.
        ConfigError, SourceError: see `plan_run`.
    """
    with only_run(settings.home), open_instance(settings.home) as instance:
        planned = plan_run(settings, Store(settings.store_root), instance, steps)
        todo = [item.step for item in planned if item.state != "fresh"]
        if todo:
            _show_plan(planned, settings)
            _execute(instance, settings, todo)
        return len(todo)


def show_result(settings: Settings, steps: Sequence[Step]) -> None:
    """Prints the headline of the report if the steps make it, else where their artifacts lie; and how to look at the rest."""
    store = Store(settings.store_root)
    with open_instance(settings.home) as instance:
        refs = {name: current_ref(instance, name) for step in steps for name in step.outputs}
    report = refs.get("report")
    if report:
        folder = store.fetch(report)
        print(f"\n{read_manifest(folder).metadata['headline']}\n")
        print(f"report: {folder / 'report.html'}")
    else:
        for name, ref in refs.items():
            print(f"{name}: {store.url(ref) if ref else 'not made'}")
    print("open the Dagster UI on this history with: make ui")


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

    project = ProjectResource(
        home=str(settings.home),
        profile=settings.profile,
        sources=list(settings.sources),
        config=str(settings.config) if settings.config else None,
    )
    job = build_defs(project=project).resolve_job_def("core")
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
        raise RunFailed(_why(result, display.failed_step))
    _check_made(instance, todo)


def _asset_keys(job: dg.JobDefinition, todo: Sequence[Step]) -> set[dg.AssetKey]:
    keys = {dg.AssetKey(name) for step in todo if not step.checks for name in step.outputs}
    if WAREHOUSE in todo:
        # All of dbt's models in one build, the ones on the way to the marts included.
        every = job.asset_layer.asset_graph.get_all_asset_keys()
        keys |= {key for key in every if key.path[-1].startswith(("stg_", "int_"))}
    return keys


def _check_made(instance: dg.DagsterInstance, todo: Sequence[Step]) -> None:
    # A run can be a success although an asset in it was skipped: ask for each.
    missing = [name for step in todo if not step.checks for name in step.outputs if current_ref(instance, name) is None]
    if missing:
        raise RunFailed(f"the run ended without {', '.join(missing)}")


def _why(result: dg.ExecuteInProcessResult, failed_step: str | None) -> str:
    reasons = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            description = data.user_failure_data.description if data.user_failure_data else None
            reasons.append(f"{event.step_key}: {description or _root_cause(data.error)}")
    broken = [evaluation for evaluation in result.get_asset_check_evaluations() if not evaluation.passed]
    for evaluation in broken:
        rows = evaluation.metadata.get("failing_rows")
        detail = f": {str(rows.value)[:600]}" if rows is not None else ""
        reasons.insert(0, f"contract of {evaluation.asset_key.to_user_string()} failed ({evaluation.check_name}){detail}")
    return "\n".join(reasons) or f"step {failed_step or 'unknown'} failed"


def _root_cause(error: SerializableErrorInfo | None) -> str:
    if error is None:
        return "failed"
    while error.cause is not None:
        error = error.cause
    where = error.stack[-1].strip().splitlines()[0] if error.stack else ""
    return f"{error.message.strip()} ({where})" if where else error.message.strip()
