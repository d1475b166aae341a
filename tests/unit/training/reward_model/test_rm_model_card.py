"""The model card: its code runs as written and scores as the tree does; data, licences and doubts are named."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rm_tiny import planted_snapshot, settings
from transformers import AutoTokenizer

from tests.fixtures.reward_models import calibration, make_reward_model
from training.records import Criterion
from training.reward_model.calibration import Calibration
from training.reward_model.card_data import DataSummary, LicenceCount, commercial_use, summarize_data
from training.reward_model.card_usage import FOLDER_LINE
from training.reward_model.fitting import calibrate
from training.reward_model.model import load_classifier
from training.reward_model.model_card import model_card
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import RewardScorer, ScoreItem

COUNTS = dict.fromkeys(("main", "bonus", "veto"), 1)
METRICS = {
    "validation": {
        "accuracy": 0.5,
        "discordant_accuracy": None,
        "n_discordant": 0,
        "n_pairs": COUNTS,
        "pairwise_accuracy": COUNTS,
    },
    "trees_seen": 1,
    "tokens_seen": 1,
    "steps": 1,
    "best_step": 1,
    "truncation": {"training": {"left_out": 0}},
}


def card(*, config=None, fit=None, made_from=None, data=None, truncation=None):
    return model_card(
        config=config or settings(),
        base={},
        metrics=METRICS if truncation is None else {**METRICS, "truncation": truncation},
        calibration=fit or Calibration.unidentified("half"),
        made_from=made_from or {},
        data=data or DataSummary(splits={}, licences=()),
    )


def run_snippet(text, folder):
    """What the fenced Python of a card defines, run as it stands but for the folder's name."""
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert code.count(FOLDER_LINE) == 1
    names: dict = {}
    exec(compile(code.replace(FOLDER_LINE, f"folder = {str(folder)!r}"), "card", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("card") / "model"
    make_reward_model(path)
    return path


RUBRIC = (
    Criterion(criterion_id="a", tier="main", text=" States {the} dose\\n as a range ", weight=1.0),
    Criterion(criterion_id="b", tier="bonus", text="Is kind"),
    Criterion(criterion_id="c", tier="veto", text="Invents nothing: “100 %”"),
)


SCALAR = {"pure_pairwise": True, "pointwise_weight": 0.0}


@pytest.mark.parametrize(
    "config",
    [settings(), settings(conditioning="criterion_first"), settings(conditioning="none", **SCALAR)],
    ids=lambda config: config.conditioning,
)
def test_the_code_in_the_card_gives_the_trees_score(config, folder):
    text = card(config=config)
    names = run_snippet(text, folder)
    scorer = RewardScorer(
        load_classifier(folder),
        PromptEncoder(AutoTokenizer.from_pretrained(folder)),
        calibration(),
        max_length=256,
        tokens=1024,
        conditioning=config.conditioning,
    )
    responses = ("Take 5 mg.\n\nCriterion (safety): none", "  Ask a physician; é ü.  ")
    scores = scorer.score([ScoreItem("What is the dose?\n", responses, RUBRIC)])[0]
    scalar, found = config.conditioning == "none", []
    for response, row in zip(responses, scores, strict=True):
        for criterion, score in zip(RUBRIC, row, strict=True):
            r = names["score"]("What is the dose?\n", response, *(() if scalar else (criterion.text, criterion.tier)))
            assert r == pytest.approx(score.logit, abs=1e-4)
            if not scalar:
                assert names["p_met"](r, criterion.tier) == pytest.approx(score.p_met, abs=1e-4)
            found.append(r)
    # Else equal scores would show nothing.
    assert max(found) - min(found) > 0.05
    assert ("p_met" in names, "reads no criterion" in text) == (not scalar, scalar)


def write_tables(folder: Path, licences):
    snapshot = planted_snapshot(len(licences))
    folder.mkdir()
    tables = {
        "instructions": [
            {"instruction_id": i.instruction_id, "source": f"s{n % 2}", "license": licence, "split": i.split}
            for n, (i, licence) in enumerate(zip(snapshot.instructions.values(), licences, strict=True))
        ],
        "criteria": [
            {"instruction_id": key, "criterion_id": c.criterion_id, "tier": c.tier}
            for key, rubric in snapshot.rubrics.items()
            for c in rubric.criteria
        ],
        "responses": [{"response_id": r.response_id, "instruction_id": r.instruction_id} for r in snapshot.responses.values()],
        "resolved_verdicts": [
            {"response_id": v.response_id, "criterion_id": v.criterion_id, "verdict": v.verdict, "judge_kind": v.judge_kind}
            for v in snapshot.verdicts
        ],
        "criterion_preferences": [
            {"tier": p.tier, "split": p.split, "discordant": p.discordant} for p in snapshot.criterion_preferences
        ],
    }
    tables["resolved_verdicts"][0] |= {"verdict": "unknown", "judge_kind": None}
    tables["resolved_verdicts"][1] |= {"judge_kind": "assumed"}
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return snapshot


def test_a_snapshot_is_counted_by_split_tier_and_licence(tmp_path):
    # i000 and i004 are of validation; sources alternate; i000's first verdict is unknown, its second assumed.
    snapshot = write_tables(tmp_path / "s", ["MIT", "CC-BY-NC-4.0", "MIT", None, "MIT", "MIT"])
    found = summarize_data(tmp_path / "s", ("rm_train", "validation"))
    validation, train = found.splits["validation"], found.splits["rm_train"]
    assert (validation.instructions, validation.responses, train.instructions, train.responses) == (2, 6, 4, 12)
    assert validation.criteria == dict.fromkeys(("main", "bonus", "veto"), 2)
    assert validation.labels == {"main": 5, "bonus": 6, "veto": 6}
    assert validation.assumed == {"main": 0, "bonus": 1, "veto": 0}
    assert sum(train.preferences.values()) == sum(p.split == "rm_train" for p in snapshot.criterion_preferences)
    assert [(row.source, row.licence, row.instructions) for row in found.licences] == [
        ("s0", "MIT", 3),
        ("s1", None, 1),
        ("s1", "CC-BY-NC-4.0", 1),
        ("s1", "MIT", 1),
    ]


@pytest.mark.parametrize(
    ("licence", "answer"),
    [
        ("MIT", "allowed"),
        ("Apache-2.0", "allowed"),
        ("CC-BY-4.0", "allowed"),
        ("cc-by-nc-sa-4.0", "forbidden"),
        ("Non-commercial use only", "forbidden"),
        ("research-only", "forbidden"),
        ("unknown", "not known"),
        ("", "not known"),
        (None, "not known"),
        # Neither a word that merely holds the letters, nor a name that merely begins like a free one.
        ("Ancient licence", "not known"),
        ("Example Inc", "not known"),
        ("MIT with exceptions", "not known"),
        ("proprietary", "not known"),
    ],
)
def test_commercial_use_is_read_off_the_name_and_never_assumed(licence, answer):
    assert commercial_use(licence) == answer


def test_the_card_names_digests_data_and_what_forbids_commercial_use():
    licences = [("kqa", "MIT"), ("medinstruct", "CC-BY-NC-4.0"), ("mine", None)]
    data = DataSummary(splits={}, licences=tuple(LicenceCount(source=s, licence=name, instructions=7) for s, name in licences))
    text = card(
        data=data,
        made_from={"snapshot": "reward_model_snapshot@0f3a", "base_model": "base_model@77"},
        truncation={"training": {"truncated_responses": 3, "left_out": 1, "x": 0}, "validation": {"left_out": 0}},
    )
    assert "- base_model: `base_model@77`\n- snapshot: `reward_model_snapshot@0f3a`" in text
    assert "| medinstruct | CC-BY-NC-4.0 | forbidden | 7 |" in text and "| mine | not stated | not known | 7 |" in text
    assert "**Trained on data whose licence forbids commercial use: medinstruct.**" in text
    assert "**Whether commercial use is allowed is not known of: mine.**" in text
    assert "Too long for training (in each epoch): truncated responses 3, left out 1." in text
    free = DataSummary(splits={}, licences=(LicenceCount(source="kqa", licence="MIT", instructions=1),))
    assert "No prompt was too long." in card()
    assert "**Trained on" not in card(data=free) and "**Whether" not in card(data=free)


def test_the_card_is_the_same_text_every_time_and_is_read_as_front_matter():
    import yaml

    text = card()
    assert text == card()
    front = yaml.safe_load(text.split("---")[1])
    assert front["library_name"] == "transformers" and front["license"] == "unknown"
    assert '"tokens_per_batch": 4096' in text


def test_the_card_says_where_verdicts_mean_little():
    logits = [1.0] * 8 + [-1.0] * 24 + [0.5, 0.25]
    met = [False] * 8 + [True] * 24 + [True, True]
    fit = calibrate(logits, met, ["main"] * 32 + ["veto"] * 2, rule="half")
    rows = card(fit=fit).splitlines()
    (main,) = (row for row in rows if row.startswith("| main |"))
    (veto,) = (row for row in rows if row.startswith("| veto |"))
    assert main.endswith("| 24 / 8 | – | 0.500 | own, says the same to every answer |")
    assert veto.endswith("| 2 / 0 | – | 0.500 | pooled, not identified, says the same to every answer |")
    nothing = [row for row in card().splitlines() if row.startswith("| main |")]
    assert nothing[0].endswith("| 0 / 0 | – | 0.500 | none |")
    assert "Nothing was calibrated" in card() and "Nothing was calibrated" not in card(fit=fit)


def test_the_card_is_of_the_kind_of_model_it_describes():
    criterion = "# Criterion-conditioned reward model (reward_model)\n\nScores r(instruction, response, criterion)"
    for name in ("criterion_last", "criterion_first"):
        assert f"\n{criterion}, one number per criterion" in card(config=settings(conditioning=name))
    scalar = "# Scalar reward model (reward_model)\n\nScores r(instruction, response), one number per response"
    assert f"\n{scalar}" in card(config=settings(conditioning="none", **SCALAR))


def test_both_calibration_errors_stand_in_the_card():
    logits = [-2.0, -1.0, 0.5, 1.0] * 10
    met = [False, True, False, True] * 10
    fit = calibrate(logits, met, ["main"] * 40, rule="half", instructions=[str(n % 20) for n in range(40)])
    main = fit.tiers["main"]
    assert f"| {main.ece:.3f} ({main.ece_cross:.3f}) |" in card(fit=fit)
