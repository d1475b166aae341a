"""The data card as a step: tables of the data plane and figures of its steps in, HTML and JSON out.

What belongs here: which artifacts the card rests on, and that the contamination check was made on exactly these instructions.
Rendering is `data_card.py`'s, imported only when a card is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.instructions.config import BandConfig
from assets.instructions.curation_config import curation_config
from assets.instructions.curation_steps import ACCURACY, AGREEMENT, GROUP
from assets.instructions.dedup_steps import CONTAMINATION
from assets.reports.data_card_counts import TABLES, count_data
from assets.steps import Metadata, Settings, Step, StepRun
from training.errors import StageRefusal
from training.storage import Store

_SOURCES = (
    *(f"assets/reports/data_card{part}.py" for part in ("", "_counts", "_plots", "_steps", "_tables")),
    *(f"assets/reports/{name}" for name in ("data_card.html.j2", "macros.html.j2", "report.css")),
    *(f"assets/reports/{name}.py" for name in ("figures", "plots", "tables", "templates")),
    *(f"assets/instructions/{name}.py" for name in ("config", "difficulty_local")),
    *("training/records.py", "training/benchmark/bootstrap.py"),
)
MEASURED = ("instruction_difficulty", "instruction_taxonomy")


def data_card_step(contamination: Step) -> Step:
    """The step, given the checking step whose verdict on the same instructions the card tells.

    The card reads what that step reads as well: its record is found by exactly these artifacts.
    """

    def run(step_run: StepRun) -> dict[str, Metadata]:
        return _data_card(step_run, recorded_contamination(contamination, step_run))

    return Step(
        name="data_card",
        outputs=("data_card",),
        inputs={asset: asset for asset in (*TABLES, *MEASURED)} | dict(contamination.inputs),
        group=GROUP,
        config=_config,
        run=run,
        sources=_SOURCES,
        libraries=("duckdb", "matplotlib", "jinja2", "numpy", "pyarrow"),
        seconds=5,
        descriptions={
            "data_card": "What the sources gave, what was kept and why, licences, overlaps, accuracy: HTML and JSON."
        },
        kinds=("html",),
    )


def recorded_contamination(step: Step, run: StepRun) -> dict[str, Any]:
    """What the check found on exactly these artifacts.

    Raises:
        StageRefusal: it was not made on them.
    """
    store = Store(run.settings.store_root)
    refs = {role: run.refs[role] for role in step.inputs}
    known = store.recall(step.key(step.config(run.settings), refs))
    if known is None:
        raise StageRefusal(
            f"data_card: the check `{step.check_name}` was not made on these instructions;"
            f" run it on {', '.join(step.checks)} first"
        )
    return dict(store.manifest(known[step.outputs[0]]).metadata)


def _config(settings: Settings) -> dict[str, Any]:
    config = curation_config(settings.config)
    return {"band": config.band.model_dump(mode="json"), "scorers": list(config.difficulty.scorers)}


def _data_card(run: StepRun, contamination: Mapping[str, Any]) -> dict[str, Metadata]:
    from assets.reports.data_card import DataCardInputs, data_headline, render_data_card

    band = BandConfig.model_validate(run.config["band"])
    counts = count_data({table: run.inputs[table] / f"{table}.parquet" for table in TABLES}, band)
    inputs = DataCardInputs(
        counts=counts,
        band=band,
        scorers=run.config["scorers"],
        agreement=_read(run.inputs["instruction_difficulty"] / AGREEMENT),
        accuracy=_read(run.inputs["instruction_taxonomy"] / ACCURACY),
        contamination=contamination,
    )
    for name, content in render_data_card(inputs).items():
        (run.outputs["data_card"] / name).write_text(content, encoding="utf-8")
    return {"data_card": {"headline": data_headline(counts, band), "html": "data_card.html"}}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


DATA_CARD = data_card_step(CONTAMINATION)
