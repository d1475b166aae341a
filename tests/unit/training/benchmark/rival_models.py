"""Tiny random reward models as folders that transformers loads: rivals for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHARACTERS = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:?!<>|\n"
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


def tokenizer(*, template: str | None = None, pad: bool = True, encoder: bool = False, longest: int | None = None) -> Any:
    """A token a character; BOS in front and, of an encoder, CLS and SEP around one or two texts."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<bos>", "<eos>", "<cls>", "<sep>", "<unk>"]
    words = {token: place for place, token in enumerate([*special, *CHARACTERS])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    if encoder:
        backend.post_processor = processors.TemplateProcessing(
            single="<cls> $A <sep>",
            pair="<cls> $A <sep> $B:1 <sep>:1",
            special_tokens=[("<cls>", words["<cls>"]), ("<sep>", words["<sep>"])],
        )
        named = {"cls_token": "<cls>", "sep_token": "<sep>"}
    else:
        backend.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", words["<bos>"])])
        named = {"bos_token": "<bos>", "eos_token": "<eos>"}
    if pad:
        named["pad_token"] = "<pad>"
    limit = {} if longest is None else {"model_max_length": longest}
    found = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", **named, **limit)
    found.chat_template = template
    return found


def decoder(folder: Path, *, labels: int = 1, pad: bool = True, template: str | None = TEMPLATE, causal: bool = False) -> Path:
    """A random Qwen3 classifier, or the causal model that someone takes for one."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3ForSequenceClassification

    words = tokenizer(template=template, pad=pad)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        num_labels=labels,
        pad_token_id=words.pad_token_id,
        max_position_embeddings=512,
    )
    (Qwen3ForCausalLM if causal else Qwen3ForSequenceClassification)(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def encoder(folder: Path) -> Path:
    """A random BERT classifier, of at most 64 tokens by its tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    words = tokenizer(encoder=True, longest=64)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=1,
        pad_token_id=words.pad_token_id,
        max_position_embeddings=128,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
