"""The names of the taxonomy: five categories, 26 specialties, and what sources' own labels say of them, read from dbt's seeds.

What belongs here: the seeds' shape, and names that sources use in place of ours. The seeds are dbt's as well, so that the
warehouse and the classifiers go by one list.

Five and 26 are the numbers of Geng et al. 2026, who do not list theirs in full: names, wording and choice are ours.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.stages import ROOT

SEEDS = ROOT / "dbt_project" / "seeds"
N_CATEGORIES, N_SPECIALTIES = 5, 26
_NAME = re.compile(r"[a-z]+(_[a-z]+)*")
# A label may join several parts (site, group, question type, focus); the last one may hold slashes itself.
_LABEL_PARTS = 4


class TaxonomyError(ValueError):
    """The taxonomy cannot be used; names the seed and the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A category or specialty.

    Attributes:
        name: stands in the tables.
        description: one line.
        keywords: words that point to it; a trailing `*` stands for any ending.
        prototypes: questions typical of it.
        aliases: what sources call it.
    """

    name: str
    description: str
    keywords: tuple[str, ...]
    prototypes: tuple[str, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """Both lists, in name order of the seeds."""

    categories: tuple[Label, ...]
    specialties: tuple[Label, ...]

    def names_of(self, labels: tuple[Label, ...]) -> dict[str, str]:
        """What a source may write → our name: each name itself, and its aliases."""
        return {said: label.name for label in labels for said in (label.name, *label.aliases)}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a source's label says; None where it does not decide."""

    category: str | None
    specialty: str | None


def load_taxonomy(folder: Path = SEEDS) -> Taxonomy:
    """Reads `categories.csv` and `specialties.csv`.

    Raises:
        TaxonomyError: not five and 26, a name or alias that is malformed or stands twice, or an empty cell.
    """
    taxonomy = Taxonomy(
        categories=_labels(folder / "categories.csv", "category", N_CATEGORIES),
        specialties=_labels(folder / "specialties.csv", "specialty", N_SPECIALTIES),
    )
    for labels in (taxonomy.categories, taxonomy.specialties):
        said = [name for label in labels for name in (label.name, *label.aliases)]
        for name in said:
            if said.count(name) > 1 or not _NAME.fullmatch(name):
                raise TaxonomyError(f"taxonomy: the name {name!r} stands twice or is not in lower case with underscores")
    return taxonomy


def _labels(path: Path, key: str, number: int) -> tuple[Label, ...]:
    rows = _rows(path)
    if len(rows) != number:
        raise TaxonomyError(f"{path.name}: {len(rows)} rows instead of {number}")
    for row in rows:
        for column in (key, "description", "keywords", "prototypes"):
            if not row.get(column):
                raise TaxonomyError(f"{path.name}: {row.get(key) or 'a row'} has no {column}")
    return tuple(
        Label(
            name=row[key],
            description=row["description"],
            keywords=_phrases(row["keywords"]),
            prototypes=_phrases(row["prototypes"]),
            aliases=_phrases(row.get("aliases") or ""),
        )
        for row in rows
    )


def load_source_labels(folder: Path = SEEDS) -> dict[tuple[str, str], Decided]:
    """(source, part of a label) → what it decides, from `source_labels.csv`."""
    return {
        (row["source"], row["label"]): Decided(row["category"] or None, row["specialty"] or None)
        for row in _rows(folder / "source_labels.csv")
    }


def decide(source: str, label: str, table: Mapping[tuple[str, str], Decided]) -> Decided:
    """What a whole label says: what all its deciding parts agree on.

    >>> table = {("s", "skin"): Decided(None, "dermatology"), ("s", "baby"): Decided(None, "paediatrics")}
    >>> decide("s", "skin/rash", table), decide("s", "skin/baby", table).specialty
    (Decided(category=None, specialty='dermatology'), None)
    """
    parts = [label, *label.split("/", _LABEL_PARTS - 1)]
    found = [table[source, part] for part in parts if (source, part) in table]
    return Decided(_only({one.category for one in found}), _only({one.specialty for one in found}))


def _only(said: set[str | None]) -> str | None:
    known = said - {None}
    return known.pop() if len(known) == 1 else None


def _phrases(cell: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in cell.split("|") if phrase.strip())


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path.name}: cannot be read: {error}") from error
