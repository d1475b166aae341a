"""The benchmark's generator and its pandas peer: the two ways to the marts agree, and a difference would be seen."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from assets.warehouse.export import MARTS, export_mart
from tests.benchmarks.marts_pandas import KEYS, build_marts, differences
from tests.benchmarks.marts_rows import MartSizes, write_raw_tables
from tests.fixtures.raw_tables import dbt

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peer")
    write_raw_tables(folder / "raw", MartSizes(instructions=400, excluded=100))
    done = dbt(["build", "--exclude-resource-type", "unit_test"], folder)
    assert done.returncode == 0, done.stdout[-4000:]
    for mart in MARTS:
        export_mart(folder / "warehouse.duckdb", mart, folder / "marts")
    build_marts(folder / "raw", folder / "peer")
    return folder


def test_pandas_and_dbt_come_to_the_same_marts(both: Path) -> None:
    assert set(KEYS) == set(MARTS) - {"quarantine"}
    assert differences(both / "marts", both / "peer") == dict.fromkeys(KEYS, 0)


def test_the_generated_tables_hold_what_a_warehouse_has_to_cope_with(both: Path) -> None:
    connection = duckdb.connect(str(both / "warehouse.duckdb"), read_only=True)
    found = {outcome for (outcome,) in connection.execute("select distinct outcome from pair_outcomes").fetchall()}
    assert found == {"veto", "main", "bonus", "tie", "undecidable"}
    for condition in (
        "verdict = 'unknown'",
        "judge_kind = 'human' and agreement < 1",
        "n_labels = 0",
        "judge_kind = 'assumed'",
    ):
        (count,) = connection.execute(f"select count(*) from resolved_verdicts where {condition}").fetchone() or (0,)
        assert count, condition
    (batches,) = connection.execute("select count(*) from int_batches__versioned").fetchone() or (0,)
    assert batches > 10
    connection.close()


def test_one_differing_row_is_counted(both: Path, tmp_path: Path) -> None:
    for mart in KEYS:
        table = pq.read_table(both / "peer" / f"{mart}.parquet")
        if mart == "response_scores":
            s1 = table["s1"].to_pylist()
            first = next(place for place, value in enumerate(s1) if value is not None)
            s1[first] += 0.25
            table = table.set_column(table.column_names.index("s1"), "s1", [s1])
        if mart == "preference_pairs":
            table = table.slice(1)
        pq.write_table(table, tmp_path / f"{mart}.parquet")
    expected = dict.fromkeys(KEYS, 0) | {"response_scores": 1, "preference_pairs": 1}
    assert differences(both / "marts", tmp_path) == expected
