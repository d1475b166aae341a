"""The snapshot steps: one per role, each refusing marts whose contracts have not passed for exactly their content."""

from __future__ import annotations

from assets.checks.steps import contract_results
from assets.preferences.snapshot import cut_snapshot
from assets.steps import Metadata, Settings, Step, StepRun
from training.contracts import ROLE_SPLITS, write_contracts
from training.errors import StageRefusal
from training.snapshot import TABLES
from training.storage import Store


def _cut(run: StepRun) -> dict[str, Metadata]:
    (name,) = run.outputs
    role = str(run.config["role"])
    found = contract_results(Store(run.settings.store_root), dict(run.refs))
    if found is None:
        raise StageRefusal(
            f"{name}: the contracts were not checked on these tables; run the check `contract` of criteria first"
        )
    results = found[1]
    failed = [table for table, result in results.items() if not result["passed"]]
    if failed:
        raise StageRefusal(f"{name}: the contract failed on {', '.join(failed)}; see that check's failing rows")
    marts = {table: folder / f"{table}.parquet" for table, folder in run.inputs.items()}
    counts = cut_snapshot(marts, role=role, folder=run.outputs[name])
    _refuse_empty(name, role, counts)
    write_contracts(run.outputs[name], results)
    return {name: {f"rows_{table}": rows for table, rows in counts.items()} | {"contracts": str(found[0])}}


def _refuse_empty(name: str, role: str, counts: dict[str, int]) -> None:
    sources = "add a source with rubrics and answers, such as --source corpus"
    if role in ("reward_model", "panel") and not counts["criterion_preferences"]:
        raise StageRefusal(f"{name}: the sources yield no training pair; {sources}")
    if not counts["instructions"]:
        raise StageRefusal(
            f"{name}: the sources yield no instruction with a rubric in {' or '.join(ROLE_SPLITS[role])}; {sources}"
        )


def _step(name: str, role: str, description: str) -> Step:
    def config(settings: Settings) -> dict[str, object]:
        return {"role": role}

    return Step(
        name=name,
        outputs=(name,),
        inputs={mart: mart for mart in TABLES},
        group="preferences",
        config=config,
        run=_cut,
        sources=(
            "assets/preferences",
            "assets/checks/steps.py",
            *(f"training/{name}.py" for name in ("contracts", "snapshot", "records", "rubric_score")),
        ),
        libraries=("duckdb", "pyarrow"),
        seconds=1,
        descriptions={name: description},
        kinds=("duckdb", "parquet"),
    )


SNAPSHOTS = (
    _step(
        "reward_model_snapshot", "reward_model", "Frozen rows of rm_train and validation: what the reward model learns from."
    ),
    _step("panel_snapshot", "panel", "Frozen rows of panel_train and validation: what the panel learns from."),
    _step("policy_prompts", "policy", "Instructions and rubrics of policy_train; no answers."),
    _step("benchmark_snapshot", "benchmark", "Frozen benchmark rows; no assumed verdict enters a metric."),
)
