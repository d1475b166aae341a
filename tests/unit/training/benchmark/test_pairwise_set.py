"""Reading pairwise sets: which rows are measured, which are left out, and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.benchmark import pairwise_set
from training.benchmark.outside import PairwiseSet
from training.benchmark.pairwise_set import Pair, ReadSet, draw, first_lines, parse_set, read_set, without_seen
from training.errors import StageRefusal


def row(i: int, **changes: Any) -> dict[str, Any]:
    return {"prompt": f"question {i}", "chosen": f"good {i}", "rejected": f"bad {i}", **changes}


def lines(*rows: Any) -> bytes:
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows).encode()


def reasons(found: ReadSet) -> list[tuple[int, str]]:
    return [(r.line, r.reason) for r in found.left_out]


def test_every_faulty_row_keeps_its_line_and_its_reason() -> None:
    data = lines(
        row(1),
        "{not json",
        "[1, 2]",
        row(4, prompt=""),
        row(5, chosen=["a", "b"]),
        {"prompt": "x", "chosen": "y"},
        row(7, chosen=" same ", rejected="same"),
        row(8, subset=3),
        row(9, category="x" * 81),
        "",
        row(11, chosen="half \ud800 a character"),
        row(12, subset="Safety", category="not this one"),
        row(13, category="Chat"),
        row(14, subset="all"),
    )
    found = parse_set(data + b'{"prompt": "\xff", "chosen": "a", "rejected": "b"}\n')
    assert reasons(found) == [
        (2, "not_json"),
        (3, "no_object"),
        (4, "bad_prompt"),
        (5, "bad_chosen"),
        (6, "bad_rejected"),
        (7, "same_answers"),
        (8, "bad_subset"),
        (9, "bad_category"),
        (11, "bad_chosen"),
        (15, "not_utf8"),
    ]
    assert [(p.line, p.subset) for p in found.pairs] == [(1, None), (12, "Safety"), (13, "Chat"), (14, None)]
    assert first_lines(found.left_out, most=2) == ["line 2: not_json", "line 3: no_object"]


def test_a_line_over_a_megabyte_is_left_out_and_the_next_one_read() -> None:
    found = parse_set(lines(row(1, chosen="x" * (1 << 20)), row(2)))
    assert reasons(found) == [(1, "too_long")]
    assert [p.line for p in found.pairs] == [2]


def test_windows_line_ends_and_a_byte_order_mark_are_no_fault() -> None:
    found = parse_set(b"\xef\xbb\xbf" + lines(row(1), row(2)).replace(b"\n", b"\r\n"))
    assert [p.prompt for p in found.pairs] == ["question 1", "question 2"]


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        ("Is IT contagious?", True),
        ("  is it\ncontagious ", True),
        ("“Is it contagious?”", True),
        ("Is aspirin safe with warfarin?", True),
        ("With warfarin, is the aspirin safe?", True),
        ("Is aspirin unsafe with warfarin?", False),
        ("Is it dangerous?", False),
        ("¿Es contagioso?", False),
        # Without a content word that the reader of words knows, the text itself decides.
        ("Это ЗАРАЗНО", True),
        ("Это опасно?", False),
        ("What is IT", True),
        ("Who is it?", False),
        ("…?", False),
    ],
)
def test_prompts_that_training_holds_are_left_out(prompt: str, seen: bool) -> None:
    training = ["Is it contagious?", "Is aspirin safe with warfarin?", "…", "Это заразно?", "What is it?"]
    found = without_seen(parse_set(lines(row(1, prompt=prompt))), training)
    assert reasons(found) == ([(1, "seen_in_training")] if seen else [])


def test_repeats_are_measured_once_and_pairs_of_one_prompt_share_a_cluster(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(row(1), row(1), row(1, rejected="worse"), row(2, prompt="Question 1?")))
    found = read_set(PairwiseSet(name="r", path=str(path)), training=[], max_pairs=None)
    assert reasons(found) == [(2, "repeated")]
    assert {p.cluster_id for p in found.pairs} == {"question 1"}


@given(st.permutations(range(12)), st.integers(1, 14))
def test_a_draw_depends_on_content_and_not_on_the_order_of_rows(order: list[int], limit: int) -> None:
    plain = draw(parse_set(lines(*(row(i) for i in range(12)))), limit)
    shuffled = draw(parse_set(lines(*(row(i) for i in order))), limit)
    assert {p.prompt for p in plain.pairs} == {p.prompt for p in shuffled.pairs}
    assert len(plain.pairs) == min(limit, 12)
    assert len(plain.pairs) + len(plain.left_out) == 12
    assert [p.line for p in shuffled.pairs] == sorted(p.line for p in shuffled.pairs)


def test_what_training_holds_is_left_out_before_the_draw(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(*(row(i) for i in range(6))))
    found = read_set(PairwiseSet(name="r", path=str(path)), training=["Question 3"], max_pairs=4)
    assert sorted(r.reason for r in found.left_out) == ["not_drawn", "seen_in_training"]
    assert len(found.pairs) == 4


def test_a_set_without_any_pair_is_refused_with_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines({"question": "x"}))
    with pytest.raises(StageRefusal, match=r"^pairwise set r: no row has the texts .* \(line 1: bad_prompt\)$"):
        read_set(PairwiseSet(name="r", path=str(path)), training=[], max_pairs=None)
    path.write_bytes(b"")
    with pytest.raises(StageRefusal, match="it is empty"):
        read_set(PairwiseSet(name="r", path=str(path)), training=[], max_pairs=None)


def test_a_set_that_training_holds_entirely_is_read_and_has_no_pair(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(row(1)))
    found = read_set(PairwiseSet(name="r", path=str(path)), training=["question 1"], max_pairs=None)
    assert (found.pairs, reasons(found)) == ((), [(1, "seen_in_training")])


def test_another_content_than_planned_with_is_refused_and_so_is_an_absent_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(row(1)))
    with pytest.raises(StageRefusal, match="pairwise set r: its content is [0-9a-f]{64}, but 0{64} was planned with"):
        read_set(PairwiseSet(name="r", path=str(path), sha256="0" * 64), training=[], max_pairs=None)
    with pytest.raises(StageRefusal, match="pairwise set r: cannot be read"):
        read_set(PairwiseSet(name="r", path=str(tmp_path / "no.jsonl")), training=[], max_pairs=None)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise_set, "MAX_BYTES", 10)
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(row(1)))
    with pytest.raises(StageRefusal, match="pairwise set r: larger than"):
        read_set(PairwiseSet(name="r", path=str(path)), training=[], max_pairs=None)


def test_a_set_is_read_from_a_url() -> None:
    import fsspec

    with fsspec.open("memory://sets/r.jsonl", "wb") as handle:
        handle.write(lines(row(1)))
    found = read_set(PairwiseSet(name="r", path="memory://sets/r.jsonl"), training=[], max_pairs=None)
    assert found.pairs == (Pair(line=1, prompt="question 1", chosen="good 1", rejected="bad 1", subset=None),)
