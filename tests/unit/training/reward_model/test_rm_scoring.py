"""The scorer in each conditioning: plain scores, what must not change them, fail-closed cases, and reading an artifact."""

import doctest
import json
import random

import pytest
import torch
from rm_tiny import CharTokenizer, tiny_classifier
from safetensors.torch import load_file, save_file

from training.errors import StageRefusal
from training.records import Criterion
from training.reward_model import scoring
from training.reward_model.calibration import Calibration, TierCalibration, sigmoid
from training.reward_model.model import load_classifier
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import RewardScorer, ScoreItem, no_score

ENCODER = PromptEncoder(CharTokenizer())
CRITERIA = (
    Criterion(criterion_id="a", tier="main", text="says so", weight=1.0),
    Criterion(criterion_id="b", tier="veto", text="no dose"),
)
CONDITIONINGS = ("criterion_last", "criterion_first", "none")
READING = CONDITIONINGS[:2]


def calibration():
    def tier(slope, threshold):
        shown = {"pooled": False, "identified": True, "informative": True, "n_met": 9, "n_unmet": 9, "ece": 0.0}
        return TierCalibration(slope=slope, intercept=0.25, threshold=threshold, **shown)

    tiers = {"main": tier(0.5, 0.5), "bonus": tier(1.0, 0.5), "veto": tier(2.0, 0.999999)}
    return Calibration(tiers=tiers, threshold_rule="half")


@torch.no_grad()
def plain_logit(model, ids):
    return float(model(input_ids=torch.tensor([ids])).logits[0, 0])


def scorer(model, *, max_length=256, tokens=4096, conditioning="criterion_last"):
    return RewardScorer(model, ENCODER, calibration(), max_length=max_length, tokens=tokens, conditioning=conditioning)


ITEMS = [
    ScoreItem("Is it safe?", ("Yes it is.", "No.", "Ask first.", "Yes it is."), CRITERIA),
    ScoreItem("When?", ("Now.",), CRITERIA[:1]),
    ScoreItem("How long does it last, and may I swim?", ("Two days.", "Do not swim before the wound is closed."), CRITERIA),
]


def logits_of(scores):
    return [[[cell.logit for cell in row] for row in rows] for rows in scores]


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def packed(monkeypatch):
    """The trees that went through the network."""
    seen = []
    forward = scoring.forward_trees

    def watched(model, trees, **options):
        seen.extend(trees)
        return forward(model, trees, **options)

    monkeypatch.setattr(scoring, "forward_trees", watched)
    return seen


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma3_text"])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_scores_are_those_of_a_plain_classifier(family, conditioning):
    """Of trees that the token budget splits and that share batches; the sliding window is far shorter than a prompt."""
    model = tiny_classifier(family, layers=2)
    found = scorer(model, tokens=150, conditioning=conditioning).score(ITEMS)
    for item, rows in zip(ITEMS, found, strict=True):
        for response, row in zip(item.responses, rows, strict=True):
            for criterion, score in zip(item.criteria, row, strict=True):
                ids = ENCODER.plain_ids(item.instruction, response, criterion, conditioning)
                plain = plain_logit(model, ids)
                assert score.logit == pytest.approx(plain, abs=1e-4)
                if conditioning == "none":
                    assert (score.p_met, score.verdict, score.reason) == (None, "unknown", "no_criterion")
                    continue
                slope = 0.5 if criterion.tier == "main" else 2.0
                assert score.p_met == pytest.approx(sigmoid(slope * plain + 0.25), abs=1e-4)
                threshold = 0.5 if criterion.tier == "main" else 0.999999
                assert score.verdict == ("met" if score.p_met >= threshold else "unmet")
                assert score.reason == ""


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_neighbours_order_and_batch_size_change_no_score(conditioning):
    model = tiny_classifier("gemma3_text", layers=2)
    wanted = logits_of(scorer(model, conditioning=conditioning).score(ITEMS))
    rng = random.Random(1)
    for tokens in (64, 300, 100_000):
        order = rng.sample(range(len(ITEMS)), len(ITEMS))
        turns = [rng.sample(range(len(item.responses)), len(item.responses)) for item in ITEMS]
        items = [
            ScoreItem(ITEMS[i].instruction, tuple(ITEMS[i].responses[r] for r in turns[i]), ITEMS[i].criteria) for i in order
        ]
        found = logits_of(scorer(model, tokens=tokens, conditioning=conditioning).score(items))
        for i, rows in zip(order, found, strict=True):
            for r, row in zip(turns[i], rows, strict=True):
                assert row == pytest.approx(wanted[i][r], abs=1e-5)
    for item, rows in zip(ITEMS, wanted, strict=True):
        for response, row in zip(item.responses, rows, strict=True):
            alone = scorer(model, conditioning=conditioning).score([ScoreItem(item.instruction, (response,), item.criteria)])
            assert logits_of(alone)[0][0] == pytest.approx(row, abs=1e-5)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_trees_keep_to_the_token_budget(conditioning, packed):
    """All but those that hold one leaf, which nothing makes smaller."""
    scorer(tiny_classifier("qwen3", layers=2), tokens=130, conditioning=conditioning).score(ITEMS)
    assert len(packed) > len(ITEMS)
    assert all(len(tree) <= 130 or len(tree.read_at) == 1 for tree in packed)


