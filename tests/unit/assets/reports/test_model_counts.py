"""Counts of models' work from the tables in made_up_work.py, and the lines of the terminal."""

from pathlib import Path

import duckdb
import made_up_work
import pytest

from assets.reports.model_counts import NOTHING, TABLES, chain_counts, count_models
from assets.steps import Settings


def empty(folder: Path, *assets: str) -> dict[str, Path]:
    folders = {asset: folder / asset for asset in assets}
    for asset, of_asset in folders.items():
        of_asset.mkdir()
        made_up_work.write(asset, [], of_asset)
    return folders


def test_counts_by_drafter_reason_round_outcome_and_judge(tmp_path: Path) -> None:
    counts = count_models(made_up_work.tables(tmp_path))
    assert counts["drafts"] == [{"drafter": "big", "rubrics": 2, "repaired": 1, "criteria": 4}]
    assert counts["draft_quarantine"] == [{"reason": "bad_weights", "n": 2}, {"reason": "not_json", "n": 1}]
    assert counts["review_rates"] == made_up_work.RATES
    assert counts["model_responses"] == [
        {"model": "base", "family": "gemma3", "outcome": "refusal", "n": 1, "tokens": 12},
        {"model": "big", "family": "qwen3", "outcome": "answered", "n": 2, "tokens": 160},
        {"model": "big", "family": "qwen3", "outcome": "truncated", "n": 1, "tokens": 128},
        {"model": "small", "family": "gemma3", "outcome": "no_reply", "n": 1, "tokens": None},
    ]
    assert counts["judges"] == made_up_work.COSTS


def test_round_ten_stands_after_round_nine(tmp_path: Path) -> None:
    folders = empty(tmp_path, "review_rates")
    rates = [{**made_up_work.RATES[0], "round": name} for name in ("r10", "r9")]
    made_up_work.write("review_rates", rates, folders["review_rates"])
    assert [row["round"] for row in count_models(folders)["review_rates"]] == ["r9", "r10"]


def test_the_lines_of_a_run_say_what_was_made_and_what_became_of_the_rest(tmp_path: Path) -> None:
    assert chain_counts(made_up_work.tables(tmp_path)) == [
        "rubrics drafted 2, quarantined 3 (bad_weights 2, not_json 1)",
        "responses 5 (answered 2, no_reply 1, refusal 1, truncated 1); 300 tokens written",
        "  base: 1 (refusal 1); 12 tokens written",
        "  big: 3 (answered 2, truncated 1); 288 tokens written",
        "  small: 1 (no_reply 1); 0 tokens written",
        # 1 + 4 of 16 are unknown; 4,240 tokens are 265 for each of the 16.
        "verdicts 16: met 7, unmet 4, unknown 5 (31.2 %: unreadable 4, no_evidence 1);"
        " 4,000 tokens read, 240 written, 265 a verdict",
        "  judge_a: 8: met 6, unmet 1, unknown 1 (12.5 %: no_evidence 1); 1,000 tokens read, 200 written, 150 a verdict",
        "  judge_b: 8: met 1, unmet 3, unknown 4 (50.0 %: unreadable 4); 3,000 tokens read, 40 written, 380 a verdict",
    ]


def test_one_model_and_one_judge_have_one_line_each(tmp_path: Path) -> None:
    folders = made_up_work.tables(tmp_path)
    made_up_work.write(
        "generated_responses", made_up_work.responses("big", "qwen3", ("answered", 7)), folders["generated_responses"]
    )
    made_up_work.write("base_responses", [], folders["base_responses"])
    known = [row for row in made_up_work.verdicts(("judge_b",)) if row["verdict"] != "unknown"]
    made_up_work.write("model_verdicts", known, folders["model_verdicts"])
    assert chain_counts(
        {name: folders[name] for name in ("generated_responses", "base_responses", "model_verdicts", "judge_costs")}
    ) == [
        "responses 1 (answered 1); 7 tokens written",
        "verdicts 4: met 1, unmet 3, unknown 0 (0.0 %); 3,000 tokens read, 40 written, 760 a verdict",
    ]


def test_a_run_without_a_model_says_so_and_one_of_other_steps_says_nothing(tmp_path: Path) -> None:
    assert chain_counts(empty(tmp_path, *TABLES, "model_verdicts")) == [NOTHING]
    assert chain_counts({}) == []
    assert chain_counts({"raw_instructions": tmp_path}) == []


def test_every_instruction_in_quarantine_is_still_a_line(tmp_path: Path) -> None:
    folders = made_up_work.tables(tmp_path)
    made_up_work.write("rubric_drafts", [], folders["rubric_drafts"])
    only = {name: folders[name] for name in ("rubric_drafts", "draft_quarantine")}
    assert chain_counts(only) == ["rubrics drafted 0, quarantined 3 (bad_weights 2, not_json 1)"]


def test_what_is_not_there_is_empty_and_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert count_models({}) == {
        name: [] for name in ("drafts", "draft_quarantine", "review_rates", "model_responses", "judges")
    }
    (tmp_path / "judge_costs.parquet").write_bytes(b"not a table")
    with pytest.raises(duckdb.Error):
        count_models({"judge_costs": tmp_path})


def test_the_report_reads_every_table_that_is_counted(tmp_path: Path) -> None:
    from assets.reports.steps import REPORT

    config = REPORT.config(Settings(profile="smoke", sources=("corpus",), home=tmp_path))
    inputs = REPORT.used_inputs(config)
    for asset in (*TABLES, "judge_agreement", "adjudication_agreement"):
        assert inputs[asset] == asset
    assert REPORT.reads["judge_agreement"] == ("judge_agreement.json",)
    assert REPORT.reads["base_responses"] == ("base_responses.parquet",)
