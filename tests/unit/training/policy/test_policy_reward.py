"""The reward from criterion scores, by hand.

Rubric: main a (0.75) and b (0.25), bonus c, veto d. alpha = 0.1, beta = 0.3, lambda = 1.5.
"""

import pytest

from training.errors import StageRefusal
from training.policy.reward import (
    HierarchicalReward,
    batch_figures,
    criterion_figures,
    is_flat,
    order_disagreement,
    score_completion,
)
from training.records import Criterion, Instruction, Rubric
from training.reward_model.scoring import CriterionScore, no_score
from training.rubric_score import RewardWeights, RubricError

RUBRIC = (
    Criterion(criterion_id="a", tier="main", text="A", weight=0.75),
    Criterion(criterion_id="b", tier="main", text="B", weight=0.25),
    Criterion(criterion_id="c", tier="bonus", text="C"),
    Criterion(criterion_id="d", tier="veto", text="D"),
)
WEIGHTS = RewardWeights(alpha=0.1, beta=0.3, lam=1.5)
P_MET = {"met": 0.9, "unmet": 0.2, "unknown": None}


def said(verdict):
    if verdict == "unknown":
        return no_score("empty")
    return CriterionScore(logit=0.0, p_met=P_MET[verdict], verdict=verdict)


END = 1


def ids(*texts, cut=()):
    """Tokens of completions, the end token last but for those at the places in `cut`."""
    return [[7, 8] if place in cut else [7, END] for place in range(len(texts))]


def completion(marks, text="An answer."):
    """One letter per criterion of RUBRIC: + met, - unmet, ? unknown."""
    verdicts = [{"+": "met", "-": "unmet", "?": "unknown"}[mark] for mark in marks]
    return score_completion(text, RUBRIC, [said(v) for v in verdicts], WEIGHTS)


class FakeScorer:
    """Says about a response what its own text says, in the letters of `completion`; empty is unknown."""

    def __init__(self):
        self.items = []

    def score(self, items):
        self.items.append(list(items))
        return [
            [[said({"+": "met", "-": "unmet", "?": "unknown"}[mark]) for mark in (text or "????")] for text in item.responses]
            for item in items
        ]


def reward_of(scorer, *, max_unknown_share=0.5, size=2, score_cut=True, read=str.strip):
    return HierarchicalReward(
        scorer,
        instructions={
            key: Instruction(
                instruction_id=key,
                text=f"text {key}",
                source="s",
                category=None,
                specialty=None,
                cluster_id=key,
                split="policy_train",
            )
            for key in ("i", "j")
        },
        rubrics={key: Rubric(instruction_id=key, rubric_version="v", criteria=RUBRIC) for key in ("i", "j")},
        weights=WEIGHTS,
        num_generations=size,
        max_unknown_share=max_unknown_share,
        read=read,
        end_tokens=[END],
        score_cut=score_cut,
    )


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("++++", 1.1),  # 1 + 0.1
        ("+--+", 0.75),
        ("-+++", 0.35),  # 0.25 + 0.1
        ("+++-", -0.4),  # 1.1 - 1.5
        ("----", -1.5),
        ("+++?", None),
        ("?+++", None),
        ("++?+", None),
    ],
)
def test_reward_of_one_completion(marks, expected):
    reward = completion(marks).reward
    assert reward is None if expected is None else reward == pytest.approx(expected)


def test_wrong_rubrics_and_missing_scores_are_no_reward_of_zero():
    with pytest.raises(ValueError):
        score_completion("x", RUBRIC, [said("met")] * 3, WEIGHTS)
    broken = (Criterion(criterion_id="a", tier="main", text="A", weight=0.5),)
    with pytest.raises(RubricError):
        score_completion("x", broken, [said("met")], WEIGHTS)


