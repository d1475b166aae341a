"""Scoring G completions of a prompt on K criteria: our scorer on trees, and a plain classifier on one sequence per criterion.

Both sides read the same texts. The usual way gets its token ids ready made and the best of several batch sizes; our scorer
starts from texts and ends with calibrated verdicts, as its users have it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_rm_examples import Shape
from tests.benchmarks.bench_rm_texts import text_of
from tests.benchmarks.bench_rm_trl import in_memory, plain_classifier
from tests.benchmarks.bench_rm_worker import Talk

BATCH_SIZES = (4, 8, 16)
_TIERS = ("main", "bonus", "veto")


def make_item(shape: Shape, encoder: Any, *, seed: int) -> Any:
    """A `ScoreItem` whose pieces, encoded, have exactly the lengths of the shape."""
    from training.records import Criterion
    from training.reward_model.scoring import ScoreItem

    rng = random.Random(seed)
    criteria = []
    for k in range(shape.criteria):
        tier: Any = _TIERS[k % len(_TIERS)]

        def criterion(text: str, k: int = k, tier: Any = tier) -> Criterion:
            return Criterion(criterion_id=f"c{k}", tier=tier, text=text)

        text = text_of(lambda text: len(encoder.criterion(criterion(text))), shape.criterion, rng)
        criteria.append(criterion(text))
    return ScoreItem(
        instruction=text_of(lambda text: len(encoder.instruction(text)), shape.instruction, rng),
        responses=tuple(text_of(lambda text: len(encoder.response(text)), shape.response, rng) for _ in range(shape.responses)),
        criteria=tuple(criteria),
    )


def score_trees(spec: dict[str, Any], talk: Talk) -> None:
    """Our scorer, one item a step."""
    from training.reward_model.scoring import RewardScorer

    scorer = RewardScorer.load(Path(spec["folder"]))
    in_memory(scorer.model)
    encoder = _encoder(spec["folder"])
    talk.loaded()
    seed = 0
    while talk.next():
        item = make_item(Shape(**spec["shape"]), encoder, seed=seed)
        start = time.perf_counter()
        scores = scorer.score([item])
        end = time.perf_counter()
        talk.answer(seconds=end - start, logits=[score.logit for response in scores[0] for score in response], batch_size=None)
        seed += 1


def score_sequences(spec: dict[str, Any], talk: Talk) -> None:
    """A plain classifier on batches of whole sequences; the first step also finds out which batch size is best."""
    model = plain_classifier(spec["folder"], precision="float32").eval()
    encoder = _encoder(spec["folder"])
    talk.loaded()
    pad_id, size, seed = model.config.pad_token_id, 0, 0
    while talk.next():
        item = make_item(Shape(**spec["shape"]), encoder, seed=seed)
        sequences = [encoder.plain_ids(item.instruction, text, c) for text in item.responses for c in item.criteria]
        size = size or best_size(model, sequences[: max(BATCH_SIZES)], pad_id=pad_id)
        start = time.perf_counter()
        logits = plain_logits(model, sequences, size=size, pad_id=pad_id)
        talk.answer(seconds=time.perf_counter() - start, logits=logits, batch_size=size)
        seed += 1


def best_size(model: Any, sequences: Sequence[Sequence[int]], *, pad_id: int) -> int:
    """The batch size that scores a part of the sequences fastest, after a warm-up."""
    plain_logits(model, sequences[:2], size=2, pad_id=pad_id)
    seconds = {}
    for size in BATCH_SIZES:
        start = time.perf_counter()
        plain_logits(model, sequences, size=size, pad_id=pad_id)
        seconds[size] = time.perf_counter() - start
    return min(seconds, key=lambda size: seconds[size])


def plain_logits(model: Any, sequences: Sequence[Sequence[int]], *, size: int, pad_id: int) -> list[float]:
    """One number per sequence, from batches of sequences of like length, padded at the right."""
    import torch

    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    found = [0.0] * len(sequences)
    with torch.inference_mode():
        for start in range(0, len(order), size):
            group = order[start : start + size]
            length = len(sequences[group[0]])
            ids = torch.tensor([[*sequences[i], *[pad_id] * (length - len(sequences[i]))] for i in group])
            logits = model(input_ids=ids, attention_mask=(ids != pad_id).long(), use_cache=False).logits[:, 0]
            for i, logit in zip(group, logits.tolist(), strict=True):
                found[i] = logit
    return found


def _encoder(folder: str) -> Any:
    from transformers import AutoTokenizer

    from training.reward_model.prompt import PromptEncoder

    return PromptEncoder(AutoTokenizer.from_pretrained(folder))
