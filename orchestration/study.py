"""The study of the reward model from the command line: what it needs, cell after cell, then the table.

What belongs here: driving Dagster's jobs, and what is said meanwhile. A cell is the same work as its partition in the UI: one
that was made there is not made again. Options are `cli_study.py`'s.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import dagster as dg

from assets.chain import steps_named
from assets.interfaces import STUDY_CELLS, ProjectResource, current_making, current_ref, gathered_refs
from assets.lock import only_run
from assets.reports.study_steps import STUDY_REPORT
from assets.reward_model.study_steps import CELLS, REWARD_MODEL_STUDY, cell_step, study_cells
from assets.steps import Settings, Step
from orchestration.instance import open_instance
from orchestration.run import RunFailed, check_made, run_chain, why
from orchestration.terminal import RunDisplay, StepTimes
from training.progress import format_seconds
from training.storage import Store
from training.study.variants import parse_cell

TABLE = (REWARD_MODEL_STUDY, STUDY_REPORT)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, kw_only=True)
class CellState:
    """A cell and how it stands: `made`, `not made`, or `old` (its config, data or code have changed since)."""

    name: str
    state: str


def run_study(settings: Settings, *, variants: Sequence[str] | None, seeds: Sequence[int] | None) -> str:
    """Makes what the cells need and is missing, then the cells that are not there, then the table; returns it as text.

    Raises:
        RunFailed: a cell failed, or the table did; what was made stays made.
        ConfigError, SourceError, ProjectBusy: see `run_chain`.
    """
    chosen = study_cells(settings.profile, variants=variants, seeds=seeds)
    with only_run(settings.home):
        run_chain(settings, steps_named(sorted(set(cell_step(chosen[0]).inputs.values()))))
        _quiet_dagster()
        with open_instance(settings.home) as instance:
            store = Store(settings.store_root)
            # All cells that the profile has, so that the UI shows those that are not made too.
            instance.add_dynamic_partitions(STUDY_CELLS.name or "", study_cells(settings.profile))
            _make_cells(settings, store, instance, chosen)
            return _make_table(settings, store, instance)


def study_states(settings: Settings, *, variants: Sequence[str] | None, seeds: Sequence[int] | None) -> list[CellState]:
    """How the cells stand; nothing is made.

    Raises:
        ConfigError: see `study_cells`.
    """
    chosen = study_cells(settings.profile, variants=variants, seeds=seeds)
    with open_instance(settings.home) as instance:
        store = Store(settings.store_root)
        return [CellState(name=name, state=_state(name, settings, store, instance)) for name in chosen]


def _state(name: str, settings: Settings, store: Store, instance: dg.DagsterInstance) -> str:
    ref = current_ref(instance, CELLS, name)
    if ref is None or not store.has(ref):
        return "not made"
    return "made" if _stands(cell_step(name), settings, store, instance, partition=name) else "old"


def _under_way(name: str, settings: Settings, store: Store, instance: dg.DagsterInstance) -> bool:
    """Whether a killed process left something to go on from: what is left says nothing of how long a cell takes."""
    step = cell_step(name)
    config = step.config(settings)
    refs = {role: current_ref(instance, asset) for role, asset in step.used_inputs(config).items()}
    return store.working_folder(step.key(config, {role: ref for role, ref in refs.items() if ref is not None})).exists()


def _stands(
    step: Step, settings: Settings, store: Store, instance: dg.DagsterInstance, *, partition: str | None = None
) -> bool:
    """Whether Dagster stands at what this step makes of what its inputs stand for now."""
    config = step.config(settings)
    refs = {role: current_ref(instance, asset) for role, asset in step.used_inputs(config).items()}
    known = {role: ref for role, ref in refs.items() if ref is not None}
    if len(known) < len(refs):
        return False
    past = current_ref(instance, step.past) if step.past else None
    made = store.recall(step.key(config, known, past, gathered_refs(instance, step)))
    return made is not None and all(current_ref(instance, name, partition) == ref for name, ref in made.items())


def _make_cells(settings: Settings, store: Store, instance: dg.DagsterInstance, chosen: Sequence[str]) -> None:
    from orchestration.build import build_defs

    left = [name for name in chosen if _state(name, settings, store, instance) != "made"]
    times = StepTimes(settings.home / "durations.json", settings.profile)
    _say(
        f"promedical study reward-model: profile {settings.profile}; {len(chosen)} cells, {len(chosen) - len(left)} made, "
        f"{len(left)} to make" + (f", {_minutes(_expected(left, times))}" if left else "")
    )
    job = build_defs(project=ProjectResource.of(settings)).resolve_job_def("study_cell")
    for name in list(left):
        _say(
            f"cell {chosen.index(name) + 1}/{len(chosen)} {name}: ~{format_seconds(_expected([name], times))}, "
            f"{_minutes(_expected(left, times))} left in all"
        )
        resumed = _under_way(name, settings, store, instance)
        start = time.monotonic()
        result = job.execute_in_process(
            instance=instance,
            partition_key=name,
            raise_on_error=False,
            run_config=_QUIET,
            tags={"promedical/profile": settings.profile},
        )
        if not result.success:
            raise RunFailed(f"cell {name}: {why(result, None).replace(f'{CELLS}: ', '')}")
        (event,) = result.get_asset_materialization_events()
        seconds = time.monotonic() - start
        reused = bool(event.materialization.metadata["reused"].value)
        if not reused and not resumed:
            times.measured(_timed(name).name, seconds)
        _say(f"        {name}: {'reused' if reused else 'done'} in {format_seconds(seconds)}")
        left.remove(name)


def _expected(names: Sequence[str], times: StepTimes) -> float:
    """Seconds that these cells take, by what cells of their variants took last."""
    return sum(times.expected(_timed(name)) for name in names)


def _timed(name: str) -> Step:
    """The cell's step under the name by which durations are kept: seeds of a variant take equally long."""
    return replace(cell_step(name), name=f"{CELLS}/{parse_cell(name)[0]}")


def _make_table(settings: Settings, store: Store, instance: dg.DagsterInstance) -> str:
    from orchestration.build import build_defs

    # A page on an older study is old itself: it is told by the study that it names.
    todo = [step for step in TABLE if not _stands(step, settings, store, instance)]
    if REWARD_MODEL_STUDY in todo:
        todo = list(TABLE)
    if todo:
        job = build_defs(project=ProjectResource.of(settings)).resolve_job_def("study_table")
        chosen = job.get_subset(asset_selection={dg.AssetKey(name) for step in todo for name in step.outputs})
        with RunDisplay(todo, StepTimes(settings.home / "durations.json", settings.profile)) as display:
            result = chosen.execute_in_process(instance=instance, raise_on_error=False, run_config=_QUIET)
        if not result.success:
            raise RunFailed(why(result, display.failed_step))
        check_made(result, todo)
    making = current_making(instance, store, "study_report")
    assert making is not None
    page = store.fetch(making.ref) / "study.html"
    return f"{making.metadata['headline']}\n\nstudy: {page}"


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"about {minutes} minute{'' if minutes == 1 else 's'}" if minutes else "less than a minute"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _quiet_dagster() -> None:
    # Dagster marks what it may still change; that is for us to watch, not for who runs a study.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
