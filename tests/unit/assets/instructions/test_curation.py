"""Which instructions are kept: every rule by hand, on one instruction each."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from assets.instructions.config import BandConfig
from assets.instructions.curation import CurationError, curate

# id, source, split pinned, representative, merged by, difficulty → kept?, reason
CASES = [
    ("a", "plain", None, "a", "none", 5.0, None),
    ("b", "plain", None, "a", "exact", 7.0, "duplicate"),
    ("c", "plain", None, "c", "none", 4.99, "too_easy"),
    ("d", "plain", None, "d", "none", 9.01, "too_hard"),
    ("e", "plain", None, "e", "none", None, "difficulty_unknown"),
    ("f", "plain", None, "f", "none", 9.0, None),
    ("g", "rubrics", None, "a", "semantic", 1.0, None),
    ("h", "plain", "external", "a", "semantic", None, None),
    # A repeated question is a duplicate whatever its difficulty.
    ("i", "plain", None, "a", "semantic", 1.0, "duplicate"),
]


def tables(cases: list[tuple[str, str, str | None, str, str, float | None, str | None]]) -> dict[str, pa.Table]:
    ids = [case[0] for case in cases]
    return {
        "instructions": pa.table(
            {
                "instruction_id": ids,
                "source": [case[1] for case in cases],
                "category": pa.array(["own"] * len(ids), pa.string()),
                "specialty": pa.array([None] * len(ids), pa.string()),
            }
        ),
        "pins": pa.table({"instruction_id": ids, "split": pa.array([case[2] for case in cases], pa.string())}),
        "clusters": pa.table(
            {
                "instruction_id": ids,
                "representative_id": [case[3] for case in cases],
                "similarity": [1.0] * len(ids),
                "merged_by": [case[4] for case in cases],
            }
        ),
        "difficulty": pa.table(
            {
                "instruction_id": ids,
                "difficulty": pa.array([case[5] for case in cases], pa.float64()),
                "difficulty_scorer": ["by-hand"] * len(ids),
            }
        ),
        "taxonomy": pa.table(
            {
                "instruction_id": ids,
                "category": pa.array(["found" if name == "a" else None for name in ids], pa.string()),
                "specialty": pa.array(["cardiology" if name == "a" else None for name in ids], pa.string()),
            }
        ),
    }


def test_every_rule_by_hand() -> None:
    rows = curate(**tables(CASES), exempt=["rubrics"], band=BandConfig()).to_pylist()
    assert [row["instruction_id"] for row in rows] == [case[0] for case in CASES]
    assert {row["instruction_id"]: row["excluded_because"] for row in rows} == {case[0]: case[6] for case in CASES}
    assert all(row["kept"] == (row["excluded_because"] is None) for row in rows)


def test_without_a_score_an_instruction_can_be_kept_by_config() -> None:
    rows = curate(**tables(CASES), exempt=[], band=BandConfig(unknown="keep")).to_pylist()
    assert next(row for row in rows if row["instruction_id"] == "e")["kept"]


def test_what_is_found_stands_before_what_the_source_says() -> None:
    first, second = curate(**tables(CASES), exempt=[], band=BandConfig()).to_pylist()[:2]
    assert (first["category"], first["specialty"]) == ("found", "cardiology")
    assert (second["category"], second["specialty"]) == ("own", None)


def test_an_instruction_without_a_cluster_is_not_lost_in_silence() -> None:
    given = tables(CASES)
    given["clusters"] = given["clusters"].slice(1)
    with pytest.raises(CurationError, match="9 instructions went in and 8 came out"):
        curate(**given, exempt=[], band=BandConfig())


def test_a_band_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match="low must not be above high"):
        BandConfig(low=9, high=5)
