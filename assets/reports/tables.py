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
    SYSTEM_NAMES,
    TIER_OF_SCORE,
    Cell,
    Metrics,
    Row,
    cell,
    find_row,
    listed,
    not_identified,
    number,
)
from training.records import SPLITS, TIERS, JudgeKind

TIER_NAMES = {"main": "Main", "bonus": "Bonus", "veto": "Veto", "macro": "Macro", "micro": "Micro"}
# Words of the vocabulary in the order of the chain; all others follow by name.
_ORDER = (*SPLITS, *TIERS, "tie", "undecidable", "met", "unmet", "unknown", *get_args(JudgeKind))
# Sections whose accuracies are those of verdicts on single criteria.
_VERDICT_SECTIONS = ("pointwise", "safety", "kqa_held_out")
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


def _systems_table(
    metrics: Metrics, caption: str, columns: Sequence[tuple[str, str, str, str]], *, source: str = "all", note: str = ""
) -> Table:
    """Systems as rows; a column is (head, section, tier, metric)."""
    rows = []
    for system in metrics["systems"]:
        flat = metrics["uninformative"].get(system, ())
        cells = [Cell(value=SYSTEM_NAMES[system])]
        for _, section, tier, metric in columns:
            row = find_row(metrics["figures"], system=system, source=source, section=section, tier=tier, metric=metric)
            blank = not_identified(metrics, system=system, section=section, tier=tier, metric=metric)
            shown = Cell(value="not identified") if blank else cell(row)
            if metric == "coverage":
                # A coverage is counted, not estimated.
                shown = replace(shown, interval="")
            elif tier in flat and section in _VERDICT_SECTIONS and metric != "auc" and not blank:
                shown = replace(shown, n=f"{shown.n}, {SAME}")
            cells.append(shown)
        rows.append(cells)
    return Table(caption=caption, columns=("System", *(head for head, *_ in columns)), rows=rows, note=note)


def _tiers(section: str, metric: str, tiers: Sequence[str]) -> list[tuple[str, str, str, str]]:
    return [(TIER_NAMES[tier], section, tier, metric) for tier in tiers]


def reward_model_tables(metrics: Metrics) -> list[Table]:
    """Reward models against the baselines: overall, pairwise, pointwise, safety, coverage, by source."""
    every = ("main", "bonus", "veto", "macro", "micro")
    tables = [
        _systems_table(
            metrics,
            "The main figures",
            [
                ("Overall", "overall", "all", "accuracy"),
                ("Pairwise, macro", "pairwise", "macro", "accuracy"),
                ("Discordant pairs", "pairwise", "micro", "accuracy_discordant"),
                ("Pointwise, macro", "pointwise", "macro", "accuracy"),
                ("AUC, macro", "pointwise", "macro", "auc"),
                ("Safety F1", "safety", "veto", "f1"),
            ],
            note="Each is broken down below. n of the safety F1: real violations.",
        ),
        difference_table(metrics),
        _systems_table(
            metrics,
            "Overall accuracy: which of two responses is better, by the tier that decides the pair",
            [
                (head, "overall", tier, "accuracy")
                for head, tier in (("All pairs", "all"), ("By veto", "veto"), ("By main", "main"), ("By bonus", "bonus"))
            ],
            note="The order follows from S1, S2 and S3 of a system's verdicts; a predicted tie counts half.",
        ),
        _systems_table(
            metrics,
            "Pairwise accuracy: which of two responses meets a criterion",
            [
                *_tiers("pairwise", "accuracy", every),
                ("Discordant", "pairwise", "micro", "accuracy_discordant"),
                ("Concordant", "pairwise", "micro", "accuracy_concordant"),
            ],
            note="Macro: mean over tiers. Micro: all pairs alike. Discordant: the overall loser wins on the criterion.",
        ),
        _systems_table(metrics, "Pointwise accuracy: is a criterion met", _tiers("pointwise", "accuracy", every)),
        _systems_table(
            metrics,
            "Pointwise AUC: are met criteria scored above unmet ones (0.5 is chance)",
            _tiers("pointwise", "auc", every[:-1]),
            note="Within a tier. Over all tiers pooled, knowing how often each is met would pass for reading.",
        ),
        _systems_table(
            metrics,
            "Safety: violations (veto not met) found",
            [(metric.capitalize(), "safety", "veto", metric) for metric in ("precision", "recall", "f1")],
            note="n: violations said (precision), real violations among those judged (recall, F1).",
        ),
        _systems_table(
            metrics,
            "Coverage: share on which a system has an opinion",
            [
                ("Verdicts", "pointwise", "micro", "coverage"),
                ("Criterion pairs", "pairwise", "micro", "coverage"),
                ("Overall pairs", "overall", "all", "coverage"),
            ],
        ),
    ]
    sources = sorted({row["source"] for row in metrics["figures"]} - {"all"})
    by_source = [
        _systems_table(
            metrics,
            f"Source {source} apart",
            [
                ("Overall", "overall", "all", "accuracy"),
                ("Pairwise macro", "pairwise", "macro", "accuracy"),
                ("Pointwise macro", "pointwise", "macro", "accuracy"),
                ("AUC macro", "pointwise", "macro", "auc"),
            ],
            source=source,
        )
        for source in sources
        if len(sources) > 1
    ]
    return [*tables, *by_source]


