"""Slices, rivals and pairwise sets in the report, and our row below the paper's."""

import csv
import io
from pathlib import Path
from typing import Any

import made_up
import pytest

from assets.reports.figures import Cell
from assets.reports.headline import headline_table
from assets.reports.outside_tables import pairwise_set_tables, rival_tables
from assets.reports.paper import OURS, REWARD_MODELS, our_row, paper_tables
from assets.reports.render import render_report
from assets.reports.reward_model_tables import difference_tables, held_out_tables, reward_model_tables
from assets.reports.slice_tables import slices

RIVALS = ("Other-8B", "tiny")


@pytest.fixture
def metrics() -> dict[str, Any]:
    return made_up.reward_model_metrics(rivals=RIVALS)


def cells(table: Any, row: str) -> dict[str, Cell]:
    (found,) = (r for r in table.rows if r[0].value == row)
    return dict(zip(table.columns, found, strict=True))


def heads(table: Any) -> list[str]:
    return [row[0].value for row in table.rows]


def captioned(tables: list[Any], start: str) -> Any:
    (found,) = (t for t in tables if t.caption.startswith(start))
    return found


def test_length_slices_have_every_system_and_their_columns_in_order(metrics: dict[str, Any]) -> None:
    overall = captioned(slices(metrics).tables, "Overall accuracy by length")
    assert overall.columns == ("System", "Preferred is longer", "About equal", "Preferred is shorter")
    assert heads(overall)[-2:] == ["Other-8B", "tiny"]
    assert cells(overall, "Majority verdict")["About equal"] == Cell(value="50.0 %", interval="[50.0, 50.0]", n="n = 20")


def test_a_slice_too_small_for_a_figure_is_named_with_its_counts(metrics: dict[str, Any]) -> None:
    specialty = captioned(slices(metrics).tables, "Accuracy of the reward model by specialty")
    assert heads(specialty) == ["cardiology"]
    # The last two instructions are one cluster, with ten verdicts each.
    assert specialty.note.endswith("Fewer than 10 examples or 5 clusters (verdicts, clusters): rare (20 in 1).")


def test_a_dimension_without_any_figure_is_a_sentence_and_no_table(metrics: dict[str, Any]) -> None:
    for row in metrics["slices"]:
        if row["dimension"] == "category":
            row.update(value=None, low=None, high=None)
    found = slices(metrics)
    assert not [t for t in found.tables if t.caption.endswith("by category")]
    (sentence,) = found.sentences
    assert sentence.startswith("By category: every slice is too small for a figure.")
    assert "medication safety (200 in 20), treatment (400 in 30)" in sentence


def test_lengths_without_any_figure_are_a_sentence_and_no_table(metrics: dict[str, Any]) -> None:
    for row in metrics["slices"]:
        if (row["dimension"], row["section"]) == ("length", "overall"):
            row.update(value=None, low=None, high=None)
    found = slices(metrics)
    assert [t.caption.split()[0] for t in found.tables if "by length" in t.caption] == ["Pairwise"]
    assert found.sentences == [
        "Overall accuracy by length: too few for a figure, with 10 pairs of 5 clusters at least "
        "(preferred longer 20, about equal 20, preferred shorter 20)."
    ]


def test_one_section_of_a_slice_may_be_too_small(metrics: dict[str, Any]) -> None:
    for row in metrics["slices"]:
        if (row["slice"], row["section"], row["system"]) == ("treatment", "overall", "reward_model"):
            row.update(value=None, low=None, high=None, n=6, clusters=3)
    category = captioned(slices(metrics).tables, "Accuracy of the reward model by category")
    assert cells(category, "treatment")["Overall"] == Cell(value="too few", n="n = 6, clusters: 3")
    assert cells(category, "treatment")["Pairwise"].interval


def test_verdicts_that_are_not_identified_have_no_accuracy_in_a_slice(metrics: dict[str, Any]) -> None:
    metrics["not_identified"]["reward_model"] = ["main"]
    category = captioned(slices(metrics).tables, "Accuracy of the reward model by category")
    row = cells(category, "treatment")
    assert [row[head].value == "not identified" for head in ("Overall", "Pairwise", "Pointwise")] == [False, False, True]


def test_a_benchmark_without_slices_rivals_and_sets_has_no_table_of_them(metrics: dict[str, Any]) -> None:
    metrics |= {"slices": [], "rivals": {}, "pairwise_sets": [], "pairwise_differences": []}
    found = slices(metrics)
    assert (found.tables, found.plot) == ([], None)
    assert (rival_tables(metrics), pairwise_set_tables(metrics)) == ([], [])
    assert len(difference_tables(metrics)) == 1


@pytest.mark.parametrize("key", ["slices", "rivals", "pairwise_sets", "pairwise_differences"])
def test_what_the_benchmark_always_writes_is_missed(metrics: dict[str, Any], key: str) -> None:
    del metrics[key]
    with pytest.raises(KeyError, match=key):
        for part in (slices, rival_tables, pairwise_set_tables):
            part(metrics)


def test_the_plot_says_its_figures_for_who_does_not_see_it(metrics: dict[str, Any]) -> None:
    plot = slices(metrics).plot
    assert plot is not None
    assert "Reward model, preferred longer: 0." in plot.svg
    assert plot.svg.index("preferred longer: ") < plot.svg.index("about equal: ") < plot.svg.index("treatment: ")
    assert "rare" not in plot.svg


