"""The section `benchmark` of a user's file: rivals of our reward model, and pairwise sets to measure all of them on.

    benchmark:
      rivals:
        - {name: other-8b, path: models/other-8b}               # a folder beside this file: safetensors, config, tokenizer
        - {name: hub-8b, hub: owner/name, revision: <commit>}   # opens the network when the benchmark runs
      pairwise_sets:
        - {name: rewardbench, path: data/rewardbench.jsonl}     # prompt, chosen, rejected, and subset if any; also s3://…

What belongs here: reading the section, checking what can be checked without a model, and the digests that the benchmark's skip
key depends on: another content is another benchmark, and so is another folder or file of the same content. What the keys mean
stands in `training/benchmark/outside.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import model_validator

from assets.instructions.project_file import section
from assets.instructions.sources.base import SourceError
from assets.instructions.sources.location import Location, content_digest
from assets.steps import Settings
from training.benchmark.outside import MAX_BYTES, PairwiseSet, Rival, check_names
from training.config import ConfigError, StrictConfig, parse_config

# Beside the digests of the sources: a folder of weights is hashed once, not every time a run is planned.
MEMO = "benchmark_digests.json"
Named = TypeVar("Named", Rival, PairwiseSet)


class BenchmarkSection(StrictConfig):
    """The keys of the section.

    Attributes:
        rivals: reward models to measure beside ours.
        pairwise_sets: files of preferences.
    """

    rivals: tuple[Rival, ...] = ()
    pairwise_sets: tuple[PairwiseSet, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> BenchmarkSection:
        check_names(self.rivals, self.pairwise_sets)
        return self


def benchmark_section(path: Path | None) -> BenchmarkSection:
    """The section, its relative paths taken from where the file lies.

    Raises:
        ConfigError: a wrong key or value.
    """
    read = parse_config(BenchmarkSection, section(path, "benchmark"), where=f"{path}: benchmark")
    if path is None:
        return read

    def found(place: str) -> str:
        return place if "://" in place else str((path.parent / place).absolute())

    return BenchmarkSection(
        rivals=tuple(r.model_copy(update={"path": found(r.path)}) if r.path else r for r in read.rivals),
        pairwise_sets=tuple(one.model_copy(update={"path": found(one.path)}) for one in read.pairwise_sets),
    )


def check_benchmark(path: Path | None) -> None:
    """Looks at every rival and pairwise set that lies in reach; no file is read but a rival's config.

    Raises:
        ConfigError: a wrong key or value, or one of them is not there or no such thing; names it.
    """
    named = benchmark_section(path)
    for rival in named.rivals:
        if rival.path is not None:
            _check_rival(rival.name, Path(rival.path))
    for one in named.pairwise_sets:
        _check_set(one)


def outside(settings: Settings) -> dict[str, Any]:
    """Rivals and pairwise sets as the benchmark's config has them, each with the digest of its content now.

    Raises:
        ConfigError: as `check_benchmark`, or the content is not what the user pinned.
    """
    named = benchmark_section(settings.config)
    memo = settings.home / MEMO
    return {
        "rivals": [(_pinned(r, memo, kind="rival") if r.path is not None else r).model_dump(mode="json") for r in named.rivals],
        "pairwise_sets": [_pinned(one, memo, kind="pairwise set").model_dump(mode="json") for one in named.pairwise_sets],
    }


def _pinned(one: Named, memo: Path, *, kind: str) -> Named:
    """With the digest of what it holds."""
    where = f"benchmark: {kind} {one.name}"
    location = Location(str(one.path))
    try:
        files = location.files()
        if not files:
            raise ConfigError(f"{where}: nothing is there: {one.path}")
        found = content_digest(location, files, memo)
    except SourceError as error:
        raise ConfigError(f"{where}: {error}") from error
    if one.sha256 is not None and found != one.sha256:
        raise ConfigError(
            f"{where}: its content is {found}, but {one.sha256} is pinned; restore the pinned content, or pin the new one"
        )
    return one.model_copy(update={"sha256": found})


def _check_rival(name: str, folder: Path) -> None:
    where = f"benchmark: rival {name}"
    if not folder.is_dir():
        raise ConfigError(f"{where}: no such folder: {folder}; for a model of the hub give hub and revision")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: {folder} has no readable config.json, as a transformers folder does") from error
    if not any(folder.glob("*.safetensors")):
        raise ConfigError(f"{where}: {folder} has no weights in safetensors; other formats are not loaded")
    labels = _labels(config)
    if len(labels) != 1:
        raise ConfigError(f"{where}: its config.json names {len(labels)} labels; a reward model has one")


def _labels(config: Any) -> Sequence[str]:
    """The labels of a transformers config; it names none where they are the default two."""
    named = config.get("id2label") if isinstance(config, dict) else None
    return list(named) if isinstance(named, dict) else ["0", "1"]


def _check_set(one: PairwiseSet) -> None:
    where = f"benchmark: pairwise set {one.name}"
    location = Location(one.path)
    try:
        if not location.exists() or not location.is_file():
            raise ConfigError(f"{where}: no such file: {one.path}")
        size = location.files()[0].size()
    except SourceError as error:
        raise ConfigError(f"{where}: {error}") from error
    if size > MAX_BYTES:
        raise ConfigError(f"{where}: larger than {MAX_BYTES >> 20} MB; give a part of it")
