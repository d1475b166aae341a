"""Tables of what a user brought to the benchmark: how each rival was asked, and the pairwise sets.

What belongs here: `metrics["rivals"]` and `metrics["pairwise_sets"]` (see `training/benchmark/rivals.py` and
`pairwise_scores.py`) laid out. Rivals' figures on the benchmark itself stand in its own tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.reports.figures import Cell, Metrics, cell, find_row, listed, system_name
from assets.reports.reward_model_tables import comparison, difference_cell
from assets.reports.tables import Table, text_cells

OURS = "reward_model"
_FORMATS = {"chat_template": "its chat template", "text_pair": "a pair of texts", "plain": "plain text"}
_REASONS = {
    "too_long": "line too long",
    "not_utf8": "not UTF-8",
    "not_json": "not JSON",
    "no_object": "no JSON object",
    "same_answers": "both answers the same",
    "seen_in_training": "prompt seen in training",
    "repeated": "repeated",
    "not_drawn": "not drawn",
}


def rival_tables(metrics: Metrics) -> list[Table]:
    """One row a rival; no table without any."""
    rivals = metrics["rivals"]
    if not rivals:
        return []
    rows = []
    for name, rival in rivals.items():
        outcomes = rival["outcomes"]
        content = f"{rival['hub']} at {rival['revision'][:12]}" if rival["hub"] else (rival["sha256"] or "not recorded")[:12]
        rows.append(
            [name, f"{rival['family']}, {_size(rival['parameters'])}", content, _FORMATS[rival["format"]]]
            + [rival["max_length"] or "no limit"]
            + [outcomes["scored"], outcomes["too_long"], outcomes["empty"] + outcomes["not_finite"]]
        )
    return [
        Table(
            caption="Rivals: how each was asked",
            columns=("Rival", "Family, parameters", "Content", "Asked in", "Longest input")
            + ("Scored", "Too long", "Empty or not finite"),
            rows=text_cells(rows),
            note="A rival knows no criterion: one score of an answer stands for all of them, and it has no verdict. An input "
            "that is too long is not cut; it has no score. Counts are of answers, of the benchmark and the pairwise sets. What "
            "a rival was trained on is not known here: it may have seen the questions.",
        )
    ]


def pairwise_set_tables(metrics: Metrics) -> list[Table]:
    """A table for each pairwise set, and one of the paired differences; none without a set."""
    tables = [_set_table(one) for one in metrics["pairwise_sets"]]
    differences = metrics["pairwise_differences"]
    if differences:
        tables.append(
            Table(
                caption="Paired differences on the pairwise sets",
                columns=("Comparison", "Set", "Difference"),
                rows=[
                    [Cell(value=comparison(row["system"], row["against"])), Cell(value=row["source"]), difference_cell(row)]
                    for row in differences
                ],
                note="On the pairs that both cover; p corrected by Holm over all comparisons of this table.",
            )
        )
    return tables


def _set_table(one: Mapping[str, Any]) -> Table:
    figures = one["figures"]
    systems = list(dict.fromkeys(row["system"] for row in figures))
    subsets = list(dict.fromkeys(row["subset"] for row in figures))
    shown = [s for s in subsets if s == "all" or any(r["value"] is not None for r in figures if r["subset"] == s)]
    rows = [
        [
            Cell(value="All pairs" if subset == "all" else subset),
            *(_cell(figures, subset=subset, system=system, criterion="all") for system in systems),
        ]
        for subset in shown
    ]
    if len(one["criteria"]) > 1:
        rows += [
            [
                Cell(value=f"All pairs, by criterion {place} alone"),
                *(
                    _cell(figures, subset="all", system=s, criterion=str(place)) if s == OURS else Cell(value="")
                    for s in systems
                ),
            ]
            for place in range(1, len(one["criteria"]) + 1)
            if figures
        ]
    return Table(
        caption=f"Pairwise set {one['name']}: the chosen answer is scored higher",
        columns=("Pairs", *(system_name(system) for system in systems)),
        rows=rows,
        note=_note(one, [s for s in subsets if s not in shown]),
    )


def _cell(figures: Any, **wanted: str) -> Cell:
    row = find_row(figures, **wanted)
    if row is not None and row["value"] is None and row["n"]:
        return Cell(value="too few", n=f"n = {row['n']:,}, prompts: {row['clusters']}")
    return cell({**row, "metric": "accuracy"} if row else None)


def _note(one: Mapping[str, Any], small: list[str]) -> str:
    criteria = "; ".join(f"{place}. ({c['tier']}) {c['text']}" for place, c in enumerate(one["criteria"], start=1))
    said = [
        f"Our model has no rubric here and reads each pair by: {criteria}. Its preference is by the sum of r over them.",
        f"{one['measured']:,} of {one['rows']:,} rows measured.",
    ]
    if one["left_out"]:
        reasons = [f"{n:,} {_reason(reason)}" for reason, n in one["left_out"].items()]
        said.append(f"Left out: {listed(reasons)}.")
    if one["faulty"]:
        rows = [(line, _reason(why)) for line, _, why in (row.partition(": ") for row in one["faulty"][:5])]
        said.append(
            f"Faulty rows: {'; '.join(f'{line}, {why}' for line, why in rows)}{', …' if len(one['faulty']) > 5 else '.'}"
        )
    if small:
        said.append(f"Too small for a figure: {', '.join(small)}.")
    return " ".join(said)


def _reason(reason: str) -> str:
    return _REASONS.get(reason) or f"no usable {reason.removeprefix('bad_')}"


def _size(parameters: int) -> str:
    """A number of parameters as people say it.

    >>> [_size(n) for n in (6_928, 435_000_000, 8_190_000_000)]
    ['7 thousand', '435 million', '8.2 billion']
    """
    for unit, word, digits in ((10**9, "billion", 1), (10**6, "million", 0), (10**3, "thousand", 0)):
        if parameters >= unit:
            return f"{parameters / unit:.{digits}f} {word}"
    return str(parameters)
