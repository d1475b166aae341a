"""The stage from snapshot folder to artifact: what it writes, that it repeats itself, and what it refuses."""

import csv
import hashlib
import json
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rm_tiny import planted_snapshot, settings
from safetensors.torch import load_file

from training.base_model.config import BaseModelConfig
from training.base_model.stage import INSTRUCTIONS
from training.base_model.stage import run as run_base_model
from training.config import load_config
from training.errors import StageRefusal
from training.reward_model import stage
from training.reward_model.fitting import calibrate
from training.reward_model.model_card import model_card
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import RewardScorer, ScoreItem
from training.seen import read_seen


def write_snapshot(folder, snapshot):
    """A snapshot folder without contracts.json: its check is replaced in these tests."""
    folder.mkdir()
    criteria = [
        {**asdict(c), "instruction_id": r.instruction_id, "rubric_version": "v"}
        for r in snapshot.rubrics.values()
        for c in r.criteria
    ]
    tables = {
        "instructions": [asdict(i) for i in snapshot.instructions.values()],
        "criteria": criteria,
        "responses": [asdict(r) for r in snapshot.responses.values()],
        "resolved_verdicts": [asdict(v) for v in snapshot.verdicts],
        "criterion_preferences": [asdict(p) for p in snapshot.criterion_preferences],
        "preference_pairs": [],
    }
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "check_snapshot", lambda folder, *, role: None)
    snapshot = planted_snapshot(16)
    raw, base = tmp_path / "raw", tmp_path / "base"
    raw.mkdir()
    base.mkdir()
    pq.write_table(pa.table({"text": [i.text for i in snapshot.instructions.values()]}), raw / INSTRUCTIONS)
    shape = load_config(BaseModelConfig, stage="base_model", profile="smoke")
    small = shape.model_copy(update={"random": shape.random.model_copy(update={"layers": 2, "hidden_size": 32})})
    run_base_model(config=small, inputs={"raw_instructions": raw}, output=base)
    return {"snapshot": write_snapshot(tmp_path / "snapshot", snapshot), "base_model": base}


def run(config, inputs, output):
    """The stage in a working folder that nobody worked in before."""
    working = output.parent / f"working-{output.name}"
    working.mkdir()
    return stage.run(config=config, inputs=inputs, output=output, working=working)


