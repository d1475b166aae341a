"""The contracts step: which tables are checked, and the record that a check of exactly these tables passed."""

from __future__ import annotations

import json

from assets.steps import Step
from training.manifests import ArtifactRef
from training.snapshot import TABLES
from training.storage import Store

SUITES = ("criteria", "resolved_verdicts", "preference_pairs", "criterion_preferences")
CONTRACTS = Step(
    name="contracts",
    outputs=("contract_results",),
    inputs={mart: mart for mart in TABLES},
    checks=SUITES,
    check_name="contract",
    group="preferences",
    config=lambda settings: {},
    sources=("assets/checks", "training/rubric_score.py", "training/records.py", "training/snapshot.py"),
    libraries=("great-expectations", "pandas", "duckdb", "pyarrow"),
    seconds=4,
)


def contract_results(store: Store, refs: dict[str, ArtifactRef]) -> tuple[ArtifactRef, dict[str, dict[str, object]]] | None:
    """The recorded results of the contracts on exactly these tables, by suite, or None if they were not checked."""
    known = store.recall(CONTRACTS.key({}, refs))
    if known is None:
        return None
    ref = known["contract_results"]
    results: dict[str, dict[str, object]] = json.loads((store.fetch(ref) / "results.json").read_text(encoding="utf-8"))
    return ref, results
