"""The study's page as a step: the study's figures in, HTML and Markdown out.

What belongs here: which artifact the page rests on. Rendering is `study_page.py`'s, imported only when a page is made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assets.steps import Metadata, Settings, Step, StepRun

STUDY = "reward_model_study"


def _study_report(run: StepRun) -> dict[str, Metadata]:
    from assets.reports.study_page import render_study, study_headline

    study, curves = (_read(run.inputs[STUDY] / name) for name in ("study.json", "curves.json"))
    for name, content in render_study(study, curves, profile=str(run.config["profile"])).items():
        (run.outputs["study_report"] / name).write_text(content, encoding="utf-8")
    return {"study_report": {"headline": study_headline(study), "html": "study.html"}}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _config(settings: Settings) -> dict[str, Any]:
    return {"profile": settings.profile}


STUDY_REPORT = Step(
    name="study_report",
    outputs=("study_report",),
    inputs={STUDY: STUDY},
    group="reports",
    config=_config,
    run=_study_report,
    reads={STUDY: ("study.json", "curves.json")},
    sources=(
        *(f"assets/reports/study_{part}.py" for part in ("page", "plots", "records", "steps", "tables", "words")),
        *(f"assets/reports/{name}" for name in ("study.html.j2", "macros.html.j2", "report.css", "figures.py", "plots.py")),
        *(
            f"assets/reports/{name}.py"
            for name in ("templates", "tables", "judge_tables", "model_tables", "model_rows", "headline", "paper")
        ),
        "training/benchmark/bootstrap.py",
        "training/records.py",
        "training/study/figure_keys.py",
        "training/study/variants.py",
    ),
    libraries=("matplotlib", "jinja2", "numpy"),
    seconds=4,
    descriptions={
        "study_report": "The study's ablations with intervals and its three questions answered in words: HTML, Markdown."
    },
    kinds=("html",),
)
