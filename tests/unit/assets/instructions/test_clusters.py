"""Clusters and representatives: by hand, on the embedded corpus, and the same whatever the order of rows and the threads."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from assets.instructions.clusters import ClusterError, cluster_table, stars
from assets.instructions.config import DedupConfig
from assets.instructions.sources.registry import resolve_sources
from tests.benchmarks.questions import generate
from tests.unit.assets.instructions.embeddings import embedder
from training.records import content_id

Row = tuple[str, str, str, str | None, str | None]


def tables(rows: list[Row]) -> tuple[pa.Table, pa.Table]:
    ids, sources, texts, keys, splits = zip(*rows, strict=True)
    return (
        pa.table({"instruction_id": ids, "source": sources, "text": texts}),
        pa.table({"instruction_id": ids, "cluster_key": pa.array(keys, pa.string()), "split": pa.array(splits, pa.string())}),
    )


def clustered(rows: list[Row], *, preferred: tuple[str, ...] = (), profile: str = "smoke") -> pa.Table:
    instructions, pins = tables(rows)
    vectors = embedder(profile)
    return cluster_table(
        instructions=instructions,
        pins=pins,
        embed=vectors.embed,
        threshold=DedupConfig().threshold(vectors.kind),
        preferred=preferred,
    )


def row(key: str, text: str, *, source: str = "plain", declared: str | None = None, split: str | None = None) -> Row:
    return key, source, text, declared, split


def merged(table: pa.Table) -> dict[str, tuple[str, str | None]]:
    names = ("instruction_id", "representative_id", "merged_by")
    return {a: (b, c) for a, b, c in zip(*(table.column(name).to_pylist() for name in names), strict=True)}


def clusters(table: pa.Table) -> dict[str, str]:
    return dict(zip(table.column("instruction_id").to_pylist(), table.column("cluster_id").to_pylist(), strict=True))


GOUT = "What is the treatment of gout?"


def test_equal_reworded_and_different_questions() -> None:
    table = clustered(
        [
            row("d", "How is gout treated?"),
            row("c", "what is the  TREATMENT of gout?"),
            row("b", GOUT),
            row("a", "What is the treatment of croup?"),
        ]
    )
    assert merged(table) == {"a": ("a", None), "b": ("b", None), "c": ("b", "exact"), "d": ("b", "semantic")}
    similarity = table.column("similarity").to_pylist()
    vectors = embedder("smoke").embed(["How is gout treated?", GOUT])
    assert similarity[:3] == [1.0, 1.0, 1.0]
    assert similarity[3] == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-6)
    assert similarity[3] < 0.99
    assert clusters(table) == {"a": content_id("cluster", "a")} | dict.fromkeys("bcd", content_id("cluster", "b"))


def test_an_equal_text_follows_its_twin_and_says_so() -> None:
    table = clustered([row("a", GOUT), row("b", "How is gout treated?"), row("c", "how is GOUT treated?")])
    assert merged(table) == {"a": ("a", None), "b": ("a", "semantic"), "c": ("a", "semantic")}


def test_rubrics_and_published_test_items_are_representatives() -> None:
    rows = [row("a", GOUT), row("b", GOUT, source="rubrics"), row("c", "How is gout treated?")]
    assert merged(clustered(rows, preferred=("rubrics",))) == {"a": ("b", "exact"), "b": ("b", None), "c": ("b", "semantic")}
    rows = [row("a", GOUT), row("b", "How is gout treated?", split="external")]
    assert merged(clustered(rows)) == {"a": ("b", "semantic"), "b": ("b", None)}


def test_a_declared_cluster_keeps_together_and_merges_nothing() -> None:
    table = clustered(
        [row("a", GOUT, declared="k"), row("b", "Is croup contagious?", declared="k"), row("c", "How is gout treated?")]
    )
    assert merged(table) == {"a": ("a", None), "b": ("b", None), "c": ("a", "semantic")}
    assert len(set(clusters(table).values())) == 1


def test_a_chain_is_one_cluster_but_merges_only_what_its_centre_resembles() -> None:
    # 0 ~ 1 ~ 2 ~ 3 and 2 nearer to 3 than to 1: 1 merges into 0; 2 is not similar to 0 and becomes a centre; 3 merges into 2.
    left, right = np.array([0, 1, 2]), np.array([1, 2, 3])
    centre, similarity = stars(5, left, right, np.array([0.9, 0.8, 0.95]))
    assert centre.tolist() == [0, 0, 2, 2, 4]
    assert similarity.tolist() == [1.0, 0.9, 1.0, 0.95, 1.0]


def test_the_most_similar_centre_wins_and_of_equals_the_first() -> None:
    left, right = np.array([0, 1, 0, 1]), np.array([2, 2, 3, 3])
    assert stars(4, left, right, np.array([0.8, 0.9, 0.7, 0.7]))[0].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("pins", [["a"], ["a", "b", "b"], ["a", "c"]])
def test_instructions_and_pins_must_fit(pins: list[str]) -> None:
    instructions, _ = tables([row("a", "x"), row("b", "y")])
    none = pa.array([None] * len(pins), pa.string())
    with pytest.raises(ClusterError, match="2 instructions"):
        cluster_table(
            instructions=instructions,
            pins=pa.table({"instruction_id": pins, "cluster_key": none, "split": none}),
            embed=embedder("smoke").embed,
            threshold=0.5,
            preferred=(),
        )


def generated(n: int) -> tuple[list[Row], dict[str, int]]:
    questions = list(generate(n, seed=5))
    return [row(f"i{k:05d}", q.text) for k, q in enumerate(questions)], {
        f"i{k:05d}": q.meaning for k, q in enumerate(questions)
    }


def test_generated_questions_with_their_truth() -> None:
    rows, meaning = generated(4000)
    pairs = [(key, other) for key, (other, _) in merged(clustered(rows)).items() if key != other]
    right = sum(meaning[key] == meaning[other] for key, other in pairs)
    assert right / len(pairs) >= 0.97
    assert right / (4000 - len(set(meaning.values()))) >= 0.85


def test_the_order_of_rows_changes_nothing() -> None:
    rows, _ = generated(3000)
    table = clustered(rows)
    for seed in range(2):
        shuffled = list(rows)
        random.Random(seed).shuffle(shuffled)
        assert clustered(shuffled).equals(table)


def test_the_number_of_threads_changes_nothing() -> None:
    code = (
        "import hashlib; from tests.unit.assets.instructions.test_clusters import *; "
        "print(hashlib.sha256(repr(clustered(generated(3000)[0]).to_pylist()).encode()).hexdigest())"
    )
    found = set()
    for threads in ("1", "2"):
        variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")
        environment = dict.fromkeys(variables, threads) | {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": threads}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        found.add(done.stdout.strip())
    assert len(found) == 1


@pytest.mark.parametrize("profile", ["smoke", pytest.param("local", marks=pytest.mark.slow)])
def test_no_two_questions_of_the_embedded_corpus_merge(profile: str) -> None:
    records = [item for batch in resolve_sources(["corpus"])[0].read() for item in batch.instructions]
    rows = [row(i.instruction_id, i.text, source="corpus", declared=i.cluster_key, split=i.split) for i in records]
    table = clustered(rows, preferred=("corpus",), profile=profile)
    assert table.num_rows >= 160
    assert table.column("merged_by").null_count == table.num_rows
    condition = {i.instruction_id: i.cluster_key for i in records}
    by_cluster: dict[str, set[str | None]] = {}
    for key, cluster in clusters(table).items():
        by_cluster.setdefault(cluster, set()).add(condition[key])
    assert sorted(len(found) for found in by_cluster.values()) == [1] * len(set(condition.values()))
