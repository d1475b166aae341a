"""Reading and wording of measured figures: which row of a metrics.json a cell shows, and how a number is written.

What belongs here: plain functions from metrics (see `training/benchmark`) to text. A figure that rests on nothing is written
"n/a", never as 0, and an interval that cannot be given is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.benchmark.bootstrap import above_zero as is_above_zero

Metrics = Mapping[str, Any]
Row = Mapping[str, Any]

SYSTEM_NAMES = {
    "reward_model": "Reward model",
    "panel_reward_model": "Panel reward model",
    "longer_is_better": "Longer is better",
    "majority": "Majority verdict",
    "lexical_overlap": "Lexical overlap",
    "base": "Base model",
    "policy": "Aligned policy",
}
# The tier whose verdicts a policy's score rests on.
TIER_OF_SCORE = {"s1": "main", "s2": "bonus", "safety_compliance": "veto"}
SAME = "says the same to every answer"
# The tiers whose verdicts an overall order takes, by the tier that decides; all pairs need the first at least.
_DECIDED_THROUGH = {"all": ("veto",), "veto": ("veto",), "main": ("veto", "main"), "bonus": ("veto", "main", "bonus")}
# Metrics that are no share: written as they are, with so many digits.
_PLAIN = {"auc": 3, "alpha": 3, "kappa": 3, "s1": 3, "s2": 2, "overall": 3, "mean_characters": 0, "mean_tokens": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table: the figure, its interval and count, each as text; empty where there is none."""

    value: str
    interval: str = ""
    n: str = ""


def system_name(system: str, *, inside: bool = False) -> str:
    """What a system is called, at the start of a line or inside one; a rival is called what its user calls it.

    >>> system_name("majority"), system_name("majority", inside=True), system_name("Other-8B", inside=True)
    ('Majority verdict', 'majority verdict', 'Other-8B')
    """
    known = SYSTEM_NAMES.get(system)
    if known is None:
        return system
    return known.lower() if inside else known


def find_row(rows: Iterable[Row], **wanted: str) -> Row | None:
    """The one row with these column values, `None` if there is none."""
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def number(value: float | None, metric: str, *, signed: bool = False) -> str:
    """A figure as text: shares in per cent, the others plain, "n/a" for none.

    >>> number(0.8125, "accuracy"), number(-0.05, "overall", signed=True), number(None, "auc")
    ('81.2 %', '-0.050', 'n/a')
    >>> number(-0.0001, "overall", signed=True), number(0.05, "accuracy", signed=True)
    ('0.000', '+5.0 points')
    """
    if value is None:
        return "n/a"
    if metric in _PLAIN:
        return _digits(value, _PLAIN[metric], signed=signed)
    return f"{_digits(100 * value, 1, signed=signed)} {'points' if signed else '%'}"


def _digits(value: float, digits: int, *, signed: bool) -> str:
    # z: what rounds to 0 is 0, not -0; and 0 has no sign to show.
    text = f"{value:z,.{digits}f}"
    return f"+{text}" if signed and value > 0 and text.strip("0.,") else text


def interval_text(low: float | None, high: float | None, metric: str, *, signed: bool = False) -> str:
    """An interval as text, empty if there is none.

    >>> interval_text(0.75, 0.875, "accuracy")
    '[75.0, 87.5]'
    """
    if low is None or high is None:
        return ""
    factor, digits = (1, _PLAIN[metric]) if metric in _PLAIN else (100, 1)
    return "[" + ", ".join(_digits(factor * edge, digits, signed=signed) for edge in (low, high)) + "]"


def cell(row: Row | None, *, signed: bool = False) -> Cell:
    """A row of figures or differences as a table cell."""
    if row is None:
        return Cell(value="n/a")
    metric = row["metric"]
    return Cell(
        value=number(row["value"], metric, signed=signed),
        interval=interval_text(row["low"], row["high"], metric, signed=signed),
        n=f"n = {row['n']:,}",
    )


