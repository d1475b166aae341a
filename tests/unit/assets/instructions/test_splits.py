from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from pydantic import ValidationError

from assets.instructions.config import SplitConfig
from assets.instructions.splits import assign_splits, drawn_split, split_table
from training.records import Split

CONFIG = SplitConfig()


Rows = tuple[tuple[str, str, str | None], ...]


def members(*rows: tuple[str, str, str | None]) -> Rows:
    return rows


def assign(rows: Rows, *, config: SplitConfig = CONFIG, previous: dict[str, str] | None = None) -> dict[str, Split]:
    ids, clusters, pinned = zip(*rows, strict=True)
    found = assign_splits(instruction_ids=ids, cluster_ids=clusters, pinned=pinned, config=config, previous=previous)
    return dict(zip(ids, found, strict=True))


def test_a_pinned_member_takes_its_cluster_along_held_out_first() -> None:
    rows = members(
        ("a", "1", "rm_train"), ("b", "1", "benchmark"), ("c", "1", "external"),
        ("d", "2", "rm_train"), ("e", "2", "benchmark"),
        ("f", "3", "rm_train"), ("g", "3", "validation"), ("h", "3", None),
    )  # fmt: skip
    assert assign(rows, config=CONFIG) == {
        **dict.fromkeys("abc", "external"),
        **dict.fromkeys("de", "benchmark"),
        **dict.fromkeys("fgh", "validation"),
    }


def test_earlier_splits_stick_whatever_the_seed() -> None:
    rows = members(("a", "1", None), ("new", "1", None), ("b", "2", None))
    for seed in range(20):
        splits = assign(rows, config=SplitConfig(seed=seed), previous={"a": "policy_train", "b": "panel_train"})
        assert splits == {"a": "policy_train", "new": "policy_train", "b": "panel_train"}


def test_a_new_near_twin_of_a_benchmark_item_leaves_training() -> None:
    rows = members(("old", "1", None), ("twin", "1", "benchmark"))
    assert set(assign(rows, config=CONFIG, previous={"old": "rm_train"}).values()) == {"benchmark"}


def test_what_was_held_out_never_enters_training() -> None:
    rows = members(("old", "1", None), ("twin", "1", "rm_train"))
    assert set(assign(rows, config=CONFIG, previous={"old": "benchmark"}).values()) == {"benchmark"}


def test_clusters_that_grew_together_take_one_split() -> None:
    rows = members(("a", "1", None), ("b", "1", None))
    splits = assign(rows, config=CONFIG, previous={"a": "rm_train", "b": "validation"})
    assert splits == {"a": "validation", "b": "validation"}


def test_drawn_shares_follow_the_fractions() -> None:
    rows = members(*((f"i{n}", f"c{n}", None) for n in range(4000)))
    shares = Counter(assign(rows, config=CONFIG).values())
    for split, fraction in CONFIG.fractions:
        assert abs(shares[split] / 4000 - fraction) < 0.03
    assert not shares.keys() & {"benchmark", "external"}


def test_a_drawn_split_does_not_depend_on_other_clusters() -> None:
    rows = members(*((f"i{n}", f"c{n}", None) for n in range(50)))
    whole = assign(rows, config=CONFIG)
    assert all(assign((row,), config=CONFIG) == {row[0]: whole[row[0]]} for row in rows)


@pytest.mark.parametrize(
    ("point", "split"), [(0.0, "rm_train"), (0.46, "panel_train"), (0.7, "policy_train"), (0.99, "validation")]
)
def test_the_interval_is_divided_in_order(point: float, split: str) -> None:
    assert drawn_split(point, CONFIG) == split


def test_fractions_must_sum_to_one() -> None:
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitConfig(rm_train=0.5)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="unknown split 'testing'; allowed: external"):
        assign(members(("a", "1", "testing")))


def test_published_test_items_stay_external_over_refreshes_whatever_joins_them() -> None:
    rows = members(("test", "1", "external"), ("twin", "1", None), ("declared", "1", "rm_train"))
    splits = assign(rows, previous={"twin": "rm_train", "test": "rm_train"})
    assert set(splits.values()) == {"external"}
    # The published list is not read any more: what was external stays so.
    assert set(assign(members(("test", "1", None), ("twin", "1", None)), previous=dict(splits)).values()) == {"external"}


def test_the_table_is_in_order_of_id_and_pins_are_found_by_id() -> None:
    table = split_table(
        clusters=pa.table({"instruction_id": ["b", "a"], "cluster_id": ["1", "2"]}),
        pins=pa.table({"instruction_id": ["a", "b"], "split": ["validation", "benchmark"]}),
        config=CONFIG,
    )
    assert table.to_pylist() == [
        {"instruction_id": "a", "cluster_id": "2", "split": "validation"},
        {"instruction_id": "b", "cluster_id": "1", "split": "benchmark"},
    ]
    with pytest.raises(KeyError, match="b"):
        split_table(clusters=table, pins=pa.table({"instruction_id": ["a"], "split": ["validation"]}), config=CONFIG)
