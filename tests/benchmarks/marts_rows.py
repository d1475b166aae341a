"""Generated raw tables for benchmarks of the warehouse: any number of instructions with rubrics, responses and verdicts.

What belongs here: rows in the shape of the raw tables, made column by column. The shape is that of the paper's set (Geng et
al. 2026: 51,990 instructions, three responses each) with what a warehouse has to cope with: several sources and review rounds,
ties, unknown and missing verdicts, verdicts of several judges that disagree, rubrics with bad weights, instructions without a
split, and instructions that curation left out. Texts are synthetic filler: only their lengths matter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assets.instructions.tables import SORT_KEYS

RESPONSES = 3
# Tiers of the seven criteria of a rubric, and how often a rubric looks like that.
SHAPES = (
    ("main",) * 4 + ("bonus",) * 2 + ("veto",),
    ("main",) * 5 + ("bonus", "veto"),
    ("main",) * 3 + ("bonus",) * 2 + ("veto",) * 2,
)
SHAPE_SHARES = (0.6, 0.25, 0.15)
CRITERIA = len(SHAPES[0])
# Sources and splits with their shares; the sizes of sources are those of the published sets, roughly.
SOURCES = {"medmcqa": 0.24, "chatdoctor": 0.2, "medical_instruction": 0.15, "medinstruct": 0.1, "pubmedqa": 0.1, "kqa": 0.02}
SOURCES |= {"medquad": 0.09, "medqa": 0.06, "dahl": 0.02, "medical_eval_sphere": 0.02}
SPLITS = {"rm_train": 0.5, "panel_train": 0.15, "policy_train": 0.2, "validation": 0.1, "benchmark": 0.02, "external": 0.01}
SPLITS |= {"": 0.02}
ROUNDS = {"": 0.8} | {f"round-{k:02d}": 0.02 for k in range(1, 11)}
BAD_WEIGHTS, UNLABELLED, SEVERAL_JUDGES = 0.002, 0.01, 0.06
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MartSizes:
    """How much to make; `excluded` instructions have neither rubric nor response, as curation leaves them."""

    instructions: int = 51_990
    excluded: int = 0
    seed: int = 0


def write_raw_tables(folder: Path, sizes: MartSizes) -> dict[str, int]:
    """Writes one Parquet file per raw table into the folder, equal for equal sizes; returns the rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, table in raw_tables(sizes).items():
        # In the order of their ids, as the real ones are: rows of one instruction do not lie together.
        table = table.sort_by([(column, "ascending") for column in SORT_KEYS.get(name, ("instruction_id",))])
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        counts[name] = int(table.num_rows)
    return counts


def raw_tables(sizes: MartSizes) -> dict[str, pa.Table]:
    """The raw tables; the quarantines are empty, since they take part in nothing that costs time."""
    rng = np.random.default_rng(sizes.seed)
    instructions = _ids(rng, "instruction", sizes.instructions)
    out = _instruction_tables(rng, pa.concat_arrays([instructions, _ids(rng, "instruction", sizes.excluded)]), sizes)
    criteria, n = _ids(rng, "criterion", sizes.instructions * CRITERIA), sizes.instructions
    responses = _ids(rng, "response", n * RESPONSES)
    out["raw_criteria"] = _criteria(rng, instructions, criteria)
    out["raw_responses"] = pa.table(
        {
            "response_id": responses,
            "instruction_id": instructions.take(pa.array(np.repeat(np.arange(n), RESPONSES))),
            "model": pa.array(["model-a", "model-b", "model-c"]).take(pa.array(np.tile(np.arange(RESPONSES), n))),
            "text": _texts(rng, responses, 1_200),
            "sampling": pa.nulls(n * RESPONSES, pa.string()),
            "attempt": pa.nulls(n * RESPONSES, pa.int64()),
        }
    )
    out["raw_verdicts"] = _verdicts(rng, responses, criteria)
    empty = pa.array([], pa.string())
    for name in ("raw_quarantine", "draft_quarantine"):
        out[name] = pa.table({column: empty for column in ("source", "source_row", "reason", "raw")})
    return out


def change_one_verdict(folder: Path) -> None:
    """Turns the first verdict of the folder's raw_verdicts into another one."""
    path = folder / "raw_verdicts.parquet"
    table = pq.read_table(path)
    first = "unmet" if table["verdict"][0].as_py() == "met" else "met"
    column = pa.chunked_array([pa.array([first]), *table["verdict"].slice(1).chunks])
    pq.write_table(table.set_column(table.column_names.index("verdict"), "verdict", column), path, compression="zstd")


