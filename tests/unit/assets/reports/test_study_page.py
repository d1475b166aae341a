"""The study's page and words, on a made-up study."""

import re
from typing import Any

import pytest
from made_up_study import made_up_curves, made_up_study

from assets.reports.figures import Cell
from assets.reports.study_page import render_study, study_headline
from assets.reports.study_records import openings_table, paper_ablations, training_table
from assets.reports.study_tables import (
    COUNT,
    contradiction_table,
    difference_table,
    kqa_tables,
    main_table,
    verdict_tables,
)
from assets.reports.study_words import answers, caveats
from assets.reports.tables import Table


def cell(table: Table, system: str, column: str) -> Cell:
    (row,) = (row for row in table.rows if row[0].value == system)
    return row[[name.partition(COUNT)[0] for name in table.columns].index(column)]


def test_the_questions_are_answered_by_interval_and_p() -> None:
    first, second, third = answers(made_up_study())
    assert (first.word, second.word, third.word) == ("Yes", "Yes", "Can't be told")
    assert first.why == (
        "Full 68.0 % [62.0, 73.0], scalar 29.0 % [23.0, 34.0]; difference +39.0 points [+33.0, +44.0], p = 0.004 after Holm; "
        "n = 120 in 30 clusters."
    )
    assert third.why.startswith("Full 0.660 [0.600, 0.710], lexical overlap 0.670 [0.610, 0.720]; difference -0.010 [")
    assert answers(made_up_study(answers={"scalar": "no"}))[0].word == "No: it is worse"


@pytest.mark.parametrize(
    ("seeds", "why"),
    [({"full": 2, "scalar": 3}, "Two seeds are a range, no interval."), ({"full": 1, "scalar": 1}, "One seed says nothing")],
)
def test_too_few_seeds_answer_nothing(seeds: dict[str, int], why: str) -> None:
    first, second, _ = answers(made_up_study(seeds, answers={}))
    assert first.word == "Can't be told" and why in first.why
    assert second.why == "Not made yet: cells of no_safety."


def test_a_cell_has_mean_interval_count_and_each_seed() -> None:
    table = main_table(made_up_study())
    found = cell(table, "Full (criterion last)", "Discordant preferences")
    assert (found.value, found.interval, found.n) == ("68.0 %", "[62.0, 73.0]", "66.0 / 68.0 / 70.0")
    assert f"Discordant preferences{COUNT}120)" in table.columns
    assert cell(table, "Criterion first", "Overall").n == "one seed"
    two = cell(main_table(made_up_study({"full": 2})), "Full (criterion last)", "Overall")
    assert (two.interval, two.n) == ("seeds 63.0 to 74.0", "")
    assert cell(table, "Majority verdict", "K-QA AUC").n == ""


def test_a_count_that_is_not_the_columns_stands_in_the_cell() -> None:
    study = made_up_study()
    for row in study["figures"]:
        if (row["system"], row["metric"]) == ("full", "precision"):
            row["n"] = 7
    (safety, _) = verdict_tables(study)
    assert f"Precision{COUNT}120)" in safety.columns
    assert cell(safety, "Full (criterion last)", "Precision").n == "n = 7 · 60.0 / 62.0 / 64.0"


def test_what_the_pairwise_loss_does_not_fix_is_not_identified() -> None:
    table = main_table(made_up_study())
    for column in ("Safety F1", "K-QA AUC"):
        assert cell(table, "Pairwise loss alone", column) == Cell(value="not identified")
        assert cell(table, "Scalar (no criteria)", column) == Cell(value="not identified")
    assert cell(table, "Pairwise loss alone", "Overall") == Cell(value="not identified")
    # r itself orders two responses; and both order pairs on a criterion.
    assert cell(table, "Scalar (no criteria)", "Overall").value == "71.0 %"
    assert cell(table, "Pairwise loss alone", "Pairwise, macro").value == "72.0 %"
    blank = cell(difference_table(made_up_study()), "Scalar (no criteria)", "Safety F1")
    assert blank == Cell(value="not identified")


def test_a_tier_that_is_not_identified_leaves_pooled_accuracy_empty_and_auc_standing() -> None:
    study = made_up_study(not_identified={"lexical_overlap": ["bonus"], "full": []})
    auc, accuracy, _ = kqa_tables(study)
    assert cell(accuracy, "Lexical overlap", "Main and bonus pooled") == Cell(value="not identified")
    assert cell(auc, "Lexical overlap", "Main and bonus pooled").value == "0.670"


