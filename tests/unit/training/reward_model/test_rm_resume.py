"""A training that is stopped anywhere goes on to bitwise the same weights; its state is used whole or not at all."""

import copy

import pytest
import torch
from rm_tiny import CharTokenizer, planted_snapshot, settings, tiny_classifier

from training.errors import StageRefusal
from training.reward_model.config import LoraKeys
from training.reward_model.data import build_trees
from training.reward_model.examples import examples_of_split
from training.reward_model.model import prepare_training
from training.reward_model.optimizer import MasterAdamW
from training.reward_model.prompt import PromptEncoder
from training.reward_model.ranks import Ranks
from training.reward_model.state import STATE, Saved
from training.reward_model.train import make_deterministic, train

ENCODER = PromptEncoder(CharTokenizer())
SNAPSHOT = planted_snapshot(8)
# Two epochs of twelve trees each, dealt anew: six steps, with an odd one at the end of either epoch.
SHAPE = {
    "epochs": 2,
    "trees_per_step": 5,
    "responses_per_tree": 2,
    "validation_every": 2,
    "save_every": 1,
    "init_head_zero": True,
}
LORA = LoraKeys(rank=2, alpha=4.0, targets=("q_proj", "v_proj"))


class Killed(Exception):
    """Stands for kill -9."""


class Deadly(Saved):
    """Ends the process, so to speak, before or after its n-th save."""

    def __init__(self, folder, *, before=None, after=None):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, key="k")
        self.before, self.after, self.saves = before, after, 0

    def save(self, name, content, **options):
        self.saves += 1
        if self.saves == self.before:
            raise Killed
        super().save(name, content, **options)
        if self.saves == self.after:
            raise Killed


def go(folder, *, before=None, after=None, curves=None, ranks=None, **changes):
    """Everything anew, as in a new process, and on from what lies in the folder."""
    config = settings(**{**SHAPE, **changes})
    make_deterministic(config.seed, config.threads)
    base = tiny_classifier("qwen3", layers=2)
    if config.precision == "bfloat16":
        for parameter in base.model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
    model = prepare_training(base, config)
    validation, _ = build_trees(
        examples_of_split(SNAPSHOT, "validation", assumed=False), ENCODER, responses_per_tree=4, max_length=256, rng=None
    )
    run = train(
        model,
        train_set=examples_of_split(SNAPSHOT, "rm_train", assumed=True),
        validation=validation,
        encoder=ENCODER,
        config=config,
        ranks=ranks or Ranks(),
        saved=Deadly(folder, before=before, after=after),
        curves=curves,
    )
    return run, Ranks().weights(model)


def same(one, other):
    first, second = ({**run.content(), "best": None} for run, _ in (one, other))
    weights = [(one[0].best, other[0].best), (one[1], other[1])]
    equal = all(torch.equal(a[name], b[name]) for a, b in weights for name in a)
    return first == second and equal and all(a.keys() == b.keys() for a, b in weights)


@pytest.mark.parametrize(
    "changes", [{}, {"lora": LORA, "validation_every": 1}, {"precision": "bfloat16", "freeze_embeddings": False}]
)
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(tmp_path, capsys, changes):
    whole = go(tmp_path, **changes)
    (tmp_path / STATE).unlink()
    steps = whole[0].steps
    assert (steps, whole[0].epoch) == (6, 1)
    for step in range(1, steps):
        folder = tmp_path / str(step)
        with pytest.raises(Killed):
            go(folder, after=step, **changes)
        capsys.readouterr()
        assert same(go(folder, **changes), whole), f"stopped after step {step}"
        assert f"goes on from step {step} of {steps}\n" in capsys.readouterr().err


def test_stopped_after_every_step_it_gets_there_too(tmp_path):
    whole = go(tmp_path / "whole")
    for _ in range(whole[0].steps - 1):
        with pytest.raises(Killed):
            go(tmp_path / "parts", after=1)
    assert same(go(tmp_path / "parts"), whole)


def test_early_stopping_counts_on(tmp_path):
    changes = {"epochs": 20, "learning_rate": 0.3, "head_learning_rate": 0.3, "validation_every": 1, "patience": 2}
    whole = go(tmp_path / "whole", **changes)
    assert whole[0].stopped_early and whole[0].steps == whole[0].best_step + 2
    with pytest.raises(Killed):
        # After the first validation without gain: one more and it stops.
        go(tmp_path / "parts", after=whole[0].steps - 1, **changes)
    assert same(go(tmp_path / "parts", **changes), whole)


def test_steps_between_two_saves_are_done_again(tmp_path):
    whole = go(tmp_path / "whole", save_every=2)
    with pytest.raises(Killed):
        go(tmp_path / "parts", save_every=2, before=2)
    assert Saved(tmp_path / "parts", key="k").load(STATE)["run"]["steps"] == 2
    assert same(go(tmp_path / "parts", save_every=2), whole)


def test_a_step_that_fails_saves_nothing(tmp_path, monkeypatch):
    calls = []
    update = MasterAdamW.step

    def step(optimizer, share):
        calls.append(share)
        return float("inf") if len(calls) == 3 else update(optimizer, share)

    monkeypatch.setattr(MasterAdamW, "step", step)
    with pytest.raises(StageRefusal, match="gradient norm is inf in step 3"):
        go(tmp_path)
    assert Saved(tmp_path, key="k").load(STATE)["run"]["steps"] == 2


