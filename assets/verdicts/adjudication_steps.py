"""All verdicts as a step: those known with the responses, those of models, and those of adjudication rounds.

What belongs here: putting them together, and the rounds' agreement. Each round's own work is done when its files come back.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.instructions.tables import SCHEMAS, SORT_KEYS, TableWriter
from assets.reviewing.rounds import in_order
from assets.steps import Metadata, Settings, Step, StepRun
from assets.verdicts.adjudication_outcome import round_figures, verdict_rows
from assets.verdicts.adjudication_rounds import Round, read_round

TABLE = "raw_verdicts"
AGREEMENT = "adjudication_agreement.json"


class VerdictsError(ValueError):
    """Verdicts cannot be put together; names the judge or the round and the remedy."""


def gathered_rows(
    rounds: list[Round], *, responses: frozenset[str], criteria: frozenset[str], taken: frozenset[tuple[str, ...]]
) -> tuple[list[dict[str, Any]], dict[str, Counter[str]]]:
    """Verdict rows of all rounds, and how many of each round are not among them, by round and reason.

    A row whose response or criterion is no longer there is left out. So is one that the same reviewer gave on the same thing
    in an earlier round: a person has one vote.

    Args:
        rounds: earliest first.
        responses: ids there are.
        criteria: ids there are.
        taken: keys of other verdicts: response, criterion, judge and kind of judge.

    Raises:
        VerdictsError: one of `taken` is given again, so that two people would be one.
    """
    kept: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
    lost: dict[str, Counter[str]] = {}
    for round_ in rounds:
        lost[round_.name] = Counter(response_gone=0, criterion_gone=0, superseded=0)
        for row in verdict_rows(round_):
            key = tuple(str(row[name]) for name in SORT_KEYS[TABLE])
            if key in taken:
                raise VerdictsError(
                    f"round {round_.name}: a source has verdicts of a judge {row['judge']!r} on {row['response_id']} as well;"
                    " call that judge otherwise in the source"
                )
            if row["response_id"] not in responses:
                lost[round_.name]["response_gone"] += 1
            elif row["criterion_id"] not in criteria:
                lost[round_.name]["criterion_gone"] += 1
            else:
                if key in kept:
                    lost[kept[key][0]]["superseded"] += 1
                kept[key] = (round_.name, row)
    return [row for _, row in kept.values()], lost


def _gather(run: StepRun) -> dict[str, Metadata]:
    folders = run.gathered["adjudication_rounds"]
    rounds = [read_round(folders[name]) for name in in_order(folders)]
    schema = SCHEMAS[TABLE]
    known = _read(run.inputs["known_verdicts"], "known_verdicts", schema.names)
    model = _read(run.inputs["model_verdicts"], "model_verdicts", schema.names)
    rows, lost = gathered_rows(
        rounds,
        responses=_ids(run.inputs["raw_responses"], "raw_responses", "response_id"),
        criteria=_ids(run.inputs["raw_criteria"], "raw_criteria", "criterion_id"),
        taken=_human_keys(known),
    )
    table = pa.concat_tables([known, model, pa.Table.from_pylist(rows, schema=schema)])
    with TableWriter(TABLE, run.outputs[TABLE] / f"{TABLE}.parquet") as writer:
        writer.add(table.sort_by([(name, "ascending") for name in SORT_KEYS[TABLE]]))
    figures = [{**round_figures(round_), "lost": dict(lost[round_.name])} for round_ in rounds]
    text = json.dumps({"rounds": figures}, indent=1, sort_keys=True, allow_nan=False)
    (run.outputs["adjudication_agreement"] / AGREEMENT).write_text(text + "\n", encoding="utf-8")
    kinds = Counter(row["judge_kind"] for row in rows)
    return {
        TABLE: {
            "rows": len(table),
            "known": len(known),
            "model": len(model),
            "human": kinds["human"],
            "adjudicated": kinds["adjudicated"],
            "lost": sum(sum(reasons.values()) for reasons in lost.values()),
        },
        "adjudication_agreement": {
            "rounds": len(rounds),
            "items": sum(figure["all"]["items"] for figure in figures),
            "disputed": sum(figure["all"]["disputed"] for figure in figures),
            "outstanding": sum(figure["all"]["outstanding"] for figure in figures),
        },
    }


def _read(folder: Path, name: str, columns: list[str]) -> pa.Table:
    return pq.read_table(folder / f"{name}.parquet", columns=columns).select(columns).cast(SCHEMAS[TABLE])


def _human_keys(known: pa.Table) -> frozenset[tuple[str, ...]]:
    """Keys of what people said outside of rounds."""
    human = known.filter(pc.is_in(known["judge_kind"], pa.array(["human", "adjudicated"])))
    return frozenset(zip(*(human[name].to_pylist() for name in SORT_KEYS[TABLE]), strict=True))


def _ids(folder: Path, name: str, column: str) -> frozenset[str]:
    return frozenset(pq.read_table(folder / f"{name}.parquet", columns=[column])[column].to_pylist())


def _config(settings: Settings) -> dict[str, Any]:
    # What people said is all that counts; what they were asked is in the rounds.
    return {}


VERDICTS = Step(
    name="verdicts",
    outputs=(TABLE, "adjudication_agreement"),
    inputs={name: name for name in ("known_verdicts", "model_verdicts", "raw_criteria", "raw_responses")},
    group="verdicts",
    config=_config,
    run=_gather,
    gathers=("adjudication_rounds",),
    sources=(
        *(f"assets/verdicts/adjudication_{name}.py" for name in ("outcome", "rounds", "steps")),
        "assets/reviewing/rounds.py",
        "assets/instructions/tables.py",
        "training/benchmark/agreement.py",
        "training/records.py",
    ),
    libraries=("krippendorff", "numpy", "pyarrow"),
    seconds=2,
    descriptions={
        TABLE: "Every label of every judge on a response's criteria: known, of models, of people.",
        "adjudication_agreement": "How far the reviewers of each adjudication round agreed, and what became of disputes.",
    },
    kinds=("python", "parquet"),
)
