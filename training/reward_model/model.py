"""The network: a causal backbone with a one-number head, read at the last token of every criterion of a tree.

What belongs here: loading it from a base model, choosing what is trained (all, upper layers, LoRA), and its forward pass over
trees. The checkpoint is a plain `AutoModelForSequenceClassification` with one label.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.tree import TreeBatch

# Families whose handling of 4-D masks and given positions was read in transformers' source; another may ignore them silently.
FAMILIES = ("qwen3", "llama", "gemma3_text")


def load_classifier(folder: Path, *, device: str = "cpu", precision: str = "float32") -> Any:
    """Loads a checkpoint (causal LM or classifier) as a classifier with one label, with SDPA.

    Args:
        folder: the checkpoint.
        device: where it runs.
        precision: of the backbone. The head is fp32 always: in bfloat16 scores near 2 would come in steps of 1/64, and tie.

    Raises:
        StageRefusal: the family is none of `FAMILIES`, or there is no padding token.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in FAMILIES:
        raise StageRefusal(f"base model family {config.model_type!r} is not supported; allowed: {', '.join(FAMILIES)}")
    if config.pad_token_id is None:
        raise StageRefusal("the base model's config has no pad_token_id, which a sequence classifier needs")
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=1, dtype=torch.float32, attn_implementation="sdpa", trust_remote_code=False
    )
    if precision != "float32":
        # Parameters only: `.to(dtype)` would round the rotary frequencies, which are buffers, and misplace late tokens.
        for parameter in model.model.parameters():
            parameter.data = parameter.data.to(getattr(torch, precision))
    return model.to(device).eval()


def attention_masks(config: Any, batch: TreeBatch) -> Tensor | dict[str, Tensor]:
    """The masks a backbone wants: one (B, 1, L, L) bool tensor, or one for each of its kinds of layers."""
    full = batch.visible[:, None]
    if config.model_type == "llama":
        return full
    masks = {"full_attention": full}
    if "sliding_attention" in config.layer_types:
        masks["sliding_attention"] = batch.within(config.sliding_window)[:, None]
    return masks


def tree_logits(model: Any, batch: TreeBatch) -> Tensor:
    """r(x, y, c) of every leaf of a batch of trees, in leaf order: (M,)."""
    device = model.score.weight.device
    hidden = model.model(
        input_ids=batch.input_ids.to(device),
        attention_mask=_to(attention_masks(model.config, batch), device),
        position_ids=batch.positions.to(device),
        use_cache=False,
    ).last_hidden_state
    leaves = hidden[batch.rows.to(device), batch.columns.to(device)].to(model.score.weight.dtype)
    logits: Tensor = model.score(leaves).squeeze(-1)
    return logits.float()


def _to(masks: Tensor | dict[str, Tensor], device: torch.device) -> Any:
    if isinstance(masks, Tensor):
        return masks.to(device)
    return {name: mask.to(device) for name, mask in masks.items()}


def cut_backbone(model: Any, layers: int) -> Any:
    """Keeps the lowest `layers` layers: the cost of training and scoring falls in proportion, and the checkpoint stays plain.

    Raises:
        StageRefusal: the backbone has fewer.
    """
    if layers > len(model.model.layers):
        raise StageRefusal(f"backbone_layers is {layers}, but the base model has {len(model.model.layers)} layers")
    model.model.layers = model.model.layers[:layers]
    model.config.num_hidden_layers = layers
    if getattr(model.config, "layer_types", None) is not None:
        model.config.layer_types = list(model.config.layer_types[:layers])
    return model


def prepare_training(model: Any, config: RewardModelConfig) -> Any:
    """Cuts the backbone, sets the head's first weights and what is trained; with LoRA the result carries the adapters.

    Below the lowest trained layer nothing needs gradients, so that the backward pass stops there.
    """
    if config.backbone_layers is not None:
        model = cut_backbone(model, config.backbone_layers)
    if config.init_head_zero:
        torch.nn.init.zeros_(model.score.weight)
    backbone = model.model
    layers = len(backbone.layers)
    lowest = 0 if config.trained_layers is None else max(0, layers - config.trained_layers)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if config.lora is not None:
        from peft import LoraConfig, inject_adapter_in_model

        adapters = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,
            lora_dropout=0.0,
            target_modules=list(config.lora.targets),
            layers_to_transform=list(range(lowest, layers)),
            layers_pattern="layers",
        )
        model = inject_adapter_in_model(adapters, model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("lora_" in name)
    else:
        for layer in backbone.layers[lowest:]:
            layer.requires_grad_(True)
        backbone.norm.requires_grad_(True)
        if not config.freeze_embeddings:
            backbone.embed_tokens.requires_grad_(True)
    model.score.requires_grad_(True)
    return model


def merge_adapters(model: Any) -> Any:
    """Folds LoRA adapters into the weights they adapt, so that the checkpoint is plain."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], module.get_base_layer())
    return model


def trainable_parameters(model: Any) -> list[torch.nn.Parameter]:
    """The parameters that training changes."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
