"""Runs one stage as a process of its own: reads exact artifacts, computes, publishes, and reports what the manifest says.

What belongs here: the command line of every stage, and the only use of dagster_pipes. A stage itself knows neither.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from training.config import ConfigError, StrictConfig, parse_config, read_yaml
from training.errors import StageRefusal
from training.manifests import MANIFEST, ArtifactRef, Making, sha256_file
from training.process import end_with_stdin, unwind_on_sigterm
from training.stages import STAGES, Stage, skip_key, source_hash
from training.storage import Store, StoreError, read_manifest, verify_files
from training.working import workplace

# Beside what a stage writes: role → name@digest of what it read.
MADE_FROM = "made_from.json"


class LaunchSpec(StrictConfig):
    """All a stage process needs: which stage, under which artifact name, with which config, from which exact artifacts."""

    stage: str
    artifact: str
    config: dict[str, Any]
    inputs: dict[str, ArtifactRef]
    store: str
    cache: str | None = None
    skip_key: str
    code_version: str
    run_id: str | None = None


def run_stage(
    stage: Stage,
    *,
    artifact: str,
    config: StrictConfig,
    folders: dict[str, Path],
    refs: dict[str, ArtifactRef],
    store: Store,
    key: str,
    run_id: str | None,
) -> Making:
    """Runs a stage's programme in a temporary folder and publishes what it wrote; returns how it was made this time.

    A stage that resumes also gets a folder that outlives it until its artifact is published. If another process is at the very
    same work, this one waits; what another made since the work was planned is taken.

    What it was made from is part of the content. The same weights or answers can come from two snapshots (a rubric changed,
    the question did not), and then each has to say its own: whoever measures a model asks the manifest what it learned from.

    Raises:
        StageRefusal: this process is one of several that were started for the same stage.
    """
    _refuse_group()

    def work(**places: Path) -> Making:
        programme = importlib.import_module(stage.module)
        made_from = {name: str(ref) for name, ref in refs.items()}
        with store.workspace() as output:
            metadata = programme.run(config=config, inputs=folders, output=output, **places)
            (output / MADE_FROM).write_text(json.dumps(made_from, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            manifest = store.publish(
                name=artifact,
                folder=output,
                skip_key=key,
                inputs=made_from,
                config=config.model_dump(mode="json"),
                code_version=source_hash(stage.sources),
                metadata=metadata,
                run_id=run_id,
            )
        store.remember(key, {artifact: manifest.ref})
        return store.making(key, manifest.ref)

    if not stage.resumes:
        return work()
    with workplace(store.working_folder(key)) as folder:
        # Also where nobody was waited for: another may have come and gone between the plan and the lock.
        known = store.recall(key)
        if known is None:
            making = work(working=folder, curves=store.curves_folder(artifact, key))
        else:
            making = store.making(key, known[artifact])
        store.put_aside(folder)
        return making


def _refuse_group() -> None:
    # Each would be the whole stage, and all but one would wait for the folder that the one works in, which waits for them.
    world = os.environ.get("WORLD_SIZE", "1")
    if world != "1":
        raise StageRefusal(
            f"WORLD_SIZE is {world}: start a stage once, not by torchrun or accelerate launch; how many processes train "
            "together is `processes` in the config"
        )


def run_spec(spec: LaunchSpec, store: Store) -> Making:
    """Runs the stage a spec describes.

    Raises:
        StageRefusal: its sources are not those the skip key was taken of, so that the key would name another's work.
        ConfigError, StoreError: the config or an input cannot be used.
    """
    stage = STAGES[spec.stage]
    if source_hash(stage.sources) != spec.code_version:
        raise StageRefusal(f"the sources of {spec.stage} are not those the run was planned with; run again")
    config = parse_config(stage.config_class(), spec.config, where=f"config of {spec.artifact}")
    folders = {name: store.fetch(ref) for name, ref in spec.inputs.items()}
    return run_stage(
        stage,
        artifact=spec.artifact,
        config=config,
        folders=folders,
        refs=spec.inputs,
        store=store,
        key=spec.skip_key,
        run_id=spec.run_id,
    )


def main(stage_name: str, argv: list[str] | None = None) -> int:
    """`python -m training.<stage> --config FILE --inputs NAME=FOLDER … --store FOLDER`: a stage without an orchestrator."""
    stage = STAGES[stage_name]
    names = " ".join(f"{name}=FOLDER" for name in stage.inputs)
    parser = argparse.ArgumentParser(
        prog=f"python -m training.{stage_name}",
        description=f"Runs the stage {stage_name} alone. Each input is an artifact folder (with its manifest.json).",
        epilog=f"example: python -m training.{stage_name} --config training/configs/{stage_name}/smoke.yaml --inputs {names}",
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML with the stage's keys")
    parser.add_argument("--inputs", nargs="*", default=[], metavar="NAME=FOLDER", help=f"needs: {', '.join(stage.inputs)}")
    parser.add_argument("--store", default=".promedical/store", help="where the artifact goes (default: %(default)s)")
    parser.add_argument("--name", default=stage_name, help="name of the artifact (default: %(default)s)")
    arguments = parser.parse_args(argv)
    unwind_on_sigterm()
    try:
        config = parse_config(stage.config_class(), read_yaml(arguments.config), where=str(arguments.config))
        folders = _input_folders(arguments.inputs, stage, needed=getattr(config, "uses_inputs", stage.inputs))
        refs = {}
        for name, folder in folders.items():
            manifest = read_manifest(folder)
            verify_files(folder, manifest)
            refs[name] = manifest.ref
        key = skip_key(
            step=arguments.name,
            inputs={name: str(ref) for name, ref in refs.items()},
            config=config.model_dump(mode="json"),
            sources=stage.sources,
            libraries=stage.libraries,
        )
        made = run_stage(
            stage,
            artifact=arguments.name,
            config=config,
            folders=folders,
            refs=refs,
            store=Store(arguments.store),
            key=key,
            run_id=None,
        )
    except (ConfigError, StoreError, StageRefusal) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(Store(arguments.store).url(made.ref))
    return 0


def _input_folders(pairs: list[str], stage: Stage, *, needed: tuple[str, ...]) -> dict[str, Path]:
    folders = {}
    for pair in pairs:
        name, _, folder = pair.partition("=")
        if name not in stage.inputs or not folder:
            raise ConfigError(f"unknown input {pair!r}; needed as NAME=FOLDER: {', '.join(stage.inputs)}")
        folders[name] = Path(folder)
    missing = [name for name in needed if name not in folders]
    if missing:
        raise ConfigError(f"missing input {', '.join(missing)}; needed as NAME=FOLDER: {', '.join(needed)}")
    return folders


def process(argv: list[str]) -> int:
    """Entry of a process the orchestrator starts: `SPEC [--end-with-stdin]`; returns the exit code."""
    unwind_on_sigterm()
    if "--end-with-stdin" in argv[1:]:
        end_with_stdin()
    return launched(Path(argv[0]))


def launched(spec_path: Path) -> int:
    """Runs a spec, and reports its manifest over Dagster Pipes if Dagster listens; returns the exit code."""
    spec = LaunchSpec.model_validate_json(spec_path.read_text(encoding="utf-8"))
    try:
        store = Store(spec.store, cache=Path(spec.cache) if spec.cache else None)
        # Outside Dagster open_dagster_pipes() hands out a mock: only the environment tells whether anyone listens.
        if "DAGSTER_PIPES_CONTEXT" not in os.environ:
            run_spec(spec, store)
            return 0
        from dagster_pipes import open_dagster_pipes

        with open_dagster_pipes() as pipes:
            made = run_spec(spec, store)
            manifest = store.fetch(made.ref, verify=False) / MANIFEST
            pipes.report_asset_materialization(
                metadata={"manifest_sha256": sha256_file(manifest), **scalar_metadata(made)}, data_version=made.digest
            )
    except (ConfigError, StoreError, StageRefusal) as error:
        print(f"promedical: {spec.artifact}: {error}", file=sys.stderr)
        return 1
    return 0


def scalar_metadata(made: Making) -> dict[str, str | int | float | bool]:
    """The metadata of a making that is a single value: what a UI can show in a cell."""
    return {k: v for k, v in made.metadata.items() if isinstance(v, str | int | float | bool)}


if __name__ == "__main__":
    sys.exit(process(sys.argv[1:]))
