"""Several processes that train one reward model, over a group that accelerate joins: replicated, or sharded (FSDP).

What belongs here: what goes over the wire. `ranks.py` says what it means.

Why not `Accelerator.prepare`: DDP adds gradients up in hooks on its own forward pass, but a tree goes through the backbone and
the head of the bare model. One sum of all gradients after a step's last backward pass is the same without hooks, and leaves
processes free to run different numbers of forward passes; what it gives up is sending some gradients while others are still
computed. For FSDP accelerate calls `fully_shard` as we do, but on GPUs only: called here it runs on CPUs too, where tests are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, gather_object, reduce
from torch import Tensor
from torch.nn import Parameter

from training.reward_model.model import trainable_parameters, tree_logits
from training.reward_model.packing import forward_passes
from training.reward_model.ranks import Ranks
from training.reward_model.tree import PackedTree, collate_trees, pack_tree
from training.reward_model.validation import forward_trees

# Most numbers in one sum over the group: it is made in float32, in memory beside the gradients'.
_AT_ONCE = 2**25


class Replicated(Ranks):
    """Every process holds all weights; gradients are summed once, after a step's last backward pass."""

    def __init__(self, device: str) -> None:
        threads = torch.get_num_threads()
        state = PartialState(cpu=device == "cpu")
        # On CPUs accelerate chooses a number of threads, which is the config's to choose.
        torch.set_num_threads(threads)
        self.rank, self.world, self._device = state.process_index, state.num_processes, state.device

    def prepare(self, model: Any) -> Any:
        """The model, with the main process's weights where they come from chance (head, adapters)."""
        for parameter in trainable_parameters(model):
            broadcast(parameter.data)
        return model

    def micro_batches(self, lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
        """See `Ranks`."""
        return forward_passes(lengths, tokens_per_batch, world=self.world)[self.rank]

    def finish_gradients(self, model: Any) -> None:
        """See `Ranks`. A weight that no process has a gradient for stays without: AdamW must pass it over."""
        self._sum_gradients(trainable_parameters(model))

    def total(self, value: float) -> float:
        """See `Ranks`."""
        return float(reduce(torch.tensor(value, dtype=torch.float64, device=self._device), "sum"))

    def agree(self, value: int) -> bool:
        """See `Ranks`."""
        return len(set(gather_object([value]))) == 1

    def logits(self, model: Any, trees: Sequence[PackedTree], *, tokens_per_batch: int) -> list[Tensor]:
        """See `Ranks`."""
        passes = forward_passes([len(tree) for tree in trees], tokens_per_batch, world=self.world)
        mine = [index for group in passes[self.rank] for index in group]
        made = forward_trees(model, [trees[i] for i in mine], tokens_per_batch=tokens_per_batch)
        with torch.no_grad():
            self._fill_up(model, max(map(len, passes)) - len(passes[self.rank]))
        found = dict(gather_object(list(zip(mine, made, strict=True))))
        return [found[index] for index in range(len(trees))]

    def weights(self, model: Any) -> dict[str, Tensor]:
        """See `Ranks`."""
        copies = {}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            whole = self._whole(parameter)
            if self.is_main:
                copies[name] = whole.detach().to("cpu", copy=True)
        return copies

    def _sum_gradients(self, parameters: Sequence[Parameter]) -> None:
        present = reduce(torch.tensor([float(p.grad is not None) for p in parameters], device=self._device), "sum").tolist()
        for bucket in _buckets(p for p, holders in zip(parameters, present, strict=True) if holders):
            parts = [(p.new_zeros(p.shape) if p.grad is None else p.grad).flatten().float() for p in bucket]
            summed = reduce(torch.cat(parts), "sum").split([p.numel() for p in bucket])
            for parameter, gradient in zip(bucket, summed, strict=True):
                parameter.grad = gradient.view(parameter.shape).to(parameter.dtype)

    def _fill_up(self, model: Any, passes: int) -> None:
        """Takes part in forward passes of the others; nothing to do where these do not wait."""

    def _whole(self, parameter: Any) -> Tensor:
        return parameter


class Sharded(Replicated):
    """Every process holds a part of the backbone's weights, and of their gradients and optimizer state (FSDP2).

    The weights of a layer are gathered while it runs, so that all processes go through the network together: whoever has fewer
    groups of trees sends an empty tree along at the end, times 0. Splitting groups instead would not help: processes wait for
    the longest of each round. Gradients are summed and cut up in every backward pass, not only in the last: until then each
    process would have to hold them whole.

    The backbone is the root that is sharded, without the head: a tree goes through `model.model`, and the head's weights,
    float32 in whatever model, are a few thousand. Every process keeps them.
    """

    sharded = True

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._passes = 0
        self._done = 0

    def prepare(self, model: Any) -> Any:
        """See `Ranks`."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        super().prepare(model)
        mesh = init_device_mesh(self._device.type, (self.world,))
        for module in [*model.model.layers, model.model]:
            fully_shard(module, mesh=mesh, mp_policy=MixedPrecisionPolicy(reduce_dtype=torch.float32))
            # The parts of a step's loss add up: a sum, not FSDP's mean. Gloo has no other than plain sums.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
        return model

    def micro_batches(self, lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
        """See `Ranks`."""
        passes = forward_passes(lengths, tokens_per_batch, world=self.world)
        self._passes, self._done = max(map(len, passes)), 0
        return passes[self.rank]

    def backward(self, loss: Tensor) -> None:
        """See `Ranks`.

        Raises:
            RuntimeError: there were more passes than `micro_batches` gave out: the other processes would never join in.
        """
        if self._done == self._passes:
            raise RuntimeError(f"a step of {self._passes} micro-batches has no further backward pass")
        self._done += 1
        loss.backward()

    def finish_gradients(self, model: Any) -> None:
        """See `Ranks`."""
        self._fill_up(model, self._passes - self._done)
        self._sum_gradients(list(model.score.parameters()))
        if self.total(self._done) == 0:
            for parameter in trainable_parameters(model):
                parameter.grad = None

    def _fill_up(self, model: Any, passes: int) -> None:
        for _ in range(passes):
            nothing = tree_logits(model, collate_trees([pack_tree([0], [[0]], [[[0]]])])).sum() * 0
            if torch.is_grad_enabled():
                nothing.backward()

    def _whole(self, parameter: Any) -> Tensor:
        return parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter


def _buckets(parameters: Iterable[Parameter]) -> Iterator[list[Parameter]]:
    bucket: list[Parameter] = []
    size = 0
    for parameter in parameters:
        if bucket and size + parameter.numel() > _AT_ONCE:
            yield bucket
            bucket, size = [], 0
        bucket.append(parameter)
        size += parameter.numel()
    if bucket:
        yield bucket
