"""The data card's tables: captions, heads and cells as plain data that the template lays out.

What belongs here: which counts stand together, and how a figure is worded. A figure that rests on nothing is "n/a".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.reports.figures import Cell, Row, number
from assets.reports.tables import Table, count_table, text_cells

Counts = Mapping[str, Sequence[Row]]
_FUNNEL_HEADS = {
    "source": "Source",
    "read": "Read",
    "quarantined": "Set aside",
    "accepted": "Accepted",
    "exact_duplicates": "Exact repeat",
    "near_duplicates": "Near repeat",
    "too_easy": "Too easy",
    "too_hard": "Too hard",
    "difficulty_unknown": "No difficulty",
    "kept": "Kept",
}


def card_tables(counts: Counts, *, accuracy: Sequence[Row], agreement: Sequence[Row]) -> dict[str, Any]:
    """Every table by the template's name for it; None where there is nothing to show. `accuracy` is a list of tables."""

    def counted(name: str, caption: str, *, down: str, across: str) -> Table | None:
        return count_table(caption, counts[name], down=down, across=across) if counts[name] else None

    return {
        "funnel": _funnel(counts["funnel"]),
        "excluded": counted("excluded", "Instructions left out, by reason and source", down="reason", across="source"),
        "always_kept": _always_kept(counts["always_kept"]),
        "records": _records(counts["records"]),
        "lengths": _lengths(counts["lengths"]),
        "licences": _licences(counts["sources"]),
        "quarantine": counted("quarantine", "Records set aside, by reason and source", down="reason", across="source"),
        "personal_data": counted("personal_data", "Texts with personal data, by kind and source", down="kind", across="source"),
        "actions": counted("personal_data", "… and what was done with them", down="action", across="source"),
        "overlaps": _overlaps(counts["overlaps"]) if counts["overlaps"] else None,
        "repeats": counted("repeats", "Instructions that repeat another one", down="repeats", across="merged_by"),
        "difficulty": _difficulty(counts["difficulty"]) if counts["difficulty"] else None,
        "agreement": _agreement(agreement) if agreement else None,
        "categories": _categories(counts["categories"]),
        "accuracy": [_accuracy(what, accuracy) for what in ("category", "specialty") if _held_out(what, accuracy)],
        "splits": counted("splits", "Instructions kept, by source and split", down="source", across="split"),
        "digests": Table(
            caption="Content digests",
            columns=("Source", "sha256"),
            rows=text_cells([(row["source"], row["content_digest"]) for row in counts["sources"]]),
        ),
    }


def _funnel(rows: Sequence[Row]) -> Table:
    lines = [[row[name] for name in _FUNNEL_HEADS] for row in rows]
    if len(lines) > 1:
        lines.append(["Total", *(sum(line[i] for line in lines) for i in range(1, len(_FUNNEL_HEADS)))])
    return Table(
        caption="Questions by source, step by step",
        columns=tuple(_FUNNEL_HEADS.values()),
        rows=text_cells(lines),
        note="read = set aside + accepted; accepted = all columns after it.",
    )


def _always_kept(rows: Sequence[Row]) -> Table | None:
    if not rows:
        return None
    heads = ("Source", "Repeat another", "Outside the band", "Without difficulty")
    lines = [[row[name] for name in ("source", "repeats", "outside_band", "without_difficulty")] for row in rows]
    return Table(
        caption="Kept all the same",
        columns=heads,
        rows=text_cells(lines),
        note="Instructions of sources with rubrics and published test items stay, whatever the rules say of others.",
    )


def _lengths(rows: Sequence[Row]) -> Table:
    heads = ("Source", "Kept", "5 % are shorter than", "Median", "5 % are longer than", "Longest")
    lines = [[row[name] for name in ("source", "n", "p5", "median", "p95", "longest")] for row in rows]
    return Table(caption="Length of the instructions kept, in characters", columns=heads, rows=text_cells(lines))