def test_curves_go_on_without_double_points(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = tmp_path / "curves"
    with pytest.raises(Killed):
        # Step 4 is shown and not yet saved: steps 3 and 4 come again.
        go(tmp_path, before=2, save_every=2, curves=curves)
    run, _ = go(tmp_path, save_every=2, curves=curves)
    (tmp_path / STATE).unlink()
    anew, _ = go(tmp_path, save_every=2, curves=curves)
    events = EventAccumulator(str(curves), size_guidance={"scalars": 0}).Reload()
    assert len(list(curves.iterdir())) == 3
    loss = events.Scalars("train/loss")
    assert [event.step for event in loss] == list(range(1, run.steps + 1))
    assert [event.value for event in loss] == pytest.approx([row["train_loss"] for row in anew.curve])
    validated = [row for row in anew.curve if "validation_loss" in row]
    assert [event.step for event in events.Scalars("validation_accuracy/main")] == [row["step"] for row in validated]
    assert [event.value for event in events.Scalars("validation_pairwise_loss/veto")] == pytest.approx(
        [row["validation_pairwise_loss_veto"] for row in validated]
    )
    wanted = {"pairwise_loss", "pointwise_loss", "learning_rate", "gradient_norm", "tokens_per_second"}
    assert {f"train/{name}" for name in wanted} <= set(events.Tags()["scalars"])


CONTENT = {"run": {"steps": 3, "curve": [{"loss": 0.1, "none": None}]}, "weights": {"w": torch.arange(500.0)}}


def test_a_state_comes_back_as_it_was(tmp_path):
    Saved(tmp_path, key="k").save(STATE, CONTENT)
    found = Saved(tmp_path, key="k").load(STATE)
    assert found["run"] == CONTENT["run"] and torch.equal(found["weights"]["w"], CONTENT["weights"]["w"])
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_nothing_saved_is_nothing_said(tmp_path, capsys):
    assert Saved(tmp_path, key="k").load(STATE) is None
    assert capsys.readouterr().err == ""


def test_a_state_of_other_work_is_not_used(tmp_path, capsys):
    Saved(tmp_path, key="other").save(STATE, CONTENT)
    assert Saved(tmp_path, key="k").load(STATE) is None
    assert capsys.readouterr().err.endswith("(it belongs to another config or other inputs); starting anew\n")


def damages():
    """A state file cut off anywhere, or with a byte changed anywhere."""
    yield from (("cut", share) for share in (0.0, 0.001, 0.3, 0.6, 0.9, 0.999))
    yield from (("flip", share) for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9))


@pytest.mark.parametrize(("kind", "share"), damages())
def test_a_damaged_state_is_named_in_one_line_and_not_used(tmp_path, capsys, kind, share):
    Saved(tmp_path, key="k").save(STATE, CONTENT)
    path = tmp_path / STATE
    whole = path.read_bytes()
    place = int(len(whole) * share)
    path.write_bytes(whole[:place] if kind == "cut" else whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    found = Saved(tmp_path, key="k").load(STATE)
    said = capsys.readouterr().err
    if found is None:
        assert said.startswith(f"    {path}: not used (") and said.endswith("); starting anew\n") and said.count("\n") == 1
    else:
        # A byte of padding between the entries: nothing of the content is touched.
        assert kind == "flip" and torch.equal(found["weights"]["w"], CONTENT["weights"]["w"]) and said == ""


def test_code_in_a_state_is_not_run(tmp_path, capsys):
    torch.save({"key": "k", "content": print}, tmp_path / STATE)
    assert Saved(tmp_path, key="k").load(STATE) is None
    assert "not used (" in capsys.readouterr().err


def test_a_torn_write_leaves_the_state_before_it(tmp_path, monkeypatch):
    saved = Saved(tmp_path, key="k")
    saved.save(STATE, CONTENT)
    write = torch.save

    def torn(content, handle):
        write(content, handle)
        handle.truncate(100)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(StageRefusal, match="cannot be written .*No space left on device.*; free space there and run again"):
        saved.save(STATE, copy.deepcopy(CONTENT) | {"run": {"steps": 4}})
    assert saved.load(STATE)["run"]["steps"] == 3


class Part(Ranks):
    """One of two processes that hold a part of the weights each, as far as saving goes."""

    sharded = True
    world = 2
    others_step: int | None = None

    def agree(self, value):
        return self.others_step in (None, value)


def test_parts_are_saved_apart_and_gone_on_from_only_if_they_are_of_one_step(tmp_path, capsys):
    with pytest.raises(Killed):
        go(tmp_path, after=2, ranks=Part())
    assert [path.name for path in tmp_path.iterdir()] == ["state-0-of-2.pt"]
    other = Part()
    other.others_step = 1
    with pytest.raises(Killed):
        go(tmp_path, after=1, ranks=other)
    assert "the parts of the saved state are of different steps; starting anew\n" in capsys.readouterr().err
    go(tmp_path, ranks=Part())
    assert "goes on from step 1 of 6" in capsys.readouterr().err


def test_a_part_takes_its_name_only_when_all_parts_are_written(tmp_path):
    saved = Saved(tmp_path, key="k")
    saved.save(STATE, CONTENT)
    later = {"run": {"steps": 4}}
    found = []
    saved.save(STATE, later, before_it_counts=lambda: found.append(saved.load(STATE)["run"]["steps"]))
    assert found == [3] and saved.load(STATE) == later


def test_what_fails_before_a_part_counts_is_not_the_disks_fault(tmp_path):
    saved = Saved(tmp_path, key="k")
    saved.save(STATE, CONTENT)

    def wait_for_the_others():
        raise RuntimeError("Connection closed by peer")

    with pytest.raises(RuntimeError, match="^Connection closed by peer$"):
        saved.save(STATE, {"run": {"steps": 4}}, before_it_counts=wait_for_the_others)
    assert saved.load(STATE)["run"] == CONTENT["run"]
