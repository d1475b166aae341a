"""Keys of the stage `reward_model` (and of the panel's second reward model, which differs in role and seed)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.config import StrictConfig


class LoraKeys(StrictConfig):
    """Low-rank adapters on the named projections of the trained layers."""

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)
    targets: tuple[str, ...] = Field(min_length=1)


class RewardModelConfig(StrictConfig):
    """What the training of a reward model depends on.

    Attributes:
        role: picks the split that is trained on: `reward_model` → rm_train, `panel` → panel_train.
        precision: of the backbone's weights while training and scoring; the head is float32 always. `bfloat16` keeps a float32
            copy for the updates in host memory (`optimizer.py`).
        gradient_checkpointing: computes activations a second time in the backward pass instead of keeping them.
        max_steps: at most so many optimizer steps, whatever the epochs come to; None for no limit.
        trees_per_step: trees (instructions) whose gradients make one step.
        responses_per_tree: responses of an instruction are dealt into trees of at most so many, anew in every epoch.
        max_trees: at most so many instructions are trained on, drawn by the seed; None for all.
        max_length: longest branch (instruction + response + criterion) in tokens. Training cuts longer ones where that
            helps (`truncation.py`), validation leaves them out; both are counted.
        learning_rate: peak of the cosine schedule for the backbone (or its adapters).
        head_learning_rate: the same for the head, which starts from nothing.
        warmup_share: share of the steps over which the rate rises from 0.
        pointwise_weight: weight of BCE(sigmoid(r), v) beside the pairwise loss; must be > 0 unless `pure_pairwise`.
        pure_pairwise: the paper's loss alone, an ablation whose pointwise figures are not identified.
        backbone_layers: only so many lowest layers of the base model are kept in the checkpoint; None for all.
        lora: adapters instead of full training of the trained layers; None for full.
        trained_layers: only so many upper layers are trained and the backward pass stops below them; None for all.
        freeze_embeddings: keeps the embedding table out of training.
        init_head_zero: start from r = 0 everywhere instead of a random head.
        validation_every: steps between two validations.
        validation_trees: instructions in those validations; None for all.
        calibration_trees: instructions of validation that calibration and the final figures use; None for all.
        patience: validations without a better loss before training stops.
        threshold_rule: `half` decides `met` at calibrated P >= 0.5; `balanced_accuracy` chooses the threshold on validation.
        tokens_per_batch: most packed tokens in one forward pass, of training, validation and scoring alike.
        conditioning: where the model reads the criterion. `criterion_last`: after the response, so that all criteria share it;
            `criterion_first`: before the response, which only the responses to one instruction then share; `none`: nowhere, a
            scalar model r(x, y) of the overall preference.
        veto_data: whether verdicts and preferences on veto criteria are learned from; false is an ablation.
        attention: `sdpa` runs everywhere; `flex` compiles a kernel that skips what no token sees, for long trees on a GPU. It
            was tried on a CPU only, and only in the forward pass.
        save_every: steps between two saves of the state from which a killed training goes on.
        processes: processes of one host that train together, one to a GPU, with the tokens of a step dealt evenly.
        shard: with several processes, each holds a part of the weights (FSDP) instead of all of them (DDP).
    """

    role: Literal["reward_model", "panel"]
    seed: int = Field(ge=0)
    threads: int = Field(ge=1)
    device: Literal["cpu", "cuda"]
    precision: Literal["float32", "bfloat16"]
    gradient_checkpointing: bool
    epochs: int = Field(ge=1)
    max_steps: int | None = Field(ge=1)
    trees_per_step: int = Field(ge=1)
    responses_per_tree: int = Field(ge=2)
    max_trees: int | None = Field(ge=1)
    max_length: int = Field(ge=16)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_share: float = Field(ge=0, lt=1)
    max_grad_norm: float = Field(gt=0)
    pointwise_weight: float = Field(ge=0)
    pure_pairwise: bool
    backbone_layers: int | None = Field(ge=1)
    lora: LoraKeys | None
    trained_layers: int | None = Field(ge=1)
    freeze_embeddings: bool
    init_head_zero: bool
    validation_every: int = Field(ge=1)
    validation_trees: int | None = Field(ge=1)
    calibration_trees: int | None = Field(ge=1)
    patience: int = Field(ge=1)
    threshold_rule: Literal["half", "balanced_accuracy"]
    tokens_per_batch: int = Field(ge=256)
    conditioning: Literal["criterion_last", "criterion_first", "none"]
    veto_data: bool
    attention: Literal["sdpa", "flex"]
    save_every: int = Field(ge=1)
    processes: int = Field(ge=1)
    shard: bool

    @model_validator(mode="after")
    def _pointwise_or_pure(self) -> RewardModelConfig:
        if self.pure_pairwise and self.pointwise_weight > 0:
            raise ValueError("pure_pairwise means pointwise_weight: 0")
        if not self.pure_pairwise and self.pointwise_weight == 0:
            raise ValueError("pointwise_weight must be > 0 (P(met) is not identified without it), or set pure_pairwise: true")
        if not self.freeze_embeddings and (self.lora is not None or self.trained_layers is not None):
            raise ValueError("freeze_embeddings: false needs full training of all layers (lora: null, trained_layers: null)")
        if self.conditioning == "none" and not self.pure_pairwise:
            raise ValueError("conditioning: none learns from overall preferences alone: set pure_pairwise: true")
        if self.attention == "flex" and self.device == "cpu":
            raise ValueError("attention: flex needs device: cuda")
        if self.shard and self.processes == 1:
            raise ValueError("shard: true needs processes above 1")
        return self

    @property
    def train_split(self) -> Literal["rm_train", "panel_train"]:
        """The split this model may learn from."""
        return "rm_train" if self.role == "reward_model" else "panel_train"
