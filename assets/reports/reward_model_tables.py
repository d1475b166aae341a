"""Tables of the reward-model benchmark: every system on every figure, and the differences between systems.

What belongs here: which figures stand together. Slices, rivals and pairwise sets: `slice_tables.py`, `outside_tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assets.reports.figures import (
    SAME,
    Cell,
    Metrics,
    Row,
    cell,
    find_row,
    listed,
    not_identified,
    system_name,
)
from assets.reports.tables import TIER_NAMES, Table, rank
from training.records import TIERS

# Sections whose accuracies are those of verdicts on single criteria.
_VERDICT_SECTIONS = ("pointwise", "safety", "kqa_held_out")


def _systems_table(
    metrics: Metrics, caption: str, columns: Sequence[tuple[str, str, str, str]], *, source: str = "all", note: str = ""
) -> Table:
    """Systems as rows; a column is (head, section, tier, metric)."""
    rows, rivals = [], metrics["rivals"]
    for system in metrics["systems"]:
        flat = metrics["uninformative"].get(system, ())
        cells = [Cell(value=system_name(system))]
        # A rival has no verdict: a table of nothing but those leaves it out.
        says_something = False
        for _, section, tier, metric in columns:
            row = find_row(metrics["figures"], system=system, source=source, section=section, tier=tier, metric=metric)
            says_something |= row is not None and bool(row["value"] if metric == "coverage" else row["n"])
            blank = not_identified(metrics, system=system, section=section, tier=tier, metric=metric)
            shown = Cell(value="not identified") if blank else cell(row)
            if metric == "coverage":
                # A coverage is counted, not estimated.
                shown = replace(shown, interval="")
            elif tier in flat and section in _VERDICT_SECTIONS and metric != "auc" and not blank:
                shown = replace(shown, n=f"{shown.n}, {SAME}")
            cells.append(shown)
        if says_something or system not in rivals:
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
        *difference_tables(metrics),
        _systems_table(
            metrics,
            "Overall accuracy: which of two responses is better, by the tier that decides the pair",
            [
                (head, "overall", tier, "accuracy")
                for head, tier in (("All pairs", "all"), ("By veto", "veto"), ("By main", "main"), ("By bonus", "bonus"))
            ],
            note="The order follows from S1, S2 and S3 of a system's verdicts; a predicted tie counts half."
            + (" Of a rival, which has none, it is that of its one score." if metrics["rivals"] else ""),
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


def difference_tables(metrics: Metrics) -> list[Table]:
    """The planned comparisons of systems, then those with rivals if there are any: a family of tests each."""
    rivals = set(metrics["rivals"])
    planned = [row for row in metrics["differences"] if row["against"] not in rivals]
    against_rivals = [row for row in metrics["differences"] if row["against"] in rivals]
    tables = [_difference_table("Paired differences on the examples that both systems cover", planned)]
    if against_rivals:
        tables.append(_difference_table("Paired differences to the rivals, on the examples that both cover", against_rivals))
    return tables


def _difference_table(caption: str, rows: Sequence[Row]) -> Table:
    """Comparisons, one a row, with the p that is corrected over all of them."""
    names = {
        ("overall", "all", "accuracy"): "Overall",
        ("pairwise", "macro", "accuracy"): "Pairwise, macro",
        ("pointwise", "macro", "accuracy"): "Pointwise, macro",
        ("pointwise", "macro", "auc"): "AUC, macro",
        ("kqa_held_out", "macro", "auc"): "K-QA AUC, macro",
    }
    found: dict[tuple[str, str], dict[tuple[str, str, str], Cell]] = {}
    for row in rows:
        cells = found.setdefault((row["system"], row["against"]), {})
        cells[row["section"], row["tier"], row["metric"]] = difference_cell(row)
    # A rival has no verdict: a column without any figure says nothing.
    keys = [key for key in names if any(cells[key].value != "n/a" for cells in found.values() if key in cells)]
    return Table(
        caption=caption,
        columns=("Comparison", *(names[key] for key in keys)),
        rows=[
            [Cell(value=comparison(*of)), *(cells.get(key, Cell(value="n/a")) for key in keys)] for of, cells in found.items()
        ],
        note="Paired bootstrap over instruction clusters; p corrected by Holm over all comparisons of this table.",
    )


def comparison(system: str, against: str) -> str:
    """A difference's name.

    >>> comparison("reward_model", "longer_is_better")
    'Reward model − longer is better'
    """
    return f"{system_name(system)} − {system_name(against, inside=True)}"


def difference_cell(row: Mapping[str, Any]) -> Cell:
    """A difference with its interval, count and corrected p."""
    shown = cell(row, signed=True)
    return replace(shown, n=shown.n + ("" if row["p_holm"] is None else f", p = {row['p_holm']:.3f}"))


def held_out_tables(metrics: Metrics) -> list[Table]:
    """AUC, accuracy and coverage on K-QA answers that humans judged; none if the benchmark holds no such answer."""
    rows = [row for row in metrics["figures"] if row["section"] == "kqa_held_out"]
    if not rows:
        return []
    tiers = [tier for tier in TIERS if any(row["n"] for row in rows if row["tier"] == tier)]
    missing = sorted({tier for system in metrics["systems"] for tier in metrics["not_identified"].get(system, ())}, key=rank)
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
