r"""Rivals: other reward models, any sequence classifier with one label that plain transformers loads.

What belongs here: loading one, its input, and its scores as a system of the benchmark. A rival knows no criterion: r(x, y)
orders two answers overall and stands for every criterion, it has no verdict, and no AUC either (as our own model after the
pairwise loss alone: r is known up to a function of the instruction). What a rival was trained on, and whether the benchmark's
questions were among it, nobody here can say.

The input is, in this order, what the tokenizer offers:
- `chat_template`: a user's turn with the instruction and an assistant's with the answer, through the rival's own template;
- `text_pair`: instruction and answer as the two texts of a pair, for an encoder (a tokenizer with CLS and SEP);
- `plain`: "Instruction: {instruction}\n\nResponse: {answer}" and EOS, which TRL's RewardTrainer ends plain texts with too.

Fails closed: an input longer than the rival takes is not cut but has no score, nor has an empty answer or a score that is not
finite; `outcomes` counts them. Code of a checkpoint's own is never run, and weights are safetensors only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from training.benchmark.examples import responses_of
from training.benchmark.metrics import pairwise_credit
from training.benchmark.outside import Rival
from training.benchmark.systems import Key, Prediction, System
from training.errors import StageRefusal, one_line
from training.manifests import canonical_json, sha256_file, sha256_text
from training.progress import Progress
from training.records import Instruction
from training.snapshot import Snapshot

Format = Literal["chat_template", "text_pair", "plain"]
# Tokenizers without a limit of their own say so by a number like 1e30.
_NO_LIMIT = 10**7


class RivalScorer:
    """A rival, ready to score.

    Args:
        name: for messages.
        model: a sequence classifier with one label.
        tokenizer: its own.
        max_length: longest input in tokens; None: what tokenizer and model allow.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, *, max_length: int | None = None) -> None:
        self.name, self._model, self._tokenizer = name, model, tokenizer
        limits = (max_length, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None))
        known = [int(limit) for limit in limits if limit is not None and 0 < limit < _NO_LIMIT]
        self.max_length = min(known, default=None)
        self.format: Format = "plain"
        if tokenizer.chat_template:
            self.format = "chat_template"
        elif tokenizer.cls_token and tokenizer.sep_token:
            self.format = "text_pair"
        self.outcomes: Counter[str] = Counter()

    @classmethod
    def load(cls, rival: Rival, *, device: str = "cpu") -> RivalScorer:
        """Loads a rival in the precision its weights are saved in.

        Raises:
            StageRefusal: it cannot be loaded, is not what is pinned, has not exactly one label, or its weights lack some part:
                that would be drawn at random, and scores with it.
        """
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        where = f"rival {rival.name}"
        if rival.path is not None and rival.sha256 is not None:
            found = folder_digest(Path(rival.path))
            if found != rival.sha256:
                raise StageRefusal(f"{where}: its folder holds {found}, but {rival.sha256} was planned with; run again")
        source = rival.path or rival.hub
        keys: dict[str, Any] = {"revision": rival.revision} if rival.hub else {"local_files_only": True}
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **keys)
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, dtype="auto", output_loading_info=True, **keys
            )
        except Exception as error:  # transformers, safetensors and the hub's client have each their own
            raise StageRefusal(f"{where}: cannot be loaded: {one_line(error)}") from error
        if getattr(model, "_hf_peft_config_loaded", False):
            # Its base is fetched under whatever name it gives, of no certain content.
            raise StageRefusal(f"{where}: is an adapter; merge it into its base model and name the result")
        if model.config.num_labels != 1:
            raise StageRefusal(f"{where}: has {model.config.num_labels} labels; a reward model has one")
        missing = sorted(loading["missing_keys"])
        if missing:
            raise StageRefusal(f"{where}: its weights lack {missing[0]}, which would be drawn at random; name a reward model")
        return cls(rival.name, model.to(device).eval(), tokenizer, max_length=rival.max_length)

    def facts(self) -> dict[str, Any]:
        """How it was asked, and what came of it."""
        return {
            "family": self._model.config.model_type,
            "parameters": sum(p.numel() for p in self._model.parameters()),
            "format": self.format,
            "max_length": self.max_length,
            "outcomes": {key: self.outcomes[key] for key in ("scored", "too_long", "empty", "not_finite")},
        }

    def score(self, pairs: Sequence[tuple[str, str]], *, batch_size: int) -> list[float | None]:
        """r of every (instruction, answer), None where there is none; inputs of like length go together."""
        scores: list[float | None] = [None] * len(pairs)
        encoded: list[tuple[int, dict[str, list[int]]]] = []
        for place, (instruction, answer) in enumerate(pairs):
            if not answer.strip():
                self.outcomes["empty"] += 1
                continue
            ids = self._encode(instruction, answer)
            if self.max_length is not None and len(ids["input_ids"]) > self.max_length:
                self.outcomes["too_long"] += 1
                continue
            encoded.append((place, ids))
        encoded.sort(key=lambda entry: (-len(entry[1]["input_ids"]), entry[0]))
        # Without a padding token a decoder cannot tell where a text ends: one at a time then.
        size = batch_size if self._model.config.pad_token_id is not None else 1
        progress = Progress(f"score by {self.name}", len(encoded))
        for start in range(0, len(encoded), size):
            batch = encoded[start : start + size]
            for (place, _), r in zip(batch, self._forward([ids for _, ids in batch]), strict=True):
                self.outcomes["scored" if math.isfinite(r) else "not_finite"] += 1
                scores[place] = r if math.isfinite(r) else None
            progress.update(min(start + size, len(encoded)))
        return scores

    def _encode(self, instruction: str, answer: str) -> dict[str, list[int]]:
        instruction, answer = instruction.strip(), answer.strip()
        if self.format == "text_pair":
            found = self._tokenizer(instruction, answer)
        elif self.format == "chat_template":
            turns = [{"role": "user", "content": instruction}, {"role": "assistant", "content": answer}]
            # The template writes the special tokens itself.
            text = self._tokenizer.apply_chat_template(turns, tokenize=False)
            found = self._tokenizer(text, add_special_tokens=False)
        else:
            text = f"Instruction: {instruction}\n\nResponse: {answer}{self._tokenizer.eos_token or ''}"
            found = self._tokenizer(text)
        wanted = ("input_ids", "token_type_ids", "attention_mask")
        return {key: list(found[key]) for key in wanted if key in found}

    def _forward(self, batch: Sequence[dict[str, list[int]]]) -> list[float]:
        longest = max(len(ids["input_ids"]) for ids in batch)
        # At the right: there no real token of a decoder sees the padding, and no position moves.
        fill = {"input_ids": self._model.config.pad_token_id or 0, "token_type_ids": 0, "attention_mask": 0}
        tensors = {
            key: torch.tensor([ids[key] + [fill[key]] * (longest - len(ids[key])) for ids in batch]).to(self._model.device)
            for key in batch[0]
        }
        with torch.inference_mode():
            logits = self._model(**tensors).logits
        found: list[float] = logits[:, 0].float().tolist()
        return found


def rival_system(scorer: RivalScorer, snapshot: Snapshot, instructions: Sequence[Instruction], *, batch_size: int) -> System:
    """A rival's r(x, y) on every labelled answer to the instructions, for each of their criteria and overall."""
    responses = responses_of(snapshot)
    asked = [(i, response_id) for i in instructions for response_id in responses[i.instruction_id]]
    scored = scorer.score([(i.text, snapshot.responses[key].text) for i, key in asked], batch_size=batch_size)
    scores = {key: r for (_, key), r in zip(asked, scored, strict=True)}
    predictions: dict[Key, Prediction] = {
        (key, criterion.criterion_id): Prediction(pair_score=scores[key], point_score=None, p_met=None, verdict="unknown")
        for i, key in asked
        for criterion in snapshot.rubrics[i.instruction_id].criteria
    }
    return System(
        name=scorer.name,
        predictions=predictions,
        overall_credit=lambda chosen, rejected: pairwise_credit(scores[chosen], scores[rejected]),
    )


def folder_digest(folder: Path) -> str:
    """sha256 over the names and sha256 of all files below a folder, in name order."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return sha256_text(canonical_json([[name, sha256_file(path)] for name, path in files]))
