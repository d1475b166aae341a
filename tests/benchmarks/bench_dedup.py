"""De-duplication measured: ours, the same rule behind other indexes, and SemHash as shipped, on the same generated questions.

Run as `python -m tests.benchmarks.bench_dedup [ROWS] [--embedding FOLDER] [--repeat N] [--systems NAME …]`. Every run is a
process of its own, so that its peak memory is its own; systems alternate, and medians are printed. Time is from texts in
memory to a representative for every row; reading and generating are left out. Precision: of the rows that were merged, the
share whose representative has the same meaning. Recall: of the rows that repeat a meaning, the share that was merged rightly.

SemHash's own default model is a download, so it gets the vectors that all the others have; its index (USearch) and threshold
(0.9) are its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assets.instructions.clusters import stars
from assets.instructions.config import DedupConfig
from assets.instructions.embedding import TextEmbedder
from assets.instructions.sameness import Readings, cosines, read_texts
from assets.instructions.similar_pairs import groups, similar_pairs
from assets.rubrics.statements import normalize
from tests.benchmarks.questions import generate

Pairs = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
_NEIGHBOURS = 10
# Guard groups above this size get an inverted file; below, the product is faster than training one.
_FLAT = 4096


def of_keys(readings: Readings, vectors: Any, threshold: float) -> Pairs:
    """Ours."""
    first, second, _ = similar_pairs(readings, vectors, threshold)
    return first, second


def of_guard_groups(readings: Readings, vectors: Any, threshold: float) -> Pairs:
    """A blocked product within every guard group."""
    found = []
    for group in groups(readings.signatures, np.arange(len(vectors))):
        own = vectors[group]
        for top in range(0, len(group), 2048):
            i, j = np.nonzero(own[top : top + 2048] @ own.T >= threshold)
            ahead = i + top < j
            found.append((group[i[ahead] + top], group[j[ahead]]))
    return _joined(found)


def of_hnsw(readings: Readings, vectors: Any, threshold: float) -> Pairs:
    """USearch's HNSW over all texts."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
    index.add(np.arange(len(vectors)), vectors)
    return _ahead(np.asarray(index.search(vectors, _NEIGHBOURS).keys).astype(np.int64))


def of_inverted_file(readings: Readings, vectors: Any, threshold: float) -> Pairs:
    """faiss' inverted file over all texts, 8 lists probed."""
    return _ahead(_inverted_file(vectors))


def of_inverted_file_in_groups(readings: Readings, vectors: Any, threshold: float) -> Pairs:
    """faiss' inverted file within large guard groups, a flat search within small ones."""
    import faiss

    found = []
    for group in groups(readings.signatures, np.arange(len(vectors))):
        own = vectors[group]
        if len(group) > _FLAT:
            near = _inverted_file(own)
        else:
            near = faiss.knn(own, own, min(_NEIGHBOURS, len(group)), metric=faiss.METRIC_INNER_PRODUCT)[1]
        first, second = _ahead(near)
        found.append((group[first], group[second]))
    return _joined(found)


def _inverted_file(vectors: Any) -> Any:
    import faiss

    lists = int(4 * len(vectors) ** 0.5)
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[: 64 * lists])
    index.add(vectors)
    index.nprobe = 8
    return index.search(vectors, _NEIGHBOURS)[1]


def _ahead(near: Any) -> Pairs:
    first = np.repeat(np.arange(len(near)), near.shape[1])
    low, high = np.minimum(first, near.ravel()), np.maximum(first, near.ravel())
    pairs = np.unique(np.stack([low, high], axis=1)[(low >= 0) & (low < high)], axis=0)
    return pairs[:, 0], pairs[:, 1]


def _joined(found: Sequence[Pairs]) -> Pairs:
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


INDEXES: dict[str, Callable[[Readings, Any, float], Pairs]] = {
    "ours": of_keys,
    "guard-groups": of_guard_groups,
    "usearch-hnsw": of_hnsw,
    "faiss-ivf": of_inverted_file,
    "faiss-ivf-in-groups": of_inverted_file_in_groups,
}
SYSTEMS = (*INDEXES, "semhash")