def _overlaps(rows: Sequence[Row]) -> Table:
    sources = sorted({row["source"] for row in rows})
    shared = {(row["source"], row["other"]): row["n"] for row in rows}
    lines = [[source, *(shared.get((source, other), 0) for other in sources)] for source in sources]
    return Table(
        caption="Questions that two sources share",
        columns=("Source", *sources),
        rows=text_cells(lines),
        note="Clusters with a member in both sources; on the diagonal, all clusters of the source.",
    )


def _records(rows: Sequence[Row]) -> Table:
    lines = [[f"{row['source']}: {row['kind']}", *(row[name] for name in ("read", "accepted", "quarantined"))] for row in rows]
    heads = ("Source and kind", "Read", "Accepted", "Set aside")
    return Table(caption="All records", columns=heads, rows=text_cells(lines))


def _difficulty(rows: Sequence[Row]) -> Table:
    ends = range(10)
    scorers = sorted({row["scorer"] for row in rows})
    found = {(row["scorer"], row["from_difficulty"]): row for row in rows}
    lines = []
    for scorer in scorers:
        for head, name in ((f"{scorer}, all", "n"), (f"{scorer}, kept", "kept")):
            values = [found[scorer, end][name] if (scorer, end) in found else 0 for end in ends]
            lines.append([head, *values, sum(values)])
    columns = ("Scored by", *(f"{end}–{end + 1}" for end in ends), "Total")
    note = "Lower end included, and 10 in the last column. Different scorers are different scales."
    return Table(caption="Instructions by difficulty", columns=columns, rows=text_cells(lines), note=note)


def _agreement(rows: Sequence[Row]) -> Table:
    lines = [
        [Cell(value=f"{row['scorer']} and {row['source']}"), _cell(row, "rho", digits=2), Cell(value=f"{row['n']:,}")]
        for row in rows
    ]
    return Table(
        caption="Does the formula rank as the sources' own labels do?",
        columns=("Scorer and source", "Rank correlation", "Labels"),
        rows=lines,
        note="Spearman's ρ with an approximate 95 % interval: 1 is the same order, 0 none in common. Half of MedInstruct's test"
        " set chose between five settings of the formula.",
    )


def _categories(rows: Sequence[Row]) -> Table:
    lines = [[row["category"].replace("_", " "), row["accepted"], row["kept"], row["kept_by_source"]] for row in rows]
    heads = ("Category", "Accepted", "Kept", "of these as the source says")
    return Table(caption="Instructions by category", columns=heads, rows=text_cells(lines))


def _held_out(what: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["what"] == what and row["half"] == "held out"]


def _accuracy(what: str, rows: Sequence[Row]) -> Table:
    lines = []
    for row in _held_out(what, rows):
        shares = [Cell(value=number(row[name], "share")) for name in ("coverage", "accuracy_of_all", "macro", "majority")]
        counts = [Cell(value=f"{row[name]:,}") for name in ("n", "classes")]
        lines.append([Cell(value=row["group"]), *counts, shares[0], _cell(row, "accuracy"), *shares[1:]])
    return Table(
        caption=f"Accuracy of the {what}, on labelled rows that chose nothing",
        columns=("Source", "Rows", "Classes", "Coverage", "Right where it answers", "Right of all", "Macro", "Majority"),
        rows=lines,
        note="Interval: Wilson, 95 %. Right of all and macro (mean over classes) count an unknown as wrong. Majority: what the"
        " most frequent class alone would get; 100 % where the labels know one class only.",
    )


def _cell(row: Row, name: str, *, digits: int | None = None) -> Cell:
    def said(value: float | None) -> str:
        return number(value, "share") if digits is None or value is None else f"{value:.{digits}f}"

    return Cell(value=said(row[name]), interval="" if row[name] is None else f"{said(row['low'])} to {said(row['high'])}")


def _licences(sources: Sequence[Row]) -> Table:
    rows = []
    for row in sources:
        use = "yes" if row["commercial_use"] else "no"
        words = (row["source"], row["licence"], use, row["provider_terms"] or "none known")
        rows.append([*(Cell(value=word) for word in words), Cell(value=row["citation"], n=row["home"])])
    columns = ("Source", "Licence", "Commercial use", "Provider terms", "Citation and home")
    return Table(caption="Licences as their sources state them", columns=columns, rows=rows)
