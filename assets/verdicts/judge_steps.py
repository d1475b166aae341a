"""The judge as a step: responses and rubrics in, verdicts of models with what they took and how far they agree with people.

What belongs here: reading and writing the tables, some responses at a time. Which cells are judged is `judge_selection.py`'s,
what becomes of a reply `judge.py`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assets.endpoints.calls import CALLS_AT_ONCE
from assets.endpoints.unfinished import Counted
from assets.instructions.project_file import section
from assets.instructions.tables import TableWriter, to_arrow, write_table
from assets.steps import Metadata, Settings, Step, StepRun
from assets.verdicts.config import SECTION, JudgeConfig, VerdictsConfig, verdicts_config
from training.config import ConfigError

if TYPE_CHECKING:
    from assets.endpoints.calls import Ask
    from assets.endpoints.config import EndpointConfig
    from assets.verdicts.judge import JudgeItem

AGREEMENT = "judge_agreement.json"
Judge = tuple[JudgeConfig, "EndpointConfig"]


def _settings_config(settings: Settings) -> VerdictsConfig:
    return verdicts_config(settings.profile, section(settings.config, SECTION))


def _config(settings: Settings) -> dict[str, Any]:
    """The keys, with what an endpoint's replies depend on in place of its name; without a judge no endpoint is looked up."""
    config = _settings_config(settings)
    values = config.model_dump(mode="json")
    if not config.judges:
        return values
    from assets.endpoints.project import asking

    judges = [{**judge.model_dump(), "endpoint": endpoint.identity} for judge, endpoint in _judges(settings, config)]
    return {**values, "judges": judges, **asking(settings.config)}


def _judges(settings: Settings, config: VerdictsConfig) -> list[Judge]:
    if not config.judges:
        return []
    from assets.endpoints.project import endpoint_named

    return [(judge, endpoint_named(settings.config, judge.endpoint)) for judge in config.judges]


def _judge(run: StepRun) -> dict[str, Metadata]:
    if _config(run.settings) != run.config:
        raise ConfigError("sections verdicts, endpoints and calls: they changed while the run was planned; run again")
    config = _settings_config(run.settings)
    judges = _judges(run.settings, config)
    if not judges:
        for table in ("model_verdicts", "judge_costs"):
            write_table(table, [], run.outputs[table])
        _write_agreement(run, {"judges": [], "divergence": [], "costs": [], "addressed_to_judge": {}})
        return {"model_verdicts": {"rows": 0}, "judge_costs": {"judges": 0}, "judge_agreement": {"judges": 0}}
    from assets.endpoints.desk import asker

    ask = Counted(asker(run.settings, purpose=SECTION))
    metadata = judge_tables(run, config, judges, ask)
    return {**metadata, "model_verdicts": metadata["model_verdicts"] | ask.metadata}


def judge_tables(run: StepRun, config: VerdictsConfig, judges: Sequence[Judge], ask: Ask) -> dict[str, Metadata]:
    """Judges all that the config selects and writes the three outputs; memory holds some responses at a time."""
    from assets.verdicts.judge import JudgeCost, judge_responses
    from assets.verdicts.judge_agreement import Tally, judge_agreement
    from assets.verdicts.judge_selection import TABLES, Selection

    costs = {judge.name: JudgeCost() for judge, _ in judges}
    tally = Tally()
    tables = {table: run.inputs[table] / f"{table}.parquet" for table in TABLES}
    path = run.outputs["model_verdicts"] / "model_verdicts.parquet"
    with Selection(tables, config) as selection, TableWriter("model_verdicts", path) as writer:
        labels = selection.human_labels()
        for items in at_once(selection.items(), [judge for judge, _ in judges]):
            rows: list[dict[str, Any]] = []
            for judge, endpoint in judges:
                judged = judge_responses(
                    items, judge=judge, endpoint=endpoint, ask=ask, least_evidence_words=config.least_evidence_words
                )
                rows += judged.rows
                costs[judge.name] += judged.cost
            # Responses come by id: what is sorted within these is sorted in all.
            writer.add(to_arrow("model_verdicts", rows))
            tally.add(items, rows, labels)
    taken = [
        {"judge": judge.name, "model": endpoint.model, "mode": judge.mode, **vars(costs[judge.name])}
        for judge, endpoint in sorted(judges, key=lambda pair: pair[0].name)
    ]
    write_table("judge_costs", taken, run.outputs["judge_costs"])
    figures = judge_agreement(tally, taken)
    _write_agreement(run, figures)
    return _metadata(figures)


