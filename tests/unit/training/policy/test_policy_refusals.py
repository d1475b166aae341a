"""What the stage refuses before it loads a policy."""

import json
from types import SimpleNamespace

import pytest

from training.config import load_config
from training.errors import StageRefusal
from training.policy import stage
from training.policy.config import PolicyConfig
from training.records import Instruction


@pytest.fixture
def loaded(monkeypatch):
    """Policies that were loaded; none can be."""
    one = Instruction(
        instruction_id="i", text="q", source="s", category=None, specialty=None, cluster_id="i", split="policy_train"
    )
    snapshot = SimpleNamespace(of_split=lambda split: [one], rubrics={"i": None})
    asked = []

    def load(folder, **_):
        asked.append(folder)
        raise LookupError("a policy was loaded")

    monkeypatch.setattr(stage, "check_snapshot", lambda folder, *, role: None)
    monkeypatch.setattr(stage, "read_snapshot", lambda folder: snapshot)
    monkeypatch.setattr(stage, "read_manifest", lambda folder: None)
    monkeypatch.setattr(stage, "load_policy", load)
    return asked


def run(folder, *, identified):
    reward_model = folder / "reward_model"
    reward_model.mkdir()
    (reward_model / "metrics.json").write_text(json.dumps({"pointwise_identified": identified}), encoding="utf-8")
    inputs = {"prompts": folder / "prompts", "base_model": folder / "base", "reward_model": reward_model}
    stage.run(config=load_config(PolicyConfig, stage="policy", profile="smoke"), inputs=inputs, output=folder)


def test_a_reward_model_of_the_pairwise_loss_alone_is_no_reward(loaded, tmp_path):
    with pytest.raises(StageRefusal) as caught:
        run(tmp_path, identified=False)
    assert str(caught.value) == (
        "policy: reward_model was trained with the pairwise loss alone; its verdicts mean nothing: give one that was trained "
        "with pure_pairwise: false and a conditioning"
    )
    assert loaded == []


def test_a_reward_model_with_verdicts_gets_past_that(loaded, tmp_path):
    with pytest.raises(LookupError, match="a policy was loaded"):
        run(tmp_path, identified=True)
    assert loaded == [tmp_path / "base"]
