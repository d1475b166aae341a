"""Where stages run, as a resource: each in a process of its own.

What belongs here: starting a stage, passing on what it says, ending it. What it does is the stage's business.
"""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from training.launch import LaunchSpec
from training.process import end_group
from training.stages import ROOT
from training.storage import Store

# Stages say themselves how far they are; the libraries' bars and load reports would only bury it.
_QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}


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
        process = subprocess.Popen(
            [*command, "--end-with-stdin"],
            env={**environment, "PYTHONPATH": str(ROOT) + os.pathsep + environment.get("PYTHONPATH", "")},
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
            end_group(process, grace_seconds=self.stop_after_seconds)
            raise
