"""Accuracy on labelled rows: truths and figures by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from assets.instructions.taxonomy_accuracy import Judged, figures, in_held_out_half, measure_accuracy, wilson
from assets.instructions.taxonomy_names import Decided, load_taxonomy

LABELS = {("s", "site"): Decided(None, "oncology"), ("s", "cure"): Decided("treatment", None)}
HELD_OUT = [text for text in (f"q{n}" for n in range(40)) if in_held_out_half(text)]


def test_both_halves_are_there_and_hang_on_the_text() -> None:
    # sha256("b") begins with 3e, sha256("e") with 3f.
    assert [in_held_out_half(text) for text in ("b", "e")] == [False, True]
    assert 10 <= len(HELD_OUT) <= 30


def test_figures_by_hand() -> None:
    rows = [
        Judged("g", True, "a", "a"),
        Judged("g", True, "a", "b"),
        Judged("g", True, "a", None),
        Judged("g", True, "b", "b"),
        Judged("h", True, "b", "b"),
        Judged("h", False, "a", "b"),
    ]
    held = {row["group"]: row for row in figures("specialty", rows) if row["half"] == "held out"}
    assert held.keys() == {"g", "h", "all"}
    g = held["g"]
    assert (g["n"], g["classes"], g["coverage"], g["majority"]) == (4, 2, 0.75, 0.75)
    assert g["accuracy"] == pytest.approx(2 / 3)
    assert g["accuracy_of_all"] == 0.5
    # Of class a one of three, of class b one of one.
    assert g["macro"] == pytest.approx((1 / 3 + 1) / 2)
    assert (held["all"]["n"], held["all"]["accuracy"]) == (5, 0.75)
    (chosen,) = [row for row in figures("specialty", rows) if row["half"] == "chosen on"]
    assert (chosen["group"], chosen["n"], chosen["accuracy"]) == ("h", 1, 0.0)


def test_without_an_answer_there_is_no_accuracy_and_no_number_for_it() -> None:
    (row,) = figures("category", [Judged("g", True, "a", None)])
    assert (row["coverage"], row["accuracy"], row["low"], row["high"], row["accuracy_of_all"]) == (0, None, None, None, 0)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z² = 3.8415.
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_that_is_none_is_refused(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="a share of"):
        wilson(right, n)


def tables(
    rows: list[tuple[str, str, str | None, str | None, str | None]], said: list[str | None]
) -> tuple[pa.Table, pa.Table]:
    """Rows: source, text, category, specialty, label; and the specialties that were said."""
    ids = [str(index) for index in range(len(rows))]
    columns = list(zip(*rows, strict=True))
    names = ("source", "text", "category", "specialty", "source_label")
    given = {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
    nothing = pa.nulls(len(ids), pa.string())
    return pa.table({"instruction_id": ids, **given}), pa.table(
        {"instruction_id": ids, "category": nothing, "specialty": pa.array(said, pa.string())}
    )


def test_truths_come_from_the_source_and_from_its_label() -> None:
    a, b, c, d, e = HELD_OUT[:5]
    instructions, classified = tables(
        [
            ("own", a, None, "gynaecology", None),
            ("own", b, None, "unheard_of", None),
            ("s", c, None, None, "site/cure"),
            ("s", d, None, None, "other"),
            ("s", e, None, None, None),
            # The same text again counts once.
            ("s", c, None, None, "site/cure"),
        ],
        ["obstetrics_and_gynaecology", None, "urology", "oncology", "oncology", "urology"],
    )
    rows = measure_accuracy(instructions, classified, taxonomy=load_taxonomy(), labels=LABELS)
    found = {(row["what"], row["group"]): (row["n"], row["accuracy"]) for row in rows}
    assert found == {
        ("category", "s: site"): (1, None),
        ("specialty", "own"): (1, 1.0),
        ("specialty", "s: site"): (1, 0.0),
        ("specialty", "all"): (2, 0.5),
    }
    assert {row["half"] for row in rows} == {"held out"}


def test_tables_of_different_instructions_are_refused() -> None:
    instructions, classified = tables([("s", "x", None, None, "site")], ["oncology"])
    with pytest.raises(ValueError, match="not the instructions"):
        measure_accuracy(instructions, classified.slice(1), taxonomy=load_taxonomy(), labels=LABELS)