def above_zero(row: Row | None) -> bool:
    """Whether a difference may be called one: its interval lies above 0 and its p is below 0.05 after Holm's correction."""
    return row is not None and is_above_zero(row["low"], row["p_holm"])


def not_identified(metrics: Metrics, *, system: str, section: str, tier: str, metric: str) -> bool:
    """Whether a figure would rest on verdicts of a threshold that no validation label of one of the classes has seen.

    Pairwise accuracy and AUC need no threshold. An overall order is decided by the veto, then main, then bonus criteria: it
    stands as far as the tiers above and its own have verdicts.
    """
    if section == "pairwise" or metric == "coverage":
        return False
    if not metrics["pointwise_identified"].get(system, True):
        return True
    missing = set(metrics["not_identified"].get(system, ()))
    if section == "overall":
        return bool(missing & set(_DECIDED_THROUGH[tier]))
    return metric != "auc" and bool(missing if tier in ("macro", "micro") else missing & {tier})


def listed(words: Sequence[str]) -> str:
    """Words as an enumeration.

    >>> listed(["main"]), listed(["main", "bonus", "veto"])
    ('main', 'main, bonus and veto')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def caveats(metrics: Metrics, systems: Sequence[str]) -> list[str]:
    """What is to be known of the systems' verdicts before any accuracy is read, a sentence each; none if all is well."""
    said = []
    for system in systems:
        name = system_name(system)
        if tiers := metrics["not_identified"].get(system):
            said.append(
                f"{name}: no verdict on {listed(tiers)} criteria is identified, since the validation labels that may "
                "calibrate (assumed ones may not) are all of one class."
            )
        if tiers := metrics["uninformative"].get(system):
            said.append(f"{name}: on {listed(tiers)} criteria its calibration is flat, so that it {SAME}.")
    return said


def csv_rows(reward_model: Metrics, policy: Metrics, counts: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Every figure, difference and count of the report, one a row.

    Returns:
        Rows of section, system, source, tier, metric, value, low, high, n. Differences say "system - against" as system.
    """
    names = ("section", "system", "source", "tier", "metric", "value", "low", "high", "n")
    rows = []
    for stage, metrics in (("reward_model", reward_model), ("policy", policy)):
        for row in [*metrics["figures"], *metrics["differences"]]:
            system = f"{row['system']} - {row['against']}" if "against" in row else row["system"]
            rows.append({name: row.get(name) for name in names} | {"section": f"{stage}/{row['section']}", "system": system})
    rows += [{name: row.get(name) for name in names} | keys for row, keys in _further_rows(reward_model)]
    for table, of_table in counts.items():
        for row in of_table:
            keys = " / ".join(str(v) for v in row.values() if not isinstance(v, int | float))
            for name, value in row.items():
                if isinstance(value, int | float):
                    rows.append(
                        dict.fromkeys(names)
                        | {"section": f"counts/{table}", "system": keys, "metric": name, "value": value, "n": value}
                    )
    return rows


def _further_rows(reward_model: Metrics) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Slices and pairwise sets as rows of the CSV, with what differs in the names of its columns."""
    for row in reward_model["slices"]:
        yield row, {"section": f"slices/{row['dimension']}/{row['section']}", "source": row["slice"]}
    for one in reward_model["pairwise_sets"]:
        for row in one["figures"]:
            criterion = "" if row["criterion"] == "all" else f", criterion {row['criterion']}"
            keys = {"section": f"pairwise_sets/{one['name']}", "source": row["subset"], "tier": "all", "metric": "accuracy"}
            yield row, {**keys, "system": f"{row['system']}{criterion}"}
    for row in reward_model["pairwise_differences"]:
        yield (
            row,
            {"section": f"pairwise_sets/{row['source']}", "source": "all", "system": f"{row['system']} - {row['against']}"},
        )
