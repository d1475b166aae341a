"""Which instructions are kept: every rule by hand, on one instruction each."""

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from assets.instructions.config import BandConfig
from assets.instructions.curation import SCHEMA, CurationError, curate
from assets.instructions.taxonomy_names import load_taxonomy

Case = tuple[str, str, str | None, str, str | None, float | None, str | None]
# id, source, split pinned, representative, merged by, difficulty → kept?, reason
CASES: list[Case] = [
    ("a", "plain", None, "a", None, 5.0, None),
    ("b", "plain", None, "a", "exact", 7.0, "duplicate"),
    ("c", "plain", None, "c", None, 4.99, "too_easy"),
    ("d", "plain", None, "d", None, 9.01, "too_hard"),
    ("e", "plain", None, "e", None, None, "difficulty_unknown"),
    ("f", "plain", None, "f", None, 9.0, None),
    ("g", "rubrics", None, "a", "semantic", 1.0, None),
    ("h", "plain", "external", "a", "semantic", None, None),
    # Declared to belong together is not the same question.
    ("h2", "plain", None, "a", "declared", 6.0, None),
    # A repeated question is a duplicate whatever its difficulty.
    ("i", "plain", None, "a", "semantic", 1.0, "duplicate"),
]

# What the source says: our name, another name for it, and one that the taxonomy lacks.
OWN = {"b": "urology", "c": "gynaecology", "e": "astrology"}
NAMES = load_taxonomy()


def tables(cases: list[Case]) -> dict[str, pa.Table]:
    ids = [case[0] for case in cases]
    return {
        "instructions": pa.table(
            {
                "instruction_id": ids,
                "source": [case[1] for case in cases],
                "category": pa.array(["treatment" if name == "b" else None for name in ids], pa.string()),
                "specialty": pa.array([OWN.get(name) for name in ids], pa.string()),
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
                "category": pa.array([None if name == "d" else "prevention_and_screening" for name in ids], pa.string()),
                "specialty": pa.array([None if name == "d" else "cardiology" for name in ids], pa.string()),
                "classifier": ["by-hand"] * len(ids),
            }
        ),
    }


def run(cases: list[Case], *, exempt: tuple[str, ...] = (), band: BandConfig | None = None) -> list[dict[str, Any]]:
    table = curate(**tables(cases), names=NAMES, exempt=exempt, band=band or BandConfig())
    assert table.schema == SCHEMA
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_every_rule_by_hand() -> None:
    rows = run(CASES, exempt=("rubrics",))
    assert [row["instruction_id"] for row in rows] == [case[0] for case in CASES]
    assert {row["instruction_id"]: row["excluded_because"] for row in rows} == {case[0]: case[6] for case in CASES}
    assert all(row["kept"] == (row["excluded_because"] is None) for row in rows)


def test_without_a_score_an_instruction_can_be_kept_by_config() -> None:
    rows = run(CASES, band=BandConfig(unknown="keep"))
    assert next(row for row in rows if row["instruction_id"] == "e")["kept"]


def test_what_the_source_says_stands_before_what_is_found() -> None:
    rows = {row["instruction_id"]: row for row in run(CASES)}
    found = {key: tuple(row[c] for c in ("category", "category_by", "specialty", "specialty_by")) for key, row in rows.items()}
    assert found["a"] == ("prevention_and_screening", "by-hand", "cardiology", "by-hand")
    assert found["b"] == ("treatment", "source", "urology", "source")
    assert found["c"] == ("prevention_and_screening", "by-hand", "obstetrics_and_gynaecology", "source")
    assert found["d"] == (None, None, None, None)
    assert found["e"][2:] == ("cardiology", "by-hand")


@pytest.mark.parametrize("table", ["clusters", "pins", "difficulty", "taxonomy"])
def test_a_table_that_lacks_or_repeats_an_instruction_loses_nothing_in_silence(table: str) -> None:
    for change, left in ((lambda t: t.slice(1), 9), (lambda t: pa.concat_tables([t, t.slice(0, 1)]), 11)):
        given = tables(CASES)
        given[table] = change(given[table])
        with pytest.raises(CurationError, match=f"10 instructions went in and {left} came out"):
            curate(**given, names=NAMES, exempt=[], band=BandConfig())


def test_one_lost_and_one_doubled_is_noticed() -> None:
    given = tables(CASES)
    given["clusters"] = pa.concat_tables([given["clusters"].slice(1), given["clusters"].slice(5, 1)])
    with pytest.raises(CurationError, match="10 rows came out for 9 instructions"):
        curate(**given, names=NAMES, exempt=[], band=BandConfig())


def test_a_band_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match="low must not be above high"):
        BandConfig(low=9, high=5)
