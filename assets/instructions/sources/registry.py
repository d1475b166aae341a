"""The sources by name, and the option `--source NAME[=URI]` made into one of them.

What belongs here: which adapters exist, and what is wrong with a choice of sources. What does not: reading one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assets.instructions.sources.base import Adapter, SourceError, SourceRecords
from assets.instructions.sources.corpus import CorpusAdapter
from assets.instructions.sources.generic import GenericAdapter
from assets.instructions.sources.kqa import KqaAdapter
from assets.instructions.sources.location import Location, content_digest
from assets.instructions.sources.published import PUBLISHED
from assets.instructions.sources.specs import SourceSpec, load_specs
from training.config import StrictConfig

ADAPTERS: Mapping[str, Adapter] = {adapter.name: adapter for adapter in (CorpusAdapter(), KqaAdapter(), *PUBLISHED)}
_FACTS = ("licence", "commercial_use", "provider_terms", "citation", "home", "brings_rubrics")


@dataclass(frozen=True, kw_only=True)
class Source:
    """An adapter, where it reads, and what its content must be, if that is pinned."""

    adapter: Adapter
    location: Location
    adapter_name: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The source's own name, which stands in the column `source`."""
        return self.adapter.name

    def facts(self) -> dict[str, Any]:
        """Licence, terms, citation and home, as plain data."""
        every = asdict(self.adapter)
        return {"source": self.name, "adapter": self.adapter_name, **{key: every[key] for key in _FACTS}}

    def keys(self) -> dict[str, Any]:
        """All of the adapter's keys but where it lies: what is read depends on them."""
        keys = {key: value for key, value in asdict(self.adapter).items() if key != "default_uri"}
        return {key: value.model_dump() if isinstance(value, StrictConfig) else value for key, value in keys.items()}

    def signature(self) -> tuple[str, ...]:
        """What tells cheaply whether its files are what they were.

        Raises:
            SourceError: the file system does not answer, or a file is gone.
        """
        try:
            return tuple(f"{file.name}:{file.signature()}" for file in self.adapter.files(self.location))
        except OSError as error:
            raise SourceError(f"source {self.name}: its files changed while they were read ({error}); run again") from error

    def size(self) -> int:
        """Bytes of its files, as they lie there."""
        return sum(file.size() for file in self.adapter.files(self.location))

    def content_digest(self, memo: Path | None = None) -> str:
        """Digest of what the source holds now.

        Raises:
            SourceError: there is nothing to read, or it is not what is pinned; names both digests.
        """
        files = self.adapter.files(self.location)
        if not files:
            raise SourceError(f"source {self.name}: {self.location.uri} holds no file that {self.adapter_name} reads")
        found = content_digest(self.location, files, memo)
        if self.sha256 is not None and found != self.sha256:
            raise SourceError(
                f"source {self.name}: its content is {found}, but {self.sha256} is pinned; "
                "restore the pinned content, or pin the new one after looking at it"
            )
        return found

    def read(self) -> Iterator[SourceRecords]:
        """All records, in batches.

        Raises:
            SourceError: nothing usable is there, or a connection broke.
        """
        return self.adapter.read(self.location)


def parse_source(text: str, specs: Mapping[str, SourceSpec] | None = None) -> Source:
    """Makes `corpus`, `kqa=<folder>` or the name of a declared source a source.

    Raises:
        SourceError: unknown source, a place that is needed but not given, or one that does not exist.
    """
    name, given, uri = (part.strip() for part in text.partition("="))
    spec = (specs or {}).get(name, SourceSpec())
    adapter = _adapter(name, spec, declared=name in (specs or {}), allowed=sorted({*ADAPTERS, *(specs or {})}))
    if given and not uri:
        raise SourceError(f"source {name}: nothing after '='; write {name}=<folder, file or URL>")
    place = uri or spec.uri or adapter.default_uri
    if place is None:
        raise SourceError(f"source {name} needs a place; write {name}=<folder, file or URL> (published at {adapter.home})")
    location = Location(place)
    if not location.exists():
        raise SourceError(f"source {name}: no such folder or file: {place}")
    return Source(adapter=adapter, location=location, adapter_name=spec.adapter or name, sha256=spec.sha256)


def _adapter(name: str, spec: SourceSpec, *, declared: bool, allowed: list[str]) -> Adapter:
    changes = {
        key: value
        for key, value in spec.model_dump(include={"licence", "commercial_use", "citation", "home"}).items()
        if value is not None
    }
    if spec.adapter == "generic":
        assert spec.format is not None and spec.columns is not None
        return GenericAdapter(
            **{"citation": "none given", "home": "none given", **changes},
            name=name,
            format=spec.format,
            columns=spec.columns,
            items=spec.items,
            difficulty_scale=spec.difficulty_scale or (0.0, 10.0),
        )
    kind = spec.adapter or name
    if kind not in ADAPTERS:
        what = f"adapter {kind!r} of source {name}" if declared else f"source {name!r}"
        raise SourceError(f"unknown {what}; allowed: {', '.join([*allowed, 'generic'] if declared else allowed)}")
    return replace(ADAPTERS[kind], name=name, **changes)


def resolve_sources(texts: list[str], *, declared: Path | None = None) -> list[Source]:
    """Several sources, each at most once.

    Args:
        texts: `NAME` or `NAME=URI`.
        declared: a user's file with sources of their own.

    Raises:
        SourceError: as `parse_source`, none given, or one given twice.
        ConfigError: the file cannot be used.
    """
    specs = load_specs(declared)
    if not texts:
        raise SourceError(f"no source given; allowed: {', '.join(sorted({*ADAPTERS, *specs}))}")
    sources = [parse_source(text, specs) for text in texts]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"source {name} is given {names.count(name)} times; give it once")
    return sources
