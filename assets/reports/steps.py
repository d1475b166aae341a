"""The report as a step: counts of the tables and figures of the benchmarks in, one folder of HTML, JSON and CSV out.

What belongs here: which artifacts the report rests on. Rendering is `render.py`'s, imported only when a report is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.reports.counts import TABLES, count_tables
from assets.reports.model_counts import TABLES as MADE
from assets.reports.model_counts import count_models
from assets.steps import Metadata, Settings, Step, StepRun

MODELS = ("reward_model", "panel_reward_model", "policy", "reward_model_benchmark", "policy_benchmark")
# Agreement as the steps measured it: asset → its file.
AGREEMENT = {"judge_agreement": "judge_agreement.json", "adjudication_agreement": "adjudication_agreement.json"}
# The order that makes the labels of K-QA's annotators ordinal.
_LABEL_RANK = {"Contradiction": 0, "Neutral": 1, "Entailment": 2}


def annotator_labels(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """One list of ranks per annotator column, over the same statements; an unreadable label is missing."""
    columns = ("label_0", "label_1", "label_2")
    return {column: [_LABEL_RANK.get(row[column] or "") for row in rows] for column in columns}


def _report(run: StepRun) -> dict[str, Metadata]:
    from assets.reports.model_tables import ModelWork
    from assets.reports.render import ReportInputs, read_json, render_report
    from training.benchmark.agreement import agreement_figures

    annotations = pq.read_table(run.inputs["annotations"] / "annotations.parquet").to_pylist()
    inputs = ReportInputs(
        profile=str(run.config["profile"]),
        **{name: run.inputs[name] for name in MODELS},
        counts=count_tables({table: run.inputs[table] / f"{table}.parquet" for table in TABLES}),
        digests={ref.name: ref.digest for ref in run.refs.values()},
        agreement=agreement_figures(annotator_labels(annotations)) if annotations else None,
        work=ModelWork(
            counts=count_models({asset: run.inputs[asset] for asset in MADE}),
            judges=read_json(run.inputs["judge_agreement"] / AGREEMENT["judge_agreement"]),
            adjudication=read_json(run.inputs["adjudication_agreement"] / AGREEMENT["adjudication_agreement"]),
        ),
    )
    folder = run.outputs["report"]
    for name, content in render_report(inputs).items():
        (folder / name).write_text(content, encoding="utf-8")
    return {"report": {"headline": terminal_table(run.inputs), "html": "report.html"}}


def terminal_table(folders: Mapping[str, Path]) -> str:
    """The headline table as plain text, of the two benchmarks' folders."""
    from assets.reports.headline import headline, headline_table

    figures = [
        json.loads((folders[name] / "metrics.json").read_text(encoding="utf-8"))
        for name in ("reward_model_benchmark", "policy_benchmark")
    ]
    return f"{headline_table(*figures)}\n{headline(*figures)}"


def _config(settings: Settings) -> dict[str, Any]:
    return {"profile": settings.profile}


REPORT = Step(
    name="report",
    outputs=("report",),
    inputs={name: name for name in (*TABLES, "annotations", *MADE, *AGREEMENT, *MODELS)},
    group="reports",
    config=_config,
    run=_report,
    # A checkpoint's weights are neither read nor hashed for a curve.
    reads={
        "reward_model": ("curve.csv",),
        "panel_reward_model": ("curve.csv",),
        "policy": ("log.jsonl",),
        "reward_model_benchmark": ("metrics.json",),
        "policy_benchmark": ("metrics.json", "samples.json"),
        **{asset: (f"{asset}.parquet",) for asset in MADE},
        **{asset: (file,) for asset, file in AGREEMENT.items()},
    },
    sources=(
        "assets/reports",
        "assets/instructions/tables.py",
        "assets/reviewing/rounds.py",
        "training/benchmark/agreement.py",
        "training/benchmark/bootstrap.py",
        "training/records.py",
    ),
    libraries=("matplotlib", "jinja2", "duckdb", "krippendorff", "numpy", "pyarrow"),
    seconds=8,
    descriptions={
        "report": "Base against aligned policy and reward models against baselines, with intervals: HTML, JSON, CSV."
    },
    kinds=("html",),
)
