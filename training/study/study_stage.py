"""Stage `reward_model_study`: all cells of a study held against the benchmark's labels, and the table that comes of it.

What belongs here: measuring and writing; which cells count is said in `cells.py`. It writes

- study.json: {"schema": 1, "measured": {input: artifact}, "cells": [{"cell", "variant", "seed", "artifact", "steps", …}],
  "missing": [cells of the study that were not made], "left_out": [{"cell", "why"}], "seeds": {variant: [seed, …]}, "systems":
  [names], "counts", "figures", "differences", "questions", "contradictions", "openings", "pointwise_identified",
  "not_identified", "uninformative", "bootstrap"}; rows are described in `table.py` and `openings.py`.
- study.csv: figures and differences, one a row. curves.json: cell → the rows of its curve.csv.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.benchmark.bootstrap import LEVEL
from training.benchmark.comparison import columns
from training.benchmark.examples import Examples, choose_instructions, read_examples
from training.benchmark.systems import (
    LEXICAL,
    lexical_system,
    lexical_thresholds,
    longer_system,
    majority_shares,
    majority_system,
)
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.records import TIERS, Instruction, Tier
from training.seen import read_seen, refuse_seen
from training.snapshot import Snapshot, read_snapshot
from training.storage import read_manifest
from training.study.cell_predictions import as_system, read_predictions
from training.study.cell_stage import CURVE
from training.study.cells import Cell, chosen_cells, row_of
from training.study.config import RewardModelStudyTableConfig
from training.study.openings import carried_on
from training.study.table import QUESTIONS, Measured, Table, contradictions, is_kqa_label
from training.study.variants import SCALAR, VARIANTS

STUDY = "study.json"
# Role of the study before.
PAST = "past"


def run(*, config: RewardModelStudyTableConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Measures the cells among `inputs` (`reward_model_cells/<cell>`) on `snapshot`; references learn from `training_snapshot`.

    Raises:
        StageRefusal: a snapshot that may not be used, a cell that has seen a cluster of the benchmark, or no cell that counts.
    """
    check_snapshot(inputs["snapshot"], role="benchmark")
    check_snapshot(inputs["training_snapshot"], role="reward_model")
    snapshot, training = read_snapshot(inputs["snapshot"]), read_snapshot(inputs["training_snapshot"])
    measured = {name: str(read_manifest(inputs[name]).ref) for name in ("snapshot", "training_snapshot", "base_model")}
    cells, left_out = chosen_cells(config, inputs, measured)
    if not cells:
        why = "; ".join(f"{row['cell']}: {row['why']}" for row in left_out)
        raise StageRefusal(
            "reward_model_study: no cell of this study has been made"
            + (f" ({why})" if why else "")
            + "; make them with: promedical study reward-model"
        )
    for cell in cells:
        refuse_seen("reward_model_study", cell.name, read_seen(cell.folder), benchmark=snapshot.instructions)

    instructions = choose_instructions(snapshot, next(iter(config.cells.values())).max_responses)
    examples = read_examples(snapshot, {i.instruction_id for i in instructions})
    thresholds = lexical_thresholds(training)
    systems = [
        *_variants(cells, examples, snapshot),
        *_references(snapshot, instructions, examples, shares=majority_shares(training), thresholds=thresholds),
    ]
    table = Table(
        examples,
        systems,
        [i.cluster_id for i in instructions],
        samples=config.bootstrap_samples,
        seed=config.bootstrap_seed,
    )
    labels = sum(is_kqa_label(e.source, e.judge_kind) and e.tier != "veto" for e in examples.point)
    before = json.loads((inputs[PAST] / STUDY).read_text(encoding="utf-8"))["openings"] if PAST in inputs else []
    study: dict[str, Any] = {
        "schema": 1,
        "measured": measured,
        "cells": [row_of(cell) for cell in cells],
        "missing": [name for name in config.cells if name not in {cell.name for cell in cells}],
        "left_out": left_out,
        "seeds": {variant: [c.seed for c in cells if c.variant == variant] for variant in _present(cells)},
        "systems": [one.name for one in systems],
        "counts": _counts(examples, instructions),
        "figures": table.figures(),
        "differences": table.differences(),
        "questions": [{"against": against, "section": k[0], "tier": k[1], "metric": k[2]} for against, k in QUESTIONS],
        "contradictions": contradictions(examples, systems),
        "openings": carried_on(before, {c.name: c.artifact for c in cells}, snapshot=measured["snapshot"], labels=labels),
        **_identified(cells, thresholds),
        "bootstrap": {"samples": config.bootstrap_samples, "seed": config.bootstrap_seed, "level": LEVEL},
    }
    (output / STUDY).write_text(json.dumps(study, indent=1, allow_nan=False), encoding="utf-8")
    curves = {cell.name: _read_csv(cell.folder / CURVE) for cell in cells}
    (output / "curves.json").write_text(json.dumps(curves, indent=0), encoding="utf-8")
    _write_csv(output / "study.csv", [*study["figures"], *study["differences"]])
    return {
        "cells": len(cells),
        "cells_missing": len(study["missing"]),
        "cells_left_out": len(left_out),
        "openings": len(study["openings"]),
        **{f"seeds_{variant}": len(seeds) for variant, seeds in study["seeds"].items()},
    }