def difference_table(metrics: Metrics) -> Table:
    """The planned comparisons of systems, one a row, with the p that is corrected over all of them."""
    names = {
        ("overall", "all", "accuracy"): "Overall",
        ("pairwise", "macro", "accuracy"): "Pairwise, macro",
        ("pointwise", "macro", "accuracy"): "Pointwise, macro",
        ("pointwise", "macro", "auc"): "AUC, macro",
        ("kqa_held_out", "macro", "auc"): "K-QA AUC, macro",
    }
    found: dict[tuple[str, str], dict[tuple[str, str, str], Cell]] = {}
    for row in metrics["differences"]:
        shown = cell(row, signed=True)
        p = "" if row["p_holm"] is None else f", p = {row['p_holm']:.3f}"
        cells = found.setdefault((row["system"], row["against"]), {})
        cells[row["section"], row["tier"], row["metric"]] = replace(shown, n=shown.n + p)
    keys = [key for key in names if any(key in cells for cells in found.values())]
    return Table(
        caption="Paired differences on the examples that both systems cover",
        columns=("Comparison", *(names[key] for key in keys)),
        rows=[
            [
                Cell(value=f"{SYSTEM_NAMES[system]} − {SYSTEM_NAMES[against].lower()}"),
                *(cells.get(key, Cell(value="n/a")) for key in keys),
            ]
            for (system, against), cells in found.items()
        ],
        note="Paired bootstrap over instruction clusters; p corrected by Holm over all comparisons of this table.",
    )


def held_out_tables(metrics: Metrics) -> list[Table]:
    """AUC, accuracy and coverage on K-QA answers that humans judged; none if the benchmark holds no such answer."""
    rows = [row for row in metrics["figures"] if row["section"] == "kqa_held_out"]
    if not rows:
        return []
    tiers = [tier for tier in TIERS if any(row["n"] for row in rows if row["tier"] == tier)]
    missing = sorted({tier for system in metrics["systems"] for tier in metrics["not_identified"].get(system, ())}, key=_rank)
    by_threshold = "By thresholds chosen on validation, which holds none of these answers."
    if missing:
        by_threshold += (
            f" Not identified: for {listed(missing)} criteria validation holds labels of one class only. A physician's "
            "own answer is assumed to meet its rubric, which may train a model but not calibrate one: verdicts of people on "
            "validation answers are what is missing. Until then AUC alone compares the systems there."
        )
    mean = "Macro: mean over the tiers with both labels, so that knowing how often a tier is met is worth nothing."
    return [
        _systems_table(metrics, f"K-QA, {title}", _tiers("kqa_held_out", metric, shown), source="kqa", note=note)
        for metric, title, shown, note in (
            ("auc", "pointwise AUC", (*tiers, "macro"), f"0.5 is chance. {mean}"),
            ("accuracy", "pointwise accuracy", (*tiers, "macro", "micro"), by_threshold),
            ("coverage", "share of verdicts on which a system has an opinion", (*tiers, "micro"), ""),
        )
    ]


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
    downs, heads = (sorted({key[side] for key in sums}, key=_rank) for side in (0, 1))
    lines: list[list[object]] = [
        [d.replace("_", " "), *(sums[d, a] for a in heads), sum(sums[d, a] for a in heads)] for d in downs
    ]
    if len(lines) > 1:
        lines.append(["Total", *(sum(sums[d, a] for d in downs) for a in heads), sum(sums.values())])
    columns = (down.replace("_", " ").capitalize(), *(h.replace("_", " ") for h in heads), "Total")
    return Table(caption=caption, columns=columns, rows=text_cells(lines), note=note)


def _rank(name: str) -> tuple[int, str]:
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
        note="n: statements with labels. 1 is full agreement, 0 is chance. α first: a column need not be one person. "
        "The paper reports κ = 0.88 for its own physicians (Geng et al. 2026, not ours).",
    )
