"""Words and tables of the report."""

import made_up
import pytest

from assets.reports.figures import Cell, cell, interval_text, not_identified, number
from assets.reports.paper import paper_tables
from assets.reports.reward_model_tables import held_out_tables, reward_model_tables
from assets.reports.tables import count_table, policy_tables, text_cells


def test_numbers() -> None:
    assert [number(None, "accuracy"), number(0.0, "accuracy"), number(1.0, "f1")] == ["n/a", "0.0 %", "100.0 %"]
    assert number(0.051, "accuracy", signed=True) == "+5.1 points"
    assert [number(0.5, "auc"), number(1234.4, "mean_characters")] == ["0.500", "1,234"]
    assert interval_text(None, 0.4, "auc") == ""
    assert interval_text(-0.1, 0.2, "accuracy", signed=True) == "[-10.0, +20.0]"


def test_a_missing_row_is_not_available() -> None:
    assert cell(None) == Cell(value="n/a")


def test_counts_are_summed_in_the_order_of_the_chain() -> None:
    rows = [
        {"source": "kqa", "tier": "veto", "n": 2},
        {"source": "corpus", "tier": "main", "n": 3},
        {"source": "corpus", "tier": "veto", "n": 1500},
        {"source": "corpus", "tier": "veto", "n": 4},
    ]
    table = count_table("x", rows, down="source", across="tier")
    assert table.columns == ("Source", "main", "veto", "Total")
    assert table.rows == text_cells([("corpus", 3, 1504, 1507), ("kqa", 0, 2, 2), ("Total", 3, 1506, 1509)])


def test_the_papers_tables_are_whole() -> None:
    for table in paper_tables(made_up.reward_model_metrics()):
        assert "not ours" in table.caption
        assert all(len(row) == len(table.columns) for row in table.rows)


def cells(table: object, row: str) -> dict[str, Cell]:
    """The cells of a row by the head of their column."""
    (found,) = (r for r in table.rows if r[0].value == row)  # type: ignore[attr-defined]
    return dict(zip(table.columns, found, strict=True))  # type: ignore[attr-defined]


def test_the_held_out_test_compares_macro_auc_and_has_no_pooled_one() -> None:
    metrics = made_up.reward_model_metrics()
    auc, accuracy, coverage = held_out_tables(metrics)
    assert auc.columns == ("System", "Main", "Bonus", "Veto", "Macro")
    assert cells(auc, "Reward model")["Macro"].interval
    assert accuracy.columns[-2:] == ("Macro", "Micro")
    assert "not identified" not in accuracy.note.lower()
    assert cells(coverage, "Longer is better")["Micro"].value == "0.0 %"
    (difference,) = (t for t in reward_model_tables(metrics) if t.caption.startswith("Paired differences"))
    assert "K-QA AUC, macro" in difference.columns


def test_a_tier_of_one_class_has_no_accuracy_and_keeps_its_auc() -> None:
    metrics = made_up.reward_model_metrics()
    metrics["not_identified"].update(reward_model=["main"], lexical_overlap=["main"])
    auc, accuracy, _ = held_out_tables(metrics)
    for system in ("Reward model", "Lexical overlap"):
        row = cells(accuracy, system)
        assert [row[head].value for head in ("Main", "Macro", "Micro")] == ["not identified"] * 3
        assert row["Veto"].value.endswith("%")
        assert cells(auc, system)["Main"].value.startswith("0.")
    assert cells(accuracy, "Panel reward model")["Main"].value.endswith("%")
    assert "for main criteria validation holds labels of one class only" in accuracy.note
    assert "verdicts of people on validation answers are what is missing" in accuracy.note


@pytest.mark.parametrize(
    ("missing", "tiers"),
    [("veto", {"all", "veto", "main", "bonus"}), ("main", {"main", "bonus"}), ("bonus", {"bonus"})],
)
def test_an_overall_order_stands_as_far_as_the_tiers_that_decide_it(missing: str, tiers: set[str]) -> None:
    metrics = {"pointwise_identified": {}, "not_identified": {"lexical_overlap": [missing]}}
    found = {
        tier
        for tier in ("all", "veto", "main", "bonus")
        if not_identified(metrics, system="lexical_overlap", section="overall", tier=tier, metric="accuracy")
    }
    assert found == tiers


def test_rows_of_a_judge_that_says_the_same_say_so() -> None:
    reward_model = made_up.reward_model_metrics()
    reward_model["uninformative"]["reward_model"] = ["main"]
    (pointwise,) = (t for t in reward_model_tables(reward_model) if t.caption.startswith("Pointwise accuracy"))
    shown = cells(pointwise, "Reward model")
    assert shown["Main"].n == "n = 360, says the same to every answer"
    assert shown["Veto"].n == "n = 120"
    policy = made_up.policy_metrics(reward_model)
    policy["judges"] = {
        "own": {"uninformative": ["main"], "not_identified": []},
        "panel": {"uninformative": [], "not_identified": ["bonus"]},
    }
    own, panel, answers = ([row[0].value for row in table.rows] for table in policy_tables(policy))
    assert "S1, main proficiency (the judge says the same to every answer)" in own
    assert "S2, bonus criteria met" in own
    assert "S2, bonus criteria met (not identified: by a fit pooled over all tiers)" in panel
    assert "Cut at the length limit" in answers