def test_rewards_come_in_the_order_of_completions_and_the_model_is_asked_once():
    scorer = FakeScorer()
    reward = reward_of(scorer)
    answers = ["++++", "+--+ ", "+++?", "----"]
    values = reward(completions=answers, completion_ids=ids(*answers), instruction_id=["i", "i", "j", "j"], prompts=["p"] * 4)
    assert values[2] is None
    assert [values[0], values[1], values[3]] == pytest.approx([1.1, 0.75, -1.5])
    [items] = scorer.items
    assert [(item.instruction, item.responses) for item in items] == [
        ("text i", ("++++", "+--+")),
        ("text j", ("+++?", "----")),
    ]
    assert reward.figures["unknown_share"] == 0.25
    assert [row["criterion_id"] for row in reward.criteria] == ["a", "b", "c", "d"]


def test_a_batch_with_too_many_unknowns_stops_training_and_names_the_share():
    answers = ["++++", "", "++++", "++++"]
    keys = ["i", "i", "j", "j"]
    with pytest.raises(StageRefusal, match=r"25\.0% of a batch has no reward .* more than the 20\.0%"):
        reward_of(FakeScorer(), max_unknown_share=0.2)(completions=answers, completion_ids=ids(*answers), instruction_id=keys)
    # The second answer is blank, the third was cut, the fourth has one unknown verdict.
    mixed = ["++++", "", "++++", "+++?"]
    with pytest.raises(StageRefusal) as caught:
        reward_of(FakeScorer(), score_cut=False)(
            completions=mixed, completion_ids=ids(*mixed, cut=[2]), instruction_id=["i", "i", "j", "j"]
        )
    assert str(caught.value) == (
        "policy: 75.0% of a batch has no reward (unknown verdicts: empty 5, cut 4), more than the 50.0% of max_unknown_share"
    )
    # The limit itself is allowed.
    reward = reward_of(FakeScorer(), max_unknown_share=0.25)
    assert reward(completions=answers, completion_ids=ids(*answers), instruction_id=keys)[1] is None


def test_a_cut_completion_is_unknown_or_scored_as_the_config_says():
    answers, keys = ["++++", "----", "++++", "++++"], ["i", "i", "j", "j"]
    tokens = ids(*answers, cut=[1])
    scorer = FakeScorer()
    unknown = reward_of(scorer, score_cut=False)
    values = unknown(completions=answers, completion_ids=tokens, instruction_id=keys)
    assert (values[0], values[1]) == (pytest.approx(1.1), None)
    assert (unknown.figures["cut_rate"], unknown.figures["unknown_share"]) == (0.25, 0.25)
    # It costs no scoring, and it is not counted as empty.
    assert scorer.items[0][0].responses == ("++++", "")
    assert unknown.figures["empty_rate"] == 0.0

    scored = reward_of(FakeScorer(), score_cut=True)
    assert scored(completions=answers, completion_ids=tokens, instruction_id=keys)[1] == pytest.approx(-1.5)
    assert (scored.figures["cut_rate"], scored.figures["unknown_share"]) == (0.25, 0.0)
    with pytest.raises(StageRefusal, match=r"25\.0% of a batch has no reward"):
        strict = reward_of(FakeScorer(), score_cut=False, max_unknown_share=0.05)
        strict(completions=answers, completion_ids=tokens, instruction_id=keys)


def test_an_answer_that_ends_before_the_limit_cuts_what_follows_is_whole():
    answers = ["++++\nQuestion: and", "++++\nQuestion: or"]
    reward = reward_of(FakeScorer(), score_cut=False, read=lambda text: text.partition("\nQuestion:")[0])
    assert (
        reward(completions=answers, completion_ids=ids(*answers, cut=[0, 1]), instruction_id=["i", "i"])
        == [pytest.approx(1.1)] * 2
    )
    assert reward.figures["cut_rate"] == 0.0


def test_errors_of_the_scorer_pass_through():
    class Broken:
        def score(self, items):
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        reward_of(Broken())(completions=["a", "b"], completion_ids=ids("a", "b"), instruction_id=["i", "i"])


def test_too_few_scores_and_mixed_groups_are_errors():
    class Short(FakeScorer):
        def score(self, items):
            return [rows[:1] for rows in super().score(items)]

    with pytest.raises(ValueError):
        reward_of(Short())(completions=["++++", "++++"], completion_ids=ids("a", "b"), instruction_id=["i", "i"])
    with pytest.raises(ValueError, match="more than one instruction"):
        reward_of(FakeScorer())(completions=["++++", "++++"], completion_ids=ids("a", "b"), instruction_id=["i", "j"])


