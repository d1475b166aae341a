import random
from dataclasses import replace

import pytest
from rm_tiny import CharTokenizer, planted_snapshot

from training.errors import StageRefusal
from training.reward_model.data import build_trees, deal, examples_of_split
from training.reward_model.prompt import PromptEncoder

ENCODER = PromptEncoder(CharTokenizer())


def trees_of(snapshot, split="rm_train", **changes):
    options = {"responses_per_tree": 4, "max_length": 256, "rng": None, **changes}
    return build_trees(examples_of_split(snapshot, split, assumed=options.pop("assumed", True)), ENCODER, **options)


def test_every_preference_and_every_verdict_of_the_split_is_used():
    snapshot = planted_snapshot(12)
    trees, too_long = trees_of(snapshot)
    wanted = {(p.criterion_id, p.better_id, p.worse_id) for p in snapshot.criterion_preferences if p.split == "rm_train"}
    found = {
        (t.leaves[p.better].criterion_id, t.leaves[p.better].response_id, t.leaves[p.worse].response_id)
        for t in trees
        for p in t.pairs
    }
    assert wanted and found == wanted
    assert sum(len(t.leaves) for t in trees) == 9 * 3 * 3
    assert too_long == 0


def test_labels_stand_at_the_leaf_they_belong_to():
    snapshot = planted_snapshot(4)
    for tree in trees_of(snapshot)[0]:
        for leaf, at in zip(tree.leaves, tree.packed.read_at, strict=True):
            letter = snapshot.criteria[leaf.criterion_id].text[-1]
            assert leaf.met == (letter in snapshot.responses[leaf.response_id].text)
            piece = [
                tree.packed.input_ids[i] for i in range(len(tree.packed)) if tree.packed.leaf[i] == tree.leaves.index(leaf)
            ]
            assert piece == ENCODER.criterion(snapshot.criteria[leaf.criterion_id])
            assert tree.packed.leaf[at] == tree.leaves.index(leaf)


def test_unknown_verdicts_are_no_leaves():
    snapshot = planted_snapshot(4)
    hidden = snapshot.verdicts[-1]
    verdicts = (*snapshot.verdicts[:-1], replace(hidden, verdict="unknown"))
    preferences = tuple(
        p
        for p in snapshot.criterion_preferences
        if not (p.criterion_id == hidden.criterion_id and hidden.response_id in (p.better_id, p.worse_id))
    )
    trees, _ = trees_of(replace(snapshot, verdicts=verdicts, criterion_preferences=preferences))
    keys = {(leaf.response_id, leaf.criterion_id) for t in trees for leaf in t.leaves}
    assert len(keys) == 3 * 9 - 1 and (hidden.response_id, hidden.criterion_id) not in keys


def test_assumed_verdicts_train_but_never_validate():
    snapshot = planted_snapshot(4)
    assumed = replace(snapshot, verdicts=tuple(replace(v, judge_kind="assumed") for v in snapshot.verdicts))
    assert trees_of(assumed, assumed=True)[0]
    assert trees_of(assumed, "validation", assumed=False)[0] == []


def test_a_preference_without_its_verdict_is_refused():
    snapshot = planted_snapshot(4)
    first = snapshot.criterion_preferences[0]
    swapped = replace(first, better_id=first.worse_id, worse_id=first.better_id)
    broken = replace(snapshot, criterion_preferences=(swapped,))
    with pytest.raises(StageRefusal, match="does not follow"):
        examples_of_split(broken, first.split, assumed=True)


def test_long_branches_are_left_out_and_counted():
    trees, too_long = trees_of(planted_snapshot(4), max_length=20)
    assert trees == [] and too_long == 27


def test_dealing_covers_everything_within_the_size():
    groups = deal(10, 4, random.Random(0))
    assert sorted(i for g in groups for i in g) == list(range(10)) and max(map(len, groups)) <= 4
