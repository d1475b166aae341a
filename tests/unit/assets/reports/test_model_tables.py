"""Tables and CSV rows of models' work; every expectation follows by hand from the rows in made_up_work.py."""

from dataclasses import replace

import made_up_work
import pytest

from assets.reports.figures import Cell
from assets.reports.model_rows import model_counts, model_rows
from assets.reports.model_tables import ModelWork, model_tables
from assets.reports.tables import Table


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> ModelWork:
    return made_up_work.work(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def by_caption(work: ModelWork) -> dict[str, Table]:
    return {table.caption.split(":")[0].split(",")[0]: table for tables in model_tables(work).values() for table in tables}


def values(table: Table) -> list[list[str]]:
    return [[cell.value for cell in row] for row in table.rows]


def cells(table: Table, row: str) -> dict[str, Cell]:
    (found,) = (r for r in table.rows if r[0].value == row)
    return dict(zip(table.columns, found, strict=True))


def test_headings_follow_the_chain_and_every_row_fills_its_columns(work: ModelWork) -> None:
    tables = model_tables(work)
    assert list(tables) == ["Drafted rubrics and their review", "Candidate responses", "Judges", "Adjudication"]
    for of_heading in tables.values():
        assert all(len(row) == len(table.columns) for table in of_heading for row in table.rows)


def test_drafts_add_up_to_the_instructions_asked_about(by_caption: dict[str, Table]) -> None:
    assert values(by_caption["Drafts and what became of them"]) == [
        ["Valid at once", "1"],
        ["Valid after one repair", "1"],
        ["Set aside: bad weights", "2"],
        ["Set aside: not json", "1"],
        ["Asked about", "5"],
    ]
    assert by_caption["Drafts and what became of them"].note.endswith("Drafted by big.")


def test_a_round_has_its_pass_rate_with_interval_and_one_without_decisions_none(by_caption: dict[str, Table]) -> None:
    first, second = by_caption["Review rounds by physicians"].rows
    assert [cell.value for cell in first[:6]] == ["round-1", "500", "380", "15", "5", "100"]
    assert first[6] == Cell(value="95.0 %", interval="[92.4, 96.7]", n="n = 400")
    assert second[6] == Cell(value="n/a", n="n = 0")


def test_samples_stand_by_model_and_outcome_whole_answers_first(by_caption: dict[str, Table]) -> None:
    table = by_caption["Samples by model (family) and how they ended"]
    assert table.columns == ("Model", "answered", "refusal", "truncated", "no reply", "Total")
    assert values(table) == [
        ["base (gemma3)", "0", "1", "0", "0", "1"],
        ["big (qwen3)", "2", "0", "1", "0", "3"],
        ["small (gemma3)", "0", "0", "0", "1", "1"],
    ]


def test_judges_have_their_unknown_share_tokens_and_reasons(by_caption: dict[str, Table]) -> None:
    taken = by_caption["What judges' verdicts took"]
    assert values(taken) == [
        ["judge_a", "big", "all at once", "2", "12.5 %", "150", "171"],
        ["judge_b", "small", "one by one", "8", "50.0 %", "380", "760"],
    ]
    assert taken.rows[0][4].n == "1 of 8"
    assert "responses 1, questions 0" in taken.note
    why = by_caption["Why verdicts are unknown"]
    assert values(why) == [["unreadable", "0.0 %", "50.0 %"], ["no evidence", "12.5 %", "0.0 %"]]
    assert why.columns == ("Reason", "judge_a", "judge_b")


def test_a_judge_is_held_against_people_tier_by_tier(by_caption: dict[str, Table]) -> None:
    table = by_caption["Judges against people"]
    main = cells(table, "judge_a: main")
    # People: 3 met, 1 unmet. The judge: 4 met.
    assert (main["Accuracy"].value, main["Balanced"].value, main["Cohen's κ"].value) == ("75.0 %", "50.0 %", "0.000")
    bonus = cells(table, "judge_a: bonus")
    assert (bonus["Accuracy"].value, bonus["Coverage"].value, bonus["People disagree"].value) == ("n/a", "0.0 %", "1")
    pooled = cells(table, "judge_a: all tiers")
    assert (pooled["Accuracy"].value, pooled["Accuracy"].n) == ("83.3 %", "n = 6")
    assert (pooled["Coverage"].value, pooled["Coverage"].n, pooled["People disagree"].value) == ("85.7 %", "n = 7", "1")
    assert pooled["Balanced"] == pooled["Cohen's κ"] == Cell(value="—")
    found = by_caption["Judges"]
    assert values(found) == [["judge_a", "100.0 %", "100.0 %", "100.0 %"], ["judge_b", "0.0 %", "n/a", "0.0 %"]]


def test_the_confusion_matrix_has_people_down_and_the_judge_across(by_caption: dict[str, Table]) -> None:
    table = by_caption["Confusion matrix of judge_a"]
    assert table.columns[1:] == ("judge_a: met", "judge_a: unmet", "judge_a: unknown", "Total")
    assert values(table) == [
        ["Main, people: met", "3", "0", "0", "3"],
        ["Main, people: unmet", "1", "0", "0", "1"],
        ["Bonus, people: met", "0", "0", "1", "1"],
        ["Bonus, people: unmet", "0", "0", "0", "0"],
        ["Veto, people: met", "1", "0", "0", "1"],
        ["Veto, people: unmet", "0", "1", "0", "1"],
    ]


def test_two_judges_differ_as_far_as_both_say_something(by_caption: dict[str, Table]) -> None:
    table = by_caption["Two judges on the same criteria"]
    assert values(table) == [
        ["judge_a and judge_b: main", "4", "50.0 %", "0.000"],
        ["judge_a and judge_b: bonus", "2", "0.0 %", "0.000"],
        ["judge_a and judge_b: veto", "2", "0.0 %", "0.000"],
        ["judge_a and judge_b: all tiers", "8", "25.0 %", "—"],
    ]
    assert [row[2].n for row in table.rows] == ["n = 2", "n = 1", "n = 1", "n = 4"]


def test_adjudication_shows_alpha_first_and_kappa_of_those_who_share_items(work: ModelWork) -> None:
    rounds, kappas = model_tables(work)["Adjudication"]
    assert values(rounds) == [
        ["round-1: main", "0.000", "2", "0", "50.0 %", "1", "0"],
        ["round-1: bonus", "n/a", "2", "1", "0.0 %", "0", "2"],
        ["round-1: veto", "0.000", "1", "0", "100.0 %", "0", "0"],
        # Labels 1 1, 1 0, 0 1: observed disagreement 4/6, expected 16/30; by pairs of values 2/3 and 4/9.
        ["round-1: all tiers", "-0.250", "5", "1", "50.0 %", "1", "2"],
    ]
    assert rounds.rows[3][4].n == "2 of 4"
    assert values(kappas) == [["round-1: p and q", "0.000", "n/a", "0.000", "-0.500"]]


def test_what_was_not_done_has_no_heading(work: ModelWork) -> None:
    assert model_tables(ModelWork()) == {}
    assert not ModelWork().by_models
    only_people = ModelWork(counts={"review_rates": work.rows("review_rates")}, adjudication=work.adjudication)
    assert list(model_tables(only_people)) == ["Drafted rubrics and their review", "Adjudication"]
    assert not only_people.by_models
    # A judge that nobody's verdicts could be held against.
    alone = {"judge": "judge_a", "people_disagree": {"main": 0, "bonus": 0, "veto": 0}, "tiers": {}, "unknown_because": {}}
    judged = ModelWork(counts={"judges": work.rows("judges")[:1]}, judges={"judges": [alone]})
    assert [table.caption for table in model_tables(judged)["Judges"]] == ["What judges' verdicts took"]


def test_a_figure_that_is_missing_is_an_error_and_no_blank(work: ModelWork) -> None:
    broken = made_up_work.agreement()
    del broken["judges"][0]["tiers"]["veto"]["kappa"]
    with pytest.raises(KeyError, match="kappa"):
        model_tables(replace(work, judges=broken))


def test_csv_rows_hold_every_figure_with_its_interval_and_count(work: ModelWork) -> None:
    annotators = {"alpha": 0.5, "units": 9, "kappa": [{"first": "a", "second": "b", "value": 0.25, "n": 8}]}
    found = {(r["section"], r["system"], r["tier"], r["metric"]): r for r in model_rows(work, annotators)}
    assert len(found) == len(model_rows(work, annotators))

    def figure(*key: str | None) -> tuple[float | None, ...]:
        return tuple(found[key][name] for name in ("value", "low", "high", "n"))  # type: ignore[index]

    assert figure("reviews", "round-1", None, "pass_rate") == (0.95, 0.924, 0.967, 400)
    assert figure("judges/agreement", "judge_a", "main", "accuracy")[::3] == (0.75, 4)
    assert figure("judges/confusion", "judge_a", "bonus", "people met, judge unknown") == (1, None, None, 1)
    assert figure("judges/unknown", "judge_b", None, "unreadable") == (4, None, None, 4)
    assert figure("judges/divergence", "judge_a and judge_b", "all", "agreement") == (0.25, None, None, 4)
    assert ("judges/divergence", "judge_a and judge_b", "all", "kappa") not in found
    assert figure("adjudication", "round-1", "all", "alpha") == (-0.25, None, None, 3)
    assert figure("adjudication", "round-1: p and q", "all", "kappa") == (-0.5, None, None, 3)
    assert figure("annotators/kqa", "annotators", None, "alpha") == (0.5, None, None, 9)
    assert figure("annotators/kqa", "annotators: a and b", None, "kappa") == (0.25, None, None, 8)
    assert model_rows(ModelWork(), None) == []


def test_counts_for_the_csv_leave_out_what_nobody_counted(work: ModelWork) -> None:
    counts = model_counts(work)
    assert counts["review_rates"][1] == {
        "round": "round-2",
        "drafts": 40,
        "accepted": 0,
        "edited": 0,
        "rejected": 0,
        "outstanding": 40,
    }
    assert counts["model_responses"][-1] == {"model": "small", "family": "gemma3", "outcome": "no_reply", "n": 1}
