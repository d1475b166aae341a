"""Slices of the benchmark, counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshots import merged, tables, write

from training.benchmark.comparison import Columns
from training.benchmark.examples import read_examples
from training.benchmark.figures import Resampler
from training.benchmark.slices import MIN_CLUSTERS, MIN_EXAMPLES, length_slice, slice_figures
from training.snapshot import read_snapshot


def sliced(folder: Path, rows: dict[str, list[Any]], *, unknown_pairs: int = 0) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The rows by dimension, slice and section, of a system that is right on every other example and silent on the first."""
    snapshot = read_snapshot(write(folder, rows))
    examples = read_examples(snapshot, set(snapshot.instructions))

    def alternating(n: int) -> Any:
        return (np.arange(n) % 2).astype(np.float64)

    pair = alternating(len(examples.pair))
    pair[:unknown_pairs] = np.nan
    point = alternating(len(examples.point))
    columns = Columns(
        point_hit=point, point_score=point, point_met=point, pair=pair, overall=alternating(len(examples.overall))
    )
    resampler = Resampler([i.cluster_id for i in snapshot.instructions.values()], samples=200, seed=0)
    found = slice_figures(examples, {"reward_model": columns}, resampler, snapshot)
    return {(f.dimension, f.slice, f.section): f.row() for f in found}


def labelled(n: int, categories: list[str | None]) -> dict[str, list[Any]]:
    rows = tables(n)
    for row, category in zip(rows["instructions"], categories, strict=True):
        row["category"] = category
    return rows


def test_categories_are_counted_apart_and_none_is_lost(tmp_path: Path) -> None:
    found = sliced(tmp_path, labelled(9, ["a"] * 5 + ["b"] * 3 + [None]))
    # Eight verdicts, three criterion pairs and one overall pair to an instruction.
    assert {name: found["category", name, "pointwise"]["examples"] for name in ("a", "b", "unclassified")} == {
        "a": 40,
        "b": 24,
        "unclassified": 8,
    }
    a = found["category", "a", "pairwise"]
    assert (a["examples"], a["n"], a["clusters"]) == (15, 15, 5)
    # The pairs stand in id order, those of `a` first: 0, 1, 0, … over fifteen.
    assert a["value"] == pytest.approx(7 / 15)
    assert a["low"] < 7 / 15 < a["high"]
    assert (a["system"], a["tier"], a["metric"]) == ("reward_model", "micro", "accuracy")


def test_a_small_slice_has_counts_and_no_figure(tmp_path: Path) -> None:
    found = sliced(tmp_path, labelled(9, ["a"] * 5 + ["b"] * 4))
    # 32 verdicts, but of four instructions in four clusters.
    few_clusters = found["category", "b", "pointwise"]
    assert (few_clusters["n"], few_clusters["clusters"]) == (32, MIN_CLUSTERS - 1)
    # Five clusters, but five overall pairs.
    few_examples = found["category", "a", "overall"]
    assert (few_examples["n"], few_examples["clusters"]) == (5, MIN_CLUSTERS)
    for row in (few_clusters, few_examples):
        assert (row["value"], row["low"], row["high"]) == (None, None, None)


def test_the_minimum_counts_opinions_and_not_examples(tmp_path: Path) -> None:
    found = sliced(tmp_path / "one", labelled(5, ["a"] * 5), unknown_pairs=15 - MIN_EXAMPLES)["category", "a", "pairwise"]
    # The first five pairs, of two instructions, are gone: four clusters are left.
    assert (found["examples"], found["n"], found["clusters"], found["value"]) == (15, 10, 4, None)
    found = sliced(tmp_path / "two", labelled(8, ["a"] * 8), unknown_pairs=24 - MIN_EXAMPLES)["category", "a", "pairwise"]
    assert (found["examples"], found["n"], found["value"]) == (24, 10, None)
    found = sliced(tmp_path / "three", labelled(8, ["a"] * 8), unknown_pairs=2)["category", "a", "pairwise"]
    assert (found["examples"], found["n"], found["clusters"]) == (24, 22, 8)
    assert found["value"] == 0.5


def test_lengths_are_those_of_the_preferred_answer_against_the_other(tmp_path: Path) -> None:
    rows = tables(6)
    # Of the fixture's two answers the bad one is the longer; in the last two instructions they are turned around or even.
    for row in rows["responses"]:
        if row["response_id"] == "corpus-benchmark-4-good":
            row["text"] = "y" * 100
        if row["response_id"].startswith("corpus-benchmark-5"):
            row["text"] = "y" * 50
    # On the criterion `rest` the bad answer is made to win: it is preferred there, and so `preferred longer`.
    extra = {"instruction_id": "corpus-benchmark-0", "criterion_id": "corpus-benchmark-0-rest", "tier": "main"}
    extra |= {"better_id": "corpus-benchmark-0-bad", "worse_id": "corpus-benchmark-0-good", "discordant": True}
    rows["criterion_preferences"].append(extra | {"judge_kind": "construction", "split": "benchmark"})
    found = sliced(tmp_path, rows)
    pairwise = {key[1]: row["examples"] for key, row in found.items() if key[0] == "length" and key[2] == "pairwise"}
    overall = {key[1]: row["examples"] for key, row in found.items() if key[0] == "length" and key[2] == "overall"}
    assert pairwise == {"preferred shorter": 12, "preferred longer": 3 + 1, "about equal": 3}
    assert overall == {"preferred shorter": 4, "preferred longer": 1, "about equal": 1}
    assert not [key for key in found if key[0] == "length" and key[2] == "pointwise"]


def test_a_tenth_is_of_the_longer_answer_on_both_sides() -> None:
    assert length_slice("x" * 90, "x" * 100) == length_slice("x" * 100, "x" * 90) == "about equal"
    assert length_slice("x" * 89, "x" * 100) == "preferred shorter"
    assert length_slice("x" * 100, "x" * 89) == "preferred longer"
    assert length_slice("", "") == "about equal"


def test_specialties_of_several_sources_are_one_slice(tmp_path: Path) -> None:
    found = sliced(tmp_path, merged(tables(3), tables(2, source="kqa")))
    assert found["specialty", "x", "overall"]["examples"] == 5