def _instruction_tables(rng: np.random.Generator, ids: pa.Array, sizes: MartSizes) -> dict[str, pa.Table]:
    n = len(ids)
    clusters = _ids(rng, "cluster", n)
    kept = np.arange(n) < sizes.instructions
    # An instruction that was left out repeats another one, or is easier or harder than what is kept.
    reason = np.where(kept, "", rng.choice(["duplicate", "too_easy", "too_hard"], n))
    repeats = (reason == "duplicate") & (sizes.instructions > 0)
    origin = np.where(repeats, rng.integers(0, max(1, sizes.instructions), n), np.arange(n))
    low = np.where(reason == "too_easy", 0.0, np.where(reason == "too_hard", 9.1, 5.0))
    difficulty = pa.array(np.round(low + rng.random(n) * np.where(reason == "too_hard", 0.9, 4.0), 1))
    source = _drawn(rng, SOURCES, n)
    nothing = pa.nulls(n, pa.string())
    instructions = {
        "instruction_id": ids,
        "source": source,
        "source_row": pc.cast(pa.array(np.arange(n)), pa.string()),
        "text": _texts(rng, ids, 300),
        "license": pa.array(["cc-by-4.0"] * n),
        "category": nothing,
        "specialty": nothing,
        "difficulty": difficulty,
        "source_label": nothing,
    }
    curation = {
        "instruction_id": ids,
        "representative_id": ids.take(pa.array(origin)),
        "similarity": pa.array(np.where(repeats, 0.95, 1.0)),
        "merged_by": pc.if_else(pa.array(repeats), "semantic", None),
        "category": _drawn(rng, {"treatment": 0.4, "diagnosis_and_triage": 0.4, "": 0.2}, n),
        "specialty": _drawn(rng, {"cardiology": 0.5, "dermatology": 0.3, "neurology": 0.2}, n),
        "difficulty": difficulty,
        "difficulty_scorer": pa.array(["readability-1"] * n),
        "excluded_because": pc.if_else(pa.array(kept), None, pa.array(reason)),
        "kept": pa.array(kept),
    }
    splits = {"instruction_id": ids, "cluster_id": clusters.take(pa.array(origin))}
    splits["split"] = _drawn(rng, SPLITS, n).take(pa.array(origin))
    return {
        "raw_instructions": pa.table(instructions),
        "curated_instructions": pa.table(curation),
        "instruction_splits": pa.table(splits),
    }


def _criteria(rng: np.random.Generator, instructions: pa.Array, criteria: pa.Array) -> pa.Table:
    n = len(instructions)
    tiers = np.array(SHAPES)[rng.choice(len(SHAPES), n, p=SHAPE_SHARES)]
    # Whole numbers over their sum: scores of different responses often tie, as with rubrics of equal weights.
    parts = np.where(tiers == "main", rng.integers(1, 4, tiers.shape), 0)
    weights = parts / parts.sum(axis=1, keepdims=True)
    weights[rng.random(n) < BAD_WEIGHTS] *= 0.9
    weights[tiers != "main"] = np.nan
    rounds = _drawn(rng, ROUNDS, n)
    owner = pa.array(np.repeat(np.arange(n), CRITERIA))
    return pa.table(
        {
            "criterion_id": criteria,
            "instruction_id": instructions.take(owner),
            "tier": pa.array(tiers.ravel()),
            "text": _texts(rng, criteria, 120),
            "weight": pa.array(weights.ravel(), from_pandas=True),
            "rubric_version": pc.binary_join_element_wise("v", instructions, "-").take(owner),
            "origin": pc.if_else(pc.is_null(rounds), "drafted", "reviewed").take(owner),
            "review_id": rounds.take(owner),
        }
    )


def _verdicts(rng: np.random.Generator, responses: pa.Array, criteria: pa.Array) -> pa.Table:
    n = len(responses) // RESPONSES
    response = np.repeat(np.arange(n * RESPONSES), CRITERIA)
    criterion = (np.repeat(np.arange(n), RESPONSES * CRITERIA) * CRITERIA) + np.tile(np.arange(CRITERIA), n * RESPONSES)
    cells = np.flatnonzero(rng.random(len(response)) >= UNLABELLED)
    judged_again = cells[rng.random(len(cells)) < SEVERAL_JUDGES]
    kinds = rng.choice(["model", "construction", "assumed"], len(cells), p=[0.9, 0.05, 0.05])
    cell = np.concatenate([cells, np.repeat(judged_again, 3)])
    judge_kind = np.concatenate([kinds, np.repeat("human", 3 * len(judged_again))])
    names = ["judge"] * len(cells) + ["physician-a", "physician-b", "physician-c"] * len(judged_again)
    verdict = _drawn(rng, {"met": 0.62, "unmet": 0.365, "unknown": 0.015}, len(cell))
    evidence = pc.if_else(pc.equal(verdict, "met"), _texts(rng, responses, 80).take(pa.array(response[cell])), None)
    table = pa.table(
        {
            "response_id": responses.take(pa.array(response[cell])),
            "criterion_id": criteria.take(pa.array(criterion[cell])),
            "verdict": verdict,
            "judge": pa.array(names),
            "judge_kind": pa.array(judge_kind),
            "evidence": evidence,
        }
    )
    return table.take(pa.array(np.argsort(cell, kind="stable")))


def _ids(rng: np.random.Generator, prefix: str, count: int) -> pa.Array:
    """Distinct ids such as `response_0123456789abcdef`."""
    digits = rng.bytes(8 * count).hex().encode()
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, pa.py_buffer(digits)])
    ids = pc.binary_join_element_wise(prefix, pc.cast(pc.cast(fixed, pa.binary()), pa.string()), "_")
    assert pc.count_distinct(ids).as_py() == count
    return ids


def _drawn(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> pa.Array:
    """Values drawn with these shares; the empty one stands for null."""
    values = pa.array([value or None for value in shares])
    return values.take(pa.array(rng.choice(len(values), count, p=list(shares.values()))))


def _texts(rng: np.random.Generator, ids: pa.Array, length: int) -> pa.Array:
    """One text per id, different from all others, of about this length."""
    sentence = "the patient should take one dose with water and rest until the fever has gone or call a doctor"
    words = np.array(sentence.split())
    pool = [" ".join(rng.choice(words, max(1, int(length * scale / 5)))) for scale in rng.uniform(0.5, 1.5, 512)]
    return pc.binary_join_element_wise(ids, pa.array(pool).take(pa.array(rng.integers(0, len(pool), len(ids)))), " ")
