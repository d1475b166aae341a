"""What asset signatures need from Dagster: the project and compute resources, and the one way a step becomes an asset.

What belongs here: resource classes and `step_assets`. How they are configured is orchestration's business.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg

from assets.endpoints.errors import CallsError
from assets.instructions.sources.base import SourceError
from assets.instructions.tables import TableError
from assets.lock import ProjectBusy, only_run
from assets.responses.compose import ComposeError
from assets.reviewing.forms import FormError
from assets.rubrics.review_round import ReviewError
from assets.steps import Metadata, Settings, Step, StepRun, made_from
from assets.verdicts.adjudication_draw import DrawError
from assets.verdicts.adjudication_forms import BlindingError
from assets.verdicts.adjudication_steps import VerdictsError
from training.config import ConfigError
from training.errors import StageRefusal
from training.launch import LaunchSpec, scalar_metadata
from training.manifests import ArtifactRef, Making, Manifest
from training.stages import STAGES, source_hash
from training.storage import Store, StoreError

# Stages say themselves how far they are; the libraries' bars and load reports would only bury it.
_QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
# The command line listens here to say which step runs; nobody need listen.
STEP_LOG = logging.getLogger("promedical.steps")
# Their messages say all a user needs. Any other error is a defect, and keeps its traceback.
CLEAR_ERRORS = (
    ConfigError,
    StoreError,
    StageRefusal,
    SourceError,
    TableError,
    ComposeError,
    CallsError,
    FormError,
    ReviewError,
    DrawError,
    BlindingError,
    VerdictsError,
)
# Metadata entry of a materialization: the skip key of the work behind it.
SKIP_KEY = "skip_key"
# One partition per source, added when a source is first read.
SOURCES = dg.DynamicPartitionsDefinition(name="sources")
# One per round that went to physicians, and per round of adjudication: what went out and what came back share its name.
REVIEW_ROUNDS = dg.DynamicPartitionsDefinition(name="review_rounds")
ADJUDICATION_ROUNDS = dg.DynamicPartitionsDefinition(name="adjudication_rounds")
PARTITIONS_OF = {
    "source_records": SOURCES,
    "review_exports": REVIEW_ROUNDS,
    "review_rounds": REVIEW_ROUNDS,
    "adjudication_exports": ADJUDICATION_ROUNDS,
    "adjudication_rounds": ADJUDICATION_ROUNDS,
}


class ProjectResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where everything is kept, which profile, which sources, which file: what `promedical run` takes as options."""

    home: str
    profile: str = "local"
    sources: list[str] = ["corpus"]
    config: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "ProjectResource":
        """The resource that stands for these choices."""
        return cls(
            home=str(settings.home),
            profile=settings.profile,
            sources=list(settings.sources),
            config=str(settings.config) if settings.config else None,
        )

    def settings(self) -> Settings:
        """The choices as plain data."""
        return Settings(
            profile=self.profile,
            sources=tuple(self.sources),
            home=Path(self.home),
            config=Path(self.config) if self.config else None,
        )

    def store(self) -> Store:
        """The artifact store."""
        return Store(self.settings().store_root)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["ProjectResource"]:
        """Holds the project folder for as long as a run uses it: two runs may not rebuild the same warehouse.

        Raises:
            dg.Failure: another process has a run in it.
        """
        try:
            with only_run(self.settings().home):
                yield self
        except ProjectBusy as error:
            raise dg.Failure(str(error)) from error