def hashes(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_artifact(inputs, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    outputs = [tmp_path / "one", tmp_path / "two"]
    config = settings(max_steps=3, validation_every=2, validation_trees=2)
    for output in outputs:
        output.mkdir()
        metadata = run(config, inputs, output)
    first, second = map(hashes, outputs)
    assert first == second
    wanted = {
        "model.safetensors",
        "calibration.json",
        "metrics.json",
        "curve.csv",
        "README.md",
        "scoring.json",
        "tokenizer.json",
    }
    assert wanted <= set(first)
    assert read_seen(outputs[0]) == {f"i{number:03d}" for number in range(16)}
    json.dumps(metadata, allow_nan=False)
    assert metadata["steps"] == 3
    with (outputs[0] / "curve.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["validation_loss"] == "" and float(rows[1]["validation_loss"]) > 0

    plain = AutoModelForSequenceClassification.from_pretrained(outputs[0])
    assert plain.config.num_labels == 1
    rubric = next(iter(planted_snapshot(1).rubrics.values())).criteria
    scores = RewardScorer.load(outputs[0]).score([ScoreItem("q1", ("xa", "zo"), rubric)])[0]
    encoder = PromptEncoder(AutoTokenizer.from_pretrained(outputs[0]))
    for response, row in zip(("xa", "zo"), scores, strict=True):
        for criterion, score in zip(rubric, row, strict=True):
            ids = torch.tensor([encoder.plain_ids("q1", response, criterion)])
            assert score.logit == pytest.approx(float(plain(input_ids=ids).logits), abs=1e-4)


def test_a_split_without_verdicts_is_refused(inputs, tmp_path):
    with pytest.raises(StageRefusal, match="no known verdict in split panel_train"):
        run(settings(role="panel"), inputs, tmp_path)


def test_the_snapshot_is_checked_for_its_role_first(inputs, tmp_path, monkeypatch):
    def refuse(folder, *, role):
        raise StageRefusal(f"{folder.name} {role}")

    monkeypatch.setattr(stage, "check_snapshot", refuse)
    with pytest.raises(StageRefusal, match="snapshot panel"):
        run(settings(role="panel"), inputs, tmp_path)


def test_a_bfloat16_model_is_scored_in_the_precision_it_was_calibrated_in(inputs, tmp_path):
    config = settings(max_steps=2, validation_every=2, precision="bfloat16", gradient_checkpointing=True)
    run(config, inputs, tmp_path)
    scorer = RewardScorer.load(tmp_path)
    kinds = {name: parameter.dtype for name, parameter in scorer.model.named_parameters()}
    assert kinds.pop("score.weight") == torch.float32
    assert set(kinds.values()) == {torch.bfloat16}
    rubric = next(iter(planted_snapshot(1).rubrics.values())).criteria
    for row in scorer.score([ScoreItem("q1", ("xa", "zo"), rubric)])[0]:
        assert all(score.p_met is not None for score in row)
    # Rotary frequencies are buffers: in bfloat16 they would misplace late tokens.
    assert {b.dtype for name, b in scorer.model.named_buffers() if "inv_freq" in name} == {torch.float32}


def test_the_card_says_where_verdicts_mean_little():
    logits = [1.0] * 8 + [-1.0] * 24 + [0.5, 0.25]
    met = [False] * 8 + [True] * 24 + [True, True]
    calibration = calibrate(logits, met, ["main"] * 32 + ["veto"] * 2, rule="half")
    counts = dict.fromkeys(("main", "bonus", "veto"), 1)
    figures = {"accuracy": 0.5, "discordant_accuracy": None, "n_discordant": 0, "n_pairs": counts, "pairwise_accuracy": counts}
    metrics = {"validation": figures, "trees_seen": 1, "tokens_seen": 1, "steps": 1, "best_step": 1}
    rows = [line for line in model_card(config=settings(), base={}, metrics=metrics, calibration=calibration).splitlines()]
    (main,) = (row for row in rows if row.startswith("| main |"))
    (veto,) = (row for row in rows if row.startswith("| veto |"))
    assert main.endswith("| 24 / 8 | – | 0.500 | own, says the same to every answer |")
    assert veto.endswith("| 2 / 0 | – | 0.500 | pooled, not identified, says the same to every answer |")


def test_a_stage_killed_before_it_published_does_not_train_again(inputs, tmp_path, monkeypatch):
    config = settings(max_steps=3, validation_every=2)
    whole, torn, again = (tmp_path / name for name in ("whole", "torn", "again"))
    for output in (whole, torn, again):
        output.mkdir()
    run(config, inputs, whole)
    working = tmp_path / "working"
    working.mkdir()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(stage, "calibrate", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        stage.run(config=config, inputs=inputs, output=torn, working=working)
    monkeypatch.setattr(stage, "train", None)
    stage.run(config=config, inputs=inputs, output=again, working=working)
    assert hashes(again) == hashes(whole)


def test_a_state_of_another_config_is_not_gone_on_from(inputs, tmp_path, capsys):
    working, output = tmp_path / "working", tmp_path / "output"
    working.mkdir()
    output.mkdir()
    stage.run(config=settings(max_steps=2), inputs=inputs, output=output, working=working)
    metadata = stage.run(config=settings(max_steps=3), inputs=inputs, output=output, working=working)
    assert metadata["steps"] == 3
    assert "not used (it belongs to another config or other inputs); starting anew" in capsys.readouterr().err


def test_scoring_names_what_the_calibration_was_made_with(inputs, tmp_path):
    run(settings(max_steps=1, max_length=200), inputs, tmp_path)
    assert json.loads((tmp_path / "scoring.json").read_text()) == {
        "max_length": 200,
        "tokens_per_batch": 4096,
        "precision": "float32",
        "attention": "sdpa",
        "conditioning": "criterion_last",
    }


@pytest.mark.slow
def test_two_processes_with_a_part_each_make_the_model_of_one_and_go_on_from_their_state(inputs, tmp_path, capfd):
    config = settings(max_steps=4, validation_every=2, save_every=3)
    outputs = {name: tmp_path / name for name in ("one", "two", "again")}
    for output in outputs.values():
        output.mkdir()
    run(config, inputs, outputs["one"])
    group = config.model_copy(update={"processes": 2, "shard": True})
    working = tmp_path / "parts"
    working.mkdir()
    stage.run(config=group, inputs=inputs, output=outputs["two"], working=working)
    one, two = (load_file(outputs[name] / "model.safetensors") for name in ("one", "two"))
    assert max((one[name] - weight).abs().max() for name, weight in two.items()) < 1e-4

    (working / "trained.pt").unlink()
    capfd.readouterr()
    stage.run(config=group, inputs=inputs, output=outputs["again"], working=working)
    assert "goes on from step 3 of 4" in capfd.readouterr().err
    assert hashes(outputs["again"]) == hashes(outputs["two"])
