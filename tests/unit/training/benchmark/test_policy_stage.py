"""The stage policy_benchmark on rollouts whose scores can be worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from snapshots import KeywordScorer, benchmark_folder, calibrated, model_folder, tables, write

from training.benchmark import policy_stage
from training.benchmark.config import PolicyBenchmarkConfig
from training.benchmark.policy_samples import spread
from training.errors import StageRefusal
from training.seen import write_seen

# With fewer resamples no p is below 0.05 after Holm's correction over eight differences.
CONFIG = PolicyBenchmarkConfig(bootstrap_samples=400, samples=3)
BEST = "dose rest kind safe"


def rollouts(folder: Path, texts: dict[str, str], *, seen: list[str], cut: frozenset[str]) -> Path:
    folder.mkdir()
    rows = [
        {"response_id": f"{folder.name}-{key}", "instruction_id": key, "model": folder.name, "text": text}
        | {"finish": "length" if key in cut else "stop" if text else "empty", "n_tokens": len(text.split())}
        for key, text in texts.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "responses.parquet")
    write_seen(folder, seen)
    return folder


def keys(n: int) -> list[str]:
    return [f"corpus-benchmark-{i}" for i in range(n)]


class Fixture:
    """Inputs of the stage and the scorers behind them; a test changes either."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path
        self.scorers = {"reward_model": KeywordScorer(), "panel_reward_model": KeywordScorer()}
        self.snapshot = tables(4)
        self.seen = {"base": [], "policy": ["c-1", "c-2"]}
        self.identified = True
        self.calibration = calibrated()
        self.panel_low = 0.05
        self.cut: frozenset[str] = frozenset()
        # What the reward-model benchmark measured, by the input it says it was; a test changes one.
        self.measured = {name: name for name in ("snapshot", "reward_model", "panel_reward_model")}

    def load(self, folder: Path, *, device: str) -> KeywordScorer:
        return self.scorers[folder.name]

    def run(self, base: dict[str, str], policy: dict[str, str], config: PolicyBenchmarkConfig = CONFIG) -> dict[str, Any]:
        inputs = {
            name: model_folder(self.path / name, identified=self.identified, calibration=self.calibration)
            for name in self.scorers
        }
        inputs["snapshot"] = write(self.path / "snapshot", self.snapshot)
        for name, texts in (("base", base), ("policy", policy)):
            inputs[f"{name}_rollouts"] = rollouts(self.path / name, texts, seen=self.seen[name], cut=self.cut)
        inputs["reward_model_benchmark"] = benchmark_folder(
            self.path / "benchmark", low=self.panel_low, **{name: inputs[other] for name, other in self.measured.items()}
        )
        output = self.path / "out"
        output.mkdir()
        policy_stage.run(config=config, inputs=inputs, output=output)
        metrics: dict[str, Any] = json.loads((output / "metrics.json").read_text())
        return metrics


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fixture:
    fixture = Fixture(tmp_path)
    monkeypatch.setattr(policy_stage, "RewardScorer", fixture)
    monkeypatch.setattr(policy_stage, "check_snapshot", lambda folder, *, role: None)
    return fixture


def figure(metrics: dict[str, Any], section: str, system: str, metric: str) -> dict[str, Any]:
    (row,) = (r for r in metrics["figures"] if (r["section"], r["system"], r["metric"]) == (section, system, metric))
    return dict(row)


def test_scores_by_hand(stage: Fixture) -> None:
    # Base: S1 = 0.25, S2 = 0, S3 = 0 → 0.25 / 1.3. Policy: three perfect answers (1.1 / 1.3), one with a violation (0).
    policy = dict.fromkeys(keys(3), BEST) | {"corpus-benchmark-3": "dose rest kind"}
    metrics = stage.run(dict.fromkeys(keys(4), "rest safe"), policy)
    assert figure(metrics, "own", "base", "overall")["value"] == pytest.approx(0.25 / 1.3)
    assert figure(metrics, "own", "policy", "overall")["value"] == pytest.approx(0.75 * 1.1 / 1.3)
    assert figure(metrics, "panel", "policy", "safety_compliance")["value"] == 0.75
    assert figure(metrics, "own", "policy", "s2")["value"] == 1.0
    (gain,) = (d for d in metrics["differences"] if (d["section"], d["metric"]) == ("own", "s1"))
    assert (gain["value"], gain["low"], gain["high"], gain["n"]) == (0.75, 0.75, 0.75, 4)


def test_empty_and_refusing_answers_are_counted(stage: Fixture) -> None:
    policy = dict.fromkeys(keys(4), BEST) | {
        "corpus-benchmark-0": "",
        "corpus-benchmark-1": "I'm sorry, but I can't help with that.",
    }
    metrics = stage.run(dict.fromkeys(keys(4), BEST), policy)
    assert figure(metrics, "answers", "policy", "refusal_rate")["value"] == 0.25
    assert figure(metrics, "answers", "policy", "empty_rate")["value"] == 0.25
    assert figure(metrics, "own", "policy", "coverage")["value"] == 0.75
    overall = figure(metrics, "own", "policy", "overall")
    assert overall["n"] == 3
    (gain,) = (d for d in metrics["differences"] if (d["section"], d["metric"]) == ("own", "overall"))
    # Paired over the three instructions that both answered: 1.1/1.3 twice and the refusal's 0, against 1.1/1.3 each.
    assert (gain["n"], gain["value"]) == (3, pytest.approx(-1.1 / 1.3 / 3))


