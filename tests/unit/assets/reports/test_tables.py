"""Words and tables of the report."""

from assets.reports.figures import Cell, cell, interval_text, number
from assets.reports.paper import paper_tables
from assets.reports.tables import count_table, text_cells


def test_numbers() -> None:
    assert [number(None, "accuracy"), number(0.0, "accuracy"), number(1.0, "f1")] == ["n/a", "0.0 %", "100.0 %"]
    assert number(0.051, "accuracy", signed=True) == "+5.1 points"
    assert [number(0.5, "auc"), number(1234.4, "mean_characters")] == ["0.500", "1,234"]
    assert interval_text(None, 0.4, "auc") == ""
    assert interval_text(-0.1, 0.2, "accuracy", signed=True) == "[-10.0, +20.0]"


def test_a_missing_row_is_not_available() -> None:
    assert cell(None) == Cell(value="n/a")


def test_counts_are_summed_in_the_order_of_the_chain() -> None:
    rows = [
        {"source": "kqa", "tier": "veto", "n": 2},
        {"source": "corpus", "tier": "main", "n": 3},
        {"source": "corpus", "tier": "veto", "n": 1500},
        {"source": "corpus", "tier": "veto", "n": 4},
    ]
    table = count_table("x", rows, down="source", across="tier")
    assert table.columns == ("Source", "main", "veto", "Total")
    assert table.rows == text_cells([("corpus", 3, 1504, 1507), ("kqa", 0, 2, 2), ("Total", 3, 1506, 1509)])


def test_the_papers_tables_are_whole() -> None:
    for table in paper_tables():
        assert "not ours" in table.caption
        assert all(len(row) == len(table.columns) for row in table.rows)