def test_differences_are_marked_where_they_may_be_called_one() -> None:
    table = difference_table(made_up_study())
    assert cell(table, "Scalar (no criteria)", "Discordant preferences").n == "n = 120, p = 0.004 ✓"
    assert cell(table, "Lexical overlap", "K-QA AUC").n == "n = 120, p = 0.600"
    assert cell(table, "Criterion first", "Overall").n == "n = 120"


def test_contradictions_are_counts_by_seed() -> None:
    table = contradiction_table(made_up_study()["contradictions"])
    row = [c.value for c in table.rows[0]]
    assert row == ["Full (criterion last)", "4 / 5 / 6", "12", "9 / 9 / 9", "387"]
    assert [c.value for c in table.rows[1]][1] == "no verdict"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": ["scalar-2"]}, "1 cell is not made: scalar-2."),
        ({"left_out": [{"cell": "full-1", "why": "it was made under another config"}]}, "full-1 is left out: it was made"),
        ({"tokens": {"scalar": 100_000}}, "The scalar model saw 50% of the tokens that the full one saw: not the same budget."),
        ({"tokens": {"no_safety": 120_000}}, "Without safety data: the same steps as the full model, but 60% of its tokens."),
        ({"uninformative": {"full": ["main"]}}, "Full (criterion last): on main criteria its calibration is flat"),
        ({"not_identified": {"full": ["veto"]}}, "Full (criterion last): no verdict on veto criteria is identified"),
    ],
)
def test_what_has_to_be_known_first_is_said(changes: dict[str, Any], said: str) -> None:
    assert not [text for text in caveats(made_up_study()) if text.startswith(said)]
    assert [text for text in caveats(made_up_study(**changes)) if text.startswith(said)]


def test_seeds_that_are_too_few_are_named() -> None:
    (text,) = caveats(made_up_study())
    assert text.startswith("Fewer than three seeds: criterion_first 1.")


def test_training_shows_the_budget_beside_the_full_models() -> None:
    table = training_table(made_up_study(tokens={"scalar": 190_000}))
    assert cell(table, "Scalar (no criteria)", "÷ full").value == "0.95"
    assert cell(table, "Criterion first", "Seeds").value == "0"


def test_the_papers_ablations_are_named_as_the_papers() -> None:
    table = paper_ablations()
    assert "not ours" in table.caption
    rows = {row[0].value: [c.value for c in row[1:]] for row in table.rows}
    assert rows["Full"] == ["88.50", "90.26", "92.80"]
    assert rows["Without explicit criteria"][0] == "83.15"
    assert (rows["Without safety data"][1], rows["Without the veto"][1]) == ("79.20", "82.65")


def test_the_page_stands_alone_and_is_the_same_twice() -> None:
    study, curves = made_up_study(), made_up_curves()
    pages = [render_study(study, curves, profile="local") for _ in range(2)]
    assert pages[0] == pages[1]
    html, text = pages[0]["study.html"], pages[0]["study.md"]
    assert 'src="http' not in html and "<script" not in html and "not identified" in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "Looks by the studies of this project folder" in html and len(openings_table(study).rows) == 13
    # No more is claimed than is recorded.
    assert "reward_model_benchmark measures on the same labels" in openings_table(study).note
    assert text.count("\n## ") == 12 and "**Does the criterion-conditioned model" in text


def test_a_study_of_one_cell_has_a_page_too() -> None:
    study = made_up_study({"scalar": 1}, answers={}, differences=[], openings=[], contradictions=[])
    study["counts"]["kqa_labels"] = dict.fromkeys(("main", "bonus", "veto"), 0)
    html = render_study(study, {}, profile="smoke")["study.html"]
    assert "trained on 1 seed at most" in html and "nothing was opened" in html and "Real answers" not in html


def test_the_terminal_gets_a_hundred_columns_at_most() -> None:
    lines = study_headline(made_up_study()).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].split()[:1] == ["Full"] and "68.0 [62.0, 73.0]" in lines[1]
    assert any(line.startswith("  Yes. Full 68.0 %") for line in lines)
