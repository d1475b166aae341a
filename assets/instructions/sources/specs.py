"""Sources as configuration: what a user declares of a source, beside what its adapter knows.

What belongs here: the keys of `sources` in a user's file. Which adapters there are stands in `registry.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from assets.instructions.project_file import section
from training.config import ConfigError, StrictConfig, parse_config

# It names a folder and a Dagster partition.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
Format = Literal["jsonl", "json", "csv", "parquet"]


class ColumnMapping(StrictConfig):
    """Where a generic source has what; a dotted path leads into nested objects.

    Attributes:
        text: the question.
        answer: a published answer, and `answer_model` the name of who gave it.
        answer_model: a fixed name such as `physician`.
        label: the source's own subject or focus, for measuring the taxonomy.
        category: a category of the taxonomy.
        specialty: a specialty of the taxonomy.
        difficulty: a number on the scale `difficulty_scale`.
        split: the split that the source pins.
    """

    text: str
    answer: str | None = None
    answer_model: str = "published"
    label: str | None = None
    category: str | None = None
    specialty: str | None = None
    difficulty: str | None = None
    split: str | None = None


class SourceSpec(StrictConfig):
    """One source as its user declares it.

    Attributes:
        adapter: who reads it; the source's own name by default, `generic` for a format of one's own.
        uri: folder or file, by path or URL (`s3://…`, `hf://datasets/owner/name`).
        licence: in place of the adapter's; needed for `generic`.
        commercial_use: in place of the adapter's; needed for `generic`.
        citation: in place of the adapter's.
        home: in place of the adapter's.
        sha256: what the content must be: that of the file, or the digest that an error names.
        format: of a generic source.
        columns: of a generic source.
        items: where a JSON document has its records: `item` for an array, `data.item` for one under a key.
        difficulty_scale: lowest and highest difficulty of a generic source, mapped to 0 and 10; needed with
            `columns.difficulty`.
    """

    adapter: str | None = None
    uri: str | None = None
    licence: str | None = Field(default=None, min_length=1)
    commercial_use: bool | None = None
    citation: str | None = None
    home: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    format: Format | None = None
    columns: ColumnMapping | None = None
    items: str = "item"
    difficulty_scale: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _generic_is_complete(self) -> SourceSpec:
        generic = {"format": self.format, "columns": self.columns}
        if self.adapter == "generic":
            needed = {**generic, "uri": self.uri, "licence": self.licence, "commercial_use": self.commercial_use}
            missing = [key for key, value in needed.items() if value is None]
            if missing:
                raise ValueError(f"adapter generic needs {', '.join(missing)}")
        elif any(value is not None for value in generic.values()):
            has = f"not to {self.adapter}" if self.adapter else "so write `adapter: generic` too"
            raise ValueError(f"format and columns belong to adapter generic, {has}")
        if self.columns is not None and self.columns.difficulty and self.difficulty_scale is None:
            raise ValueError("a column of difficulties needs difficulty_scale: its lowest and highest value, such as [1, 5]")
        if self.difficulty_scale is not None and self.difficulty_scale[0] >= self.difficulty_scale[1]:
            raise ValueError("difficulty_scale must rise")
        return self


def load_specs(path: Path | None) -> dict[str, SourceSpec]:
    """The declared sources of a user's file, by name; none without a file. A relative place is relative to the file.

    Raises:
        ConfigError: an unreadable file or a wrong key; names source and key.
    """
    specs = {}
    for name, keys in section(path, "sources").items():
        where = f"{path}: sources.{name}"
        if not _NAME.fullmatch(str(name)):
            raise ConfigError(f"{where}: a source's name is made of letters, digits, '_' and '-', and begins with a letter")
        if keys is not None and not isinstance(keys, dict):
            raise ConfigError(f"{where}: must map keys to values; allowed: {', '.join(sorted(SourceSpec.model_fields))}")
        spec = parse_config(SourceSpec, keys or {}, where=where)
        if path is not None and spec.uri is not None and "://" not in spec.uri:
            spec = spec.model_copy(update={"uri": str(path.parent / spec.uri)})
        specs[str(name)] = spec
    return specs
