"""A small labelled benchmark snapshot and a scorer that knows the answers, for the tests of the benchmark stages.

Every instruction has a cluster of its own, two main criteria (weights 0.75 and 0.25), one bonus and one veto criterion, and two
responses: a good one that meets everything and a bad one that meets only the second main criterion. A criterion is met by a
response that contains its key word.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.manifests import MANIFEST, Manifest, build_manifest
from training.records import TIERS, Verdict
from training.reward_model.calibration import Calibration, TierCalibration
from training.reward_model.scoring import CriterionScore, ScoreItem
from training.seen import clusters_of, write_seen
from training.snapshot import read_snapshot
from training.storage import read_manifest

CRITERIA = (("dose", "main", 0.75), ("rest", "main", 0.25), ("kind", "bonus", None), ("safe", "veto", None))
GOOD, BAD = "alpha dose rest kind safe", "beta rest and more words to be longer than the good one"


def tables(
    n: int, *, source: str = "corpus", split: str = "benchmark", judge_kind: str = "construction"
) -> dict[str, list[Any]]:
    """Rows of every table for `n` instructions, each in a cluster of its own."""
    out: dict[str, list[Any]] = {
        name: []
        for name in ("instructions", "criteria", "responses", "resolved_verdicts", "preference_pairs", "criterion_preferences")
    }
    for i in range(n):
        key = f"{source}-{split}-{i}"
        out["instructions"].append(
            {"instruction_id": key, "source": source, "text": f"Question {i}?", "license": "MIT", "category": "treatment"}
            | {"specialty": "x", "difficulty": 5.0, "cluster_id": f"c-{key}", "split": split}
        )
        good, bad = f"{key}-good", f"{key}-bad"
        for response_id, text in ((good, f"{GOOD} {i}"), (bad, f"{BAD} {i}")):
            out["responses"].append({"response_id": response_id, "instruction_id": key, "model": "m", "text": text})
        for word, tier, weight in CRITERIA:
            criterion = f"{key}-{word}"
            out["criteria"].append(
                {"criterion_id": criterion, "instruction_id": key, "tier": tier, "text": f"States {word}", "weight": weight}
                | {"rubric_version": f"v-{key}", "origin": "reviewed"}
            )
            for response_id, text in ((good, GOOD), (bad, BAD)):
                out["resolved_verdicts"].append(
                    {"response_id": response_id, "criterion_id": criterion, "verdict": "met" if word in text else "unmet"}
                    | {"judge_kind": judge_kind, "n_labels": 1, "agreement": 1.0}
                )
            if word != "rest":
                out["criterion_preferences"].append(
                    {"instruction_id": key, "criterion_id": criterion, "tier": tier, "better_id": good, "worse_id": bad}
                    | {"discordant": False, "judge_kind": judge_kind, "split": split}
                )
        out["preference_pairs"].append(
            {"pair_id": f"p-{key}", "instruction_id": key, "rubric_version": f"v-{key}", "chosen_id": good, "rejected_id": bad}
            | {"decided_by": "veto", "margin": 1.0, "split": split}
        )
    return out


def merged(*parts: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows of several sets of tables together."""
    return {name: [row for part in parts for row in part[name]] for name in parts[0]}


def write(folder: Path, rows: dict[str, list[Any]]) -> Path:
    """Writes tables as a snapshot artifact (without contracts.json: the tests replace the check)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, of_table in rows.items():
        pq.write_table(pa.Table.from_pylist(of_table), folder / f"{name}.parquet")
    manifest(folder)
    return folder


def ref(folder: Path) -> str:
    """Name and digest of a folder's artifact."""
    return str(read_manifest(folder).ref)


def manifest(folder: Path) -> Manifest:
    """Writes the manifest of a folder's present content."""
    written = build_manifest(
        name=folder.name,
        folder=folder,
        skip_key="k",
        inputs={},
        config={},
        code_version="c",
        metadata={},
        run_id=None,
    )
    (folder / MANIFEST).write_text(written.model_dump_json())
    return written


def calibrated(*, one_class: Sequence[str] = (), flat: Sequence[str] = ()) -> Calibration:
    """A calibration with a tier's labels of one class, or a tier's slope of 0, as named."""
    return Calibration(
        tiers={
            tier: TierCalibration(
                slope=float(tier not in flat),
                intercept=0.0,
                threshold=0.5,
                pooled=tier in one_class,
                identified=tier not in one_class,
                informative=tier not in flat,
                n_met=0 if tier in one_class else 9,
                n_unmet=9,
                ece=None if tier in (*one_class, *flat) else 0.1,
            )
            for tier in TIERS
        },
        threshold_rule="half",
    )


def model_folder(
    folder: Path, *, snapshot: Path | None = None, identified: bool = True, calibration: Calibration | None = None
) -> Path:
    """What the stages read of a reward model's folder beside its weights; `snapshot` is what it learned from."""
    folder.mkdir(parents=True, exist_ok=True)
    write_seen(folder, clusters_of(read_snapshot(snapshot).instructions) if snapshot else ())
    (folder / "metrics.json").write_text(json.dumps({"pointwise_identified": identified}))
    (folder / "calibration.json").write_text((calibration or calibrated()).model_dump_json())
    manifest(folder)
    return folder


def benchmark_folder(
    folder: Path, *, low: float, against: str = "lexical_overlap", p_holm: float = 0.01, **measured: Path
) -> Path:
    """A reward-model benchmark of the artifacts `measured`; `low` ends the panel's interval against lexical overlap."""
    folder.mkdir(parents=True, exist_ok=True)
    row = {"section": "pointwise", "system": "panel_reward_model", "against": against, "source": "all", "tier": "macro"}
    row |= {
        "metric": "auc",
        "value": low + 0.1,
        "low": low,
        "high": low + 0.2,
        "n": 8,
        "clusters": 4,
        "p": 0.001,
        "p_holm": p_holm,
    }
    found = {"measured": {name: ref(artifact) for name, artifact in measured.items()}, "differences": [row]}
    (folder / "metrics.json").write_text(json.dumps(found))
    return folder


class KeywordScorer:
    """Stands in for a reward model: a criterion is met by a response that contains its last word.

    `wrong` turns all around; `slope` is that of the calibration.
    """

    def __init__(self, *, wrong: bool = False, unknown_tier: str | None = None, slope: float = 1.0) -> None:
        self.wrong, self.unknown_tier, self.slope = wrong, unknown_tier, slope

    def score(self, items: list[ScoreItem]) -> list[list[list[CriterionScore]]]:
        return [[[self._cell(text, c) for c in item.criteria] for text in item.responses] for item in items]

    def _cell(self, text: str, criterion: Any) -> CriterionScore:
        if criterion.tier == self.unknown_tier or not text:
            return CriterionScore(logit=None, p_met=None, verdict="unknown")
        met = (criterion.text.split()[-1] in text) != self.wrong
        logit = 2.0 if met else -2.0
        verdict: Verdict = "met" if met else "unmet"
        return CriterionScore(logit=logit, p_met=1 / (1 + math.exp(-self.slope * logit)), verdict=verdict)
