"""The network: a causal backbone with a one-number head, read at the last token of every criterion of a tree.

What belongs here: loading it from a base model, choosing what is trained (all, upper layers, LoRA), and its forward pass over
trees. The checkpoint is a plain `AutoModelForSequenceClassification` with one label.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal
from training.reward_model.attention import FLEX, FLEX_ROW, IMPLEMENTATIONS, fill_up, plan_attention, use_tree_attention
from training.reward_model.config import RewardModelConfig
from training.reward_model.tree import TreeBatch

# Families that were seen, in transformers' source, to hand positions and a tree on to the attention; another may ignore them.
FAMILIES = ("qwen3", "llama", "gemma3_text")


def load_classifier(
    folder: Path, *, device: str = "cpu", precision: str = "float32", attention: str = "sdpa", trained: bool = False
) -> Any:
    """Loads a checkpoint (causal LM or classifier) as a classifier with one label, set to read trees.

    Args:
        folder: the checkpoint.
        device: where it runs.
        precision: of the backbone. The head is fp32 always: in bfloat16 scores near 2 would come in steps of 1/64, and tie.
        attention: how it reads trees, `sdpa` or `flex`.
        trained: the head has to be there; a base model gets one that is drawn at random.

    Raises:
        StageRefusal: the family is none of `FAMILIES`, there is no padding token, or weights are missing.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(folder)
    if config.model_type not in FAMILIES:
        raise StageRefusal(f"base model family {config.model_type!r} is not supported; allowed: {', '.join(FAMILIES)}")
    if config.pad_token_id is None:
        raise StageRefusal("the base model's config has no pad_token_id, which a sequence classifier needs")
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=1,
        dtype=torch.float32,
        attn_implementation="sdpa",
        trust_remote_code=False,
        output_loading_info=True,
    )
    # Transformers draws what is missing at random, and scores with it.
    missing = sorted(set(loading["missing_keys"]) - (set() if trained else {"score.weight"}))
    if missing:
        raise StageRefusal(f"{folder.name}: its weights lack {missing[0]}, which would be drawn at random; give a whole model")
    if precision != "float32":
        # Parameters only: `.to(dtype)` would round the rotary frequencies, which are buffers, and misplace late tokens.
        for parameter in model.model.parameters():
            parameter.data = parameter.data.to(getattr(torch, precision))
    use_tree_attention(model, attention)
    return model.to(device).eval()


def tree_logits(model: Any, batch: TreeBatch) -> Tensor:
    """r(x, y, c) of every leaf of a batch of trees, in leaf order: (M,)."""
    if model.config._attn_implementation not in IMPLEMENTATIONS.values():
        use_tree_attention(model)
    flex = model.config._attn_implementation == FLEX
    if flex:
        batch = fill_up(batch, FLEX_ROW, pad_id=model.config.pad_token_id)
    device = model.score.weight.device
    batch = batch.to(device)
    window = model.config.sliding_window if _slides(model.config) else None
    with float32_stream(model.model), only_at(model.model.layers[-1], batch.read_at):
        hidden = model.model(
            input_ids=batch.input_ids[None],
            attention_mask=_no_masks(model.config, batch),
            position_ids=batch.positions[None],
            use_cache=False,
            tree=plan_attention(batch, layers=len(model.model.layers), window=window, flex=flex),
        ).last_hidden_state
    leaves = hidden[0].index_select(0, batch.read_at).to(model.score.weight.dtype)
    logits: Tensor = model.score(leaves).squeeze(-1)
    return logits.float()


def _slides(config: Any) -> bool:
    return "sliding_attention" in (getattr(config, "layer_types", None) or ())


def _no_masks(config: Any, batch: TreeBatch) -> Any:
    """What keeps a backbone from building masks of its own, since the plan says who sees whom."""
    if config.model_type == "llama":
        # It takes a 4-D mask as it is; ours is never looked at.
        return batch.input_ids.new_zeros(1, 1, 1, 1)
    return dict.fromkeys(config.layer_types)


@contextmanager
def float32_stream(backbone: Any) -> Iterator[None]:
    """While open, a backbone in bfloat16 keeps what runs between its layers, and its gradients, in float32.

    A shared token's gradient is the sum over all that hangs below it. Rounded to bfloat16 at every layer it lies further from
    the float32 one than the gradients of the same token in K sequences, whose errors partly cancel. Products stay bfloat16.
    """
    weight = backbone.embed_tokens.weight
    if weight.dtype == torch.float32:
        yield
        return
    hook = backbone.embed_tokens.register_forward_hook(lambda _module, _args, output: output.float())
    try:
        with torch.autocast(weight.device.type, weight.dtype):
            yield
    finally:
        hook.remove()


@contextmanager
def only_at(layer: Any, rows: Tensor) -> Iterator[None]:
    """While open, the top layer computes queries, outputs and its MLP at these tokens alone: nobody reads the others.

    Keys and values are those of all tokens. What is left out comes back as zeros. The layer is taken out of gradient
    checkpointing meanwhile, whose second forward pass would come after this one: it keeps few tokens anyway.
    """

    def narrow(_module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].index_select(1, rows), *args[1:])

    def widen(_module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.new_zeros(1, length[0], output.shape[-1]).index_copy(1, rows, output)

    def measure(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        length.append(args[0].shape[1])

    length: list[int] = []
    hooks = [layer.register_forward_pre_hook(measure, with_kwargs=True)]
    for module in (layer.self_attn.q_proj, layer.self_attn.o_proj, layer.mlp):
        hooks += [module.register_forward_pre_hook(narrow), module.register_forward_hook(widen)]
    checkpointed, layer.gradient_checkpointing = layer.gradient_checkpointing, False
    try:
        yield
    finally:
        layer.gradient_checkpointing = checkpointed
        for hook in hooks:
            hook.remove()


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
