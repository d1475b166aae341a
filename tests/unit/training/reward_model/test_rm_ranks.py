"""Several processes make the step that one makes, each with its share of the tokens; when one fails, none is left."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import rm_group
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.errors import StageRefusal
from training.reward_model.group import launch
from training.reward_model.packing import batches_by_tokens, forward_passes, share_by_tokens
from training.reward_model.ranks import Ranks, join

KINDS = ["Replicated", "Sharded"]
LENGTHS = st.lists(st.integers(1, 500), max_size=30)


@given(LENGTHS, st.integers(1, 6))
def test_shares_hold_every_tree_once_and_like_numbers_of_tokens(lengths, world):
    shares = share_by_tokens(lengths, world)
    assert sorted(index for share in shares for index in share) == list(range(len(lengths)))
    loads = [sum(lengths[i] for i in share) for share in shares]
    assert max(loads) <= sum(lengths) / world + max(lengths, default=0)


@given(LENGTHS, st.integers(1, 6), st.integers(1, 600))
def test_forward_passes_keep_to_the_shares_and_to_the_budget(lengths, world, budget):
    passes = forward_passes(lengths, budget, world=world)
    assert [[i for group in groups for i in group] for groups in passes] == share_by_tokens(lengths, world)
    for group in (group for groups in passes for group in groups):
        assert len(group) == 1 or sum(lengths[i] for i in group) <= budget


@given(LENGTHS, st.integers(1, 600))
def test_one_process_runs_what_it_would_run_alone(lengths, budget):
    assert forward_passes(lengths, budget, world=1) == [batches_by_tokens(lengths, budget)]


def test_tokens_are_dealt_not_trees():
    assert share_by_tokens([100, 10, 10, 10, 60, 10], 2) == [[0], [4, 1, 2, 3, 5]]


@pytest.fixture(scope="module")
def made():
    """What two processes made; a group of one is the reference of all."""
    return launch(2, rm_group.everything, patience=timedelta(minutes=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trees", rm_group.TREES)
@pytest.mark.parametrize("case", rm_group.CASES)
def test_two_processes_give_the_gradients_of_one(made, kind, trees, case):
    alone = rm_group.gradients(Ranks(), trees, **rm_group.CASES[case])
    ours = made[kind]["gradients"][case, trees]
    assert set(ours) == set(alone)
    for name, gradient in alone.items():
        # The first adapters' gradients are 0: their other half starts from 0.
        assert gradient.norm() > 0 or "lora_A" in name
        assert (ours[name] - gradient).norm() <= 1e-5 * gradient.norm(), name


@pytest.fixture(scope="module")
def alone():
    return {name: rm_group.training(Ranks(), **case) for name, case in rm_group.TRAININGS.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["full", "adapters"])
def test_two_processes_give_the_weights_of_one(made, alone, kind, case):
    ours, theirs = made[kind]["trainings"][case], alone[case]
    for end, reference in zip([ours["early"], ours["ends"][0]], [theirs["early"], theirs["ends"][0]], strict=True):
        assert set(end) == set(reference)
        for name, weight in reference.items():
            assert (end[name] - weight).norm() <= 1e-5 * weight.norm(), name
    for logits, reference in zip(ours["logits"], theirs["logits"], strict=True):
        assert (logits - reference).abs().max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["full", "adapters"])
def test_the_norm_that_clips_is_that_of_all_gradients(made, alone, kind, case):
    assert made[kind]["trainings"][case]["norms"] == pytest.approx(alone[case]["norms"], rel=1e-5)
    assert min(alone[case]["norms"]) > 0.1  # so that every step was clipped


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["bfloat16", "bfloat16 full"])
def test_in_bfloat16_two_processes_differ_by_rounding_alone(made, alone, kind, case):
    ours, theirs = made[kind]["trainings"][case], alone[case]
    # Of the first two steps, of one tree and of three; from there on weights are a rounding apart, and so are all that follow.
    assert ours["norms"][:2] == pytest.approx(theirs["norms"][:2], rel=2**-7)
    for name, weight in theirs["ends"][0].items():
        # One step of bfloat16 is 2^-7 of a number at most.
        assert ours["ends"][0][name].dtype == weight.dtype
        assert (ours["ends"][0][name].float() - weight.float()).norm() <= 2**-7 * weight.float().norm(), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", rm_group.TRAININGS)
def test_a_group_goes_on_from_its_state_bit_for_bit(made, kind, case):
    part = made[kind]["trainings"][case]
    first, again = part["ends"]
    assert part["norms"][2:4] == part["norms"][4:]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], part["early"][name]) for name in first if "lora" in name or "proj" in name)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_add_up_over_the_group(made, kind):
    assert made[kind]["total"] == 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_processes_tell_whether_they_stand_at_one_step(made, kind):
    assert made[kind]["agreed"] == (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_without_trees_leaves_no_gradients(made, kind):
    assert made[kind]["nothing"]


def test_the_number_of_threads_is_the_callers(made):
    assert made["threads"] == 1


def test_without_a_group_a_process_is_alone():
    assert type(join("cpu", shard=True)) is Ranks
    # transformers may import accelerate too; a process alone has no use for the group that it keeps.
    assert not torch.distributed.is_initialized()


def test_a_refusal_ends_the_group_and_names_its_rank():
    with pytest.raises(StageRefusal, match=r"^rank 1 of 2: the loss is nan on tree i7$"):
        launch(2, rm_group.refuse_on, 1)


def test_an_error_comes_back_as_one_line():
    with pytest.raises(StageRefusal, match=r"^rank 0 of 1: IndexError: no row 7 of the table$"):
        launch(1, rm_group.raise_an_error)


def test_a_killed_process_ends_the_group(tmp_path):
    with pytest.raises(StageRefusal, match="^rank 1 of 2: ended by SIGKILL"):
        launch(2, rm_group.wait_or_be_killed, 1, str(tmp_path))
    assert not any(alive(int(file.read_text())) for file in tmp_path.iterdir())


def test_a_group_does_not_outlive_its_killed_caller(tmp_path):
    root = Path(__file__).parents[4]
    path = os.pathsep.join([str(root), str(Path(__file__).parent)])
    command = [sys.executable, rm_group.__file__, str(tmp_path)]
    caller = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, start_new_session=True)
    workers = []
    try:
        assert within(60, lambda: len([f for f in tmp_path.iterdir() if f.read_text()]) == 2)
        workers = [int(file.read_text()) for file in tmp_path.iterdir()]
        caller.send_signal(signal.SIGKILL)
        assert within(10, lambda: not any(map(alive, workers)))
    finally:
        caller.kill()
        caller.wait()
        for worker in filter(alive, workers):
            os.kill(worker, signal.SIGKILL)


def within(seconds, holds):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
