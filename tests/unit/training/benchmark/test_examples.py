"""Which examples the benchmark measures on."""

from pathlib import Path

from snapshots import merged, tables, write

from training.benchmark.examples import choose_instructions, read_examples
from training.snapshot import read_snapshot


def test_assumed_verdicts_and_all_that_rests_on_them_stay_out(tmp_path: Path) -> None:
    rows = tables(2)
    # The good response of instruction 0: its bonus verdict is assumed.
    for row in rows["resolved_verdicts"]:
        if (row["response_id"], row["criterion_id"]) == ("corpus-benchmark-0-good", "corpus-benchmark-0-kind"):
            row["judge_kind"] = "assumed"
    snapshot = read_snapshot(write(tmp_path, rows))
    found = read_examples(snapshot, set(snapshot.instructions))
    assert len(found.point) == 2 * 2 * 4 - 1
    assert ("corpus-benchmark-0-good", "corpus-benchmark-0-kind") not in {(e.response_id, e.criterion_id) for e in found.point}
    assert sorted(e.criterion_id for e in found.pair) == [
        "corpus-benchmark-0-dose",
        "corpus-benchmark-0-safe",
        "corpus-benchmark-1-dose",
        "corpus-benchmark-1-kind",
        "corpus-benchmark-1-safe",
    ]
    # S2 of that response rests on the assumption, so its overall pair goes too.
    assert [e.pair_id for e in found.overall] == ["p-corpus-benchmark-1"]


def test_unknown_verdicts_are_no_examples(tmp_path: Path) -> None:
    rows = tables(1)
    rows["resolved_verdicts"][0]["verdict"] = "unknown"
    snapshot = read_snapshot(write(tmp_path, rows))
    assert len(read_examples(snapshot, set(snapshot.instructions)).point) == 7


def test_choice_takes_one_of_each_cluster_first_and_lets_sources_take_turns(tmp_path: Path) -> None:
    rows = merged(tables(4), tables(2, source="kqa"))
    for row in rows["instructions"]:
        if row["instruction_id"] in ("corpus-benchmark-0", "corpus-benchmark-1", "corpus-benchmark-2"):
            row["cluster_id"] = "c-same"
    snapshot = read_snapshot(write(tmp_path, rows))
    chosen = [i.instruction_id for i in choose_instructions(snapshot, 8)]
    assert chosen == ["corpus-benchmark-0", "corpus-benchmark-3", "kqa-benchmark-0", "kqa-benchmark-1"]
    assert len(choose_instructions(snapshot, None)) == 6
    assert [i.instruction_id for i in choose_instructions(snapshot, 8)] == chosen


def test_an_instruction_without_responses_is_not_chosen(tmp_path: Path) -> None:
    rows = tables(2)
    rows["responses"] = [r for r in rows["responses"] if r["instruction_id"] != "corpus-benchmark-0"]
    assert [i.instruction_id for i in choose_instructions(read_snapshot(write(tmp_path, rows)), None)] == ["corpus-benchmark-1"]