def with_index(texts: Sequence[str], embedder: TextEmbedder, find: Callable[[Readings, Any, float], Pairs]) -> list[int]:
    """The representative of every row, candidates found by an index and decided on by our rule."""
    threshold = DedupConfig().threshold(embedder.kind)
    number: dict[str, int] = {}
    text_of = np.array([number.setdefault(normalize(text), len(number)) for text in texts])
    first_row = np.unique(text_of, return_index=True)[1]
    distinct = list(number)
    readings, vectors = read_texts(distinct), embedder.embed(distinct)
    left, right = find(readings, vectors, threshold)
    similarity = cosines(vectors, left, right)
    same = readings.same(left, right, similarity, threshold)
    centre, _ = stars(len(distinct), left[same], right[same], similarity[same])
    found: list[int] = first_row[centre[text_of]].tolist()
    return found


def with_semhash(texts: Sequence[str], embedder: TextEmbedder) -> list[int]:
    """The representative of every row by SemHash, with its defaults."""
    from semhash import SemHash

    class Encoder:
        def encode(self, sentences: Sequence[str], **_: Any) -> Any:
            return embedder.embed(list(sentences))

    records = [{"row": str(row), "text": text} for row, text in enumerate(texts)]
    result = SemHash.from_records(records, columns=["text"], model=Encoder()).self_deduplicate()
    found = list(range(len(texts)))
    for duplicate in result.filtered:
        found[int(duplicate.record["row"])] = int(duplicate.duplicate_of["row"])
    return found


def measure(system: str, rows: int, folder: Path) -> dict[str, float]:
    """One run in this process."""
    questions = list(generate(rows))
    texts, meanings = [q.text for q in questions], [q.meaning for q in questions]
    embedder = TextEmbedder.load(folder)
    start = time.perf_counter()
    found = with_semhash(texts, embedder) if system == "semhash" else with_index(texts, embedder, INDEXES[system])
    seconds = time.perf_counter() - start
    merged = [(row, other) for row, other in enumerate(found) if row != other]
    right = sum(meanings[row] == meanings[other] for row, other in merged)
    repeats = rows - len(set(meanings))
    return {
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "merged": len(merged),
        "precision": right / len(merged) if merged else float("nan"),
        "recall": right / repeats,
    }


def main(argv: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Measures de-duplication against other indexes and SemHash.")
    parser.add_argument("rows", type=int, nargs="?", default=50_000)
    parser.add_argument("--embedding", type=Path, help="a text_embedding artifact; by default one is distilled first")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.rows, arguments.embedding)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.embedding or _distilled(Path(scratch))
        results: dict[str, list[dict[str, float]]] = {system: [] for system in arguments.systems}
        for _ in range(arguments.repeat):
            for system in arguments.systems:
                command = [sys.executable, "-m", "tests.benchmarks.bench_dedup", str(arguments.rows), "--one", system]
                done = subprocess.run([*command, "--embedding", str(folder)], capture_output=True, text=True, check=True)
                results[system].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{arguments.rows} rows, median of {arguments.repeat}")
    print(f"{'system':<22}{'seconds':>9}{'peak MB':>9}{'merged':>9}{'precision':>11}{'recall':>9}")
    for system, runs in results.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"{system:<22}{middle['seconds']:>9.1f}{middle['peak_mb']:>9.0f}{middle['merged']:>9.0f}"
            f"{middle['precision']:>11.4f}{middle['recall']:>9.4f}"
        )
    return 0


def _distilled(folder: Path) -> Path:
    from training.config import load_config
    from training.embedding.config import TextEmbeddingConfig
    from training.embedding.stage import run

    run(config=load_config(TextEmbeddingConfig, stage="text_embedding", profile="local"), inputs={}, output=folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
