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
from rm_trees import with_overall_pairs
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from training.base_model.config import BaseModelConfig
from training.base_model.stage import INSTRUCTIONS
from training.base_model.stage import run as run_base_model
from training.benchmark.systems import reward_model_system
from training.config import load_config
from training.errors import StageRefusal
from training.records import TIERS
from training.reward_model import stage
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import RewardScorer, ScoreItem, pointwise_identified, read_calibration
from training.scoring.model import read_facts
from training.seen import read_seen
from training.snapshot import read_snapshot


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
        "preference_pairs": [asdict(p) for p in snapshot.pairs],
    }
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "check_snapshot", lambda folder, *, role: None)
    snapshot = with_overall_pairs(planted_snapshot(16))
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
    assert [metadata[name] for name in ("left_out", "truncated_responses", "truncated_instructions")] == [0, 0, 0]
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


PAIRWISE = {"pure_pairwise": True, "pointwise_weight": 0.0}
VARIANTS = {
    "criterion_last": {},
    "criterion_first": {"conditioning": "criterion_first"},
    "scalar": {"conditioning": "none", **PAIRWISE},
    "pure_pairwise": PAIRWISE,
    "without_veto": {"veto_data": False},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_says_what_its_numbers_mean(variant, inputs, tmp_path, monkeypatch):
    stopped_by, train = [], stage.train
    monkeypatch.setattr(stage, "train", lambda model, **kept: stopped_by.extend(kept["validation"]) or train(model, **kept))
    pairwise = variant in ("scalar", "pure_pairwise")
    metadata = run(settings(max_steps=2, validation_every=2, **VARIANTS[variant]), inputs, tmp_path)

    tiers = json.loads((tmp_path / "calibration.json").read_text())["tiers"]
    assert {tier: fit["identified"] for tier, fit in tiers.items()} == dict.fromkeys(TIERS, not pairwise)
    # Four instructions of validation with three responses: twelve labels a tier, the veto's too where training had none.
    assert {fit["n_met"] + fit["n_unmet"] for fit in tiers.values()} == {0 if pairwise else 12}
    assert all((fit["ece"] is None) == (pairwise or not fit["informative"]) for fit in tiers.values())
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["pointwise_identified"] == pointwise_identified(tmp_path) == (not pairwise)
    assert metadata["calibration"]["tiers"] == tiers
    assert metrics["validation"]["n_pairs"]["veto"] > 0

    card, drawing = ((tmp_path / name).read_text() for name in ("README.md", "reliability.svg"))
    assert card.count("# Scalar reward model") == (variant == "scalar")
    assert ("Nothing was calibrated" in card, "**not identified**" in card) == (pairwise, pairwise)
    assert ("Safety criteria were left out" in card) == (variant == "without_veto")
    assert ("no label" in drawing) == pairwise
    seen = {leaf.tier for tree in stopped_by for leaf in tree.leaves}
    assert seen == {"scalar": {None}, "without_veto": {"main", "bonus"}}.get(variant, set(TIERS))

    scorer, rubric = RewardScorer.load(tmp_path), next(iter(planted_snapshot(1).rubrics.values())).criteria
    cells = [cell for row in scorer.score([ScoreItem("q1", ("xa", "zo"), rubric)])[0] for cell in row]
    reason = {"scalar": "no_criterion", "pure_pairwise": "not_identified"}.get(variant, "")
    assert {cell.reason for cell in cells} == {reason} and all(cell.logit is not None for cell in cells)
    assert all((cell.verdict == "unknown") == (cell.p_met is None) == pairwise for cell in cells)
    assert read_facts(tmp_path, "m").judged == (frozenset() if pairwise else frozenset(TIERS))


def test_a_model_of_the_pairwise_loss_alone_orders_responses_in_the_benchmark(inputs, tmp_path):
    run(settings(max_steps=1, **PAIRWISE), inputs, tmp_path)
    snapshot = read_snapshot(inputs["snapshot"])
    system = reward_model_system(
        "m",
        RewardScorer.load(tmp_path),
        snapshot,
        snapshot.of_split("validation"),
        batch_size=2,
        identified=pointwise_identified(tmp_path),
        calibration=read_calibration(tmp_path),
    )
    assert len(system.predictions) == 4 * 3 * 3 and len({p.pair_score for p in system.predictions.values()}) > 9
    assert {(p.point_score, p.p_met, p.verdict) for p in system.predictions.values()} == {(None, None, "unknown")}
    assert system.not_identified == TIERS


def rewritten(folder, **tables):
    """Other rows in tables of a snapshot folder."""
    for name, keep in tables.items():
        path = folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist([row for row in pq.read_table(path).to_pylist() if keep(row)]), path)


def test_a_validation_that_only_the_veto_decides_is_refused_where_the_veto_is_left_out(inputs, tmp_path):
    held_out = {f"i{number:03d}" for number in range(0, 16, 4)}
    rewritten(
        inputs["snapshot"],
        resolved_verdicts=lambda row: row["response_id"][:4] not in held_out or row["criterion_id"].endswith("-o"),
        criterion_preferences=lambda row: row["split"] != "validation" or row["tier"] == "veto",
    )
    with pytest.raises(StageRefusal) as caught:
        run(settings(max_steps=1, veto_data=False), inputs, tmp_path)
    assert str(caught.value) == (
        "the snapshot has no preference to validate on in split validation besides the veto tier (veto_data: false) that fits "
        "into max_length"
    )


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("rm_train", "no overall preference in split rm_train; conditioning: none learns from nothing else"),
        ("validation", "no overall preference to validate on in split validation that fits into max_length"),
    ],
)
def test_a_scalar_model_without_overall_preferences_is_refused_by_that_name(split, said, inputs, tmp_path):
    rewritten(inputs["snapshot"], preference_pairs=lambda row: row["split"] != split)
    with pytest.raises(StageRefusal) as caught:
        run(settings(max_steps=1, **VARIANTS["scalar"]), inputs, tmp_path)
    assert str(caught.value) == f"the snapshot has {said}"


def test_prompts_that_are_cut_or_left_out_stand_in_metadata_metrics_and_card(inputs, tmp_path):
    snapshot, encoder = read_snapshot(inputs["snapshot"]), PromptEncoder(AutoTokenizer.from_pretrained(inputs["base_model"]))
    longest = max(
        len(encoder.plain_ids(snapshot.instructions[r.instruction_id].text, r.text, criterion))
        for r in snapshot.responses.values()
        for criterion in snapshot.rubrics[r.instruction_id].criteria
    )
    metadata = run(settings(max_steps=1, max_length=longest - 1), inputs, tmp_path)
    counts = json.loads((tmp_path / "metrics.json").read_text())["truncation"]
    names = ("left_out", "truncated_responses", "truncated_instructions")
    assert {name: metadata[name] for name in names} == {name: sum(part[name] for part in counts.values()) for name in names}
    assert sum(metadata[name] for name in names) > 0
    assert "Too long for training (in each epoch): " in (tmp_path / "README.md").read_text()


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
