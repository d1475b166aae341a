"""Rivals: loading and scoring tiny random reward models."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rival_models import decoder, encoder
from snapshots import tables, write

from assets.instructions.sources.location import Location, content_digest
from training.benchmark.outside import Rival
from training.benchmark.rivals import RivalScorer, folder_digest, rival_system
from training.errors import StageRefusal
from training.snapshot import read_snapshot

PAIRS = [("Is it safe?", "Yes."), ("Is it safe?", "No, ask a doctor about the dose first."), ("How much?", "2 mg")]


def load(folder: Path, **keys: Any) -> RivalScorer:
    return RivalScorer.load(Rival(name="other", path=str(folder), **keys))


def alone(scorer: RivalScorer, text: str, *, special: bool) -> float:
    """r of one text that is written out here, without batch or padding."""
    ids = scorer._tokenizer(text, add_special_tokens=special)["input_ids"]
    with torch.inference_mode():
        return float(scorer._model(input_ids=torch.tensor([ids])).logits[0, 0])


def test_a_chat_template_of_the_rival_is_used_and_padding_changes_no_score(tmp_path: Path) -> None:
    scorer = load(decoder(tmp_path))
    assert scorer.format == "chat_template"
    expected = [alone(scorer, f"<user>{x}<assistant>{y}", special=False) for x, y in PAIRS]
    assert len({round(r, 4) for r in expected}) == 3
    for size in (1, 2, 3):
        assert scorer.score(PAIRS, batch_size=size) == pytest.approx(expected, abs=1e-5)
    assert scorer.outcomes == {"scored": 9}


def test_without_a_template_a_decoder_reads_plain_text_that_ends_with_eos(tmp_path: Path) -> None:
    scorer = load(decoder(tmp_path, template=None))
    assert scorer.format == "plain"
    expected = [alone(scorer, f"Instruction: {x}\n\nResponse: {y}<eos>", special=True) for x, y in PAIRS]
    assert scorer.score(PAIRS, batch_size=3) == pytest.approx(expected, abs=1e-5)


def test_an_encoder_reads_a_pair_of_texts(tmp_path: Path) -> None:
    scorer = load(encoder(tmp_path))
    assert (scorer.format, scorer.max_length) == ("text_pair", 64)
    with torch.inference_mode():
        expected = [float(scorer._model(**scorer._tokenizer(x, y, return_tensors="pt")).logits[0, 0]) for x, y in PAIRS]
    assert scorer.score(PAIRS, batch_size=3) == pytest.approx(expected, abs=1e-5)


def test_a_decoder_without_a_padding_token_is_asked_one_at_a_time(tmp_path: Path) -> None:
    scorer = load(decoder(tmp_path, pad=False))
    expected = [alone(scorer, f"<user>{x}<assistant>{y}", special=False) for x, y in PAIRS]
    assert scorer.score(PAIRS, batch_size=3) == pytest.approx(expected, abs=1e-5)


def test_what_is_too_long_or_empty_has_no_score_and_is_counted(tmp_path: Path) -> None:
    scorer = load(decoder(tmp_path), max_length=40)
    # <user> and <assistant> are 17 characters, so that 23 are left for both texts.
    fitting, too_long = ("x" * 11, "y" * 12), ("x" * 11, "y" * 13)
    found = scorer.score([too_long, fitting, ("x", " \n")], batch_size=2)
    assert [r is None for r in found] == [True, False, True]
    assert scorer.facts()["outcomes"] == {"scored": 1, "too_long": 1, "empty": 1, "not_finite": 0}
    assert scorer.facts()["max_length"] == 40


def test_a_score_that_is_not_finite_is_none(tmp_path: Path) -> None:
    scorer = load(decoder(tmp_path))
    with torch.no_grad():
        scorer._model.score.weight.fill_(math.nan)
    assert scorer.score(PAIRS, batch_size=2) == [None, None, None]
    assert scorer.facts()["outcomes"]["not_finite"] == 3


def test_a_causal_model_is_no_reward_model(tmp_path: Path) -> None:
    with pytest.raises(StageRefusal, match="rival other: its weights lack score.weight, which would be drawn at random"):
        load(decoder(tmp_path, causal=True))


def test_two_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StageRefusal, match="rival other: has 2 labels; a reward model has one"):
        load(decoder(tmp_path, labels=2))


def test_weights_in_another_format_are_not_loaded(tmp_path: Path) -> None:
    folder = decoder(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(StageRefusal, match="rival other: cannot be loaded: .*safetensors"):
        load(folder)


def test_code_of_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    import json

    folder = decoder(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "of_its_own",
        "auto_map": {"AutoConfig": "own.Config", "AutoModelForSequenceClassification": "own.M"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\nclass M: pass\n")
    with pytest.raises(StageRefusal, match="rival other: cannot be loaded"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_an_adapter_is_refused_since_its_base_is_pinned_by_nothing(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = decoder(tmp_path / "base")
    model = get_peft_model(AutoModelForSequenceClassification.from_pretrained(base), LoraConfig(task_type="SEQ_CLS", r=2))
    model.save_pretrained(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    with pytest.raises(StageRefusal, match="rival other: is an adapter; merge it into its base model"):
        load(tmp_path / "adapter")


def test_another_content_than_planned_with_is_refused(tmp_path: Path) -> None:
    folder = decoder(tmp_path)
    digest = folder_digest(folder)
    load(folder, sha256=digest)
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    with pytest.raises(StageRefusal, match=f"rival other: its folder holds .*, but {digest} was planned with; run again"):
        load(folder, sha256=digest)


def test_the_orchestrator_digests_a_folder_as_the_stage_does(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "blob").write_text("weights")
    folder = tmp_path / "rival"
    (folder / "more").mkdir(parents=True)
    for name in ("config.json", "a.json", "more/b.json", ".hidden"):
        (folder / name).write_text(name)
    # As the hub's own cache lies on disk.
    (folder / "model.safetensors").symlink_to(tmp_path / "real" / "blob")
    location = Location(str(folder))
    assert folder_digest(folder) == content_digest(location, location.files())
    before = folder_digest(folder)
    (tmp_path / "real" / "blob").write_text("other weights")
    assert before != folder_digest(folder) == content_digest(location, location.files())


def test_a_rival_orders_answers_by_one_score_and_has_no_verdict(tmp_path: Path) -> None:
    snapshot = read_snapshot(write(tmp_path / "snapshot", tables(2)))
    scorer = load(decoder(tmp_path / "rival"))
    instructions = [snapshot.instructions[key] for key in sorted(snapshot.instructions)]
    system = rival_system(scorer, snapshot, instructions, batch_size=3)
    assert len(system.predictions) == 2 * 2 * 4
    for i in range(2):
        good, bad = f"corpus-benchmark-{i}-good", f"corpus-benchmark-{i}-bad"
        of_good = {p.pair_score for (response, _), p in system.predictions.items() if response == good}
        (r_good,) = of_good
        (r_bad,) = {p.pair_score for (response, _), p in system.predictions.items() if response == bad}
        assert r_good is not None and r_bad is not None
        assert system.overall_credit(good, bad) == float(r_good > r_bad)
        assert system.overall_credit(bad, good) == float(r_bad > r_good)
    assert {(p.verdict, p.p_met, p.point_score) for p in system.predictions.values()} == {("unknown", None, None)}
