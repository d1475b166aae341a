"""Who is shown to a drafter as an exemplar: the most similar reviewed instructions, and never the wrong ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import assets.rubrics.exemplars as exemplars
from assets.rubrics.config import ShapeConfig
from assets.rubrics.exemplars import Exemplar, FloatArray, Place, Target, eligible_pool, nearest_exemplars

# Angles in degrees: the cosine of two texts is that of their difference.
ANGLES = {"0": 0.0, "10": 10.0, "20": 20.0, "20 too": 20.0, "45": 45.0, "90": 90.0}


def embed(texts: Sequence[str]) -> FloatArray:
    radians = np.radians([ANGLES[text] for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def entry(text: str, cluster: str | None = None, key: str | None = None) -> Exemplar:
    return Exemplar(instruction_id=key or f"pool {text}", text=text, cluster_id=cluster or f"c{text}", rubric=())


def target(text: str, cluster: str = "own", key: str = "target") -> Target:
    return Target(instruction_id=key, text=text, cluster_id=cluster)


POOL = [entry(text) for text in ("0", "10", "20", "20 too", "45", "90")]


@pytest.mark.parametrize(
    ("text", "k", "places"),
    [
        ("0", 3, (0, 1, 2)),
        ("90", 2, (5, 4)),
        # 20 and 20 too are equally near: the first in the pool comes first.
        ("20", 2, (2, 3)),
        ("0", 0, ()),
        ("90", 99, (5, 4, 2, 3, 1, 0)),
    ],
)
def test_the_k_nearest_come_the_nearest_first_and_equal_ones_by_place(text: str, k: int, places: tuple[int, ...]) -> None:
    assert nearest_exemplars([target(text)], POOL, k=k, embed=embed) == [places]


def test_the_instruction_itself_and_its_cluster_are_never_shown() -> None:
    pool = [entry("0", key="me"), entry("10", cluster="own"), entry("20")]
    assert nearest_exemplars([target("0", key="me")], pool, k=3, embed=embed) == [(2,)]


def test_where_all_are_barred_nothing_is_shown() -> None:
    assert nearest_exemplars([target("0")], [entry("0", cluster="own")], k=3, embed=embed) == [()]


def test_without_pool_targets_or_exemplars_nothing_is_embedded() -> None:
    def refuse(texts: Sequence[str]) -> FloatArray:
        raise AssertionError(texts)

    assert nearest_exemplars([target("0")], [], k=3, embed=refuse) == [()]
    assert nearest_exemplars([], POOL, k=3, embed=refuse) == []
    assert nearest_exemplars([target("0")], POOL, k=0, embed=refuse) == [()]


def test_targets_in_blocks_get_what_each_gets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = {str(n): vector for n, vector in enumerate(vectors)}

    def embedded(texts: Sequence[str]) -> FloatArray:
        return np.stack([known[text] for text in texts])

    pool = [entry(str(n)) for n in range(40)]
    targets = [target(str(n), cluster=f"c{n % 50}", key=str(n)) for n in range(40, 60)]
    alone = [nearest_exemplars([one], pool, k=3, embed=embedded)[0] for one in targets]
    monkeypatch.setattr(exemplars, "_BLOCK", 7)
    assert nearest_exemplars(targets, pool, k=3, embed=embedded) == alone
    # By hand: all cosines in double precision, sorted.
    for one, places in zip(targets, alone, strict=True):
        free = [n for n in range(40) if pool[n].cluster_id != one.cluster_id]
        by_cosine = sorted(free, key=lambda n: (-float(vectors[n].astype(np.float64) @ known[one.text]), n))
        assert places == tuple(by_cosine[:3])


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ANGLES)), st.integers(0, 3)), max_size=12),
    st.lists(st.tuples(st.sampled_from(sorted(ANGLES)), st.integers(0, 3)), max_size=4),
    st.integers(0, 5),
)
def test_as_many_as_are_free_up_to_k_and_never_one_of_the_cluster(
    pool_of: list[tuple[str, int]], targets_of: list[tuple[str, int]], k: int
) -> None:
    pool = [entry(text, cluster=str(cluster), key=f"p{n}") for n, (text, cluster) in enumerate(pool_of)]
    targets = [target(text, cluster=str(cluster), key=f"t{n}") for n, (text, cluster) in enumerate(targets_of)]
    found = nearest_exemplars(targets, pool, k=k, embed=embed)
    for one, places in zip(targets, found, strict=True):
        free = [place for place, other in enumerate(pool) if other.cluster_id != one.cluster_id]
        assert len(places) == min(k, len(free)) == len(set(places)) and set(places) <= set(free)


RUBRIC = [
    {"tier": "main", "text": "States A", "weight": 0.75},
    {"tier": "main", "text": "States B", "weight": 0.25},
    {"tier": "veto", "text": "Never lies", "weight": None},
]


def pool_row(key: str, rubric: list[dict[str, Any]] = RUBRIC) -> dict[str, Any]:
    return {
        "instruction_id": key,
        "text": f"text {key}",
        "rubric": json.dumps(rubric),
        "origin": "reviewed",
        "review_id": "r1",
    }


def test_the_pool_holds_nothing_held_out_and_nothing_of_unknown_split() -> None:
    splits = {"train": "rm_train", "panel": "panel_train", "bench": "benchmark", "external": "external", "valid": "validation"}
    places = {key: Place(f"cluster of {key}", split) for key, split in splits.items()}
    rows = [pool_row(key) for key in ("train", "panel", "bench", "external", "gone", "valid")]
    pool = eligible_pool(rows, places, ShapeConfig())
    assert [one.instruction_id for one in pool] == ["panel", "train", "valid"]
    assert pool[1] == Exemplar(
        instruction_id="train",
        text="text train",
        cluster_id="cluster of train",
        rubric=(("main", "States A", 0.75), ("main", "States B", 0.25), ("veto", "Never lies", None)),
    )


@pytest.mark.parametrize(
    "rubric",
    [
        [{**RUBRIC[0], "weight": 1.0}, RUBRIC[2]],
        RUBRIC[:2],
        [{**RUBRIC[0], "weight": None}, *RUBRIC[1:]],
        [{**RUBRIC[0], "weight": 0.7499}, *RUBRIC[1:]],
        [{**RUBRIC[0], "weight": 1.25}, {**RUBRIC[1], "weight": -0.25}, RUBRIC[2]],
        [*RUBRIC[:2], {**RUBRIC[2], "text": "Lies"}],
        [*RUBRIC, {**RUBRIC[2], "text": "Avoids lies; is kind"}],
    ],
    ids=["one main", "no veto", "no weight", "weights off", "negative weight", "veto as violation", "two in one"],
)
def test_a_rubric_that_would_be_refused_as_a_draft_is_not_shown(rubric: list[dict[str, Any]]) -> None:
    places = {key: Place(key, "rm_train") for key in ("good", "bad")}
    pool = eligible_pool([pool_row("bad", rubric), pool_row("good")], places, ShapeConfig())
    assert [one.instruction_id for one in pool] == ["good"]
