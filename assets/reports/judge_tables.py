"""The report's tables of judges: what verdicts took, why some are unknown, and how far judges agree with people and each other.

What belongs here: tables from `judge_costs` and the content of judge_agreement.json; measuring agreement is done by the step
that judges. Nothing is recomputed here but shares of counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from assets.reports.figures import Cell, Row, cell, number
from assets.reports.tables import TIER_NAMES, Table, text_cells
from training.records import TIERS, Verdict

ALL = "all"
TIERS_AND_ALL: dict[str, str] = {ALL: "all tiers", **{tier: TIER_NAMES[tier].lower() for tier in TIERS}}
_MODES = {"together": "all at once", "single": "one by one"}
_VERDICTS = get_args(Verdict)
_AGREEMENT = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced", "kappa": "Cohen's κ", "coverage": "Coverage"}
_VIOLATIONS = {"violation_precision": "Precision", "violation_recall": "Recall", "violation_f1": "F1"}


def judge_tables(costs: Sequence[Row], agreement: Mapping[str, Any]) -> list[Table]:
    """All of them; none without a judge.

    Args:
        costs: rows of `judge_costs`.
        agreement: the content of judge_agreement.json.
    """
    judges = agreement.get("judges", ())
    return [
        *_taken(costs, agreement.get("addressed_to_judge", {})),
        *_reasons(costs, judges),
        *_against_people(judges),
        *_divergence(agreement.get("divergence", ())),
    ]


def some(caption: str, columns: Sequence[str], rows: list[list[Cell]], note: str = "") -> list[Table]:
    """A table as a list of one, or none if it has no row."""
    return [Table(caption=caption, columns=tuple(columns), rows=rows, note=note)] if rows else []


def plain_cell(metric: str, value: float | None, n: int) -> Cell:
    """A figure without an interval."""
    return cell({"metric": metric, "value": value, "low": None, "high": None, "n": n})


def share_cell(part: int, whole: int) -> Cell:
    """A share with the two counts it is of; n/a of nothing.

    >>> share_cell(1, 8)
    Cell(value='12.5 %', interval='', n='1 of 8')
    """
    return Cell(value=number(part / whole if whole else None, "share"), n=f"{part:,} of {whole:,}")


def _taken(costs: Sequence[Row], addressed: Mapping[str, int]) -> list[Table]:
    rows = []
    for cost in costs:
        known = cost["verdicts"] - cost["unknown"]
        mode = _MODES.get(cost["mode"], cost["mode"])
        head = text_cells([[cost["judge"], cost["model"], mode, cost["calls"]]])[0]
        tokens = cost["prompt_tokens"] + cost["completion_tokens"]
        each = [Cell(value=f"{tokens / n:,.0f}" if n else "n/a") for n in (cost["verdicts"], known)]
        rows.append([*head, share_cell(cost["unknown"], cost["verdicts"]), *each])
    note = "A verdict counts only with a quote that stands in the response; anything else is unknown, never met or unmet."
    if addressed:
        said = " and ".join(f"{n:,} {what}" for what, n in addressed.items())
        note += f" Found to tell the judge what to say, and judged as any other text: {said}."
    columns = ("Judge", "Model", "Criteria asked", "Calls", "Unknown verdicts", "Tokens per verdict", "Per known verdict")
    return some("What judges' verdicts took", columns, rows, note)


def _reasons(costs: Sequence[Row], judges: Sequence[Mapping[str, Any]]) -> list[Table]:
    why = {judge["judge"]: judge["unknown_because"] for judge in judges}
    verdicts = {cost["judge"]: cost["verdicts"] for cost in costs}
    totals: Counter[str] = Counter()
    for reasons in why.values():
        totals.update(reasons)
    rows = [
        [Cell(value=reason.replace("_", " ")), *(share_cell(why[judge].get(reason, 0), verdicts[judge]) for judge in why)]
        for reason in sorted(totals, key=lambda name: (-totals[name], name))
    ]
    return some(
        "Why verdicts are unknown, as a share of the judge's verdicts",
        ("Reason", *why),
        rows,
        "no evidence: what is quoted does not stand in the response. evidence addresses judge, absence beside orders: a text "
        "tells the judge what to say.",
    )


def _against_people(judges: Sequence[Mapping[str, Any]]) -> list[Table]:
    agreement, violations, confusions = [], [], []
    for judge in judges:
        name, differ = judge["judge"], judge["people_disagree"]
        tiers = {tier: judge["tiers"][tier] for tier in TIERS_AND_ALL if tier in judge["tiers"]}
        for tier, found in tiers.items():
            left_out = sum(differ.values()) if tier == ALL else differ[tier]
            head = Cell(value=f"{name}: {TIERS_AND_ALL[tier]}")
            agreement.append([head, *_figures(found, _AGREEMENT), *text_cells([[left_out]])[0]])
        if "veto" in tiers:
            violations.append([Cell(value=name), *_figures(tiers["veto"], _VIOLATIONS)])
        confusions += _confusion(name, tiers)
    return [
        *some(
            "Judges against people, by tier",
            ("Judge and tier", *_AGREEMENT.values(), "People disagree"),
            agreement,
            "Over verdicts that people gave and agree on, as far as the judge does not leave them unknown (coverage: how far). "
            "Balanced: mean over met and unmet. The paper's judge agrees with experts on 93.2 % (Geng et al. 2026, not ours).",
        ),
        *some(
            "Judges: violations (veto not met) found, against people",
            ("Judge", *_VIOLATIONS.values()),
            violations,
            "n: violations said (precision), real violations among those judged (recall, F1).",
        ),
        *confusions,
    ]


def _figures(found: Mapping[str, Any], metrics: Mapping[str, str]) -> list[Cell]:
    return [cell({"metric": metric, **found[metric]}) for metric in metrics]


def _confusion(judge: str, tiers: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    rows: list[list[object]] = []
    for tier, found in tiers.items():
        for people, said in found["confusion"].items():
            counts = [said[verdict] for verdict in _VERDICTS]
            rows.append([f"{TIERS_AND_ALL[tier].capitalize()}, people: {people}", *counts, sum(counts)])
    columns = ("Tier and people's verdict", *(f"{judge}: {verdict}" for verdict in _VERDICTS), "Total")
    return some(f"Confusion matrix of {judge}", columns, text_cells(rows))


def _divergence(pairs: Sequence[Mapping[str, Any]]) -> list[Table]:
    rank = tuple(TIERS_AND_ALL)
    rows = []
    for pair in sorted(pairs, key=lambda p: (p["first"], p["second"], rank.index(p["tier"]))):
        head = [f"{pair['first']} and {pair['second']}: {TIERS_AND_ALL[pair['tier']]}", pair["cells"]]
        rows.append(
            [*text_cells([head])[0], *(plain_cell(name, pair[name], pair["both_known"]) for name in ("agreement", "kappa"))]
        )
    return some(
        "Two judges on the same criteria",
        ("Judges and tier", "Asked of both", "Same verdict", "Cohen's κ"),
        rows,
        "n: neither says unknown. Where two judges differ and no person decides, the verdict is unknown.",
    )
