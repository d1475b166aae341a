"""Lines of the output: S1, S2, S3 by hand, and that nothing unknown or not identified becomes a verdict or a number."""

from collections import Counter

import pytest

from training.records import Criterion
from training.reward_model.scoring import CriterionScore, no_score
from training.scoring.lines import ScoreLine
from training.scoring.results import FLAT, NOT_IDENTIFIED, REASONS, ModelFacts, result_line

MET = CriterionScore(logit=1.5, p_met=0.9, verdict="met")
UNMET = CriterionScore(logit=-1.5, p_met=0.2, verdict="unmet")
TIERS = ("main", "main", "bonus", "veto", "veto")
WEIGHTS = (0.75, 0.25, None, None, None)
ALL = ModelFacts(name="reward_model@0f", judged=frozenset(("main", "bonus", "veto")), flat=(), scalar=False)


def line(*, weighted=True, named=False):
    criteria = tuple(
        Criterion(criterion_id=str(n), tier=tier, text="t", weight=weight if weighted else None)
        for n, (tier, weight) in enumerate(zip(TIERS, WEIGHTS, strict=True), 1)
    )
    return ScoreLine(instruction="q", responses=("a",), criteria=criteria, named=named, weighted=weighted, carried={"id": 7})


def scored(row, facts=ALL, **shape):
    result = result_line(line(**shape), [row], facts, Counter())
    return result, result["scores"][0]


def sums(found):
    return found["s1"], found["s2"], found["s3"], found["overall"]


def test_scores_follow_from_verdicts():
    result, found = scored([MET, UNMET, MET, MET, MET])
    # Overall: clip(0.75 + 0.1·1, 0, 1.3) / 1.3, no violation.
    assert sums(found) == (0.75, 1, 0, pytest.approx(0.85 / 1.3))
    assert list(result) == ["id", "reward_model", "scores"] and result["reward_model"] == "reward_model@0f"
    assert found["criteria"][1] == {"tier": "main", "logit": -1.5, "p_met": 0.2, "verdict": "unmet"}
    assert sums(scored([MET, MET, MET, UNMET, MET])[1]) == (1.0, 1, 1, 0.0)


def test_an_unknown_veto_leaves_no_overall_score():
    _, found = scored([MET, MET, MET, no_score("too_long"), UNMET])
    assert sums(found) == (1.0, 1, None, None)
    assert found["criteria"][3] == {"tier": "veto", "logit": None, "p_met": None, "verdict": "unknown", "reason": "too_long"}


def test_an_unknown_main_or_bonus_criterion_leaves_its_score_open():
    assert sums(scored([no_score("not_finite"), MET, MET, MET, MET])[1]) == (None, 1, 0, None)
    assert sums(scored([MET, MET, no_score("not_finite"), MET, MET])[1]) == (1.0, None, 0, None)


def test_without_weights_there_is_no_s1_and_criteria_stand():
    _, found = scored([MET, UNMET, MET, MET, UNMET], weighted=False)
    assert sums(found) == (None, 1, 1, None)
    assert [c["verdict"] for c in found["criteria"]] == ["met", "unmet", "met", "met", "unmet"]


def test_a_tier_that_is_not_identified_has_logits_and_no_verdict():
    facts = ModelFacts(name="m@1", judged=frozenset(("main", "bonus")), flat=(), scalar=False)
    _, found = scored([MET, MET, MET, UNMET, no_score("empty")], facts)
    assert found["criteria"][3] == {
        "tier": "veto",
        "logit": -1.5,
        "p_met": None,
        "verdict": "unknown",
        "reason": NOT_IDENTIFIED,
    }
    # What could not be read at all says so first.
    assert found["criteria"][4]["reason"] == "empty"
    assert sums(found) == (1.0, 1, None, None)
    assert facts.doubts() == [f"veto: verdicts are unknown ({REASONS[NOT_IDENTIFIED]}); logits order answers"]


def test_a_scalar_models_number_stands_without_verdict():
    number = CriterionScore(logit=0.5, p_met=None, verdict="unknown", reason="no_criterion")
    facts = ModelFacts(name="m@1", judged=frozenset(), flat=(), scalar=True)
    _, found = scored([number] * 5, facts)
    assert {(c["logit"], c["verdict"], c["reason"]) for c in found["criteria"]} == {(0.5, "unknown", "no_criterion")}
    assert sums(found) == (None, None, None, None) and "reads no criterion" in facts.doubts()[0]


def test_a_flat_tier_has_logits_and_no_verdict_so_that_no_violation_is_called_none():
    facts = ModelFacts(name="m@1", judged=frozenset(("main", "bonus", "veto")), flat=("veto",), scalar=False)
    _, found = scored([MET, MET, MET, MET, no_score("too_long")], facts)
    assert [(c["verdict"], c.get("reason"), c["p_met"]) for c in found["criteria"][3:]] == [
        ("unknown", FLAT, None),
        ("unknown", "too_long", None),
    ]
    assert found["criteria"][3]["logit"] == MET.logit
    assert sums(found) == (1.0, 1, None, None)


def test_a_flat_tier_is_named_once_and_only_if_it_is_judged():
    facts = ModelFacts(name="m@1", judged=frozenset(("main", "bonus")), flat=("bonus", "veto"), scalar=False)
    assert facts.doubts()[1:] == [f"bonus: verdicts are unknown ({REASONS[FLAT]})"]


def test_reasons_are_counted_and_each_has_words():
    unknown = Counter()
    result_line(line(), [[MET, no_score("empty"), no_score("empty"), MET, no_score("too_long")]], ALL, unknown)
    assert unknown == {"empty": 2, "too_long": 1} and set(unknown) <= set(REASONS)


def test_ids_of_criteria_come_back_if_they_were_given():
    assert scored([MET] * 5, named=True)[1]["criteria"][4]["criterion_id"] == "5"
    assert "criterion_id" not in scored([MET] * 5)[1]["criteria"][4]
