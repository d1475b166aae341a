"""The data card: counts worked out by hand from small tables, and a page that says what they say."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.reports.data_card import DataCardInputs, data_headline, funnel_steps, render_data_card
from assets.reports.data_card_counts import TABLES, count_data

TEXTS = {"a1": "What is gout?", "a2": "what is gout?", "a3": "Define gout.", "b1": "Is 5 mg safe?", "b2": "Hi", "b3": "Why?"}
# id → representative, merged_by, difficulty, excluded_because
CURATED = {
    "a1": ("a1", "none", 6.0, None),
    "a2": ("a1", "exact", 6.0, "duplicate"),
    "a3": ("b1", "semantic", 6.0, "duplicate"),
    "b1": ("b1", "none", 7.5, None),
    "b2": ("b2", "none", 1.0, "too_easy"),
    "b3": ("b3", "none", None, "difficulty_unknown"),
}


def count(source: str, outcome: str, n: int, *, kind: str = "question", reason: str = "") -> dict[str, Any]:
    return {"source": source, "outcome": outcome, "kind": kind, "reason": reason, "n": n}


def facts(source: str, *, commercial: bool) -> dict[str, Any]:
    return {
        "source": source,
        "adapter": source,
        "licence": "MIT" if commercial else "CC-BY-NC-4.0",
        "commercial_use": commercial,
        "provider_terms": None,
        "citation": "By hand <2026>",
        "home": "here",
        "content_digest": "0" * 64,
        "brings_rubrics": False,
        "labels_replaced": 0,
    }


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    rows: dict[str, list[dict[str, Any]]] = {
        "source_facts": [facts("a", commercial=True), facts("b", commercial=False)],
        "source_counts": [
            count("a", "read", 4),
            count("a", "accepted", 3),
            count("a", "quarantined", 1, reason="bad_json"),
            count("b", "read", 3),
            count("b", "accepted", 3),
            count("b", "personal_data", 2, kind="phone"),
        ],
        "raw_instructions": [{"instruction_id": key, "source": key[0], "text": text} for key, text in TEXTS.items()],
        "instruction_curation": [
            {
                "instruction_id": key,
                "representative_id": representative,
                "merged_by": merged,
                "category": "treatment" if key == "a1" else None,
                "specialty": "rheumatology" if key == "a1" else None,
                "difficulty": difficulty,
                "difficulty_scorer": None if difficulty is None else "source",
                "excluded_because": reason,
                "kept": reason is None,
            }
            for key, (representative, merged, difficulty, reason) in CURATED.items()
        ],
        "instruction_splits": [{"instruction_id": key, "split": "rm_train"} for key in TEXTS],
    }
    found = {}
    for name in TABLES:
        found[name] = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows[name]), found[name])
    return found


def test_the_funnel_by_hand(tables: dict[str, Path]) -> None:
    a, b = count_data(tables)["funnel"]
    assert (a["read"], a["quarantined"], a["accepted"], a["exact_duplicates"], a["near_duplicates"], a["kept"]) == (
        4,
        1,
        3,
        1,
        1,
        1,
    )
    assert (b["read"], b["accepted"], b["outside_band"], b["difficulty_unknown"], b["kept"]) == (3, 3, 1, 1, 1)
    assert funnel_steps([a, b]) == {"a": [4, 3, 2, 1, 1], "b": [3, 3, 3, 3, 1]}


def test_overlaps_are_named_by_both_sources(tables: dict[str, Path]) -> None:
    assert count_data(tables)["overlaps"] == [
        {"source": "a", "repeats": "a", "merged_by": "exact", "n": 1},
        {"source": "a", "repeats": "b", "merged_by": "semantic", "n": 1},
    ]


def test_the_page_says_what_the_tables_say(tables: dict[str, Path]) -> None:
    inputs = DataCardInputs(
        counts=count_data(tables),
        quality={"duplicates": [{"method": "ours", "precision": "0.99"}]},
        personal_data_action="mask",
        difficulty_note="By hand, 5 to 9 kept.",
    )
    made = render_data_card(inputs)
    page = made["data_card.html"]
    assert "2 instructions kept of 7 read from 2 sources" in page
    assert "Not for commercial use: b" in page
    assert "By hand &lt;2026&gt;" in page
    assert "bad json" in page and "phone" in page
    assert 'src="http' not in page and "<script" not in page
    assert json.loads(made["data_card.json"])["counts"]["splits"] == [
        {"source": "a", "split": "rm_train", "n": 1},
        {"source": "b", "split": "rm_train", "n": 1},
    ]
    assert render_data_card(inputs) == made


def test_the_headline_has_a_line_per_source_and_their_sum(tables: dict[str, Path]) -> None:
    lines = data_headline(count_data(tables)).splitlines()
    assert [line.split()[0] for line in lines] == ["source", "a", "b", "all"]
    assert lines[-1].split()[1:] == ["7", "1", "1", "1", "1", "1", "2"]
