"""The sources by name, and the option `--source name[=folder]` made into one of them.

What belongs here: which sources exist, and what is wrong with a choice of them. What does not: reading one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.instructions.sources.base import Adapter, SourceError
from assets.instructions.sources.corpus import CorpusAdapter
from assets.instructions.sources.kqa import KqaAdapter

SOURCES: Mapping[str, Adapter] = {"corpus": CorpusAdapter(), "kqa": KqaAdapter()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An adapter and the folder it reads."""

    adapter: Adapter
    uri: Path

    @property
    def name(self) -> str:
        """The adapter's name."""
        return self.adapter.name


def parse_source(text: str) -> Source:
    """Makes `corpus`, `corpus=<folder>` or `kqa=<folder>` a source.

    Raises:
        SourceError: unknown source, a folder that is needed but not given, or one that does not exist.
    """
    name, given, path = text.partition("=")
    name, path = name.strip(), path.strip()
    if name not in SOURCES:
        raise SourceError(f"unknown source {name!r}; allowed: {', '.join(sorted(SOURCES))}")
    adapter = SOURCES[name]
    if given and not path:
        raise SourceError(f"source {name}: no folder after '='; write {name}=<folder>")
    if not given and adapter.default_uri is None:
        raise SourceError(f"source {name} needs a folder; write {name}=<folder> (published at {adapter.home})")
    uri = Path(path) if given else adapter.default_uri
    if uri is None or not uri.is_dir():
        raise SourceError(f"source {name}: no such folder: {uri}")
    return Source(adapter=adapter, uri=uri)


def parse_sources(texts: list[str]) -> list[Source]:
    """Parses several, each source at most once.

    Raises:
        SourceError: as `parse_source`, none given, or one given twice.
    """
    if not texts:
        raise SourceError(f"no source given; allowed: {', '.join(sorted(SOURCES))}")
    sources = [parse_source(text) for text in texts]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"source {name} is given {names.count(name)} times; give it once")
    return sources
