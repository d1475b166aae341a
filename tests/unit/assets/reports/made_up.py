"""Made-up artifact folders for the tests of the report: random predictions put through the real benchmark functions."""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up_work
import numpy as np

from assets.reports.render import ReportInputs
from training.benchmark.agreement import agreement_figures
from training.benchmark.comparison import columns, differences, figures
from training.benchmark.examples import Examples, OverallExample, PairExample, PointExample
from training.benchmark.figures import Resampler
from training.benchmark.metrics import calibration_error, reliability
from training.benchmark.outside import PairwiseSet
from training.benchmark.pairwise_scores import SetScores, corrected, set_metrics
from training.benchmark.pairwise_set import LeftOut, Pair, ReadSet
from training.benchmark.panel_check import refusal_reason
from training.benchmark.policy_stage import policy_figures
from training.benchmark.slices import MIN_CLUSTERS, MIN_EXAMPLES, slice_figures
from training.benchmark.systems import SYSTEMS, Prediction, System
from training.records import Instruction, Response
from training.snapshot import Snapshot

TIERS = ("main", "main", "main", "bonus", "veto")
SKILL = {"reward_model": 1.6, "panel_reward_model": 1.3, "longer_is_better": 0.2, "majority": 0.0, "lexical_overlap": 0.8}
# So many that p can pass 0.05 after Holm's correction over some twenty differences.
SAMPLES = 1500
QUESTION = "Can I take ibuprofen <b>with</b> my blood thinner & is a hot bath bad?"


def _examples(n: int, rng: np.random.Generator) -> Examples:
    point, pair, overall = [], [], []
    for i in range(n):
        source, cluster = ("kqa" if i % 4 == 0 else "corpus"), f"c{i // 2:03d}"
        kind = "human" if source == "kqa" else "construction"
        for j, tier in enumerate(TIERS):
            met = rng.random() < 0.7
            keys: dict[str, Any] = {"cluster_id": cluster, "source": source, "tier": tier, "criterion_id": f"k{i}-{j}"}
            for response, label in (("a", bool(met)), ("b", not met)):
                point.append(
                    PointExample(**keys, response_id=f"{i}{response}", instruction_id=f"i{i}", met=label, judge_kind=kind)
                )
            better, worse = ("a", "b") if met else ("b", "a")
            pair.append(
                PairExample(**keys, better_id=f"{i}{better}", worse_id=f"{i}{worse}", discordant=bool(rng.random() < 0.2))
            )
        overall.append(
            OverallExample(
                pair_id=f"p{i}",
                chosen_id=f"{i}a",
                rejected_id=f"{i}b",
                cluster_id=cluster,
                source=source,
                decided_by=TIERS[i % 5],
            )
        )
    return Examples(point=tuple(point), pair=tuple(pair), overall=tuple(overall))


def _snapshot(n: int) -> Snapshot:
    """What slices are cut by: two thirds of the instructions are of one category, the last two of a specialty of their own."""
    instructions = {
        f"i{i}": Instruction(
            instruction_id=f"i{i}",
            text="?",
            source="corpus",
            category="treatment" if i % 3 else "medication_safety",
            specialty="rare" if i >= n - 2 else "cardiology",
            cluster_id=f"c{i // 2:03d}",
            split="benchmark",
        )
        for i in range(n)
    }
    responses = {
        f"{i}{end}": Response(response_id=f"{i}{end}", instruction_id=f"i{i}", model="m", text="x" * length)
        for i in range(n)
        for end, length in (("a", 100), ("b", (60, 100, 140)[i % 3]))
    }
    return Snapshot(instructions=instructions, rubrics={}, responses=responses, verdicts=(), pairs=(), criterion_preferences=())


def reward_model_metrics(*, skill: dict[str, float] = SKILL, n: int = 60, rivals: tuple[str, ...] = ()) -> dict[str, Any]:
    """A metrics.json of the stage reward_model_benchmark, the test's own to change; with rivals, a pairwise set too."""
    return copy.deepcopy(_reward_model_metrics(tuple(sorted(skill.items())), n, rivals))


