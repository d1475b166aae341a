"""Steps: what makes each asset of the chain, from which assets, under which config, and when its work is already done.

What belongs here: the description of a step and the question whether a skip key is known; no dagster, no domain logic.
Each noun's `steps.py` describes its own; `chain.py` puts them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.manifests import ArtifactRef
from training.stages import skip_key
from training.storage import Store

# Entry of an output's metadata: so many calls stayed without a reply, within what is allowed. The output counts, and the next
# run does the step again: it replays what was answered and asks for the others.
UNFINISHED = "unfinished"
# Key of the config of a step that asks: what an endpoint refused is asked once more. While it is set no earlier work will do;
# what is made stands as what the step makes without it, since the ledger would then replay the same.
RETRY_REFUSED = "retry_refused"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user chooses for a run: profile, sources (`NAME` or `NAME=URI`), where everything is kept.

    `config` is a YAML file that declares sources of one's own and changes how instructions are curated.
    """

    profile: str
    sources: tuple[str, ...]
    home: Path
    config: Path | None = None

    @property
    def store_root(self) -> str:
        """Root of the artifact store."""
        return str(self.home / "store")

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB file."""
        return self.home / "warehouse" / "promedical.duckdb"


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """What a step's function gets: exact input folders by role, one empty folder per output, its resolved config.

    `previous` is the folder that the step's `past` stood for before, None the first time or for a step without one; `prepared`
    those of the artifacts that its `prepare` made or found, by partition; `gathered` those of every partition of the assets
    that the step `gathers`.
    """

    settings: Settings
    config: Mapping[str, Any]
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    refs: Mapping[str, ArtifactRef]
    previous: Path | None
    prepared: Mapping[str, Path] = field(default_factory=dict)
    gathered: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)


Metadata = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One unit of work; its name is the op in Dagster.

    Attributes:
        outputs: assets it makes; each is an artifact of that name.
        inputs: role → asset it reads. The roles are the stage's input names.
        group: the noun it belongs to; `groups` names another for single outputs.
        config: the resolved config under given settings; reads files, so it is called when a run is planned and not at import.
        run: the work, for a step in the orchestrator's process; returns metadata per output, with `UNFINISHED` among them if
            the step has to be done again.
        stage: or the name of a stage of training/, which runs as a process or pod of its own.
        sources: code whose change makes the result stale (a stage brings its own).
        libraries: distributions whose version makes the result stale.
        prepare: (settings, store, config, run id) → partition → artifact: makes or finds, before the work, further artifacts
            that the work reads and that the config already names.
        prepares: the partitioned asset that `prepare` makes partitions of; the step's assets hang on it.
        gathers: partitioned assets of which the work reads every partition that there is, also none.
        checks: assets that wait for this step's verdict; it is a blocking check then and no asset, its metadata say `passed`.
        check_name: name of the check on each of them.
        used: the roles that count under a config; all by default.
        reads: role → the files of that input the work reads, where it does not need all: it gets copies of these alone.
        past: the output that carries on what earlier work decided: the work reads what it stood for as `previous`, and the skip
            key names it. Doing the work again on what it has just decided must decide the same.
        seconds: a first estimate of its duration under `local`, until one has been measured.
        descriptions: output → what it is, for the UI.
        kinds: technologies, for the UI.
    """

    name: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, str]
    group: str
    groups: Mapping[str, str] = field(default_factory=dict)
    config: Callable[[Settings], dict[str, Any]]
    run: Callable[[StepRun], dict[str, Metadata]] | None = None
    stage: str | None = None
    sources: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    prepare: Callable[[Settings, Store, Mapping[str, Any], str], dict[str, ArtifactRef]] | None = None
    prepares: str = ""
    gathers: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    check_name: str = ""
    used: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    past: str = ""
    seconds: float = 1.0
    descriptions: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("python",)

    def used_inputs(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Role → asset, of the inputs that the config makes use of."""
        roles = self.used(config) if self.used else tuple(self.inputs)
        return {role: self.inputs[role] for role in roles}

    def key(
        self,
        config: Mapping[str, Any],
        refs: Mapping[str, ArtifactRef],
        past: ArtifactRef | None = None,
        gathered: Mapping[str, ArtifactRef] | None = None,
    ) -> str:
        """The skip key of this step's work on exactly these inputs and partitions, and on what its `past` stood for.

        Under `RETRY_REFUSED` no work is ever remembered by it: see `lasting`.
        """
        return skip_key(
            step=self.name,
            inputs=made_from(refs, past, gathered),
            config=config,
            sources=self.sources,
            libraries=self.libraries,
        )


def lasting(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config under which work is remembered.

    >>> lasting({"limit": 3, "retry_refused": True})
    {'limit': 3, 'retry_refused': False}
    """
    return {**config, RETRY_REFUSED: False} if config.get(RETRY_REFUSED) else config


def made_from(
    refs: Mapping[str, ArtifactRef], past: ArtifactRef | None, partitions: Mapping[str, ArtifactRef] | None = None
) -> dict[str, str]:
    """All that a piece of work read, by role; a partition's role is `asset/partition`."""
    read = {**refs, **(partitions or {})} | ({"its past": past} if past else {})
    return {role: str(ref) for role, ref in read.items()}


def check_verdict(step: Step, store: Store, refs: Mapping[str, ArtifactRef], config: Mapping[str, Any]) -> bool | None:
    """Whether a checking step passed on exactly these artifacts; None if it was not done on them."""
    key = step.key(config, refs)
    known = store.recall(key)
    if known is None:
        return None
    return bool(store.making(key, known[step.outputs[0]]).metadata["passed"])
