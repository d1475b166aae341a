"""One step's gradients: micro-batches change nothing, and what does not fit into memory says what to lower."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from rm_tiny import CharTokenizer, planted_snapshot, settings, tiny_classifier

from training.errors import StageRefusal
from training.reward_model import gradients
from training.reward_model.data import build_trees
from training.reward_model.examples import examples_of_split
from training.reward_model.gradients import batch_gradients
from training.reward_model.loss import criteria_loss
from training.reward_model.memory import advised, forward_advice, update_advice
from training.reward_model.model import prepare_training, tree_logits
from training.reward_model.prompt import PromptEncoder
from training.reward_model.ranks import Ranks
from training.reward_model.train import validate
from training.reward_model.tree import collate_trees

EXAMPLES = examples_of_split(planted_snapshot(16), "rm_train", assumed=True)
TREES, _ = build_trees(EXAMPLES, PromptEncoder(CharTokenizer()), responses_per_tree=2, max_length=256, rng=None)
PAIRED = [tree for tree in TREES if tree.pairs][:5]
HOST_MEMORY = "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors gain nothing from threads, and lose much where other tests hold the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Dealt(Ranks):
    """A group of one whose micro-batches are given."""

    def __init__(self, *groups):
        self.groups = groups

    def micro_batches(self, lengths, tokens_per_batch):
        return [list(group) for group in self.groups]


def gradients_of(trees, ranks, **changes):
    torch.manual_seed(0)
    config = settings(**changes)
    model = prepare_training(tiny_classifier("gemma3_text"), config)
    loss = batch_gradients(model, trees, config=config, ranks=ranks)
    return loss, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def tree_by_tree(trees, config):
    """The definition: the mean over all pairs plus the mean over all leaves, from one forward pass per tree."""
    torch.manual_seed(0)
    model = prepare_training(tiny_classifier("gemma3_text"), config)
    n_pairs, n_leaves = sum(len(t.pairs) for t in trees), sum(len(t.leaves) for t in trees)
    total = 0.0
    for tree in trees:
        logits = tree_logits(model, collate_trees([tree.packed]))
        met = torch.tensor([float(leaf.met) for leaf in tree.leaves])
        weight = config.pointwise_weight
        loss = criteria_loss(logits, met, tree.pairs, pointwise_weight=weight, n_pairs=n_pairs, n_leaves=n_leaves)
        if loss.requires_grad:
            loss.backward()
        total += float(loss.detach())
    return total, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@example_settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)), weight=st.sampled_from([0.0, 0.5]))
def test_micro_batches_of_several_trees_give_the_gradients_of_tree_by_tree(order, cuts, weight):
    edges = [0, *sorted(cuts), 5]
    groups = [order[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    changes = {"pointwise_weight": weight, "pure_pairwise": weight == 0}
    loss, found = gradients_of(PAIRED, Dealt(*groups), **changes)
    wanted_loss, wanted = tree_by_tree(PAIRED, settings(**changes))
    assert loss.loss == pytest.approx(wanted_loss, abs=1e-5)
    assert loss.pairwise + weight * loss.pointwise == pytest.approx(wanted_loss, abs=1e-5)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        assert (gradient - wanted[name]).norm() <= 1e-4 * wanted[name].norm() + 1e-8, name


def test_a_pure_pairwise_step_leaves_out_trees_without_pairs():
    silent = [tree for tree in TREES if not tree.pairs]
    assert silent, "the planted snapshot should have such trees"
    alone, _ = gradients_of(PAIRED, Ranks(), pointwise_weight=0.0, pure_pairwise=True)
    beside, _ = gradients_of([*silent, *PAIRED], Ranks(), pointwise_weight=0.0, pure_pairwise=True)
    # The pointwise figure, too, is the mean over what ran.
    assert beside == alone and alone.pointwise > 0
    loss, found = gradients_of(silent, Ranks(), pointwise_weight=0.0, pure_pairwise=True)
    assert (loss.loss, found) == (0.0, {})


def test_leaves_without_a_verdict_have_no_pointwise_part():
    """A scalar model's: one leaf per response, whose preferences are all that is known."""
    bare = [replace(t, leaves=tuple(replace(leaf, met=None) for leaf in t.leaves)) for t in PAIRED]
    loss, found = gradients_of(bare, Ranks(), pointwise_weight=0.0, pure_pairwise=True)
    assert loss.pointwise is None and loss.loss == pytest.approx(loss.pairwise, abs=1e-6)
    with_verdicts, wanted = gradients_of(PAIRED, Ranks(), pointwise_weight=0.0, pure_pairwise=True)
    assert with_verdicts.pointwise > 0 and with_verdicts.loss == loss.loss
    assert all(torch.equal(gradient, wanted[name]) for name, gradient in found.items())


def failing(error):
    def forward(model, batch):
        raise error

    return forward


@pytest.mark.parametrize(
    ("trees", "changes", "advice"),
    [
        (3, {}, "lower tokens_per_batch from 4096, or set gradient_checkpointing: true"),
        (3, {"gradient_checkpointing": True}, "lower tokens_per_batch from 4096"),
        (
            1,
            {},
            "that tree alone is too long: lower responses_per_tree from 4, or lower max_length from 256, or set "
            "gradient_checkpointing: true",
        ),
    ],
)
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(f"{HOST_MEMORY} 9 bytes.")])
def test_a_micro_batch_that_does_not_fit_says_what_to_lower(monkeypatch, error, trees, changes, advice):
    monkeypatch.setattr(gradients, "tree_logits", failing(error))
    chosen = TREES[:trees]
    longest = max(chosen, key=lambda tree: len(tree.packed))
    count = "1 tree" if trees == 1 else f"{trees} trees"
    tokens = sum(len(tree.packed) for tree in chosen)
    held = f"{count}, {tokens} tokens, the longest {longest.instruction_id} with {len(longest.packed)}"
    with pytest.raises(StageRefusal) as caught:
        gradients_of(chosen, Ranks(), **changes)
    assert str(caught.value) == f"out of memory on a micro-batch ({held}); {advice}"


def test_the_error_of_this_torch_is_known():
    with pytest.raises(StageRefusal, match="^out of memory here$"), advised("here"):
        torch.empty(1 << 60)


def test_another_error_passes_as_it_is():
    with pytest.raises(RuntimeError, match="shapes") as caught, advised("here"):
        raise RuntimeError("shapes do not fit")
    assert not isinstance(caught.value, StageRefusal)


def test_validation_that_does_not_fit_says_so(monkeypatch):
    monkeypatch.setattr(Ranks, "logits", lambda *_, **__: torch.empty(1 << 60))
    with pytest.raises(StageRefusal, match=r"^out of memory in validation \(.*\); lower tokens_per_batch from 4096$"):
        validate(tiny_classifier("qwen3", layers=2), TREES, config=settings(), ranks=Ranks())


def test_a_tree_longer_than_the_budget_is_not_helped_by_a_smaller_budget():
    # The smallest budget that a config allows, and trees that fill it: whole, they go alone.
    long = copy.deepcopy(TREES[:2])
    object.__setattr__(long[0], "packed", range(257))
    told = forward_advice(long, settings(tokens_per_batch=256), where="in validation", backward=False)
    assert told.endswith("; that tree alone is too long: lower responses_per_tree from 4, or lower max_length from 256")


def test_the_update_advises_what_is_not_yet_done():
    assert update_advice(settings(trained_layers=2)).endswith("; set lora, or lower trained_layers from 2")
    assert update_advice(settings(freeze_embeddings=False)).endswith("lower trained_layers, or set freeze_embeddings: true")
