"""What a reward model's folder says of its verdicts, before any weight is loaded."""

import json

import pytest
from pydantic import ValidationError
from safetensors import SafetensorError

from tests.fixtures.reward_models import calibration
from training.errors import StageRefusal
from training.scoring.model import choose_device, load_model, read_facts

EVERY = frozenset(("main", "bonus", "veto"))


def folder(path, *, identified=True, fit=None, conditioning="criterion_last"):
    (path / "scoring.json").write_text(json.dumps({"conditioning": conditioning}))
    (path / "metrics.json").write_text(json.dumps({"pointwise_identified": identified}))
    if fit is not None:
        (path / "calibration.json").write_text(fit.model_dump_json())
    return path


def test_a_tier_is_judged_where_validation_had_labels_of_both_classes(tmp_path):
    facts = read_facts(folder(tmp_path, fit=calibration(one_class=["veto"], flat=["main"])), "m@1")
    assert (facts.judged, facts.flat, facts.scalar) == (EVERY - {"veto"}, ("main",), False)


def test_a_model_of_the_pairwise_loss_alone_judges_no_tier(tmp_path):
    assert read_facts(folder(tmp_path, identified=False, fit=calibration()), "m@1").judged == frozenset()


def test_a_scalar_model_needs_no_calibration_and_judges_no_tier(tmp_path):
    facts = read_facts(folder(tmp_path, conditioning="none"), "m@1")
    assert (facts.judged, facts.scalar) == (frozenset(), True)


def test_a_folder_that_does_not_say_is_an_error_and_no_judgement(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_facts(folder(tmp_path), "m@1")
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(ValidationError):
        read_facts(tmp_path, "m@1")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(StageRefusal) as refused:
        load_model(tmp_path, "m@1", device="cpu", tokens_per_batch=None)
    assert str(refused.value) == (f"model {tmp_path} cannot be loaded: no pointwise_identified; give a reward_model artifact")
    with pytest.raises(StageRefusal, match="torch finds no GPU here"):
        choose_device("cuda")
    (folder(tmp_path) / "scoring.json").write_text("{}")
    with pytest.raises(StageRefusal, match="cannot be loaded: no conditioning; give"):
        load_model(tmp_path, "m@1", device="cpu", tokens_per_batch=None)


def test_an_error_without_text_is_named_by_its_class(tmp_path, monkeypatch):
    def fail(folder, name):
        raise OSError

    monkeypatch.setattr("training.scoring.model.read_facts", fail)
    with pytest.raises(StageRefusal, match="cannot be loaded: OSError; give"):
        load_model(tmp_path, "m@1", device="cpu", tokens_per_batch=None)


@pytest.mark.parametrize("error", [SafetensorError("incomplete metadata"), ValueError("no tokenizer\nat all")])
def test_broken_weights_and_a_missing_tokenizer_are_said_in_one_line(tmp_path, monkeypatch, error):
    def fail(folder, **keys):
        raise error

    monkeypatch.setattr("training.reward_model.scoring.RewardScorer.load", fail)
    with pytest.raises(StageRefusal, match="cannot be loaded: (incomplete metadata|no tokenizer at all); give a reward_model"):
        load_model(folder(tmp_path, fit=calibration()), "m@1", device="cpu", tokens_per_batch=None)


def test_a_calibration_that_is_no_json_is_named(tmp_path):
    (folder(tmp_path) / "calibration.json").write_text("{")
    with pytest.raises(StageRefusal, match="cannot be loaded: Calibration: Invalid JSON"):
        load_model(tmp_path, "m@1", device="cpu", tokens_per_batch=None)
