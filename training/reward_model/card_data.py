"""What a reward model was trained and validated on, as the numbers and licences of its card.

What belongs here: counting a snapshot. The figures are those of the snapshot; how much of it a run saw stands in its metrics.
Whether a licence allows commercial use is read off its name here: snapshots don't carry what the source's adapter says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.records import TIERS
from training.snapshot import read_table

_FORBIDS = re.compile(r"(?<![a-z])(nc|non-?commercial|research[ -](use[ -])?only)(?![a-z])", re.IGNORECASE)
_ALLOWS = re.compile(
    r"^(mit|apache-2\.0|bsd-[23]-clause|cc0-1\.0|cc-by-[34]\.0|cc-by-sa-[34]\.0|public[ -]domain)$", re.IGNORECASE
)


def commercial_use(licence: str | None) -> str:
    """What a licence's name says of commercial use: allowed, forbidden, or not known.

    >>> commercial_use("CC-BY-NC-4.0"), commercial_use("MIT"), commercial_use("unknown"), commercial_use(None)
    ('forbidden', 'allowed', 'not known', 'not known')
    """
    if licence and _FORBIDS.search(licence):
        return "forbidden"
    return "allowed" if licence and _ALLOWS.match(licence.strip()) else "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCounts:
    """Rows of one split; what has tiers by tier. Labels are known verdicts, of which `assumed` may train and no more."""

    instructions: int
    responses: int
    criteria: dict[str, int]
    labels: dict[str, int]
    assumed: dict[str, int]
    preferences: dict[str, int]
    discordant: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceCount:
    """Instructions of one source under one licence; None where the snapshot says none."""

    source: str
    licence: str | None
    instructions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """Counts by split, and licences by source in name order."""

    splits: dict[str, SplitCounts]
    licences: tuple[LicenceCount, ...]


def summarize_data(folder: Path, splits: tuple[str, ...]) -> DataSummary:
    """Counts the given splits of a snapshot folder."""
    instructions = [row for row in read_table(folder, "instructions") if row["split"] in splits]
    split_of = {row["instruction_id"]: row["split"] for row in instructions}
    responses = {row["response_id"]: split_of.get(row["instruction_id"]) for row in read_table(folder, "responses")}
    criteria = {row["criterion_id"]: row for row in read_table(folder, "criteria")}
    verdicts = [row for row in read_table(folder, "resolved_verdicts") if row["verdict"] != "unknown"]
    preferences = read_table(folder, "criterion_preferences")

    def of_split(split: str) -> SplitCounts:
        known = [row for row in verdicts if responses[row["response_id"]] == split]
        preferred = [row for row in preferences if row["split"] == split]
        return SplitCounts(
            instructions=sum(row["split"] == split for row in instructions),
            responses=sum(found == split for found in responses.values()),
            criteria=_by_tier(c["tier"] for c in criteria.values() if split_of.get(c["instruction_id"]) == split),
            labels=_by_tier(criteria[row["criterion_id"]]["tier"] for row in known),
            assumed=_by_tier(criteria[row["criterion_id"]]["tier"] for row in known if row["judge_kind"] == "assumed"),
            preferences=_by_tier(row["tier"] for row in preferred),
            discordant=_by_tier(row["tier"] for row in preferred if row["discordant"]),
        )

    licences = Counter((row["source"], row.get("license")) for row in instructions)
    return DataSummary(
        splits={split: of_split(split) for split in splits},
        licences=tuple(
            LicenceCount(source=source, licence=licence, instructions=n)
            for (source, licence), n in sorted(licences.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        ),
    )


def _by_tier(tiers: Iterable[str]) -> dict[str, int]:
    counts = Counter(tiers)
    return {tier: counts[tier] for tier in TIERS}
