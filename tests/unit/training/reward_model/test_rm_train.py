"""Training: it learns what was planted, repeats itself bit for bit, and trains only what the config says."""

import copy

import pytest
import torch
from rm_tiny import CharTokenizer, planted_snapshot, settings, tiny_classifier

from training.errors import StageRefusal
from training.reward_model.config import LoraKeys
from training.reward_model.data import build_trees, examples_of_split
from training.reward_model.model import merge_adapters, prepare_training, tree_logits
from training.reward_model.prompt import PromptEncoder
from training.reward_model.train import cosine_rate, make_deterministic, train, validate
from training.reward_model.tree import collate_trees

ENCODER = PromptEncoder(CharTokenizer())
LORA = LoraKeys(rank=2, alpha=4.0, targets=("q_proj", "v_proj"))


def run_training(n=8, base=None, **changes):
    config = settings(**changes)
    make_deterministic(config.seed, config.threads)
    snapshot = planted_snapshot(n)
    validation, _ = build_trees(
        examples_of_split(snapshot, "validation", assumed=False), ENCODER, responses_per_tree=4, max_length=256, rng=None
    )
    model = prepare_training(base or tiny_classifier("qwen3", layers=2), config)
    train_set = examples_of_split(snapshot, "rm_train", assumed=True)
    result = train(model, train_set=train_set, validation=validation, encoder=ENCODER, config=config)
    return result, validation, config


def test_a_planted_rule_is_learnt():
    result, validation, config = run_training(
        n=64, epochs=6, trees_per_step=4, learning_rate=5e-3, head_learning_rate=5e-3, validation_every=18
    )
    assert validate(result.model, validation, config=config).accuracy > 0.8


def test_equal_seeds_give_equal_weights():
    first, _, _ = run_training()
    second, _, _ = run_training()
    third, _, _ = run_training(seed=1)
    pairs = zip(first.model.parameters(), second.model.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    others = zip(first.model.parameters(), third.model.parameters(), strict=True)
    assert not all(torch.equal(one, two) for one, two in others)
    assert first.curve == second.curve


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({}, {"model.layers.0", "model.layers.1", "model.norm", "score"}),
        ({"trained_layers": 1}, {"model.layers.1", "model.norm", "score"}),
        ({"freeze_embeddings": False}, {"model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "score"}),
        ({"lora": LORA, "trained_layers": 1}, {"model.layers.1", "score"}),
    ],
)
def test_only_the_chosen_parts_move(changes, moved):
    base = tiny_classifier("qwen3", layers=2)
    before = copy.deepcopy(base.state_dict())
    result, _, _ = run_training(base=base, **changes)
    after = result.model.state_dict()
    assert set(after) == set(before)  # adapters are merged: the checkpoint is plain
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {".".join(n.split(".")[:3]) if "layers" in n else n.removesuffix(".weight") for n in changed} == moved


def test_merged_adapters_score_like_unmerged_ones():
    torch.manual_seed(0)
    model = prepare_training(tiny_classifier("gemma3_text"), settings(lora=LORA))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    snapshot = planted_snapshot(4)
    trees, _ = build_trees(
        examples_of_split(snapshot, "rm_train", assumed=True), ENCODER, responses_per_tree=4, max_length=256, rng=None
    )
    batch = collate_trees([trees[0].packed], pad_id=0)
    before = tree_logits(model, batch)
    assert not any("lora" in name for name, _ in merge_adapters(model).named_parameters())
    assert (tree_logits(model, batch) - before).abs().max() < 1e-4


def test_a_cut_backbone_is_the_lower_part():
    model = tiny_classifier("gemma3_text")
    cut = prepare_training(copy.deepcopy(model), settings(backbone_layers=2))
    assert len(cut.model.layers) == cut.config.num_hidden_layers == len(cut.config.layer_types) == 2
    ids = torch.tensor([[1, 5, 6, 7]])
    hidden = model.model(input_ids=ids, output_hidden_states=True).hidden_states[2]
    assert torch.allclose(cut(input_ids=ids).logits, model.score(model.model.norm(hidden))[:, -1], atol=1e-5)


def test_the_best_weights_are_kept_not_the_last():
    # Late steps at a rate far too high spoil the weights: the best validation lies before the last.
    result, validation, config = run_training(
        n=8, epochs=3, learning_rate=1.0, head_learning_rate=1.0, validation_every=1, warmup_share=0.8
    )
    losses = [row["validation_loss"] for row in result.curve]
    assert losses[result.best_step - 1] == min(losses) < losses[-1]
    assert validate(result.model, validation, config=config).loss == pytest.approx(min(losses), abs=1e-5)


def test_early_stopping():
    result, _, _ = run_training(
        n=8, epochs=20, learning_rate=0.3, head_learning_rate=0.3, validation_every=1, patience=2, warmup_share=0.0
    )
    assert result.stopped_early and result.steps == result.best_step + 2


def test_a_loss_that_is_no_number_stops_and_names_the_batch():
    base = tiny_classifier("qwen3", layers=2)
    base.score.weight.data.fill_(float("nan"))
    with pytest.raises(StageRefusal, match=r"nan on tree i\d{3} of the batch \[i"):
        run_training(base=base)


def test_schedule_by_hand():
    assert [cosine_rate(s, total=5, warmup=1) for s in range(5)] == pytest.approx([1.0, 1.0, 0.853553, 0.5, 0.146447], abs=1e-6)
