"""Stage `generation`: a policy's answers to benchmark instructions, as `responses.parquet`.

Departure from the paper: an empty or cut answer is kept and named in `finish`, never sampled again or dropped.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.generation.config import GenerationConfig
from training.generation.drawing import draw_instructions
from training.generation.model import load_policy
from training.generation.refusal import is_refusal
from training.generation.rollouts import generate_rollouts
from training.records import content_id
from training.seen import read_seen, write_seen
from training.snapshot import read_snapshot

SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("instruction_id", pa.string()),
        ("model", pa.string()),
        ("text", pa.string()),
        ("finish", pa.string()),
        ("n_tokens", pa.int64()),
    ]
)


def run(*, config: GenerationConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Answers the benchmark instructions of `snapshot` with the model in `policy`.

    Raises:
        StageRefusal: the snapshot may not be used for a benchmark, or has no benchmark instruction; the model does not say what
            it has seen.
    """
    check_snapshot(inputs["snapshot"], role="benchmark")
    candidates = read_snapshot(inputs["snapshot"]).of_split("benchmark")
    if not candidates:
        raise StageRefusal("generation: the snapshot has no instruction of split benchmark")
    instructions = draw_instructions(candidates, limit=config.max_instructions, seed=config.seed)
    model, tokenizer = load_policy(inputs["policy"], dtype=config.dtype)
    rollouts = generate_rollouts(model, tokenizer, [i.text for i in instructions], config=config)
    rows: list[dict[str, Any]] = [
        {
            "response_id": content_id("response", instruction.instruction_id, config.model_name, rollout.text),
            "instruction_id": instruction.instruction_id,
            "model": config.model_name,
            "text": rollout.text,
            "finish": rollout.finish,
            "n_tokens": rollout.n_tokens,
        }
        for instruction, rollout in zip(instructions, rollouts, strict=True)
    ]
    rows.sort(key=lambda row: str(row["response_id"]))
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), output / "responses.parquet")
    write_seen(output, read_seen(inputs["policy"]))
    finishes = Counter(rollout.finish for rollout in rollouts)
    return {
        "model": config.model_name,
        "responses": len(rows),
        "instructions_available": len(candidates),
        "clusters": len({i.cluster_id for i in instructions}),
        "finish_stop": finishes["stop"],
        "finish_length": finishes["length"],
        "finish_empty": finishes["empty"],
        "refusals": sum(is_refusal(rollout.text) for rollout in rollouts),
        "mean_tokens": sum(r.n_tokens for r in rollouts) / len(rollouts),
    }