def at_once(items: Iterable[JudgeItem], judges: Sequence[JudgeConfig]) -> Iterator[list[JudgeItem]]:
    """The items in lists about which no judge needs more than CALLS_AT_ONCE calls, unless one item alone does."""
    single = any(judge.mode == "single" for judge in judges)
    gathered: list[JudgeItem] = []
    calls = 0
    for item in items:
        needed = len(item.criteria) if single else 1
        if gathered and calls + needed > CALLS_AT_ONCE:
            yield gathered
            gathered, calls = [], 0
        gathered.append(item)
        calls += needed
    if gathered:
        yield gathered


def _write_agreement(run: StepRun, figures: dict[str, Any]) -> None:
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    (run.outputs["judge_agreement"] / AGREEMENT).write_text(text, encoding="utf-8")


def _metadata(figures: dict[str, Any]) -> dict[str, Metadata]:
    verdicts: Metadata = {f"{what} that address the judge": n for what, n in figures["addressed_to_judge"].items()}
    costs: Metadata = {}
    agreement: Metadata = {}
    for cost in figures["costs"]:
        verdicts |= {f"{cost['judge']} cells": cost["verdicts"], f"{cost['judge']} unknown": cost["unknown"]}
        costs |= {f"{cost['judge']} {name}": cost[name] for name in ("calls", "prompt_tokens", "completion_tokens")}
    for judge in figures["judges"]:
        for tier, found in judge["tiers"].items():
            if found["accuracy"]["value"] is not None:
                agreement[f"{judge['judge']} accuracy {tier}"] = round(found["accuracy"]["value"], 3)
    for pair in figures["divergence"]:
        if pair["tier"] == "all" and pair["agreement"] is not None:
            agreement[f"{pair['first']} and {pair['second']} agree"] = round(pair["agreement"], 3)
    return {"model_verdicts": verdicts, "judge_costs": costs, "judge_agreement": agreement}


JUDGE = Step(
    name="judge",
    outputs=("model_verdicts", "judge_costs", "judge_agreement"),
    inputs={
        name: name
        for name in (
            "raw_instructions",
            "curated_instructions",
            "instruction_splits",
            "raw_criteria",
            "raw_responses",
            "known_verdicts",
        )
    },
    group="verdicts",
    config=_config,
    run=_judge,
    sources=(
        "assets/endpoints",
        *(
            f"assets/verdicts/{name}.py"
            for name in (
                "config",
                "evidence",
                "injection",
                "judge",
                "judge_agreement",
                "judge_prompt",
                "judge_reply",
                "judge_selection",
                "judge_steps",
            )
        ),
        "assets/instructions/tables.py",
        "training/records.py",
        *(f"training/benchmark/{name}.py" for name in ("agreement", "bootstrap", "figures", "metrics")),
    ),
    libraries=("pyarrow", "duckdb", "numpy", "krippendorff", "openai", "httpx2"),
    seconds=1,
    descriptions={
        "model_verdicts": "What each judge says of each criterion, with the quote it rests on, or why it is unknown.",
        "judge_costs": "Calls and tokens that each judge's verdicts took.",
        "judge_agreement": "Judges against people's labels by tier, against each other, and tokens for a verdict.",
    },
    kinds=("python", "parquet"),
)
