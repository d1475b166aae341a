"""The model that both sides of the reward-model benchmark start from: one classifier folder with the files of a scorer.

    python -m tests.benchmarks.bench_rm_base OUTPUT [--base gemma|random|FOLDER]

`gemma` is Gemma-3-270M as the `local` profile makes it, whole; `random` a small Qwen3 of the smoke profile's shape, for trying
the benchmark itself. The head is drawn once, so that both sides have the same; it is not zero, or no gradient would pass it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_rm_texts import WORDS

MAX_LENGTH = 8192
# Most tokens of a forward pass of the scorer: a whole tree of G completions fits, so that it is not cut in two.
TOKENS_PER_BATCH = 8192


def write_base(base: str, output: Path) -> None:
    """Writes weights, tokenizer, calibration and settings of scoring."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with tempfile.TemporaryDirectory(prefix="bench-rm-base-") as scratch:
        folder = Path(scratch) if base in ("gemma", "random") else Path(base)
        if base in ("gemma", "random"):
            model, tokenizer = _gemma() if base == "gemma" else _random()
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        classifier = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
        classifier.save_pretrained(output)
        AutoTokenizer.from_pretrained(folder).save_pretrained(output)
    write_scoring(output)


def write_scoring(output: Path) -> None:
    """The files that a scorer reads beside the weights: a calibration that changes nothing, and its settings."""
    from training.records import TIERS
    from training.reward_model.calibration import Calibration, TierCalibration
    from training.reward_model.scoring import CALIBRATION, SCORING

    tier = TierCalibration(
        slope=1.0,
        intercept=0.0,
        threshold=0.5,
        pooled=False,
        identified=True,
        informative=True,
        n_met=1,
        n_unmet=1,
        ece=0.0,
    )
    calibration = Calibration(tiers={name: tier for name in TIERS}, threshold_rule="half")
    (output / CALIBRATION).write_text(calibration.model_dump_json(), encoding="utf-8")
    settings = {
        "max_length": MAX_LENGTH,
        "tokens_per_batch": TOKENS_PER_BATCH,
        "precision": "float32",
        "attention": "sdpa",
        "conditioning": "criterion_last",
    }
    (output / SCORING).write_text(json.dumps(settings), encoding="utf-8")


def _gemma() -> tuple[Any, Any]:
    from training.base_model.pretrained import load_gguf

    return load_gguf()


def _random() -> tuple[Any, Any]:
    from training.base_model.config import BaseModelConfig
    from training.base_model.random_model import random_model, train_tokenizer
    from training.config import load_config

    shape = load_config(BaseModelConfig, stage="base_model", profile="smoke").random
    assert shape is not None
    tokenizer = train_tokenizer([" ".join(WORDS)] * 2, vocab_size=shape.vocab_size)
    return random_model(shape, tokenizer, seed=0), tokenizer


def main(argv: list[str] | None = None) -> int:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--base", default="gemma")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_base(arguments.base, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
