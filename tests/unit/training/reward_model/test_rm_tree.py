"""The tree against one plain sequence per criterion: same logits, same gradients, in every family."""

import copy
import random

import pytest
import torch
from rm_tiny import tiny_classifier

from training.reward_model.model import tree_logits
from training.reward_model.tree import collate_trees, pack_tree, visibility

FAMILIES = ("qwen3", "llama", "gemma3_text")


def pieces(rng: random.Random, n_responses: int):
    def ids(low: int, high: int) -> list[int]:
        return [rng.randrange(3, 128) for _ in range(rng.randrange(low, high))]

    instruction = [1, *ids(4, 9)]
    responses = [ids(5, 20) for _ in range(n_responses)]
    criteria = [[ids(2, 9) for _ in range(rng.randrange(1, 4))] for _ in responses]
    return instruction, responses, criteria


def plain_logits(model, trees):
    return torch.cat(
        [
            model(input_ids=torch.tensor([[*instruction, *response, *leaf]])).logits[0]
            for instruction, responses, criteria in trees
            for response, leaves in zip(responses, criteria, strict=True)
            for leaf in leaves
        ]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_tree_equals_plain_sequences(family):
    rng = random.Random(3)
    trees = [pieces(rng, 3), pieces(rng, 1)]  # two trees of different length: one of them is padded
    model = tiny_classifier(family)
    twin = copy.deepcopy(model)
    batch = collate_trees([pack_tree(*tree) for tree in trees], pad_id=0)
    packed, plain = tree_logits(model, batch), plain_logits(twin, trees)
    assert plain.std() > 0.05
    assert (packed - plain).abs().max() <= 1e-4
    weights = torch.linspace(-1, 1, len(plain))
    (packed * weights).sum().backward()
    (plain * weights).sum().backward()
    for (name, one), two in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert (one.grad - two.grad).norm() <= 1e-3 * two.grad.norm() + 1e-7, name


def test_window_in_packed_positions_would_be_wrong():
    """The window test can fail: measured in packed indices instead of branch positions, Gemma's logits differ."""
    tree = pieces(random.Random(3), 3)
    model = tiny_classifier("gemma3_text")
    batch = collate_trees([pack_tree(*tree)], pad_id=0)
    length = batch.input_ids.shape[1]
    index = torch.arange(length)
    wrong = batch.visible & (index[None, :, None] - index[None, None, :] < model.config.sliding_window)
    hidden = model.model(
        input_ids=batch.input_ids,
        position_ids=batch.positions,
        attention_mask={"full_attention": batch.visible[:, None], "sliding_attention": wrong[:, None]},
    ).last_hidden_state
    logits = model.score(hidden[batch.rows, batch.columns]).squeeze(-1)
    assert (logits - plain_logits(model, [tree])).abs().max() > 1e-2


def test_who_sees_whom_by_hand():
    # x | y0 | c | y1 | c, one token each, and one of padding
    response = torch.tensor([[-1, 0, 0, 1, 1, -2]])
    leaf = torch.tensor([[-1, -1, 0, -1, 1, -2]])
    expected = [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0],
        [1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert visibility(response, leaf)[0].int().tolist() == expected


def test_empty_pieces_are_refused():
    with pytest.raises(ValueError, match="empty"):
        pack_tree([1], [[]], [[[2]]])