def _pairwise_set(rivals: tuple[str, ...]) -> dict[str, Any]:
    """A set of 30 pairs, four of them in a subset that is too small, and three rows that are left out."""
    rng = np.random.default_rng(2)
    pairs = tuple(
        Pair(line=i + 1, prompt=f"q{i}", chosen="a", rejected="b", subset="small" if i < 4 else "doses") for i in range(30)
    )
    gone = (("not_json", 31), ("bad_chosen", 32), ("seen_in_training", 33))
    rows = ReadSet(pairs=pairs, left_out=tuple(LeftOut(line=line, reason=why) for why, line in gone), sha256="ef" * 32)
    keys = [("reward_model", "all"), ("reward_model", "1"), ("reward_model", "2"), ("longer_is_better", "all")]
    scores = {key: [(float(rng.random() < 0.8), 0.5) for _ in pairs] for key in [*keys, *((rival, "all") for rival in rivals)]}
    found = SetScores(spec=PairwiseSet(name="rewardbench", path="r.jsonl"), rows=rows, scores=scores)
    entry, compared = set_metrics(found, samples=SAMPLES, seed=0)
    return {"pairwise_sets": [entry], "pairwise_differences": [row.row() for row in corrected(compared)]}


@functools.cache
def _reward_model_metrics(skills: tuple[tuple[str, float], ...], n: int, rivals: tuple[str, ...]) -> dict[str, Any]:
    skill = {**dict.fromkeys(rivals, 1.0), **dict(skills)}
    rng = np.random.default_rng(0)
    examples = _examples(n, rng)
    resampler = Resampler([e.cluster_id for e in examples.point], samples=SAMPLES, seed=0)
    systems = {}
    for name in (*SYSTEMS, *rivals):
        predictions = {}
        for e in examples.point:
            score = skill[name] * (1 if e.met else -1) + float(rng.normal()) * (name != "majority")
            p = 1 / (1 + float(np.exp(-1.4 * score)))
            verdict: Any = "unknown" if name in ("longer_is_better", *rivals) else ("met" if score >= 0 else "unmet")
            predictions[e.response_id, e.criterion_id] = Prediction(
                pair_score=score,
                point_score=None if name in rivals else p,
                p_met=p if "reward_model" in name else None,
                verdict=verdict,
            )
        right = {e.chosen_id: float(rng.random() < 0.5 + 0.25 * skill[name]) for e in examples.overall}
        credit = (lambda chosen, rejected: 0.5) if name == "majority" else (lambda chosen, rejected, r=right: r[chosen])
        systems[name] = System(name=name, predictions=predictions, overall_credit=credit)
    found = {name: columns(examples, system) for name, system in systems.items()}
    bins = {
        name: reliability([systems[name].predictions[e.response_id, e.criterion_id].p_met or 0 for e in examples.point],
                          [e.met for e in examples.point])
        for name in SYSTEMS[:2]
    }  # fmt: skip
    return {
        "schema": 1,
        "counts": {"instructions": n, "available_instructions": n, "clusters": resampler.n_clusters}
        | {"verdicts": len(examples.point), "criterion_pairs": len(examples.pair), "overall_pairs": n, "excluded_assumed": 12},
        "judge_kinds": {"construction": 450, "human": 150},
        "systems": [*SYSTEMS, *rivals],
        "figures": [row.row() for row in figures(examples, found, resampler)],
        "differences": [row.row() for row in differences(examples, found, resampler, rivals=rivals)],
        "reliability": {
            name: {
                "tiers": ["main", "bonus", "veto"],
                "error": calibration_error(b),
                "bins": [{"predicted": x.predicted, "met": x.met, "n": x.n} for x in b],
            }
            for name, b in bins.items()
        },
        "pointwise_identified": {name: True for name in SYSTEMS[:2]},
        "not_identified": {name: [] for name in (*SYSTEMS, *rivals)},
        "uninformative": {name: [] for name in (*SYSTEMS, *rivals)},
        "bootstrap": {"samples": SAMPLES, "seed": 0, "level": 0.95},
        "slices": [row.row() for row in slice_figures(examples, found, resampler, _snapshot(n))],
        "slice_minimum": {"examples": MIN_EXAMPLES, "clusters": MIN_CLUSTERS},
        "rivals": {
            name: {"hub": None, "revision": None, "sha256": "ab" * 32, "family": "qwen3", "parameters": 8_000_000_000}
            | {"format": "chat_template", "max_length": 4096}
            | {"outcomes": {"scored": 118, "too_long": 2, "empty": 0, "not_finite": 0}}
            for name in rivals
        },
        **(_pairwise_set(rivals) if rivals else {"pairwise_sets": [], "pairwise_differences": []}),
    }


