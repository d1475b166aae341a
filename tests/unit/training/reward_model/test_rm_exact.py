"""Exactness: the tree is one plain sequence per criterion, in loss, gradients and scores, whatever lies beside it."""

import copy
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rm_tiny import FAMILIES, plain_logits, random_pieces, tiny_classifier

from training.reward_model.attention import FLEX_ROW, fill_up, use_tree_attention
from training.reward_model.data import LeafPair
from training.reward_model.loss import criteria_loss
from training.reward_model.model import tree_logits
from training.reward_model.tree import collate_trees, pack_tree
from training.reward_model.validation import forward_trees


def example(rng, *, criteria=3, low=5, high=20):
    """An instruction with two responses and the same criteria on both, and the pairs between them."""
    instruction, responses, _ = random_pieces(rng, 2, low=low, high=high)
    leaves = [[rng.randrange(3, 128) for _ in range(rng.randrange(2, 9))] for _ in range(criteria)]
    pairs = [LeafPair(better=i, worse=criteria + i, tier="main", discordant=False) for i in range(criteria)]
    return (instruction, responses, [leaves, leaves]), pairs


def loss_of(logits, pairs):
    met = torch.tensor([1.0] * len(pairs) + [0.0] * len(pairs))
    return criteria_loss(logits, met, pairs, pointwise_weight=1.0, n_pairs=len(pairs), n_leaves=len(met))


def gradients(model, logits, pairs):
    model.zero_grad(set_to_none=True)
    loss = loss_of(logits(model), pairs)
    loss.backward()
    return loss.detach(), {name: p.grad.float().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_every_gradient_are_those_of_plain_sequences(family):
    tree, pairs = example(random.Random(1))
    model = tiny_classifier(family)
    ours, got = gradients(copy.deepcopy(model), lambda m: tree_logits(m, collate_trees([pack_tree(*tree)])), pairs)
    usual, wanted = gradients(model, lambda m: plain_logits(m, [tree]), pairs)
    assert abs(ours - usual) <= 1e-5
    for name, gradient in wanted.items():
        assert gradient.norm() > 0, name
        assert (got[name] - gradient).norm() <= 1e-3 * gradient.norm(), name


def distance(got, wanted):
    """Relative distance of all gradients together."""
    apart = sum(float((got[name] - wanted[name]).square().sum()) for name in wanted)
    return (apart / sum(float(g.square().sum()) for g in wanted.values())) ** 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_gradients_lie_no_further_from_float32_than_those_of_the_usual_way(family):
    """Over several trees: either way's rounding is a matter of luck on a single one."""
    apart = {"tree": 0.0, "usual": 0.0}
    for seed in range(8):
        tree, pairs = example(random.Random(seed), criteria=4, low=20, high=40)
        batch = collate_trees([pack_tree(*tree)])
        usual_model = tiny_classifier(family, seed=seed)
        for parameter in usual_model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        # The same weights in both: what differs is the arithmetic. Ours keeps its head in float32, as `load_classifier` does.
        exact = tiny_classifier(family)
        exact.load_state_dict(usual_model.state_dict())
        ours_model = copy.deepcopy(usual_model)
        ours_model.score.float()
        _, wanted = gradients(exact, lambda m, t=tree: plain_logits(m, [t]), pairs)
        _, usual = gradients(usual_model, lambda m, t=tree: plain_logits(m, [t]).float(), pairs)
        _, ours = gradients(ours_model, lambda m, b=batch: tree_logits(m, b), pairs)
        apart["tree"] += distance(ours, wanted)
        apart["usual"] += distance(usual, wanted)
    assert apart["usual"] > 0
    assert apart["tree"] <= apart["usual"], apart


@pytest.mark.parametrize("family", FAMILIES)
def test_neighbours_order_and_batch_size_change_no_score(family):
    rng = random.Random(5)
    trees = [pack_tree(*random_pieces(rng, n)) for n in (1, 3, 2, 1)]
    model = tiny_classifier(family)
    with torch.no_grad():
        alone = [tree_logits(model, collate_trees([tree])) for tree in trees]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        for budget in (1, 64, 10_000):
            found = forward_trees(model, [trees[i] for i in order], tokens_per_batch=budget)
            assert all((found[at] - alone[i]).abs().max() <= 1e-5 for at, i in enumerate(order))


@pytest.mark.parametrize("family", FAMILIES)
def test_flex_attention_gives_the_logits_of_sdpa(family, monkeypatch):
    """Forward only: FlexAttention has a backward pass on GPUs alone."""
    monkeypatch.setattr("training.reward_model.model.FLEX_ROW", 128)
    rng = random.Random(2)
    batch = collate_trees([pack_tree(*random_pieces(rng, n)) for n in (2, 1)])
    model = tiny_classifier(family)
    with torch.no_grad():
        wanted = tree_logits(model, batch)
        use_tree_attention(model, "flex")
        assert (tree_logits(model, batch) - wanted).abs().max() <= 1e-5


@given(st.integers(1, 1 << 17))
def test_rows_for_flex_attention_come_in_eight_lengths(tokens):
    batch = collate_trees([pack_tree(range(max(1, tokens - 2)), [[1]], [[[2]]])])
    filled = fill_up(batch, FLEX_ROW, pad_id=3)
    assert len(filled.input_ids) in {1024 << i for i in range(8)}
    assert len(batch.input_ids) <= len(filled.input_ids) < max(1025, 2 * len(batch.input_ids))
    assert torch.equal(filled.input_ids[: len(batch.input_ids)], batch.input_ids)
    assert set(filled.input_ids[len(batch.input_ids) :].tolist()) <= {3}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_set_to_trees_reads_padded_plain_sequences_as_before(family):
    model = tiny_classifier(family)
    rows = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12, 13], [5, 6, 7, 8, 0, 0, 0, 0, 0]])
    mask = (rows != 0).long()
    before = model(input_ids=rows, attention_mask=mask).logits
    use_tree_attention(model)
    assert (model(input_ids=rows, attention_mask=mask).logits - before).abs().max() <= 1e-6
    assert (model(input_ids=rows[1:, :4]).logits - before[1:]).abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_top_layer_leaves_out_is_nobodys(family):
    """After a pass over a tree the hooks are gone: plain logits are what they were."""
    model = tiny_classifier(family)
    rows = torch.tensor([[5, 6, 7, 8]])
    before = model(input_ids=rows).logits
    tree_logits(model, collate_trees([pack_tree([1, 5], [[6]], [[[7], [8, 9]]])])).sum().backward()
    assert torch.equal(model(input_ids=rows).logits, before)