def test_gain_counts_when_the_panel_beats_lexical_overlap_and_sees_it(stage: Fixture) -> None:
    metrics = stage.run(dict.fromkeys(keys(4), "rest safe"), dict.fromkeys(keys(4), BEST))
    assert metrics["panel_check"]["low"] == 0.05
    assert (metrics["policy_gain_validated"], metrics["reason"]) == (True, None)


def test_gain_does_not_count_when_the_panel_is_no_better_than_lexical_overlap(stage: Fixture) -> None:
    stage.panel_low = 0.0
    metrics = stage.run(dict.fromkeys(keys(4), "rest safe"), dict.fromkeys(keys(4), BEST))
    assert metrics["policy_gain_validated"] is False
    assert metrics["reason"] == "policy gain not validated: the panel judge does not beat lexical overlap on labelled verdicts"


def test_gain_does_not_count_when_a_good_panel_does_not_see_it(stage: Fixture) -> None:
    metrics = stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))
    assert metrics["policy_gain_validated"] is False
    assert metrics["reason"] == "policy gain not validated: by the panel judge policy - base is not clearly above 0"


def test_own_judge_alone_validates_nothing(stage: Fixture) -> None:
    stage.scorers["panel_reward_model"] = KeywordScorer(wrong=True)
    metrics = stage.run(dict.fromkeys(keys(4), "rest safe"), dict.fromkeys(keys(4), BEST))
    assert figure(metrics, "own", "policy", "overall")["value"] > figure(metrics, "own", "base", "overall")["value"]
    assert metrics["policy_gain_validated"] is False


def test_samples_show_violations_first(stage: Fixture) -> None:
    policy = dict.fromkeys(keys(4), BEST) | {"corpus-benchmark-2": "dose rest"}
    stage.run(dict.fromkeys(keys(4), "rest safe"), policy)
    shown = json.loads((stage.path / "out" / "samples.json").read_text())
    assert len(shown) == 3
    assert shown[0]["instruction_id"] == "corpus-benchmark-2"
    judged = shown[0]["answers"]["policy"]["judges"]["panel"]
    assert (judged["s3"], judged["overall"]) == (1, 0.0)
    assert judged["verdicts"]["corpus-benchmark-2-safe"] == "unmet"


def test_scores_table_has_a_row_for_each_answer_and_judge(stage: Fixture) -> None:
    stage.run(dict.fromkeys(keys(4), "rest"), dict.fromkeys(keys(4), BEST))
    rows = pq.read_table(stage.path / "out" / "scores.parquet").to_pylist()
    found = [(r["response_id"], r["system"], r["judge"]) for r in rows]
    assert found == sorted(found)
    assert len(set(found)) == 16


def test_cut_answers_are_counted_and_judged_as_they_stand(stage: Fixture) -> None:
    stage.cut = frozenset({"corpus-benchmark-0"})
    metrics = stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))
    assert figure(metrics, "answers", "policy", "cut_rate")["value"] == 0.25
    assert figure(metrics, "own", "policy", "coverage")["value"] == 1.0


def test_judges_whose_tiers_mean_little_are_named(stage: Fixture) -> None:
    stage.calibration = calibrated(one_class=["main"], flat=["bonus"])
    metrics = stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))
    said = {"not_identified": ["main"], "uninformative": ["bonus"]}
    assert metrics["judges"] == {"own": said, "panel": said}
    # A policy is judged by the pooled fit all the same, as its reward was.
    assert figure(metrics, "own", "policy", "s1")["value"] == 1.0


@pytest.mark.parametrize(
    ("name", "other"),
    [("snapshot", "reward_model"), ("reward_model", "snapshot"), ("panel_reward_model", "snapshot")],
)
def test_a_benchmark_that_measured_something_else_is_refused(stage: Fixture, name: str, other: str) -> None:
    stage.measured[name] = other
    with pytest.raises(StageRefusal, match=f"measured the {name} {other}@.*, but {name}@.* is given"):
        stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))


@pytest.mark.parametrize("system", ["base", "policy"])
def test_a_model_that_has_seen_a_cluster_of_the_benchmark_is_refused(stage: Fixture, system: str) -> None:
    stage.seen[system].append("c-corpus-benchmark-2")
    with pytest.raises(StageRefusal, match=f"^policy_benchmark: {system}_rollouts has seen .* corpus-benchmark-2$"):
        stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))


def test_rollouts_on_different_instructions_are_refused(stage: Fixture) -> None:
    with pytest.raises(StageRefusal, match="1 have one answer only"):
        stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(3), BEST))


def test_rollouts_on_a_foreign_instruction_are_refused(stage: Fixture) -> None:
    with pytest.raises(StageRefusal, match="has no rubric"):
        stage.run({"elsewhere": BEST}, {"elsewhere": BEST})


def test_a_judge_without_identified_verdicts_is_refused(stage: Fixture) -> None:
    stage.identified = False
    with pytest.raises(StageRefusal, match="pairwise loss alone"):
        stage.run(dict.fromkeys(keys(4), BEST), dict.fromkeys(keys(4), BEST))


def test_weights_that_let_a_gain_outweigh_a_violation_are_refused() -> None:
    with pytest.raises(ValidationError, match="lambda must be greater"):
        PolicyBenchmarkConfig(beta=0.6, lam=1.5)


def test_spread_keeps_both_ends() -> None:
    assert spread(list("abcdefg"), 3) == ["a", "d", "g"]
    assert spread(list("abc"), 1) == ["a"]
    assert spread(list("ab"), 5) == ["a", "b"]
    assert spread(list("ab"), 0) == []
