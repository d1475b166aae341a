"""The data card: what the sources gave, what was kept and why, as one self-contained page and as JSON.

What belongs here: putting counts into tables and words. Counting is `data_card_counts.py`'s; measuring the quality of a step
is that step's. Plain functions: no dagster, no store, no clock, so the same tables give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets.reports.figures import Row
from assets.reports.plots import Plot, funnel
from assets.reports.render import environment
from assets.reports.tables import Table, count_table, plain_table, text_cells

Counts = Mapping[str, Sequence[Row]]
FUNNEL_STEPS = ("read", "accepted", "after exact duplicates", "after near duplicates", "kept")


@dataclass(frozen=True, kw_only=True)
class DataCardInputs:
    """What the card is made of.

    Attributes:
        counts: see `data_card_counts.count_data`.
        quality: measured figures of the curation steps: `duplicates`, `taxonomy`, each a list of rows to show, and notes.
        personal_data_action: what the screening did: mask, quarantine or report.
        difficulty_note: how difficulty was scored and which band was kept, in a sentence.
    """

    counts: Counts
    quality: Mapping[str, Sequence[Row]]
    personal_data_action: str
    difficulty_note: str


def funnel_steps(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Source → instructions left after each of FUNNEL_STEPS.

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
    page = (
        environment()
        .get_template("data_card.html.j2")
        .render(
            read=sum(row["read"] for row in counts["funnel"]),
            kept=sum(row["kept"] for row in counts["funnel"]),
            sources=counts["sources"],
            restricted=[row["source"] for row in counts["sources"] if not row["commercial_use"]],
            personal_data_action=inputs.personal_data_action,
            difficulty_note=inputs.difficulty_note,
            funnel_plot=_funnel_plot(counts["funnel"]),
            **_tables(counts, inputs.quality),
        )
    )
    plain = {
        "counts": {name: list(rows) for name, rows in counts.items()},
        "quality": {name: list(rows) for name, rows in inputs.quality.items()},
        "personal_data_action": inputs.personal_data_action,
        "difficulty": inputs.difficulty_note,
    }
    return {
        "data_card.html": page,
        "data_card.json": json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False),
    }


def data_headline(counts: Counts) -> str:
    """The funnel as plain text, one line per source, for a terminal."""
    heads = ("source", "read", "set aside", "exact dup.", "near dup.", "off band", "no score", "kept")
    names = ("read", "quarantined", "exact_duplicates", "near_duplicates", "outside_band", "difficulty_unknown", "kept")
    lines = [f"{heads[0]:<24}" + "".join(f"{head:>12}" for head in heads[1:])]
    totals = dict.fromkeys(names, 0)
    for row in counts["funnel"]:
        lines.append(f"{row['source']:<24}" + "".join(f"{row[name]:>12,}" for name in names))
        totals = {name: totals[name] + row[name] for name in names}
    if len(counts["funnel"]) > 1:
        lines.append(f"{'all':<24}" + "".join(f"{totals[name]:>12,}" for name in names))
    return "\n".join(lines)


def _funnel_plot(rows: Sequence[Row]) -> Plot:
    return funnel(FUNNEL_STEPS, funnel_steps(rows))


def _tables(counts: Counts, quality: Mapping[str, Sequence[Row]]) -> dict[str, Table | None]:
    def counted(name: str, caption: str, *, down: str, across: str) -> Table | None:
        return count_table(caption, counts[name], down=down, across=across) if counts[name] else None

    def measured(name: str, caption: str, note: str = "") -> Table | None:
        return plain_table(caption, quality[name], note=note) if quality.get(name) else None

    return {
        "funnel": plain_table("Questions by source, step by step", counts["funnel"]),
        "records": plain_table("All records by source and kind", counts["records"]),
        "lengths": plain_table("Length of the questions kept, in characters", counts["lengths"]),
        "licences": _licences(counts["sources"]),
        "quarantine": counted("quarantine", "Records set aside, by reason and source", down="reason", across="source"),
        "personal_data": counted("personal_data", "Texts with personal data, by kind and source", down="kind", across="source"),
        "overlaps": counted(
            "overlaps", "Instructions that repeat another one, by their source and that one's", down="source", across="repeats"
        ),
        "duplicate_quality": measured(
            "duplicates",
            "How well duplicates are told from near-misses, on labelled pairs",
            "Pairs written for this project: paraphrases, and near-misses that must not merge (another drug, dose, age …).",
        ),
        "difficulty": plain_table("Difficulty of all instructions", counts["difficulty"]) if counts["difficulty"] else None,
        "categories": plain_table("Instructions kept by category", counts["categories"]),
        "specialties": plain_table("Instructions kept by specialty", counts["specialties"]),
        "taxonomy_quality": measured("taxonomy", "Accuracy of the classification, on labelled rows"),
        "splits": counted("splits", "Instructions kept by source and split", down="source", across="split"),
        "digests": Table(
            caption="Content digests",
            columns=("Source", "sha256"),
            rows=text_cells([(row["source"], row["content_digest"]) for row in counts["sources"]]),
        ),
    }


def _licences(sources: Sequence[Row]) -> Table:
    rows = [
        (
            row["source"],
            row["licence"],
            "yes" if row["commercial_use"] else "no",
            row["provider_terms"] or "none",
            row["citation"],
            row["home"],
        )
        for row in sources
    ]
    columns = ("Source", "Licence", "Commercial use", "Provider terms", "Citation", "Home")
    return Table(caption="Licences as their sources state them", columns=columns, rows=text_cells(rows))