def _present(cells: Sequence[Cell]) -> list[str]:
    return [variant for variant in VARIANTS if any(cell.variant == variant for cell in cells)]


def _variants(cells: Sequence[Cell], examples: Examples, snapshot: Snapshot) -> list[Measured]:
    found = []
    for variant in _present(cells):
        by_seed = {}
        for cell in (cell for cell in cells if cell.variant == variant):
            system = as_system(
                variant,
                read_predictions(cell.folder),
                snapshot,
                scalar=variant == SCALAR,
                not_identified=tuple(cell.said["not_identified"]),
                uninformative=tuple(cell.said["uninformative"]),
            )
            by_seed[cell.seed] = columns(examples, system)
        found.append(Measured(name=variant, columns={seed: by_seed[seed] for seed in sorted(by_seed)}))
    return found


def _references(
    snapshot: Snapshot,
    instructions: Sequence[Instruction],
    examples: Examples,
    *,
    shares: dict[Tier, float],
    thresholds: dict[Tier, float],
) -> list[Measured]:
    systems = (
        lexical_system(snapshot, instructions, thresholds),
        longer_system(snapshot, instructions),
        majority_system(snapshot, instructions, shares),
    )
    return [Measured(name=system.name, columns={None: columns(examples, system)}) for system in systems]


def _identified(cells: Sequence[Cell], thresholds: Mapping[Tier, float]) -> dict[str, dict[str, Any]]:
    """What means little, by system: if it does so in one seed it does in their mean."""
    without = [tier for tier in TIERS if tier not in thresholds]
    of = {variant: [cell.said for cell in cells if cell.variant == variant] for variant in _present(cells)}
    return {
        "pointwise_identified": {v: all(said["pointwise_identified"] for said in rows) for v, rows in of.items()},
        "not_identified": {LEXICAL: without, **_tiers(of, "not_identified")},
        "uninformative": _tiers(of, "uninformative"),
    }


def _tiers(of: Mapping[str, Sequence[Mapping[str, Any]]], what: str) -> dict[str, list[str]]:
    return {variant: sorted({tier for said in rows for tier in said[what]}) for variant, rows in of.items()}


def _counts(examples: Examples, instructions: Sequence[Instruction]) -> dict[str, Any]:
    human = [e for e in examples.point if is_kqa_label(e.source, e.judge_kind)]
    return {
        "instructions": len(instructions),
        "clusters": len({i.cluster_id for i in instructions}),
        "verdicts": len(examples.point),
        "judge_kinds": dict(sorted(Counter(e.judge_kind for e in examples.point).items())),
        "criterion_pairs": len(examples.pair),
        "discordant_pairs": sum(e.discordant for e in examples.pair),
        "overall_pairs": len(examples.overall),
        "violations": sum(e.tier == "veto" and not e.met for e in examples.point),
        "kqa_labels": {tier: sum(e.tier == tier for e in human) for tier in ("main", "bonus", "veto")},
        "kqa_answers": len({e.response_id for e in human}),
        "sources": dict(sorted(Counter(i.source for i in instructions).items())),
    }


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = ["section", "system", "against", "source", "tier", "metric", "value", "low", "high", "bounds", "n", "clusters"]
    names += ["p", "p_holm", "answer", "by_seed"]
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, names, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            by_seed = " ".join(f"{seed}:{value}" for seed, value in row["by_seed"].items())
            writer.writerow({**row, "by_seed": by_seed})
