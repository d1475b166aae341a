"""The usual way to train: TRL's RewardTrainer on whole sequences, one pair per criterion.

Its real `train()` runs, with its own data collator, loss, clipping and optimizer; a callback stops it before every step until
it is told to go on. A step's time runs from the start of its forward pass to the end of its update: fetching and padding the
batch, which TRL does before, is left out in its favour. Where a batch of all K pairs does not fit into memory, they go through
the network in parts whose gradients add up to one update.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_rm_examples import Shape, make_example
from tests.benchmarks.bench_rm_worker import Talk

# Clipping is computed on both sides and never binds, so that gradients can be compared after it.
MAX_GRAD_NORM = 1e9
LEARNING_RATE = 1e-5


def plain_classifier(folder: str, *, precision: str) -> Any:
    """The classifier as any user of transformers loads it."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=getattr(torch, precision))
    return in_memory(model)


def in_memory(model: Any) -> Any:
    """Copies weights that a loader may only have mapped from their file, so that they count as loaded."""
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return model


def train_all_but_embeddings(model: Any) -> Any:
    """What both sides train."""
    model.requires_grad_(True)
    model.model.embed_tokens.requires_grad_(False)
    return model


def train(spec: dict[str, Any], talk: Talk) -> None:
    """Steps of `RewardTrainer`, `batch` pairs a forward pass; the first one writes its gradients to `gradients`, if named."""
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import RewardConfig, RewardTrainer

    shape = Shape(**spec["shape"])
    autocast = spec["precision"] == "autocast"
    model = plain_classifier(spec["folder"], precision="float32" if autocast else spec["precision"])
    talk.loaded()
    model = train_all_but_embeddings(model)
    rows = [
        pair
        for seed in range(spec["steps"])
        for pair in make_example(shape, vocabulary=model.config.vocab_size, first=model.config.bos_token_id, seed=seed).pairs()
    ]

    class Turns(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            control.should_training_stop = not talk.next()
            self.start = time.perf_counter()
            return control

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 0 and spec["gradients"]:
                write_gradients(model, Path(spec["gradients"]))
            self.before_update = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.end = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            # The log of a step comes after it; the one that sums up the whole training has no loss of a step.
            if "loss" in logs:
                talk.answer(seconds=self.end - self.start, update=self.end - self.before_update, loss=float(logs["loss"]))

    with tempfile.TemporaryDirectory(prefix="bench-rm-") as scratch:
        trainer = RewardTrainer(
            model=model,
            args=RewardConfig(
                output_dir=scratch,
                use_cpu=True,
                bf16=autocast,
                per_device_train_batch_size=spec["batch"],
                gradient_accumulation_steps=shape.criteria // spec["batch"],
                max_steps=spec["steps"],
                max_length=None,
                gradient_checkpointing=False,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                max_grad_norm=MAX_GRAD_NORM,
                train_sampling_strategy="sequential",
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(spec["folder"]),
            callbacks=[Turns()],
        )
        trainer.train()
    if talk.next():
        raise RuntimeError("more steps were asked for than there are")


def write_gradients(model: Any, path: Path) -> None:
    """All gradients, by name."""
    from safetensors.torch import save_file

    save_file({name: p.grad for name, p in model.named_parameters() if p.grad is not None}, path)