def test_a_scalar_model_gives_one_number_whatever_the_criterion():
    rows = scorer(tiny_classifier("qwen3", layers=2), conditioning="none").score(ITEMS)[0]
    assert all(len({cell.logit for cell in row}) == 1 for row in rows)
    assert len({row[0].logit for row in rows}) == 3
    by_criterion = scorer(tiny_classifier("qwen3", layers=2)).score(ITEMS)[0]
    assert all(len({cell.logit for cell in row}) == 2 for row in by_criterion)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_equal_responses_are_scored_once(conditioning, packed):
    item = ScoreItem("Is it safe?", ("Yes.", "No.", " Yes.\n", "Yes."), CRITERIA)
    rows = scorer(tiny_classifier("qwen3", layers=2), conditioning=conditioning).score([item])[0]
    assert rows[0] == rows[2] == rows[3] != rows[1]
    assert [len(tree.read_at) for tree in packed] == [2 if conditioning == "none" else 4]


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_empty_and_too_long_responses_are_unknown_and_say_why(conditioning):
    item = ScoreItem("Is it?", ("", "  \n", "y" * 300, "Yes."), CRITERIA)
    scores = scorer(tiny_classifier("qwen3", layers=2), conditioning=conditioning).score([item])[0]
    assert scores[0] == scores[1] == [no_score("empty")] * 2
    assert scores[2] == [no_score("too_long")] * 2
    assert {no_score(reason).verdict for reason in ("empty", "too_long", "not_finite", "cut")} == {"unknown"}
    assert all(score.logit is not None for score in scores[3])


@pytest.mark.parametrize("conditioning", READING)
def test_only_the_criterion_that_does_not_fit_is_unknown(conditioning):
    short = ENCODER.plain_ids("Is it?", "Yes.", CRITERIA[0], conditioning)
    item = ScoreItem("Is it?", ("Yes.",), (Criterion(criterion_id="l", tier="main", text="w" * 50), CRITERIA[0]))
    exact = scorer(tiny_classifier("qwen3", layers=2), max_length=len(short), conditioning=conditioning)
    first, second = exact.score([item])[0][0]
    assert first == no_score("too_long") and second.logit is not None
    one_less = scorer(tiny_classifier("qwen3", layers=2), max_length=len(short) - 1, conditioning=conditioning)
    assert one_less.score([item])[0][0] == [no_score("too_long")] * 2


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_a_score_that_is_no_number_is_unknown(conditioning):
    model = tiny_classifier("qwen3", layers=2)
    model.score.weight.data.fill_(float("nan"))
    assert scorer(model, conditioning=conditioning).score(ITEMS)[1] == [[no_score("not_finite")]]


@pytest.mark.parametrize("conditioning", READING)
def test_where_nothing_was_fitted_a_criterion_has_its_number_and_no_verdict(conditioning):
    model = tiny_classifier("qwen3", layers=2)
    nothing = Calibration.unidentified("half")
    bare = RewardScorer(model, ENCODER, nothing, max_length=256, tokens=4096, conditioning=conditioning)
    found = bare.score(ITEMS)
    assert logits_of(found) == logits_of(scorer(model, conditioning=conditioning).score(ITEMS))
    cells = [cell for rows in found for row in rows for cell in row]
    assert {(c.p_met, c.verdict, c.reason) for c in cells} == {(None, "unknown", "not_identified")}


