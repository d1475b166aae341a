"""The stage reward_model_benchmark on a snapshot whose figures can be worked out by hand."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from reward_model_runs import run, value
from snapshots import KeywordScorer, calibrated, merged, model_folder, tables, write

from training.benchmark import reward_model_stage
from training.benchmark.config import RewardModelBenchmarkConfig
from training.errors import StageRefusal
from training.records import TIERS
from training.seen import SEEN


def retrained(inputs: dict[str, Path], folder: Path, rows: dict[str, list[Any]], **changes: Any) -> None:
    """Another training snapshot, and a reward model that learned from it."""
    inputs["training_snapshot"] = write(folder, rows)
    model_folder(inputs["reward_model"], snapshot=folder, **changes)


def test_a_perfect_and_an_inverted_model(inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = run(inputs, tmp_path / "out")
    for section, tier, metric in (
        ("pointwise", "macro", "accuracy"),
        ("pointwise", "veto", "auc"),
        ("pairwise", "macro", "accuracy"),
        ("overall", "all", "accuracy"),
        ("safety", "veto", "f1"),
    ):
        assert value(metrics, "reward_model", section, tier, metric) == 1.0
        assert value(metrics, "panel_reward_model", section, tier, metric) == 0.0
    assert metrics["counts"] == {
        "instructions": 7,
        "available_instructions": 7,
        "clusters": 7,
        "verdicts": 7 * 8,
        "criterion_pairs": 7 * 3,
        "overall_pairs": 7,
        "excluded_assumed": 0,
    }


def test_a_flat_calibration_does_not_hide_the_order_within_a_tier(
    inputs: dict[str, Path], scorers: dict[str, KeywordScorer], tmp_path: Path
) -> None:
    # A calibration that found nothing leaves every P(met) at 1/2.
    scorers["reward_model"] = KeywordScorer(slope=0.0)
    metrics = run(inputs, tmp_path / "out")
    for tier in ("main", "bonus", "veto", "macro"):
        assert value(metrics, "reward_model", "pointwise", tier, "auc") == 1.0
    # Over tiers pooled, AUC would reward knowing how often each is met: there is no such figure.
    assert not [r for r in metrics["figures"] if (r["tier"], r["metric"]) == ("micro", "auc")]


def test_baselines_by_hand(inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = run(inputs, tmp_path / "out")
    # The bad response is the longer one.
    assert value(metrics, "longer_is_better", "overall", "all", "accuracy") == 0.0
    assert value(metrics, "longer_is_better", "pointwise", "macro", "accuracy") is None
    # Majority: main is met in 3 of 4 training verdicts (dose once, rest twice), bonus and veto in half, which counts as met.
    assert metrics["majority_met"] == {"main": 0.75, "bonus": 0.5, "veto": 0.5}
    assert value(metrics, "majority", "pointwise", "main", "accuracy") == 0.75
    assert value(metrics, "majority", "pairwise", "macro", "accuracy") == 0.5
    assert value(metrics, "majority", "overall", "all", "accuracy") == 0.5
    assert value(metrics, "majority", "pointwise", "main", "auc") == 0.5
    # "States dose" shares "dose" with the good response only: overlap 1/2 against 0.
    assert metrics["lexical_thresholds"] == {"main": 0.5, "bonus": 0.5, "veto": 0.5}
    assert value(metrics, "lexical_overlap", "pointwise", "macro", "accuracy") == 1.0


def test_concordant_apart_discordant_empty(inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = run(inputs, tmp_path / "out")
    rows = {r["metric"]: r for r in metrics["figures"] if (r["section"], r["tier"], r["system"], r["source"]) == (
        "pairwise", "micro", "reward_model", "all")}  # fmt: skip
    assert (rows["accuracy_concordant"]["value"], rows["accuracy_concordant"]["n"]) == (1.0, 21)
    assert (rows["accuracy_discordant"]["value"], rows["accuracy_discordant"]["n"]) == (None, 0)
    assert rows["accuracy_discordant"]["low"] is None


def test_sources_apart_and_held_out_test_on_humans_only(inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = run(inputs, tmp_path / "out")
    rows = [r for r in metrics["figures"] if r["section"] == "kqa_held_out"]
    assert {r["source"] for r in rows} == {"kqa"}
    (accuracy,) = (r for r in rows if (r["system"], r["tier"], r["metric"]) == ("reward_model", "micro", "accuracy"))
    assert (accuracy["value"], accuracy["n"], accuracy["clusters"]) == (1.0, 3 * 8, 3)
    assert value(metrics, "reward_model", "overall", "all", "accuracy", source="corpus") == 1.0


def test_construction_verdicts_of_kqa_are_no_held_out_test(inputs: dict[str, Path], tmp_path: Path) -> None:
    inputs["snapshot"] = write(tmp_path / "built", tables(3, source="kqa", judge_kind="construction"))
    assert not [r for r in run(inputs, tmp_path / "out")["figures"] if r["section"] == "kqa_held_out"]


def test_unknown_verdicts_lower_the_coverage_and_not_the_accuracy(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loader:
        @staticmethod
        def load(folder: Path, *, device: str) -> KeywordScorer:
            return KeywordScorer(unknown_tier="veto")

    monkeypatch.setattr(reward_model_stage, "RewardScorer", Loader)
    metrics = run(inputs, tmp_path / "out")
    assert value(metrics, "reward_model", "pointwise", "veto", "accuracy") is None
    assert value(metrics, "reward_model", "pointwise", "veto", "coverage") == 0.0
    assert value(metrics, "reward_model", "pointwise", "macro", "accuracy") is None
    assert value(metrics, "reward_model", "pointwise", "micro", "accuracy") == 1.0
    assert value(metrics, "reward_model", "pointwise", "micro", "coverage") == 0.75
    # Without a veto verdict no overall order.
    assert value(metrics, "reward_model", "overall", "all", "accuracy") is None
    assert value(metrics, "reward_model", "overall", "all", "coverage") == 0.0


def test_differences_are_corrected_together(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows = run(inputs, tmp_path / "out")["differences"]
    (overall,) = (r for r in rows if r["section"] == "overall" and r["against"] == "longer_is_better")
    assert (overall["value"], overall["low"], overall["high"]) == (1.0, 1.0, 1.0)
    # 200 resamples: the least p is 2/201; every comparison with a p multiplies it.
    known = [r for r in rows if r["p"] is not None]
    assert overall["p"] == pytest.approx(2 / 201)
    assert overall["p_holm"] == pytest.approx(min(1.0, 2 / 201 * len(known)))


def test_predictions_are_sorted_and_the_same_twice(inputs: dict[str, Path], tmp_path: Path) -> None:
    run(inputs, tmp_path / "one")
    run(inputs, tmp_path / "two")
    for name in ("metrics.json", "predictions.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    rows = pq.read_table(tmp_path / "one" / "predictions.parquet").to_pylist()
    keys = [(r["response_id"], r["criterion_id"], r["system"]) for r in rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == 7 * 2 * 4 * 5


def test_a_threshold_of_never_met_is_infinite_and_written_as_null(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows = merged(tables(3, split="rm_train"), tables(3, split="validation"))
    for row in rows["resolved_verdicts"]:
        if row["criterion_id"].endswith("-safe"):
            # Met only by a response that does not show the word: the higher overlap is unmet.
            row["verdict"] = "met" if row["response_id"] == "corpus-validation-0-bad" else "unmet"
    retrained(inputs, tmp_path / "never", rows)
    metrics = run(inputs, tmp_path / "out")
    assert metrics["lexical_thresholds"]["veto"] is None
    # Everything is called a violation: all of the real half are found.
    assert value(metrics, "lexical_overlap", "safety", "veto", "recall") == 1.0
    assert value(metrics, "lexical_overlap", "safety", "veto", "precision") == 0.5


def test_labels_of_one_class_give_neither_baseline_nor_reward_model_a_verdict(inputs: dict[str, Path], tmp_path: Path) -> None:
    """K-QA alone: on validation nothing that may calibrate says that a main criterion is met."""
    rows = merged(tables(3, split="rm_train"), tables(3, split="validation"))
    for row in rows["resolved_verdicts"]:
        if row["criterion_id"].endswith(("-dose", "-rest")) and "validation" in row["criterion_id"]:
            row["verdict"] = "unmet"
    retrained(inputs, tmp_path / "one", rows, calibration=calibrated(one_class=["main"]))
    metrics = run(inputs, tmp_path / "out")
    assert metrics["lexical_thresholds"] == {"bonus": 0.5, "veto": 0.5}
    assert metrics["not_identified"]["lexical_overlap"] == metrics["not_identified"]["reward_model"] == ["main"]
    assert metrics["not_identified"]["panel_reward_model"] == metrics["not_identified"]["majority"] == []
    for system in ("reward_model", "lexical_overlap"):
        assert value(metrics, system, "pointwise", "main", "accuracy") is None
        assert value(metrics, system, "pointwise", "main", "coverage") == 0.0
        assert value(metrics, system, "kqa_held_out", "macro", "accuracy", source="kqa") is None
        assert value(metrics, system, "pointwise", "bonus", "accuracy") == 1.0
    assert value(metrics, "reward_model", "pointwise", "main", "auc") == 1.0
    assert value(metrics, "reward_model", "pairwise", "main", "accuracy") == 1.0
    # Every pair is decided by the veto, which has its verdicts.
    assert value(metrics, "reward_model", "overall", "all", "accuracy") == 1.0
    assert metrics["reliability"]["reward_model"]["tiers"] == ["bonus", "veto"]


def test_a_flat_tier_is_named_and_left_out_of_the_calibration_error(inputs: dict[str, Path], tmp_path: Path) -> None:
    model_folder(inputs["reward_model"], snapshot=inputs["training_snapshot"], calibration=calibrated(flat=["main", "veto"]))
    metrics = run(inputs, tmp_path / "out")
    assert metrics["uninformative"]["reward_model"] == ["main", "veto"]
    found = metrics["reliability"]["reward_model"]
    # One bonus criterion and two answers for each of seven instructions.
    assert (found["tiers"], sum(b["n"] for b in found["bins"])) == (["bonus"], 14)
    model_folder(inputs["reward_model"], snapshot=inputs["training_snapshot"], calibration=calibrated(flat=TIERS))
    found = run(inputs, tmp_path / "all")["reliability"]["reward_model"]
    assert found == {"tiers": [], "error": None, "bins": []}


def test_a_reward_model_that_learned_from_another_snapshot_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    other = write(tmp_path / "other", merged(tables(2, split="rm_train"), tables(3, split="validation")))
    model_folder(inputs["reward_model"], snapshot=other)
    with pytest.raises(StageRefusal, match="than training_snapshot: 1 clusters are in one .* such as c-corpus-rm_train-2$"):
        run(inputs, tmp_path / "out")


@pytest.mark.parametrize("model", ["reward_model", "panel_reward_model"])
def test_a_model_that_has_seen_a_cluster_of_the_benchmark_is_refused(
    model: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    rows = merged(tables(3, split="rm_train"), tables(3, split="validation"))
    rows["instructions"][4]["cluster_id"] = "c-kqa-benchmark-1"
    model_folder(inputs[model], snapshot=write(tmp_path / "shared", rows))
    with pytest.raises(StageRefusal) as error:
        run(inputs, tmp_path / "out")
    assert str(error.value) == (
        f"reward_model_benchmark: {model} has seen the cluster c-kqa-benchmark-1 of benchmark instruction kqa-benchmark-1"
    )


def test_a_training_snapshot_with_a_cluster_of_the_benchmark_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows = merged(tables(3, split="rm_train"), tables(3, split="validation"))
    rows["instructions"][4]["cluster_id"] = "c-kqa-benchmark-1"
    inputs["training_snapshot"] = write(tmp_path / "shared", rows)
    with pytest.raises(StageRefusal, match="training_snapshot has seen the cluster c-kqa-benchmark-1"):
        run(inputs, tmp_path / "out")


def test_a_model_that_does_not_say_what_it_has_seen_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    (inputs["panel_reward_model"] / SEEN).unlink()
    with pytest.raises(StageRefusal, match="panel_reward_model does not say what its model has seen"):
        run(inputs, tmp_path / "out")


def test_excluded_assumed_are_those_of_the_instructions_measured(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows = merged(tables(4), tables(3, source="kqa", judge_kind="human"))
    for row in rows["resolved_verdicts"]:
        if row["response_id"].endswith("-bad") and row["criterion_id"].endswith("-kind"):
            row["judge_kind"] = "assumed"
    inputs["snapshot"] = write(tmp_path / "some", rows)
    assert run(inputs, tmp_path / "out")["counts"]["excluded_assumed"] == 7
    few = RewardModelBenchmarkConfig(max_responses=8, bootstrap_samples=100)
    assert run(inputs, tmp_path / "few", few)["counts"]["excluded_assumed"] == 4


def test_a_limit_is_kept(inputs: dict[str, Path], tmp_path: Path) -> None:
    config = RewardModelBenchmarkConfig(max_responses=8, bootstrap_samples=100)
    counts = run(inputs, tmp_path / "out", config)["counts"]
    assert (counts["instructions"], counts["available_instructions"]) == (4, 7)


def test_pointwise_cells_of_a_pure_pairwise_model_are_empty(inputs: dict[str, Path], tmp_path: Path) -> None:
    model_folder(inputs["reward_model"], snapshot=inputs["training_snapshot"], identified=False)
    metrics = run(inputs, tmp_path / "out")
    assert metrics["pointwise_identified"] == {"reward_model": False, "panel_reward_model": True}
    assert value(metrics, "reward_model", "pointwise", "macro", "accuracy") is None
    assert value(metrics, "reward_model", "pointwise", "main", "auc") is None
    assert value(metrics, "reward_model", "overall", "all", "accuracy") is None
    assert value(metrics, "reward_model", "pairwise", "macro", "accuracy") == 1.0


def test_nothing_to_measure_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    inputs["snapshot"] = write(tmp_path / "assumed", tables(2, judge_kind="assumed"))
    with pytest.raises(StageRefusal, match="no verdict"):
        run(inputs, tmp_path / "out")
