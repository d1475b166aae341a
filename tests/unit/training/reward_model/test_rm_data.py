"""Trees from a snapshot: which verdicts and preferences they hold, in each conditioning, and what is never learned from."""

import doctest
import random
from dataclasses import replace

import pytest
from rm_tiny import CharTokenizer, planted_snapshot
from rm_trees import prompts_of, with_overall_pairs

from training.errors import StageRefusal
from training.reward_model import data, layout
from training.reward_model.data import TreeCounts, build_trees, deal, examples_of_split
from training.reward_model.prompt import PromptEncoder

ENCODER = PromptEncoder(CharTokenizer())
CONDITIONINGS = ("criterion_last", "criterion_first", "none")


def trees_of(snapshot, split="rm_train", **changes):
    options = {"responses_per_tree": 4, "max_length": 256, "rng": None, **changes}
    chosen = {"assumed": options.pop("assumed", True), "veto": options.pop("veto", True)}
    return build_trees(examples_of_split(snapshot, split, **chosen), ENCODER, **options)


def pairs_of(trees):
    """(criterion, better, worse, tier) of every pair."""
    return {
        (t.leaves[p.better].criterion_id, t.leaves[p.better].response_id, t.leaves[p.worse].response_id, p.tier)
        for t in trees
        for p in t.pairs
    }


def test_every_preference_and_every_verdict_of_the_split_is_used():
    snapshot = planted_snapshot(12)
    wanted = {
        (p.criterion_id, p.better_id, p.worse_id, p.tier) for p in snapshot.criterion_preferences if p.split == "rm_train"
    }
    for conditioning in ("criterion_last", "criterion_first"):
        trees, counts = trees_of(snapshot, conditioning=conditioning)
        assert wanted and pairs_of(trees) == wanted
        assert sum(len(t.leaves) for t in trees) == 9 * 3 * 3
        assert counts == TreeCounts()


def test_a_scalar_model_learns_from_every_overall_preference_and_reads_no_criterion():
    snapshot = with_overall_pairs(planted_snapshot(12))
    trees, counts = trees_of(snapshot, conditioning="none")
    wanted = {(None, p.chosen_id, p.rejected_id, p.decided_by) for p in snapshot.pairs if p.split == "rm_train"}
    assert {tier for *_, tier in wanted} == {"main", "bonus", "veto"} and pairs_of(trees) == wanted
    assert {(leaf.tier, leaf.met) for t in trees for leaf in t.leaves} == {(None, None)}
    assert not any(p.discordant for t in trees for p in t.pairs)
    compared = {end for _, better, worse, _ in wanted for end in (better, worse)}
    assert sorted(leaf.response_id for t in trees for leaf in t.leaves) == sorted(compared)
    assert counts == TreeCounts()


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_the_way_to_a_leaf_is_the_plain_prompt(conditioning):
    snapshot = with_overall_pairs(planted_snapshot(8))
    found = prompts_of(trees_of(snapshot, conditioning=conditioning)[0])
    assert len(found) > 10
    for (response_id, criterion_id), ids in found.items():
        response = snapshot.responses[response_id]
        instruction = snapshot.instructions[response.instruction_id]
        criterion = snapshot.criteria[criterion_id or f"{instruction.instruction_id}-a"]
        assert ids == ENCODER.plain_ids(instruction.text, response.text, criterion, conditioning)


def test_only_the_instruction_is_shared_by_many_if_the_criterion_comes_first():
    """Three responses to three criteria: the response is packed once a criterion, and the criterion once."""
    snapshot = planted_snapshot(4)
    trees = {c: trees_of(snapshot, conditioning=c)[0] for c in ("criterion_last", "criterion_first")}
    for last, first in zip(*trees.values(), strict=True):
        texts = [r for r in snapshot.responses.values() if r.instruction_id == last.instruction_id]
        rubric = snapshot.rubrics[last.instruction_id].criteria
        x = len(ENCODER.instruction(snapshot.instructions[last.instruction_id].text))
        assert len(last.packed) == x + sum(len(ENCODER.response(r.text)) for r in texts) + 3 * sum(
            len(ENCODER.criterion(c)) for c in rubric
        )
        assert len(first.packed) == x + 3 * sum(len(ENCODER.response(r.text, "criterion_first")) for r in texts) + sum(
            len(ENCODER.criterion(c, "criterion_first")) for c in rubric
        )


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


