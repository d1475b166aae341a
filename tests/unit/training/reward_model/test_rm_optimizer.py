"""AdamW with float32 copies: one norm clips all gradients, and a state that was saved goes on bit for bit."""

import io
import math

import pytest
import torch
from torch.nn import Parameter

from training.reward_model.optimizer import MasterAdamW


def a_training(dtype):
    """A body in one precision, a head in float32, as the reward model has them."""
    torch.manual_seed(0)
    body, head = Parameter(torch.randn(5, 3).to(dtype)), Parameter(torch.randn(3))
    return body, head, MasterAdamW([([body], 1e-3), ([head], 1e-2)], weight_decay=0.01, max_grad_norm=1.0)


def take_steps(body, head, optimizer, numbers):
    norms = []
    for number in numbers:
        torch.manual_seed(number)
        body.grad, head.grad = torch.randn(5, 3).to(body.dtype), torch.randn(3)
        norms.append(optimizer.step(1 / number))
    return norms


def test_one_norm_clips_the_gradients_of_all_groups():
    body, head = Parameter(torch.zeros(2, dtype=torch.bfloat16)), Parameter(torch.zeros(1))
    optimizer = MasterAdamW([([body], 0.1), ([head], 0.1)], weight_decay=0.0, max_grad_norm=2.6)
    body.grad, head.grad = torch.tensor([3.0, 4.0], dtype=torch.bfloat16), torch.tensor([12.0])
    assert optimizer.step(1.0) == pytest.approx(13.0)
    # A fifth of each gradient is left of (3, 4, 12), a tenth of that is the first mean.
    moments = optimizer.state_dict()["adamw"]["state"]
    assert moments[0]["exp_avg"].tolist() == pytest.approx([0.06, 0.08], rel=1e-5)
    assert moments[1]["exp_avg"].tolist() == pytest.approx([0.24], rel=1e-5)


def test_small_gradients_are_not_clipped():
    weight = Parameter(torch.zeros(2))
    optimizer = MasterAdamW([([weight], 0.1)], weight_decay=0.0, max_grad_norm=2.0)
    weight.grad = torch.tensor([0.3, 0.4])
    assert optimizer.step(1.0) == pytest.approx(0.5)
    assert optimizer.state_dict()["adamw"]["state"][0]["exp_avg"].tolist() == pytest.approx([0.03, 0.04])


def test_without_gradients_nothing_moves():
    body, head, optimizer = a_training(torch.float32)
    before = body.detach().clone()
    assert optimizer.step(1.0) == 0.0
    assert torch.equal(body, before)


def test_a_norm_that_is_no_number_is_told_and_nothing_moves():
    body, head, optimizer = a_training(torch.float32)
    before = head.detach().clone()
    body.grad, head.grad = torch.full((5, 3), float("nan")), torch.ones(3)
    assert math.isnan(optimizer.step(1.0))
    assert torch.equal(head, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_state_goes_on_bit_for_bit(dtype):
    body, head, optimizer = a_training(dtype)
    take_steps(body, head, optimizer, [1, 2, 3])
    file, saved = io.BytesIO(), body.detach().clone()
    torch.save(optimizer.state_dict(), file)
    norms = take_steps(body, head, optimizer, [4, 5, 6])

    file.seek(0)
    other_body, other_head, other = a_training(dtype)
    # Whatever the weights are at the time: they come from the state too.
    with torch.no_grad():
        other_body.add_(1.0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other_body, saved)
    assert take_steps(other_body, other_head, other, [4, 5, 6]) == norms
    assert torch.equal(body, other_body) and torch.equal(head, other_head)


def test_the_state_holds_what_bfloat16_has_no_room_for():
    body, head, optimizer = a_training(torch.bfloat16)
    take_steps(body, head, optimizer, [1])
    master = optimizer.state_dict()["masters"][0]
    assert master.dtype == torch.float32 and not torch.equal(master, body.float())
    assert torch.equal(master.to(torch.bfloat16), body)


def test_the_state_of_other_weights_is_refused():
    _, _, optimizer = a_training(torch.float32)
    weight = Parameter(torch.zeros(4))
    with pytest.raises(ValueError, match="of 2 weights that are not the 1 of this training"):
        MasterAdamW([([weight], 0.1)], weight_decay=0.0, max_grad_norm=1.0).load_state_dict(optimizer.state_dict())
