"""The report's tables of language models' work and physicians' checks of it: drafts, reviews, responses, judges, adjudication.

What belongs here: which of their figures stand together. Counts come from `model_counts.py`, judges have `judge_tables.py`.
A part that was not done has no table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.reports.figures import Cell, Row, cell
from assets.reports.judge_tables import ALL, TIERS_AND_ALL, judge_tables, plain_cell, share_cell, some
from assets.reports.tables import Table, text_cells

# Samples that are whole answers first; outcomes of another name follow.
_OUTCOMES = ("answered", "refusal", "truncated", "empty", "too_long", "refused_by_endpoint", "no_reply")


@dataclass(frozen=True, kw_only=True)
class ModelWork:
    """What language models and physicians did.

    Attributes:
        counts: `model_counts.count_models`.
        judges: the content of judge_agreement.json.
        adjudication: the content of adjudication_agreement.json.
    """

    counts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    judges: Mapping[str, Any] = field(default_factory=dict)
    adjudication: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, name: str) -> Sequence[Row]:
        """The counts of this name; none where nothing was counted."""
        return self.counts.get(name, ())

    @property
    def by_models(self) -> bool:
        """Whether a language model made anything."""
        return any(self.rows(name) for name in ("drafts", "draft_quarantine", "model_responses", "judges"))


def model_tables(work: ModelWork) -> dict[str, list[Table]]:
    """Heading → its tables, in the order of the chain; no heading without a table."""
    parts = {
        "Drafted rubrics and their review": [
            *_drafts(work.rows("drafts"), work.rows("draft_quarantine")),
            *_reviews(work.rows("review_rates")),
        ],
        "Candidate responses": _responses(work.rows("model_responses")),
        "Judges": judge_tables(work.rows("judges"), work.judges),
        "Adjudication": _adjudication(work.adjudication.get("rounds", ())),
    }
    return {heading: tables for heading, tables in parts.items() if tables}


def _drafts(drafts: Sequence[Row], refused: Sequence[Row]) -> list[Table]:
    outcomes = {
        "Valid at once": sum(row["rubrics"] - row["repaired"] for row in drafts),
        "Valid after one repair": sum(row["repaired"] for row in drafts),
        **{f"Set aside: {row['reason'].replace('_', ' ')}": row["n"] for row in refused},
    }
    asked = sum(outcomes.values())
    by = f" Drafted by {', '.join(row['drafter'] for row in drafts)}." if drafts else ""
    return some(
        "Drafts and what became of them",
        ("Outcome", "Instructions"),
        text_cells([*outcomes.items(), ("Asked about", asked)]) if asked else [],
        f"What does not validate is repaired once, then set aside with the model's reply.{by}",
    )


def _reviews(rates: Sequence[Row]) -> list[Table]:
    counted = ("drafts", "accepted", "edited", "rejected", "outstanding")
    rows = []
    for rate in rates:
        decided = rate["accepted"] + rate["edited"] + rate["rejected"]
        passed = {"value": rate["pass_rate"], "low": rate["low"], "high": rate["high"], "n": decided}
        counts = text_cells([[rate["round"], *(rate[name] for name in counted)]])[0]
        rows.append([*counts, cell({"metric": "pass_rate", **passed})])
    return some(
        "Review rounds by physicians",
        ("Round", *(name.capitalize() for name in counted), "Strict pass rate"),
        rows,
        "Strict: accepted as drafted, among those decided (n), with Wilson's 95 % interval. The paper's rounds end at 96.40 % "
        "(Geng et al. 2026, not ours).",
    )


def _responses(rows: Sequence[Row]) -> list[Table]:
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[f"{row['model']} ({row['family']})", row["outcome"]] += row["n"]
    found = {outcome for _, outcome in sums}
    outcomes = [name for name in _OUTCOMES if name in found] + sorted(found - {*_OUTCOMES})
    counts = {model: [sums[model, outcome] for outcome in outcomes] for model in sorted({model for model, _ in sums})}
    return some(
        "Samples by model (family) and how they ended",
        ("Model", *(outcome.replace("_", " ") for outcome in outcomes), "Total"),
        text_cells([[model, *of_model, sum(of_model)] for model, of_model in counts.items()]),
        "Distinct samples: one that repeats another of the same model word for word stands once."
        " refusal: the model declines; truncated: cut at the length limit.",
    )


def _adjudication(rounds: Sequence[Mapping[str, Any]]) -> list[Table]:
    rows, kappas, about = [], [], []
    for round_ in rounds:
        name = round_["round"]
        about.append(f"{name}: reviewers {round_['reviewers']:,}, responses {round_['responses']:,}.")
        for tier, title in TIERS_AND_ALL.items():
            if (part := round_[tier])["items"]:
                counts = text_cells([[part["items"], part["outstanding"], part["decided"], part["cannot_tell"]]])[0]
                alpha = plain_cell("alpha", part["alpha"], part["units"])
                rows.append(
                    [
                        Cell(value=f"{name}: {title}"),
                        alpha,
                        counts[0],
                        counts[1],
                        share_cell(part["disputed"], part["n"]),
                        *counts[2:],
                    ]
                )
        for pair in round_[ALL]["kappa"]:
            if pair["n"]:
                head = Cell(value=f"{name}: {pair['first']} and {pair['second']}")
                kappas.append([head, *(_kappa(round_[tier], pair) for tier in TIERS_AND_ALL)])
    return [
        *some(
            "Adjudication: two reviewers for each item, blind to the model and to each other",
            ("Round and tier", "Krippendorff's α", "Items", "Outstanding", "Disputed", "Decided by a third", "Cannot tell"),
            rows,
            "α (ordinal) of the first two reviewers, over the items that both labelled (n). Disputed: of those that both have "
            f"answered. Cannot tell: answers that count as missing labels. {' '.join(about)}",
        ),
        *some(
            "Adjudication: quadratic-weighted κ of each two reviewers",
            ("Round and reviewers", *(title.capitalize() for title in TIERS_AND_ALL.values())),
            kappas,
        ),
    ]


def _kappa(part: Mapping[str, Any], pair: Row) -> Cell:
    (found,) = (row for row in part["kappa"] if (row["first"], row["second"]) == (pair["first"], pair["second"]))
    return plain_cell("kappa", found["value"], found["n"])