class Compute(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs a stage as a process of its own and believes only the manifest it published."""

    stop_after_seconds: float = 10.0

    def run(self, context: dg.AssetExecutionContext, spec: LaunchSpec) -> None:
        """Starts the stage in its own process group, passes its output on, and ends the whole group when cancelled.

        Raises:
            dg.Failure: the process failed or reported nothing; carries its last lines.
        """
        store = Store(spec.store, cache=Path(spec.cache) if spec.cache else None)
        with store.workspace() as folder:
            spec_path = folder / f"{spec.artifact}.json"
            spec_path.write_text(spec.model_dump_json(indent=1), encoding="utf-8")
            with dg.open_pipes_session(
                context=context,
                context_injector=dg.PipesTempFileContextInjector(),
                message_reader=dg.PipesTempFileMessageReader(),
            ) as session:
                environment = {**_QUIET, **os.environ, **session.get_bootstrap_env_vars()}
                code, tail = self._wait([sys.executable, "-m", "training.launch", str(spec_path)], environment)
        if code:
            said = [line for line in tail if line.startswith("promedical: ")]
            raise dg.Failure(
                said[-1].removeprefix("promedical: ") if said else f"{spec.artifact}: exit {code}:\n" + "\n".join(tail)
            )
        if not session.get_results(implicit_materializations=False):
            raise dg.Failure(f"{spec.artifact}: the stage ended without reporting an artifact")

    def _wait(self, command: list[str], environment: Mapping[str, str]) -> tuple[int, list[str]]:
        root = str(Path(__file__).parents[1])
        process = subprocess.Popen(
            [*command, "--end-with-stdin"],
            env={**environment, "PYTHONPATH": root + os.pathsep + environment.get("PYTHONPATH", "")},
            # Never written to: its end tells the stage that nobody waits for it any more.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        tail: deque[str] = deque(maxlen=25)
        try:
            assert process.stdin is not None and process.stdout is not None
            with process.stdin, process.stdout:
                for line in process.stdout:
                    tail.append(line.rstrip())
                    print(line, end="", file=sys.stderr, flush=True)
                return process.wait(), list(tail)
        except BaseException:
            self._end_group(process)
            raise

    def _end_group(self, process: "subprocess.Popen[str]") -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=self.stop_after_seconds)
        # Also when the stage itself has gone: its own children may not have.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def current_making(instance: dg.DagsterInstance, store: Store, asset: str) -> Making | None:
    """How what an asset stands for now was made, by the work that Dagster recorded; None if it never was.

    Raises:
        StoreError: the store has no record of it.
    """
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    ref = current_ref(instance, asset)
    if ref is None or event is None or event.asset_materialization is None:
        return None
    key = event.asset_materialization.metadata.get(SKIP_KEY)
    return store.making(str(key.value), ref) if key else None


def current_ref(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> ArtifactRef | None:
    """The artifact an asset, or one of its partitions, stands for now: the data version of its latest materialization."""
    if partition is None:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        found = event.asset_materialization if event else None
    else:
        only = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
        records = instance.fetch_materializations(only, limit=1).records
        found = records[0].asset_materialization if records else None
    if found is None:
        return None
    tags = found.tags or {}
    digest = tags.get("dagster/data_version")
    return ArtifactRef(name=asset, digest=digest) if digest else None


def input_refs(instance: dg.DagsterInstance, step: Step, config: Mapping[str, Any]) -> dict[str, ArtifactRef]:
    """Exactly one artifact per used input of a step.

    Raises:
        dg.Failure: an input has never been materialized.
    """
    refs = {}
    for role, asset in step.used_inputs(config).items():
        ref = current_ref(instance, asset)
        if ref is None:
            raise dg.Failure(f"{asset} has not been made yet; run the whole chain, or first: promedical run --select {asset}")
        refs[role] = ref
    return refs


def gathered_refs(instance: dg.DagsterInstance, step: Step) -> dict[str, ArtifactRef]:
    """`asset/partition` → the artifact it stands for, of every partition of the assets that a step gathers."""
    refs = {}
    for asset in step.gathers:
        for partition in sorted(instance.get_dynamic_partitions(PARTITIONS_OF[asset].name or "")):
            ref = current_ref(instance, asset, partition)
            if ref is not None:
                refs[f"{asset}/{partition}"] = ref
    return refs


@contextmanager
def clear_failures() -> Iterator[None]:
    """Lets an error whose message says all reach Dagster as that message alone."""
    try:
        yield
    except CLEAR_ERRORS as error:
        raise dg.Failure(str(error)) from error


def perform_step(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: Compute, step: Step
) -> tuple[dict[str, Making], bool]:
    """Does a step's work unless its skip key is known; returns how each output was made, and whether that was reused."""
    settings, store = project.settings(), project.store()
    with clear_failures():
        config = step.config(settings)
        refs = input_refs(context.instance, step, config)
        past = current_ref(context.instance, step.past) if step.past else None
        gathered = gathered_refs(context.instance, step)
        key = step.key(config, refs, past, gathered)
        reused = store.recall(key) is not None
        if not reused:
            if step.stage is not None:
                compute.run(context, _launch_spec(step, settings, config, refs, key, context.run_id))
            else:
                _run_here(context, step, settings, store, config, refs, past, gathered, key)
        artifacts = store.recall(key)
        if artifacts is None:
            raise dg.Failure(f"{step.name}: ended without publishing {', '.join(step.outputs)}")
        if step.past:
            # What was decided stands from now on, and on it the same would be decided again.
            store.remember_as(key, step.key(config, refs, artifacts[step.past], gathered))
        return {name: store.making(key, ref) for name, ref in artifacts.items()}, reused


def _launch_spec(
    step: Step, settings: Settings, config: dict[str, Any], refs: dict[str, ArtifactRef], key: str, run_id: str
) -> LaunchSpec:
    assert step.stage is not None
    return LaunchSpec(
        stage=step.stage,
        artifact=step.outputs[0],
        config=config,
        inputs=refs,
        store=settings.store_root,
        skip_key=key,
        code_version=source_hash(STAGES[step.stage].sources),
        run_id=run_id,
    )


def _run_here(
    context: dg.AssetExecutionContext,
    step: Step,
    settings: Settings,
    store: Store,
    config: dict[str, Any],
    refs: dict[str, ArtifactRef],
    past: ArtifactRef | None,
    gathered: Mapping[str, ArtifactRef],
    key: str,
) -> None:
    assert step.run is not None
    prepared = _prepare(context, step, settings, store, config)
    with store.workspace() as folder:
        outputs = {name: folder / "outputs" / name for name in step.outputs}
        for output in outputs.values():
            output.mkdir(parents=True)
        work = StepRun(
            settings=settings,
            config=config,
            inputs={role: _input(store, ref, step.reads.get(role), folder / "inputs" / role) for role, ref in refs.items()},
            outputs=outputs,
            refs=refs,
            previous=store.fetch(past) if past else None,
            prepared={partition: store.fetch(ref) for partition, ref in prepared.items()},
            gathered=_folders(store, step, gathered),
        )
        partitions = {**gathered, **{f"{step.prepares}/{partition}": ref for partition, ref in prepared.items()}}
        metadata = step.run(work)
        manifests = {
            name: store.publish(
                name=name,
                folder=output,
                skip_key=key,
                inputs=made_from(refs, past, partitions),
                config=config,
                code_version=source_hash(step.sources),
                metadata=metadata.get(name, {}),
                run_id=context.run_id,
            )
            for name, output in outputs.items()
        }
    store.remember(key, {name: manifest.ref for name, manifest in manifests.items()})


def _folders(store: Store, step: Step, gathered: Mapping[str, ArtifactRef]) -> dict[str, dict[str, Path]]:
    """Asset → partition → folder."""
    folders: dict[str, dict[str, Path]] = {asset: {} for asset in step.gathers}
    for role, ref in gathered.items():
        asset, _, partition = role.partition("/")
        folders[asset][partition] = store.fetch(ref)
    return folders


def _input(store: Store, ref: ArtifactRef, files: tuple[str, ...] | None, copies: Path) -> Path:
    artifact = store.fetch(ref, files=files)
    if files is None:
        return artifact
    # Copies of what was verified: a file that the step does not name cannot be read unverified.
    for name in files:
        (copies / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact / name, copies / name)
    return copies


def _prepare(
    context: dg.AssetExecutionContext, step: Step, settings: Settings, store: Store, config: dict[str, Any]
) -> dict[str, ArtifactRef]:
    """Has a step's partitions made, and records those that Dagster doesn't stand at yet."""
    if step.prepare is None:
        return {}
    prepared = step.prepare(settings, store, config, context.run_id)
    for partition, ref in prepared.items():
        if current_ref(context.instance, step.prepares, partition) != ref:
            context.instance.add_dynamic_partitions(SOURCES.name or "", [partition])
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=step.prepares,
                    partition=partition,
                    metadata=ui_metadata(store, store.manifest(ref).making(), reused=False),
                    tags={"dagster/data_version": ref.digest},
                )
            )
    return prepared


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