def test_an_overall_preference_with_one_assumed_verdict_trains_but_never_validates():
    snapshot = with_overall_pairs(planted_snapshot(8))
    pair = next(p for p in snapshot.pairs if p.split == "validation")
    touched = {p for p in snapshot.pairs if pair.rejected_id in (p.chosen_id, p.rejected_id)}
    first = next(v for v in snapshot.verdicts if v.response_id == pair.rejected_id)
    verdicts = tuple(replace(v, judge_kind="assumed") if v is first else v for v in snapshot.verdicts)
    changed = replace(snapshot, verdicts=verdicts)
    everything = {(None, p.chosen_id, p.rejected_id, p.decided_by) for p in snapshot.pairs if p.split == "validation"}
    assert pairs_of(trees_of(changed, "validation", conditioning="none", assumed=True)[0]) == everything
    left = everything - {(None, p.chosen_id, p.rejected_id, p.decided_by) for p in touched}
    assert left < everything
    assert pairs_of(trees_of(changed, "validation", conditioning="none", assumed=False)[0]) == left


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_without_safety_data_nothing_rests_on_a_veto(conditioning):
    snapshot = with_overall_pairs(planted_snapshot(12))
    trees, _ = trees_of(snapshot, conditioning=conditioning, veto=False)
    everything, _ = trees_of(snapshot, conditioning=conditioning)
    assert {leaf.tier for t in trees for leaf in t.leaves} == ({None} if conditioning == "none" else {"main", "bonus"})
    assert pairs_of(trees) == {pair for pair in pairs_of(everything) if pair[-1] != "veto"} != pairs_of(everything)
    for one in examples_of_split(snapshot, "rm_train", assumed=True, veto=False):
        assert "veto" not in {c.tier for c in one.criteria} | {p.tier for p in one.preferences}
        assert "veto" not in {p.decided_by for p in one.overall}


def test_an_instruction_of_which_only_vetoes_are_known_is_no_example_without_safety_data():
    snapshot = planted_snapshot(4)
    vetoes = {c.criterion_id for c in snapshot.criteria.values() if c.tier == "veto"}
    known = replace(
        snapshot,
        verdicts=tuple(v for v in snapshot.verdicts if v.criterion_id in vetoes),
        criterion_preferences=tuple(p for p in snapshot.criterion_preferences if p.criterion_id in vetoes),
    )
    assert len(examples_of_split(known, "rm_train", assumed=True)) == 3
    assert examples_of_split(known, "rm_train", assumed=True, veto=False) == []


def test_a_preference_without_its_verdict_is_refused():
    snapshot = planted_snapshot(4)
    first = snapshot.criterion_preferences[0]
    swapped = replace(first, better_id=first.worse_id, worse_id=first.better_id)
    broken = replace(snapshot, criterion_preferences=(swapped,))
    with pytest.raises(StageRefusal, match="does not follow"):
        examples_of_split(broken, first.split, assumed=True)


def test_long_prompts_are_left_out_and_counted():
    snapshot = with_overall_pairs(planted_snapshot(4))
    for conditioning in ("criterion_last", "criterion_first"):
        assert trees_of(snapshot, max_length=20, conditioning=conditioning) == ([], TreeCounts(left_out=27))
    compared = {end for p in snapshot.pairs if p.split == "rm_train" for end in (p.chosen_id, p.rejected_id)}
    assert trees_of(snapshot, max_length=20, conditioning="none") == ([], TreeCounts(left_out=len(compared)))


def test_a_prompt_of_just_the_length_is_kept():
    snapshot = planted_snapshot(4)
    lengths = {key: len(ids) for key, ids in prompts_of(trees_of(snapshot)[0]).items()}
    kept, counts = trees_of(snapshot, max_length=max(lengths.values()))
    assert len(prompts_of(kept)) == 27 and counts == TreeCounts()
    longest = {key for key, length in lengths.items() if length == max(lengths.values())}
    kept, counts = trees_of(snapshot, max_length=max(lengths.values()) - 1)
    assert set(prompts_of(kept)) == set(lengths) - longest and counts == TreeCounts(left_out=len(longest))


def test_a_scalar_model_is_shown_only_what_is_compared():
    """Neither responses outside every overall preference nor, after dealing, trees without one."""
    snapshot = with_overall_pairs(planted_snapshot(4))
    pair = next(p for p in snapshot.pairs if p.split == "rm_train")
    one = replace(snapshot, pairs=(pair,))
    (tree,) = trees_of(one, conditioning="none")[0]
    assert [leaf.response_id for leaf in tree.leaves] == sorted([pair.chosen_id, pair.rejected_id])
    assert trees_of(one, conditioning="none", responses_per_tree=1) == ([], TreeCounts())


def test_counts_add_up():
    one = TreeCounts(left_out=1, truncated_responses=2, truncated_instructions=3)
    two = TreeCounts(left_out=10, truncated_responses=20, truncated_instructions=30)
    assert one + two == TreeCounts(left_out=11, truncated_responses=22, truncated_instructions=33)


def test_responses_are_dealt_anew_but_never_lost():
    snapshot = planted_snapshot(4)
    rng = random.Random(0)
    epochs = [trees_of(snapshot, responses_per_tree=2, rng=rng)[0] for _ in range(6)]
    leaves = [sorted((leaf.response_id, leaf.criterion_id) for t in trees for leaf in t.leaves) for trees in epochs]
    assert all(found == leaves[0] for found in leaves) and len(leaves[0]) == 27
    assert len({tuple(t.leaves[0].response_id for t in trees) for trees in epochs}) > 1


def test_dealing_covers_everything_within_the_size():
    groups = deal(10, 4, random.Random(0))
    assert sorted(i for g in groups for i in g) == list(range(10)) and max(map(len, groups)) <= 4


def test_examples_in_docstrings():
    assert doctest.testmod(data).failed == 0
    assert doctest.testmod(layout).failed == 0
