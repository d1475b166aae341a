"""The report's tables: captions, column heads and cells as plain data that the template lays out.

What belongs here: which figures stand together. The first cell of a row is its head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from assets.reports.figures import (
    SAME,
    TIER_OF_SCORE,
    Cell,
    Metrics,
    Row,
    cell,
    find_row,
    number,
)
from training.records import SPLITS, TIERS, JudgeKind

TIER_NAMES = {"main": "Main", "bonus": "Bonus", "veto": "Veto", "macro": "Macro", "micro": "Micro"}
# Words of the vocabulary in the order of the chain; all others follow by name.
_ORDER = (*SPLITS, *TIERS, "tie", "undecidable", "met", "unmet", "unknown", *get_args(JudgeKind))
POLICY_METRICS = {
    "overall": "Overall (0 to 1)",
    "s1": "S1, main proficiency",
    "s2": "S2, bonus criteria met",
    "safety_compliance": "Safety compliance",
    "coverage": "Coverage (answers with a score)",
}
ANSWER_METRICS = {
    "refusal_rate": "Refusals",
    "empty_rate": "Empty answers",
    "cut_rate": "Cut at the length limit",
    "mean_characters": "Length in characters",
    "mean_tokens": "Length in tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: every row has one cell per column."""

    caption: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]
    note: str = ""


def text_cells(rows: Iterable[Sequence[object]]) -> list[list[Cell]]:
    """Cells that hold values as they are, whole numbers with thousands separators.

    >>> text_cells([("a", 1200)])[0][1].value
    '1,200'
    """
    return [[Cell(value=f"{v:,}" if isinstance(v, int) else str(v)) for v in row] for row in rows]


def policy_tables(metrics: Metrics) -> list[Table]:
    """Base against aligned policy by each judge, and what needs no judge."""
    titles = {
        "own": "By the policy's own reward model, which it was trained to please",
        "panel": "By the panel reward model, trained on other data",
        "answers": "The answers themselves",
    }
    tables = []
    for section, caption in titles.items():
        rows = []
        for metric, title in (ANSWER_METRICS if section == "answers" else POLICY_METRICS).items():
            base, aligned = (find_row(metrics["figures"], section=section, system=s, metric=metric) for s in ("base", "policy"))
            change = find_row(metrics["differences"], section=section, metric=metric)
            shown = cell(change, signed=True)
            p = "" if change is None or change["p_holm"] is None else f", p = {change['p_holm']:.3f}"
            title += _of_judge(metrics["judges"].get(section, {}), metric)
            rows.append([Cell(value=title), cell(base), cell(aligned), replace(shown, n=shown.n + p)])
        note = "" if section == "answers" else "p corrected by Holm over the figures of both judges; coverage is not tested."
        columns = ("Figure", "Base model", "Aligned policy", "Aligned − base")
        tables.append(Table(caption=caption, columns=columns, rows=rows, note=note))
    return tables


def _of_judge(judge: Mapping[str, Sequence[str]], metric: str) -> str:
    """What is to be known of the judge's verdicts behind a score, to stand after the score's name."""
    tier = TIER_OF_SCORE.get(metric)
    said = [f"the judge {SAME}"] if tier in judge.get("uninformative", ()) else []
    if tier in judge.get("not_identified", ()):
        said.append("not identified: by a fit pooled over all tiers")
    return f" ({'; '.join(said)})" if said else ""


def count_table(caption: str, rows: Sequence[Row], *, down: str, across: str, value: str = "n", note: str = "") -> Table:
    """Counts summed into a table of two of their columns, with totals."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[str(row[down]), str(row[across])] += int(row[value])
    downs, heads = (sorted({key[side] for key in sums}, key=rank) for side in (0, 1))
    lines: list[list[object]] = [
        [d.replace("_", " "), *(sums[d, a] for a in heads), sum(sums[d, a] for a in heads)] for d in downs
    ]
    if len(lines) > 1:
        lines.append(["Total", *(sum(sums[d, a] for d in downs) for a in heads), sum(sums.values())])
    columns = (down.replace("_", " ").capitalize(), *(h.replace("_", " ") for h in heads), "Total")
    return Table(caption=caption, columns=columns, rows=text_cells(lines), note=note)


def rank(name: str) -> tuple[int, str]:
    """Orders words of the vocabulary as the chain does, then all others by name."""
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def plain_table(caption: str, rows: Sequence[Row], *, note: str = "") -> Table:
    """Counts as they are, one row each."""
    columns = tuple(rows[0]) if rows else ("",)
    heads = tuple(name.replace("_", " ").capitalize() for name in columns)
    return Table(caption=caption, columns=heads, rows=text_cells([[row[c] for c in columns] for row in rows]), note=note)


def data_tables(counts: Mapping[str, Sequence[Row]]) -> list[Table]:
    """The walk from instructions to preferences, in counts (see `counts.py`)."""
    return [
        count_table("Instructions by source and split", counts["instructions"], down="source", across="split"),
        count_table("Criteria by source and tier", counts["criteria"], down="source", across="tier"),
        count_table("Responses by model and source", counts["responses"], down="model", across="source"),
        count_table(
            "Verdicts by kind of judge and label",
            counts["verdicts"],
            down="judge_kind",
            across="verdict",
            note="construction: known because the response was composed so. assumed: trains, and is never measured on.",
        ),
        count_table(
            "Response pairs by outcome and split",
            counts["pairs"],
            down="outcome",
            across="split",
            note="veto, main, bonus: the tier that decides. tie: no preference. undecidable: an unknown verdict is in the way.",
        ),
        count_table("Criterion preferences by tier and split", counts["criterion_preferences"], down="tier", across="split"),
        plain_table(
            "Responses whose scores an unknown verdict leaves open",
            counts["unscored"],
            note="A response with an unknown veto has no overall score and no reward.",
        ),
    ]


def agreement_table(agreement: Mapping[str, Any]) -> Table:
    """Krippendorff's alpha of K-QA's annotator columns, and each pair's kappa."""
    rows = [["Krippendorff's α (ordinal), all three columns", number(agreement["alpha"], "alpha"), agreement["units"]]]
    for pair in agreement["kappa"]:
        title = f"Quadratic-weighted Cohen's κ, {pair['first']} and {pair['second']}"
        rows.append([title, number(pair["value"], "kappa"), pair["n"]])
    return Table(
        caption="K-QA: agreement of its annotators on whether an answer contradicts, leaves open or entails a statement",
        columns=("Figure", "Value", "n"),
        rows=text_cells(rows),
        note="n: labelled statements that stand in a rubric. 1 is full agreement, 0 is chance. α first: a column may be of "
        "several people. The paper reports κ = 0.88 for its own physicians (Geng et al. 2026, not ours).",
    )