def announce(step: str, event: str, seconds: float = 0.0) -> None:
    """Tells whoever listens that a step starts, or how it ended."""
    STEP_LOG.info("%s %s", step, event, extra={"step": step, "event": event, "seconds": seconds})


def step_assets(step: Step) -> dg.AssetsDefinition:
    """The Dagster assets of a step: one per output, all depending on every input."""
    deps = sorted({*step.inputs.values(), *step.gathers, *filter(None, [step.prepares])})

    @dg.multi_asset(
        name=step.name,
        specs=[
            dg.AssetSpec(
                name,
                deps=deps,
                group_name=step.groups.get(name, step.group),
                description=step.descriptions.get(name),
                kinds=set(step.kinds),
            )
            for name in step.outputs
        ],
        can_subset=False,
    )
    def materialize(
        context: dg.AssetExecutionContext, project: ProjectResource, compute: Compute
    ) -> Iterator[dg.MaterializeResult[Any]]:
        start = time.monotonic()
        announce(step.name, "start")
        try:
            made, reused = perform_step(context, project, compute, step)
        except BaseException:
            announce(step.name, "failed", time.monotonic() - start)
            raise
        announce(step.name, "reused" if reused else "done", time.monotonic() - start)
        for name, making in made.items():
            yield dg.MaterializeResult(
                asset_key=name,
                data_version=dg.DataVersion(making.digest),
                metadata=ui_metadata(project.store(), making, reused),
            )

    return materialize
