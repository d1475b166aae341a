"""The data card: what the sources gave, what was kept and why, as one self-contained page and as JSON.

What belongs here: putting counts into tables and words. Counting is `data_card_counts.py`'s, tables `data_card_tables.py`'s;
measuring the quality of a step is that step's. Plain functions: no dagster, no store, no clock, so the same tables give the
same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.instructions.config import BandConfig
from assets.instructions.difficulty_local import FORMULA, NAME
from assets.reports.data_card_plots import funnel, lengths, specialties
from assets.reports.data_card_tables import card_tables
from assets.reports.figures import Row
from assets.reports.templates import environment

Counts = Mapping[str, Sequence[Row]]
FUNNEL_STEPS = ("read", "accepted", "not an exact repeat", "not a near repeat", "kept")


@dataclass(frozen=True, kw_only=True)
class DataCardInputs:
    """What the card is made of.

    Attributes:
        counts: see `data_card_counts.count_data`.
        band: the difficulties that were kept.
        scorers: who was asked for difficulties, in that order.
        agreement: see `difficulty_agreement.agreement_with_sources`.
        accuracy: see `taxonomy_accuracy.measure_accuracy`.
        contamination: passed, held_out and training (instructions compared), exact and semantic (contacts), threshold,
            embedding (what texts were compared by).
    """

    counts: Counts
    band: BandConfig
    scorers: Sequence[str]
    agreement: Sequence[Row]
    accuracy: Sequence[Row]
    contamination: Mapping[str, Any]


def funnel_steps(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Source → questions left after each of FUNNEL_STEPS.

    >>> funnel_steps([{"source": "a", "read": 9, "accepted": 8, "exact_duplicates": 2, "near_duplicates": 1, "kept": 3}])
    {'a': [9, 8, 6, 5, 3]}
    """
    steps = {}
    for row in rows:
        distinct = row["accepted"] - row["exact_duplicates"]
        steps[row["source"]] = [row["read"], row["accepted"], distinct, distinct - row["near_duplicates"], row["kept"]]
    return steps


def render_data_card(inputs: DataCardInputs) -> dict[str, str]:
    """Builds the card.

    Returns:
        File name → content: data_card.html, data_card.json.
    """
    counts = inputs.counts
    formula = FORMULA if "local" in inputs.scorers else None
    page = (
        environment()
        .get_template("data_card.html.j2")
        .render(
            read=sum(row["read"] for row in counts["funnel"]),
            kept=sum(row["kept"] for row in counts["funnel"]),
            sources=counts["sources"],
            restricted=[row["source"] for row in counts["sources"] if not row["commercial_use"]],
            terms=[row["source"] for row in counts["sources"] if row["provider_terms"]],
            with_rubrics=[row["source"] for row in counts["sources"] if row["brings_rubrics"]],
            band=inputs.band,
            scorers=inputs.scorers,
            scorer_name=NAME,
            formula=formula,
            contamination=inputs.contamination,
            funnel_plot=funnel(FUNNEL_STEPS, funnel_steps(counts["funnel"])),
            lengths_plot=lengths(counts["length_bins"]),
            specialties_plot=specialties(counts["specialties"]),
            **card_tables(counts, accuracy=inputs.accuracy, agreement=inputs.agreement),
        )
    )
    plain = {
        "counts": {name: list(rows) for name, rows in counts.items()},
        "difficulty": {
            "band": inputs.band.model_dump(),
            "scorers": list(inputs.scorers),
            "formulas": {NAME: formula} if formula else {},
            "agreement": list(inputs.agreement),
        },
        "taxonomy_accuracy": list(inputs.accuracy),
        "contamination": dict(inputs.contamination),
    }
    return {
        "data_card.html": page,
        "data_card.json": json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False),
    }


def data_headline(counts: Counts, band: BandConfig) -> str:
    """The funnel as plain text, one line per source, and what a reader must know of it, for a terminal."""
    heads = ("source", "read", "set aside", "exact rep.", "near rep.", "too easy", "too hard", "no score", "kept")
    names = ("read", "quarantined", "exact_duplicates", "near_duplicates", "too_easy", "too_hard", "difficulty_unknown", "kept")
    width = max([24, *(len(row["source"]) + 1 for row in counts["funnel"])])
    lines = [f"{heads[0]:<{width}}" + "".join(f"{head:>12}" for head in heads[1:])]
    for row in counts["funnel"]:
        lines.append(f"{row['source']:<{width}}" + "".join(f"{row[name]:>12,}" for name in names))
    if len(counts["funnel"]) > 1:
        totals = (sum(row[name] for row in counts["funnel"]) for name in names)
        lines.append(f"{'all':<{width}}" + "".join(f"{total:>12,}" for total in totals))
    return "\n".join([*lines, *_headline_notes(counts, band)])


def _headline_notes(counts: Counts, band: BandConfig) -> list[str]:
    reasons: Counter[str] = Counter()
    for row in counts["quarantine"]:
        reasons[row["reason"]] += row["n"]
    notes = []
    if reasons:
        notes.append("set aside: " + ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items())))
    notes += [
        f"! {row['source']}: a file ends too early; nobody knows how many records are missing: get it again"
        for row in counts["quarantine"]
        if row["reason"] == "truncated_file"
    ]
    notes += [
        f"! {row['source']}: none of its {row['read']:,} records can be used ({_reasons_of(counts, row['source'])}):"
        " look at its place, format and columns"
        for row in counts["funnel"]
        if row["read"] and not row["accepted"]
    ]
    scorers = sorted({row["scorer"] for row in counts["difficulty"] if row["scorer"]})
    if scorers:
        scored = f"difficulty by {', '.join(scorers)}; kept from {band.low:g} to {band.high:g}"
        notes.append(f"{scored} (how far scorers and labels agree stands in the card)")
    return notes


def _reasons_of(counts: Counts, source: str) -> str:
    return ", ".join(f"{row['reason']} {row['n']:,}" for row in counts["quarantine"] if row["source"] == source)