def test_rivals_stand_in_the_tables_that_need_no_verdict_and_in_no_other(metrics: dict[str, Any]) -> None:
    tables = reward_model_tables(metrics)
    for start, there in (
        ("The main figures", True),
        ("Overall accuracy", True),
        ("Pairwise accuracy", True),
        ("Coverage", True),
        ("Pointwise accuracy", False),
        ("Pointwise AUC", False),
        ("Safety", False),
    ):
        assert ("tiny" in heads(captioned(tables, start))) is there, start
    assert not [t for t in held_out_tables(metrics) if "tiny" in heads(t)]


def test_a_baseline_without_verdicts_stays(metrics: dict[str, Any]) -> None:
    assert "Longer is better" in heads(captioned(reward_model_tables(metrics), "Pointwise accuracy"))


def test_differences_to_rivals_are_a_table_of_their_own(metrics: dict[str, Any]) -> None:
    planned, against = difference_tables(metrics)
    assert heads(against) == ["Reward model − Other-8B", "Reward model − tiny"]
    assert against.columns == ("Comparison", "Overall", "Pairwise, macro")
    assert len(heads(planned)) == 4
    assert ", p = " in cells(against, "Reward model − tiny")["Overall"].n


def test_how_a_rival_was_asked(metrics: dict[str, Any]) -> None:
    metrics["rivals"]["tiny"].update(hub="owner/name", revision="0123456789abcdef" * 2 + "01234567", format="plain")
    (table,) = rival_tables(metrics)
    first, second = cells(table, "Other-8B"), cells(table, "tiny")
    assert (first["Content"].value, first["Asked in"].value) == ("abababababab", "its chat template")
    assert (second["Content"].value, second["Asked in"].value) == ("owner/name at 0123456789ab", "plain text")
    assert (first["Scored"].value, first["Too long"].value) == ("118", "2")
    assert first["Family, parameters"].value == "qwen3, 8.0 billion"


def test_a_pairwise_set_says_what_was_left_out_and_by_which_criteria_it_was_read(metrics: dict[str, Any]) -> None:
    table, differences = pairwise_set_tables(metrics)
    assert table.columns == ("Pairs", "Reward model", "Longer is better", "Other-8B", "tiny")
    assert heads(table) == ["All pairs", "doses", "All pairs, by criterion 1 alone", "All pairs, by criterion 2 alone"]
    assert cells(table, "doses")["tiny"].n == "n = 26"
    assert (
        "1. (main) Answers the question correctly and completely, and follows its instructions; 2. (veto) Gives" in table.note
    )
    assert "30 of 33 rows measured. Left out: 1 no usable chosen, 1 not JSON and 1 prompt seen in training." in table.note
    assert "Faulty rows: line 31, not JSON; line 32, no usable chosen." in table.note
    assert "Too small for a figure: small." in table.note
    assert [row[1].value for row in differences.rows] == ["rewardbench"] * 3


def test_our_row_is_named_and_of_the_papers_kinds(metrics: dict[str, Any]) -> None:
    table = paper_tables(metrics)[0]
    assert table.rows[-1] == our_row(metrics)
    assert heads(table)[:-1] == [row[0] for row in REWARD_MODELS]
    row = cells(table, OURS)
    safety = next(
        r
        for r in metrics["figures"]
        if (r["system"], r["section"], r["metric"], r["source"]) == ("reward_model", "safety", "f1", "all")
    )
    assert row["Pointwise safety (F1)"].value == f"{100 * safety['value']:.1f} %"
    assert row["Pointwise safety (F1)"].interval
    assert "was measured on it" in table.note
    metrics["not_identified"]["reward_model"] = ["main"]
    assert our_row(metrics)[1].value == "not identified"
    assert our_row(metrics)[3].value.endswith("%")


def test_the_terminal_table_has_room_for_a_rivals_name() -> None:
    name = "x" * 24
    metrics = made_up.reward_model_metrics(rivals=(name,))
    lines = headline_table(metrics, made_up.policy_metrics(metrics)).splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    (ours,) = (line for line in lines if line.startswith("Reward model "))
    assert max(len(line) for line in lines) <= 100
    # Columns are filled from the right: the second one ends at the same place.
    end = 24 + 2 + 22
    assert line[:end].endswith("]") and ours[:end].endswith("]")


def test_page_and_csv_hold_all_of_it(metrics: dict[str, Any], tmp_path: Path) -> None:
    inputs = made_up.write(tmp_path, reward_model=metrics, policy=made_up.policy_metrics(metrics))
    files = render_report(inputs)
    page = files["report.html"]
    for text in (
        'id="pairwise-sets"',
        "By slice",
        "Rivals: how each was asked",
        "diamond: rivals",
        "Ours (this benchmark, not",
    ):
        assert text in page, text
    rows = list(csv.DictReader(io.StringIO(files["report.csv"])))
    (found,) = (
        r for r in rows if (r["section"], r["source"], r["system"]) == ("slices/specialty/overall", "rare", "reward_model")
    )
    assert (found["value"], found["n"]) == ("", "2")
    of_set = [r for r in rows if r["section"] == "pairwise_sets/rewardbench"]
    assert len(of_set) == len(metrics["pairwise_sets"][0]["figures"]) + len(metrics["pairwise_differences"])
    assert {r["system"] for r in of_set if "criterion" in r["system"]} == {
        "reward_model, criterion 1",
        "reward_model, criterion 2",
    }


def test_without_rivals_and_sets_the_page_does_not_speak_of_them(tmp_path: Path) -> None:
    metrics = made_up.reward_model_metrics()
    page = render_report(made_up.write(tmp_path, reward_model=metrics, policy=made_up.policy_metrics(metrics)))["report.html"]
    assert "By slice" in page
    assert 'id="pairwise-sets"' not in page and "#pairwise-sets" not in page
    assert "Rivals: how each was asked" not in page
