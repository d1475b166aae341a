"""The scorer: plain scores, fail-closed cases, and trees split by the token budget."""

import pytest
import torch
from rm_tiny import CharTokenizer, tiny_classifier

from training.records import Criterion
from training.reward_model.calibration import Calibration, TierCalibration, sigmoid
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import NO_SCORE, RewardScorer, ScoreItem

ENCODER = PromptEncoder(CharTokenizer())
CRITERIA = (
    Criterion(criterion_id="a", tier="main", text="says so", weight=1.0),
    Criterion(criterion_id="b", tier="veto", text="no dose"),
)


def calibration():
    def tier(slope, threshold):
        shown = {"pooled": False, "identified": True, "informative": True, "n_met": 9, "n_unmet": 9, "ece": 0.0}
        return TierCalibration(slope=slope, intercept=0.25, threshold=threshold, **shown)

    tiers = {"main": tier(0.5, 0.5), "bonus": tier(1.0, 0.5), "veto": tier(2.0, 0.999999)}
    return Calibration(tiers=tiers, threshold_rule="half")


def scorer(model, *, max_length=256, tokens=4096):
    return RewardScorer(model, ENCODER, calibration(), max_length=max_length, tokens=tokens)


ITEMS = [
    ScoreItem("Is it safe?", ("Yes it is.", "No.", "Ask first."), CRITERIA),
    ScoreItem("When?", ("Now.",), CRITERIA[:1]),
]


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma3_text"])
@pytest.mark.parametrize("tokens", [4096, 120])
def test_scores_are_those_of_a_plain_classifier(family, tokens):
    model = tiny_classifier(family)
    found = scorer(model, tokens=tokens).score(ITEMS)
    for item, rows in zip(ITEMS, found, strict=True):
        for response, row in zip(item.responses, rows, strict=True):
            for criterion, score in zip(item.criteria, row, strict=True):
                ids = ENCODER.plain_ids(item.instruction, response, criterion)
                plain = float(model(input_ids=torch.tensor([ids])).logits[0, 0])
                assert score.logit == pytest.approx(plain, abs=1e-4)
                slope = 0.5 if criterion.tier == "main" else 2.0
                assert score.p_met == pytest.approx(sigmoid(slope * plain + 0.25), abs=1e-4)
                threshold = 0.5 if criterion.tier == "main" else 0.999999
                assert score.verdict == ("met" if score.p_met >= threshold else "unmet")


def test_empty_and_too_long_responses_are_unknown():
    item = ScoreItem("Is it?", ("", "  \n", "y" * 300, "Yes."), CRITERIA)
    scores = scorer(tiny_classifier("qwen3")).score([item])[0]
    assert scores[:3] == [[NO_SCORE, NO_SCORE]] * 3
    assert NO_SCORE.verdict == "unknown" and all(s.verdict != "unknown" for s in scores[3])


def test_only_the_criterion_that_does_not_fit_is_unknown():
    short, long = ENCODER.plain_ids("Is it?", "Yes.", CRITERIA[0]), Criterion(criterion_id="l", tier="main", text="w" * 50)
    item = ScoreItem("Is it?", ("Yes.",), (long, CRITERIA[0]))
    first, second = scorer(tiny_classifier("qwen3"), max_length=len(short)).score([item])[0][0]
    assert first == NO_SCORE and second.logit is not None


def test_a_score_that_is_no_number_is_unknown():
    model = tiny_classifier("qwen3")
    model.score.weight.data.fill_(float("nan"))
    assert scorer(model).score(ITEMS)[1] == [[NO_SCORE]]
