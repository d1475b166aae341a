"""Training: it learns what was planted, repeats itself bit for bit, and trains only what the config says."""

import copy
from types import SimpleNamespace

import pytest
import torch
from rm_tiny import CharTokenizer, planted_snapshot, settings, tiny_classifier

from training.errors import StageRefusal
from training.reward_model import train as train_module
from training.reward_model.config import LoraKeys
from training.reward_model.data import build_trees
from training.reward_model.examples import examples_of_split
from training.reward_model.gradients import batch_gradients
from training.reward_model.model import merge_adapters, prepare_training, tree_logits
from training.reward_model.optimizer import MasterAdamW
from training.reward_model.prompt import PromptEncoder
from training.reward_model.ranks import Ranks, restore
from training.reward_model.train import cosine_rate, make_deterministic, train, validate
from training.reward_model.tree import collate_trees

ENCODER = PromptEncoder(CharTokenizer())
LORA = LoraKeys(rank=2, alpha=4.0, targets=("q_proj", "v_proj"))


def run_training(n=8, base=None, **changes):
    """A training from start to end: the model with its best weights, what training left, and what it validated on."""
    config = settings(**changes)
    make_deterministic(config.seed, config.threads)
    snapshot = planted_snapshot(n)
    validation, _ = build_trees(
        examples_of_split(snapshot, "validation", assumed=False), ENCODER, responses_per_tree=4, max_length=256, rng=None
    )
    model = prepare_training(base or tiny_classifier("qwen3", layers=2), config)
    train_set = examples_of_split(snapshot, "rm_train", assumed=True)
    result = train(model, train_set=train_set, validation=validation, encoder=ENCODER, config=config, ranks=Ranks())
    restore(model, result.best)
    return merge_adapters(model), result, validation


def training_trees(n=4):
    examples = examples_of_split(planted_snapshot(n), "rm_train", assumed=True)
    return build_trees(examples, ENCODER, responses_per_tree=4, max_length=256, rng=None)[0]


def test_a_planted_rule_is_learnt():
    model, _, validation = run_training(
        n=64, epochs=6, trees_per_step=4, learning_rate=5e-3, head_learning_rate=5e-3, validation_every=18
    )
    assert validate(model, validation, config=settings(), ranks=Ranks()).accuracy > 0.8


def test_equal_seeds_give_equal_weights():
    first, one, _ = run_training()
    second, two, _ = run_training()
    third, _, _ = run_training(seed=1)
    assert all(torch.equal(x, y) for x, y in zip(first.parameters(), second.parameters(), strict=True))
    assert not all(torch.equal(x, y) for x, y in zip(first.parameters(), third.parameters(), strict=True))
    assert one.curve == two.curve


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
    model, _, _ = run_training(base=base, **changes)
    after = model.state_dict()
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
    batch = collate_trees([training_trees()[0].packed])
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
    model, result, validation = run_training(
        seed=1, epochs=3, learning_rate=1.0, head_learning_rate=1.0, validation_every=1, warmup_share=0.8
    )
    losses = [row["validation_loss"] for row in result.curve]
    assert losses[result.best_step - 1] == min(losses) < losses[-1]
    assert validate(model, validation, config=settings(), ranks=Ranks()).loss == pytest.approx(min(losses), abs=1e-5)


def test_weights_of_another_training_are_not_put_back():
    full = prepare_training(tiny_classifier("qwen3", layers=2), settings())
    upper = prepare_training(tiny_classifier("qwen3", layers=2), settings(trained_layers=1))
    weights = {name: torch.zeros_like(weight) for name, weight in Ranks().weights(upper).items()}
    before = copy.deepcopy(full.state_dict())
    with pytest.raises(StageRefusal, match=r"^the saved training lacks model\.layers\.0\.\S+ \(\d+ names differ\); remove"):
        restore(full, weights)
    assert all(torch.equal(before[name], weight) for name, weight in full.state_dict().items())
    with pytest.raises(StageRefusal, match=r"^the model has no place for model\.layers\.0\."):
        restore(upper, Ranks().weights(full))
    restore(upper, weights)
    assert not upper.score.weight.any()


def test_only_trees_that_ran_are_counted_as_seen():
    trees, pure = training_trees(16), {"pointwise_weight": 0.0, "pure_pairwise": True}
    paired = [tree for tree in trees if tree.pairs]
    assert 0 < len(paired) < len(trees)
    for changes, seen in (({}, trees), (pure, paired)):
        _, result, _ = run_training(n=16, epochs=2, **changes)
        assert (result.trees_seen, result.tokens_seen) == (2 * len(seen), 2 * sum(len(tree.packed) for tree in seen))
        assert result.planned_tokens == result.tokens_seen


