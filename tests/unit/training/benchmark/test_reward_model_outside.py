"""The stage reward_model_benchmark with rivals and pairwise sets."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from reward_model_runs import run, value
from rival_models import decoder
from snapshots import KeywordScorer

from training.benchmark.config import RewardModelBenchmarkConfig
from training.errors import StageRefusal


@pytest.fixture(scope="module")
def rival(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder(tmp_path_factory.mktemp("models") / "rival")


def config(**keys: Any) -> RewardModelBenchmarkConfig:
    return RewardModelBenchmarkConfig(**{"bootstrap_samples": 200, "batch_size": 2, **keys})


def write_set(path: Path, n: int, *, prompt: str = "Prompt") -> Path:
    """The chosen answer holds the last word of the generic criteria, and is the shorter one."""
    rows = [
        {"prompt": f"{prompt} {i}", "chosen": "instructions advice", "rejected": f"nothing of the kind, at length {i}"}
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_a_rival_is_measured_as_the_other_systems_are(
    inputs: dict[str, Path], scorers: dict[str, KeywordScorer], rival: Path, tmp_path: Path
) -> None:
    before = run(inputs, tmp_path / "before", config())
    metrics = run(inputs, tmp_path / "out", config(rivals=[{"name": "Other-8B", "path": str(rival)}]))
    assert metrics["systems"] == [*before["systems"], "Other-8B"]
    # Every answer has one score: on all criteria of a pair the rival says the same, as it does overall.
    overall = value(metrics, "Other-8B", "overall", "all", "accuracy")
    assert 0 <= overall <= 1
    for tier in ("main", "bonus", "veto", "macro", "micro"):
        assert value(metrics, "Other-8B", "pairwise", tier, "accuracy") == pytest.approx(overall)
    for section, tier, metric in (("pointwise", "macro", "accuracy"), ("pointwise", "macro", "auc"), ("safety", "veto", "f1")):
        assert value(metrics, "Other-8B", section, tier, metric) is None
    assert value(metrics, "Other-8B", "pointwise", "micro", "coverage") == 0.0
    facts = metrics["rivals"]["Other-8B"]
    assert facts["outcomes"] == {"scored": 14, "too_long": 0, "empty": 0, "not_finite": 0}
    assert (facts["format"], facts["family"], facts["max_length"]) == ("chat_template", "qwen3", 512)
    assert str(tmp_path) not in json.dumps(metrics)
    # Its differences are a family of their own: what was planned stands as it did.
    assert [r for r in metrics["differences"] if r["against"] != "Other-8B"] == before["differences"]
    against = [r for r in metrics["differences"] if r["against"] == "Other-8B"]
    assert {r["system"] for r in against} == {"reward_model"}
    (gain,) = (r for r in against if r["section"] == "overall")
    assert gain["value"] == pytest.approx(1.0 - overall)
    known = [r for r in against if r["p"] is not None]
    assert len(known) == 2
    assert max(r["p_holm"] for r in known) <= min(1.0, 2 * max(r["p"] for r in known))


def test_predictions_hold_the_rivals_too(inputs: dict[str, Path], rival: Path, tmp_path: Path) -> None:
    run(inputs, tmp_path / "out", config(rivals=[{"name": "other", "path": str(rival)}]))
    rows = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    of_rival = [r for r in rows if r["system"] == "other"]
    assert len(of_rival) == 7 * 2 * 4
    assert all(r["pair_score"] is not None and r["verdict"] == "unknown" and r["p_met"] is None for r in of_rival)


def test_a_rival_that_cannot_be_loaded_stops_the_stage_before_anything_is_scored(
    inputs: dict[str, Path], scorers: dict[str, KeywordScorer], tmp_path: Path
) -> None:
    scorers.clear()
    with pytest.raises(StageRefusal, match="rival gone: cannot be loaded"):
        run(inputs, tmp_path / "out", config(rivals=[{"name": "gone", "path": str(tmp_path / "nowhere")}]))


def test_a_pairwise_set_is_measured_by_all_but_the_panel(inputs: dict[str, Path], rival: Path, tmp_path: Path) -> None:
    path = write_set(tmp_path / "set.jsonl", 12)
    metrics = run(
        inputs,
        tmp_path / "out",
        config(rivals=[{"name": "other", "path": str(rival)}], pairwise_sets=[{"name": "doses", "path": str(path)}]),
    )
    (entry,) = metrics["pairwise_sets"]
    found = {(r["system"], r["criterion"]): r["value"] for r in entry["figures"]}
    assert set(found) == {("reward_model", c) for c in ("all", "1", "2")} | {("longer_is_better", "all"), ("other", "all")}
    # KeywordScorer looks for a criterion's last word: "instructions" and "advice".
    assert found["reward_model", "all"] == found["reward_model", "1"] == found["reward_model", "2"] == 1.0
    assert found["longer_is_better", "all"] == 0.0
    assert {(r["against"], r["source"]) for r in metrics["pairwise_differences"]} == {
        ("longer_is_better", "doses"),
        ("other", "doses"),
    }
    assert metrics["rivals"]["other"]["outcomes"]["scored"] == 14 + 24
    rows = pq.read_table(tmp_path / "out" / "pairwise_predictions.parquet").to_pylist()
    assert len(rows) == 12 * 5
    assert {(r["set"], r["left_out"]) for r in rows} == {("doses", None)}


def test_prompts_of_the_training_snapshot_are_left_out_of_a_set_and_stand_in_the_predictions(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    # The training snapshot asks "Question 0?" to "Question 2?", in two splits.
    path = write_set(tmp_path / "set.jsonl", 14, prompt="QUESTION")
    metrics = run(inputs, tmp_path / "out", config(pairwise_sets=[{"name": "s", "path": str(path)}], max_pairs=10))
    (entry,) = metrics["pairwise_sets"]
    assert entry["left_out"] == {"seen_in_training": 3, "not_drawn": 1}
    assert (entry["rows"], entry["measured"]) == (14, 10)
    rows = pq.read_table(tmp_path / "out" / "pairwise_predictions.parquet").to_pylist()
    assert [r["line"] for r in rows if r["left_out"] == "seen_in_training"] == [1, 2, 3]


def test_without_anything_from_outside_its_parts_are_empty(inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = run(inputs, tmp_path / "out")
    assert (metrics["rivals"], metrics["pairwise_sets"], metrics["pairwise_differences"]) == ({}, [], [])
    assert pq.read_table(tmp_path / "out" / "pairwise_predictions.parquet").num_rows == 0
    # Seven clusters of the category `treatment`: enough for verdicts and pairs, not for seven overall pairs.
    treatment = {
        r["section"]: r["value"] for r in metrics["slices"] if (r["slice"], r["system"]) == ("treatment", "reward_model")
    }
    assert treatment == {"pointwise": 1.0, "pairwise": 1.0, "overall": None}
    assert metrics["slice_minimum"] == {"examples": 10, "clusters": 5}