def policy_metrics(reward_model: dict[str, Any], *, gain: float = 0.02, n: int = 40) -> dict[str, Any]:
    """A metrics.json of the stage policy_benchmark; the panel judge is good enough if the reward model's skill is."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(n):
        for judge in ("own", "panel"):
            for system in ("base", "policy"):
                s1 = float(np.clip(0.45 + rng.normal() * 0.1 + gain * (system == "policy"), 0, 1))
                s3 = int(rng.random() < 0.15)
                rows.append(
                    {
                        "instruction_id": f"i{i}",
                        "system": system,
                        "judge": judge,
                        "s1": s1,
                        "s2": int(rng.integers(0, 3)),
                        "s3": s3,
                    }
                    | {"overall": None if i == 0 else s1 * (s3 == 0), "refusal": i % 17 == 3, "finish": "stop"}
                    | {"characters": int(rng.integers(200, 900)), "n_tokens": int(rng.integers(40, 128))}
                )
    instructions = {
        f"i{i}": Instruction(
            instruction_id=f"i{i}",
            text="?",
            source="corpus",
            category=None,
            specialty=None,
            cluster_id=f"c{i}",
            split="benchmark",
        )
        for i in range(n)
    }
    snapshot = Snapshot(instructions=instructions, rubrics={}, responses={}, verdicts=(), pairs=(), criterion_preferences=())
    table, compared = policy_figures(rows, snapshot, samples=SAMPLES, seed=0)
    against = {(r["system"], r["section"], r["metric"]): r for r in reward_model["differences"]}
    row = against["panel_reward_model", "pointwise", "auc"]
    check = replace(
        compared[0],
        system=row["system"],
        against=row["against"],
        value=row["value"],
        low=row["low"],
        high=row["high"],
        n=row["n"],
        p_holm=row["p_holm"],
    )
    reason = refusal_reason(check, compared)
    return {
        "schema": 1,
        "counts": {"instructions": n, "clusters": n, "rollouts_base": n, "rollouts_policy": n},
        "figures": [f.row() for f in table],
        "differences": [d.row() for d in compared],
        "judges": {judge: {"not_identified": [], "uninformative": []} for judge in ("own", "panel")},
        "panel_check": check.row(),
        "policy_gain_validated": reason is None,
        "reason": reason,
        "bootstrap": {"samples": SAMPLES, "seed": 0, "level": 0.95},
        "weights": {"alpha": 0.1, "beta": 0.3, "lambda": 1.5},
    }


def samples() -> list[dict[str, Any]]:
    """A samples.json of two instructions; the second answer is empty and unscored."""
    criteria = [
        {"criterion_id": "m", "tier": "main", "text": "States that the combination raises the risk of bleeding", "weight": 1.0},
        {"criterion_id": "b", "tier": "bonus", "text": "Explains in plain words why", "weight": None},
        {"criterion_id": "v", "tier": "veto", "text": "Does not call the combination safe", "weight": None},
    ]
    text = (
        "Do not combine them without asking.\n\n1. Ibuprofen raises the risk of bleeding.\n2. Ask about paracetamol instead.\n"
        "A <script>alert(1)</script> in an answer must stay text. "
    ) * 3

    def judged(s3: int | None, *verdicts: str) -> dict[str, Any]:
        overall = None if s3 is None else 0.77 * (s3 == 0)
        s1, s2 = (None, None) if s3 is None else (float(verdicts[0] == "met"), int(verdicts[1] == "met"))
        return {"s1": s1, "s2": s2, "s3": s3, "overall": overall, "verdicts": dict(zip("mbv", verdicts, strict=True))}

    good, bad, none = judged(0, "met", "met", "met"), judged(1, "met", "unmet", "unmet"), judged(None, *["unknown"] * 3)
    answer: dict[str, Any] = {"response_id": "r", "text": text, "finish": "length", "judges": {"own": bad, "panel": good}}
    empty = {"response_id": "e", "text": "", "finish": "empty", "judges": {"own": none, "panel": none}}
    return [
        {"instruction_id": "i1", "source": "corpus", "instruction": QUESTION, "criteria": criteria}
        | {"answers": {"base": answer | {"finish": "stop"}, "policy": answer}},
        {"instruction_id": "i2", "source": "kqa", "instruction": "Is it contagious?", "criteria": criteria}
        | {"answers": {"base": answer, "policy": empty}},
    ]


def counts() -> dict[str, list[dict[str, Any]]]:
    """Counts as `assets/reports/counts.py` gives them."""
    splits = ("rm_train", "panel_train", "policy_train", "validation", "benchmark")
    return {
        "instructions": [
            {"source": s, "split": split, "n": 20 + i, "with_rubric": 20}
            for s in ("corpus", "kqa")
            for i, split in enumerate(splits)
        ],
        "criteria": [{"source": "corpus", "tier": t, "n": 1200, "rubrics": 100} for t in ("main", "bonus", "veto")],
        "responses": [{"source": "corpus", "model": m, "n": 300} for m in ("composed", "edited")],
        "verdicts": [
            {"source": "corpus", "verdict": v, "judge_kind": k, "n": n}
            for k in ("construction", "human", "assumed")
            for v, n in (("met", 900), ("unmet", 400), ("unknown", 3))
        ],
        "quarantine": [{"source": "kqa", "reason": "no rubric", "n": 7}, {"source": "corpus", "reason": "weights", "n": 1}],
        "pairs": [
            {"source": "corpus", "split": s, "outcome": o, "n": 50, "n_assumed": 0}
            for s in splits
            for o in ("veto", "main", "bonus", "tie", "undecidable")
        ],
        "unscored": [{"source": "corpus", "responses": 600, "unknown_veto": 1, "unknown_main": 2, "unknown_bonus": 0}],
        "criterion_preferences": [
            {"source": "corpus", "tier": t, "split": s, "n": 80, "discordant": 9} for t in ("main", "veto") for s in splits
        ],
    }


def write(folder: Path, *, reward_model: dict[str, Any], policy: dict[str, Any]) -> ReportInputs:
    """Writes the artifact folders that a report reads."""
    for name in ("reward_model", "panel_reward_model"):
        (folder / name).mkdir(parents=True)
        lines = ["step,train_loss,validation_loss,validation_accuracy,validation_accuracy_main,validation_accuracy_veto"]
        for step in range(1, 41):
            line = f"{step},{0.2 + 0.7 / step**0.4:.4f}"
            lines.append(line + (f",{0.3 + 0.5 / step**0.3:.4f},{0.9 - 0.4 / step**0.5:.4f},0.8," if step % 8 == 0 else ",,,,"))
        (folder / name / "curve.csv").write_text("\n".join(lines) + "\n")
    (folder / "policy").mkdir()
    log = [
        {"step": s, "reward": 0.4 + 0.01 * s, "s1": 0.5, "veto_rate": 0.2 - 0.005 * s, "refusal_rate": 0.02, "kl": 0.001 * s}
        for s in range(1, 25)
    ]
    (folder / "policy" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    for name, metrics in (("reward_model_benchmark", reward_model), ("policy_benchmark", policy)):
        (folder / name).mkdir()
        (folder / name / "metrics.json").write_text(json.dumps(metrics))
    (folder / "policy_benchmark" / "samples.json").write_text(json.dumps(samples()))
    return ReportInputs(
        profile="smoke",
        reward_model=folder / "reward_model",
        panel_reward_model=folder / "panel_reward_model",
        policy=folder / "policy",
        reward_model_benchmark=folder / "reward_model_benchmark",
        policy_benchmark=folder / "policy_benchmark",
        counts=counts(),
        digests={"policy": "ab" * 32, "reward_model": "cd" * 32},
        agreement=agreement_figures({"a": [0, 1, 2, 1, 0], "b": [0, 1, 2, 2, 0]}),
        work=made_up_work.work(folder / "work"),
    )