def test_prompts_that_are_too_long_are_counted_once_not_by_epoch():
    found = [run_training(n=8, epochs=epochs, max_length=62)[1].too_long for epochs in (1, 3)]
    assert found == [{"left_out": 36, "truncated_responses": 2, "truncated_instructions": 6}] * 2


def test_early_stopping():
    _, result, _ = run_training(
        n=8, epochs=20, learning_rate=0.3, head_learning_rate=0.3, validation_every=1, patience=2, warmup_share=0.0
    )
    assert result.stopped_early and result.steps == result.best_step + 2


def test_a_loss_that_is_no_number_stops_and_names_the_batch():
    base = tiny_classifier("qwen3", layers=2)
    base.score.weight.data.fill_(float("nan"))
    with pytest.raises(
        StageRefusal, match=r"loss is nan on the micro-batch \[i\d{3}, i\d{3}\] of the step \[i\d{3}, i\d{3}\]$"
    ):
        run_training(base=base)


def test_a_gradient_that_is_no_number_stops_with_the_step_named_and_the_weights_as_they_were():
    base = tiny_classifier("qwen3", layers=2)
    base.score.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = copy.deepcopy(base.state_dict())
    with pytest.raises(StageRefusal, match=r"gradient norm is (inf|nan) in step 1 on the trees \[i\d{3}, i\d{3}\]$"):
        run_training(base=base)
    assert all(torch.equal(before[name], weight) for name, weight in base.state_dict().items())


def test_a_validation_loss_that_is_no_number_stops(monkeypatch):
    monkeypatch.setattr(train_module, "validate", lambda *_, **__: SimpleNamespace(loss=float("nan")))
    with pytest.raises(StageRefusal, match="the validation loss is nan after step 3"):
        run_training()


def test_schedule_by_hand():
    assert [cosine_rate(s, total=5, warmup=1) for s in range(5)] == pytest.approx([1.0, 1.0, 0.853553, 0.5, 0.146447], abs=1e-6)


def in_bfloat16(model):
    """The model as `load_classifier` gives it under precision bfloat16."""
    for parameter in model.model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    return model


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma3_text"])
@pytest.mark.parametrize("lora", [None, LORA])
def test_bfloat16_trains_with_a_finite_loss(family, lora):
    base = in_bfloat16(tiny_classifier(family))
    before = copy.deepcopy(base.state_dict())
    model, result, _ = run_training(base=base, precision="bfloat16", lora=lora, gradient_checkpointing=True, validation_every=2)
    assert all(torch.isfinite(torch.tensor(row["train_loss"])) for row in result.curve)
    after = model.state_dict()
    assert after["model.layers.0.self_attn.q_proj.weight"].dtype == torch.bfloat16
    assert after["score.weight"].dtype == torch.float32
    assert not torch.equal(before["model.layers.0.self_attn.q_proj.weight"], after["model.layers.0.self_attn.q_proj.weight"])
    assert not model.training


def test_bfloat16_weights_move_by_updates_smaller_than_their_steps():
    """1 + 2^-10 is 1 in bfloat16, whose step at 1 is 2^-7; sixteen such updates are two steps."""
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimizer = MasterAdamW([([weight], 2.0**-10)], weight_decay=0.0, max_grad_norm=1.0)
    seen = []
    for _ in range(16):
        # Adam's update of a constant gradient is the learning rate.
        weight.grad = torch.full((3,), -0.5, dtype=torch.bfloat16)
        optimizer.step(1.0)
        seen.append(float(weight[0].detach()))
    assert weight.grad is None
    assert seen[0] == 1.0
    assert seen[-1] == 1 + 2.0**-6


def test_float32_weights_are_updated_as_adamw_does():
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.arange(4.0)) for _ in range(2))
    optimizer = MasterAdamW([([ours], 0.1)], weight_decay=0.01, max_grad_norm=1e9)
    reference = torch.optim.AdamW([theirs], lr=0.05, weight_decay=0.01)
    for _ in range(3):
        gradient = torch.randn(4)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step(0.5)
        reference.step()
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma3_text"])
def test_checkpointing_gives_the_same_gradients(family):
    trees = training_trees()
    made, forward_passes = [], []
    for checkpointing in (False, True):
        config = settings(gradient_checkpointing=checkpointing, freeze_embeddings=False)
        model = prepare_training(tiny_classifier(family), config)
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        passes = []
        model.model.layers[1].self_attn.register_forward_pre_hook(lambda *_, p=passes: p.append(1))
        loss = batch_gradients(model, trees[:2], config=config, ranks=Ranks())
        made.append((loss, {name: p.grad for name, p in model.named_parameters()}))
        forward_passes.append(len(passes))
    # Two trees in one pass; with checkpoints it goes through a layer a second time.
    assert forward_passes == [1, 2]
    assert made[0][0] == made[1][0]
    for name, gradient in made[0][1].items():
        assert torch.allclose(gradient, made[1][1][name], rtol=1e-5, atol=1e-7), name
