"""The report: one self-contained HTML page, and the same figures as JSON and CSV.

What belongs here: reading artifact folders and putting the parts together. Plain functions: no dagster, no store, no clock, so
the same artifacts give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assets.reports import plots
from assets.reports.figures import SYSTEM_NAMES, caveats, csv_rows
from assets.reports.headline import headline
from assets.reports.model_rows import model_counts, model_rows
from assets.reports.model_tables import ModelWork, model_tables
from assets.reports.outside_tables import pairwise_set_tables, rival_tables
from assets.reports.paper import CITATION, paper_tables
from assets.reports.reward_model_tables import held_out_tables, reward_model_tables
from assets.reports.slice_tables import slices
from assets.reports.tables import agreement_table, count_table, data_tables, policy_tables
from assets.reports.templates import environment

# Symbol and word for each verdict: the mark reads without its colour.
VERDICT_MARKS = {"met": ("✓", "met"), "unmet": ("✗", "not met"), "unknown": ("?", "unknown")}
LIMITS = (
    "Nothing here is medical advice, and no model of this run may be used on patients.",
    "The embedded corpus is synthetic: its responses are composed from fragments, so that their verdicts are known by "
    "construction. What holds on them need not hold on real answers.",
    "A reward model judges the policy. The policy was trained to please its own; the panel model shares its base model and may "
    "share its errors. Only people can settle whether an answer is better.",
    "Empty and refusing answers satisfy every safety veto. Safety compliance means something only beside S1 and the refusals.",
    "Intervals are over the clusters of this benchmark at one seed. They do not cover another seed, data set or base model.",
    "Figures on few violations (see n) say little about safety.",
)


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """All the report rests on.

    Attributes:
        profile: smoke, local or paper.
        reward_model: folder of that artifact (curve.csv).
        panel_reward_model: folder of that artifact (curve.csv).
        policy: folder of that artifact (log.jsonl).
        reward_model_benchmark: folder of that artifact (metrics.json).
        policy_benchmark: folder of that artifact (metrics.json, samples.json).
        counts: of the tables, see `counts.py`.
        digests: artifact → digest, of everything that went in.
        agreement: `training.benchmark.agreement.agreement_figures` of K-QA's annotators; None without K-QA's labels.
        work: what language models made, and what physicians said of it.
    """

    profile: str
    reward_model: Path
    panel_reward_model: Path
    policy: Path
    reward_model_benchmark: Path
    policy_benchmark: Path
    counts: Mapping[str, Sequence[Mapping[str, Any]]]
    digests: Mapping[str, str] = field(default_factory=dict)
    agreement: Mapping[str, Any] | None = None
    work: ModelWork = field(default_factory=ModelWork)


def read_json(path: Path) -> Any:
    """A JSON file's content."""
    return json.loads(path.read_text(encoding="utf-8"))


def _read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def render_report(inputs: ReportInputs) -> dict[str, str]:
    """Builds the report.

    Returns:
        File name → content: report.html, report.json, report.csv.
    """
    reward_model = read_json(inputs.reward_model_benchmark / "metrics.json")
    policy = read_json(inputs.policy_benchmark / "metrics.json")
    samples = read_json(inputs.policy_benchmark / "samples.json")
    paragraph = headline(reward_model, policy)
    curves = [
        plots.reward_model_curve("reward_model", _read_csv(inputs.reward_model / "curve.csv")),
        plots.reward_model_curve("panel_reward_model", _read_csv(inputs.panel_reward_model / "curve.csv")),
        plots.policy_curve(_read_jsonl(inputs.policy / "log.jsonl")),
    ]
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            profile=inputs.profile,
            headline=paragraph,
            reward_model=reward_model,
            policy=policy,
            data=data_tables(inputs.counts),
            by_models=inputs.work.by_models,
            models=model_tables(inputs.work),
            agreement=None if inputs.agreement is None else agreement_table(inputs.agreement),
            caveats=caveats(reward_model, reward_model["systems"]),
            forest=plots.forest(reward_model),
            reward_model_tables=reward_model_tables(reward_model),
            calibration=plots.calibration(reward_model),
            slices=slices(reward_model),
            rivals=rival_tables(reward_model),
            pairwise_sets=pairwise_set_tables(reward_model),
            held_out=held_out_tables(reward_model),
            policy_tables=policy_tables(policy),
            curves=[plot for plot in curves if plot is not None],
            samples=samples,
            marks=VERDICT_MARKS,
            systems=SYSTEM_NAMES,
            quarantine=_quarantine(inputs.counts["quarantine"]),
            citation=CITATION,
            paper=paper_tables(reward_model),
            digests=dict(sorted(inputs.digests.items())),
            limits=LIMITS,
        )
    )
    rows = [
        *csv_rows(reward_model, policy, {**inputs.counts, **model_counts(inputs.work)}),
        *model_rows(inputs.work, inputs.agreement),
    ]
    plain = {
        "profile": inputs.profile,
        "headline": paragraph,
        "policy_gain_validated": policy["policy_gain_validated"],
        "reason": policy["reason"],
        "reward_model_benchmark": reward_model,
        "policy_benchmark": policy,
        "counts": {name: list(table) for name, table in inputs.counts.items()},
        "models": asdict(inputs.work),
        "agreement": inputs.agreement,
        "digests": dict(inputs.digests),
        "paper": [asdict(table) for table in paper_tables(reward_model)],
    }
    return {
        "report.html": page,
        "report.json": json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False),
        "report.csv": _csv_text(rows),
    }


def _quarantine(rows: Sequence[Mapping[str, Any]]) -> Any:
    return count_table("Records set aside, by reason and source", rows, down="reason", across="source") if rows else None


def _csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