def test_nothing_to_score_is_no_forward_pass(packed):
    model = tiny_classifier("qwen3", layers=2)
    assert scorer(model).score([]) == []
    assert scorer(model).score([ScoreItem("Is it?", (), CRITERIA), ScoreItem("Is it?", ("Yes.",), ())]) == [[], [[]]]
    assert packed == []


def test_rows_in_any_order_share_the_prompt_of_their_instruction(packed):
    model = tiny_classifier("qwen3", layers=2)
    wanted = scorer(model).score(ITEMS)
    packed.clear()
    rows = [(i, r) for i, item in enumerate(ITEMS) for r in range(len(item.responses))]
    random.Random(2).shuffle(rows)
    found = scorer(model).score_rows(
        [ITEMS[i].instruction for i, _ in rows],
        [ITEMS[i].responses[r] for i, r in rows],
        [list(ITEMS[i].criteria) for i, _ in rows],
    )
    assert len(packed) == len(ITEMS)
    for (i, r), row in zip(rows, found, strict=True):
        assert [c.logit for c in row] == pytest.approx([c.logit for c in wanted[i][r]], abs=1e-5)
        assert [c.verdict for c in row] == [c.verdict for c in wanted[i][r]]


def test_rows_of_unequal_number_are_refused():
    with pytest.raises(ValueError):
        scorer(tiny_classifier("qwen3", layers=2)).score_rows(["Is it?"], ["Yes.", "No."], [CRITERIA])


def test_a_model_that_reads_criteria_needs_a_calibration():
    with pytest.raises(ValueError, match="needs a calibration"):
        RewardScorer(tiny_classifier("qwen3", layers=2), ENCODER, None, max_length=8, tokens=8)


@pytest.mark.parametrize("missing", ["max_length", "tokens_per_batch", "precision", "attention", "conditioning"])
def test_settings_that_are_not_said_are_not_assumed(missing, tmp_path):
    settings = {"max_length": 8, "tokens_per_batch": 512, "precision": "float32", "attention": "sdpa", "conditioning": "none"}
    del settings[missing]
    (tmp_path / "scoring.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ValueError, match=missing):
        RewardScorer.load(tmp_path)


@pytest.mark.parametrize("wanted", CONDITIONINGS)
def test_an_artifact_is_scored_as_it_was_trained(wanted, tmp_path, monkeypatch):
    """A scalar model needs no calibration."""
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda folder: CharTokenizer())
    model = tiny_classifier("qwen3", layers=2)
    model.save_pretrained(tmp_path)
    settings = {"max_length": 256, "tokens_per_batch": 512, "precision": "float32", "attention": "sdpa", "conditioning": wanted}
    (tmp_path / "scoring.json").write_text(json.dumps(settings), encoding="utf-8")
    if wanted != "none":
        (tmp_path / "calibration.json").write_text(calibration().model_dump_json(), encoding="utf-8")
    found, direct = RewardScorer.load(tmp_path).score(ITEMS), scorer(model, conditioning=wanted).score(ITEMS)
    for one, two in zip(found, direct, strict=True):
        for row, same in zip(one, two, strict=True):
            assert [c.logit for c in row] == pytest.approx([c.logit for c in same], abs=1e-5)
            assert [c.verdict for c in row] == [c.verdict for c in same]


@pytest.mark.parametrize("lost", ["score.weight", "model.layers.1.mlp.up_proj.weight"])
def test_weights_that_are_missing_are_refused_and_not_drawn_at_random(lost, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda folder: CharTokenizer())
    tiny_classifier("qwen3", layers=2).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    settings = {"max_length": 8, "tokens_per_batch": 512, "precision": "float32", "attention": "sdpa", "conditioning": "none"}
    (tmp_path / "scoring.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(StageRefusal, match=f"weights lack {lost}"):
        RewardScorer.load(tmp_path)
    if lost == "score.weight":
        # A base model has none, and is given one.
        assert load_classifier(tmp_path).score.weight.shape[0] == 1
    else:
        with pytest.raises(StageRefusal, match="weights lack"):
            load_classifier(tmp_path)


def test_settings_that_nobody_knows_are_refused(tmp_path):
    settings = {"max_length": 256, "tokens_per_batch": 512, "precision": "float32", "conditoning": "none"}
    (tmp_path / "scoring.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ValueError, match="conditoning"):
        RewardScorer.load(tmp_path)


def test_examples_in_docstrings():
    assert doctest.testmod(scoring).failed == 0
