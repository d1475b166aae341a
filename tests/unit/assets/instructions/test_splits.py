from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from assets.instructions.config import SplitConfig
from assets.instructions.splits import ClusterMember, assign_splits, drawn_split

CONFIG = SplitConfig()


def members(*rows: tuple[str, str, str | None]) -> list[ClusterMember]:
    return [ClusterMember(instruction_id=key, cluster_id=cluster, split=split) for key, cluster, split in rows]


def test_a_pinned_member_takes_its_cluster_along_held_out_first() -> None:
    rows = members(
        ("a", "1", "rm_train"), ("b", "1", "benchmark"), ("c", "1", "external"),
        ("d", "2", "rm_train"), ("e", "2", "benchmark"),
        ("f", "3", "rm_train"), ("g", "3", "validation"), ("h", "3", None),
    )  # fmt: skip
    assert assign_splits(rows, config=CONFIG) == {
        **dict.fromkeys("abc", "external"),
        **dict.fromkeys("de", "benchmark"),
        **dict.fromkeys("fgh", "validation"),
    }


def test_earlier_splits_stick_whatever_the_seed() -> None:
    rows = members(("a", "1", None), ("new", "1", None), ("b", "2", None))
    for seed in range(20):
        splits = assign_splits(rows, config=SplitConfig(seed=seed), previous={"a": "policy_train", "b": "panel_train"})
        assert splits == {"a": "policy_train", "new": "policy_train", "b": "panel_train"}


def test_a_new_near_twin_of_a_benchmark_item_leaves_training() -> None:
    rows = members(("old", "1", None), ("twin", "1", "benchmark"))
    assert set(assign_splits(rows, config=CONFIG, previous={"old": "rm_train"}).values()) == {"benchmark"}


def test_what_was_held_out_never_enters_training() -> None:
    rows = members(("old", "1", None), ("twin", "1", "rm_train"))
    assert set(assign_splits(rows, config=CONFIG, previous={"old": "benchmark"}).values()) == {"benchmark"}


def test_clusters_that_grew_together_take_one_split() -> None:
    rows = members(("a", "1", None), ("b", "1", None))
    splits = assign_splits(rows, config=CONFIG, previous={"a": "rm_train", "b": "validation"})
    assert splits == {"a": "validation", "b": "validation"}


def test_drawn_shares_follow_the_fractions() -> None:
    rows = members(*((f"i{n}", f"c{n}", None) for n in range(4000)))
    shares = Counter(assign_splits(rows, config=CONFIG).values())
    for split, fraction in CONFIG.fractions:
        assert abs(shares[split] / 4000 - fraction) < 0.03
    assert not shares.keys() & {"benchmark", "external"}


def test_a_drawn_split_does_not_depend_on_other_clusters() -> None:
    rows = members(*((f"i{n}", f"c{n}", None) for n in range(50)))
    whole = assign_splits(rows, config=CONFIG)
    assert all(assign_splits([row], config=CONFIG) == {row.instruction_id: whole[row.instruction_id]} for row in rows)


@pytest.mark.parametrize(
    ("point", "split"), [(0.0, "rm_train"), (0.46, "panel_train"), (0.7, "policy_train"), (0.99, "validation")]
)
def test_the_interval_is_divided_in_order(point: float, split: str) -> None:
    assert drawn_split(point, CONFIG) == split


def test_fractions_must_sum_to_one() -> None:
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitConfig(rm_train=0.5)