def test_flat_groups():
    assert is_flat([None, None])
    assert is_flat([0.3, None])
    assert is_flat([0.1 + 0.2, 0.3])
    assert not is_flat([0.3, None, 0.4])


def test_disagreement_with_the_lexicographic_order():
    # Main weights 0.95 / 0.05 and two bonus criteria worth 0.1 each: S2 outweighs the S1 lead of 0.05.
    rubric = (
        Criterion(criterion_id="a", tier="main", text="A", weight=0.95),
        Criterion(criterion_id="b", tier="main", text="B", weight=0.05),
        Criterion(criterion_id="c", tier="bonus", text="C"),
    )

    def row(*verdicts):
        return score_completion("x", rubric, [said(v) for v in verdicts], WEIGHTS)

    high_s1, high_s2, unknown = row("met", "met", "unmet"), row("met", "unmet", "met"), row("met", "met", "unknown")
    assert (high_s1.reward, high_s2.reward) == pytest.approx((1.0, 1.05))
    assert order_disagreement([high_s1, high_s2]) == (1, 1)
    # Equal scores decide nothing, an unknown bonus neither.
    assert order_disagreement([high_s1, high_s1, unknown]) == (0, 0)
    low = row("unmet", "met", "met")
    # (high_s1, high_s2) disagrees; both beat `low` in both orders.
    assert order_disagreement([high_s1, high_s2, low]) == (1, 3)


def test_clip_levels_what_the_lexicographic_order_tells_apart():
    rubric = (
        Criterion(criterion_id="a", tier="main", text="A", weight=1.0),
        *(Criterion(criterion_id=f"b{i}", tier="bonus", text="B") for i in range(4)),
    )
    four = score_completion("x", rubric, [said("met")] * 5, WEIGHTS)
    three = score_completion("x", rubric, [said("met")] * 4 + [said("unmet")], WEIGHTS)
    assert four.reward == three.reward == pytest.approx(1.3)
    assert order_disagreement([four, three]) == (1, 1)


def test_figures_of_a_batch():
    groups = [
        [completion("++++"), completion("+--+", "I'm sorry, but I can't help with that.")],
        [completion("+++-"), completion("+++?", "")],
    ]
    figures = batch_figures(groups)
    assert figures["completions"] == 4
    assert figures["reward"] == pytest.approx((1.1 + 0.75 - 0.4) / 3)
    assert figures["s1"] == pytest.approx((1 + 0.75 + 1 + 1) / 4)
    assert figures["s2"] == pytest.approx(3 / 4)
    assert figures["s3"] == pytest.approx(1 / 3)
    assert figures["veto_rate"] == pytest.approx(1 / 3)
    assert figures["refusal_rate"] == figures["empty_rate"] == figures["unknown_share"] == 0.25
    # The second group has one known reward only.
    assert (figures["groups"], figures["flat_groups"]) == (2, 1)
    assert (figures["order_disagreement"], figures["order_decided_pairs"]) == (0.0, 1)
    assert figures["met_main"] == pytest.approx(7 / 8)
    assert figures["met_veto"] == pytest.approx(2 / 3)
    assert figures["p_met_veto"] == pytest.approx((0.9 + 0.9 + 0.2) / 3)
    assert figures["p_met_bonus"] == pytest.approx((0.9 * 3 + 0.2) / 4)


def test_figures_that_rest_on_nothing_are_none():
    figures = batch_figures([[completion("????")]])
    assert figures["reward"] is figures["s1"] is figures["s3"] is figures["veto_rate"] is figures["order_disagreement"] is None
    assert figures["unknown_share"] == 1.0


def test_figures_of_criteria():
    rows = criterion_figures([[completion("++++"), completion("+-?+")]])
    assert rows[1] == {"criterion_id": "b", "tier": "main", "met": 1, "unmet": 1, "unknown": 0, "p_met": pytest.approx(0.55)}
    assert (rows[2]["met"], rows[2]["unknown"], rows[2]["p_met"]) == (1, 1, 0.9)
