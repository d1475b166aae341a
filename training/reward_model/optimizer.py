"""AdamW for weights of either precision: what is held in bfloat16 is updated through a float32 copy of its own.

A learning rate of 5e-6 is below half a bfloat16 step of nearly every weight (a weight of 0.02 moves by 1.2e-4 or not at all):
updating bfloat16 weights in place would train nothing. The copy and both moments lie in host memory: a GPU holds the
bfloat16 weights, their gradients and the activations alone. A float32 weight is its own copy, and stays where it is.

Departure from Geng et al. 2026, who do not say how they fit a model of 8 billion parameters: this. The gradients of a step's
trees add up in the precision of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import Parameter


class MasterAdamW:
    """AdamW over groups of weights, each with its own peak learning rate."""

    def __init__(
        self, groups: Sequence[tuple[Sequence[Parameter], float]], *, weight_decay: float, max_grad_norm: float
    ) -> None:
        self._weights = [weight for weights, _ in groups for weight in weights]
        self._masters = [[_master(weight) for weight in weights] for weights, _ in groups]
        self._peaks = [peak for _, peak in groups]
        self._max_grad_norm = max_grad_norm
        self._adamw = torch.optim.AdamW(
            [{"params": masters, "lr": peak} for masters, peak in zip(self._masters, self._peaks, strict=True)],
            weight_decay=weight_decay,
        )

    def step(self, share: float) -> float:
        """One update at `share` of the peak rates from the gradients of the weights, which it clips and then drops.

        Returns:
            The norm of the gradients before they were clipped. If that is no number, nothing was updated.
        """
        masters = [master for group in self._masters for master in group]
        apart = [(w, m) for w, m in zip(self._weights, masters, strict=True) if m is not w]
        for weight, master in apart:
            if weight.grad is not None:
                master.grad = weight.grad.to(master.device, torch.float32)
                weight.grad = None
        for group, peak in zip(self._adamw.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share
        norm = float(torch.nn.utils.clip_grad_norm_(masters, self._max_grad_norm))
        if not math.isfinite(norm):
            return norm
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        with torch.no_grad():
            for weight, master in apart:
                weight.copy_(master)
        return norm

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on beside the weights and their gradients."""
        apart = {id(weight) for weight in self._weights}
        masters = [[None if id(m) in apart else m.detach() for m in group] for group in self._masters]
        return {"masters": masters, "adamw": self._adamw.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave; the weights themselves have to be restored apart."""
        for ours, theirs in zip(self._masters, state["masters"], strict=True):
            for master, saved in zip(ours, theirs, strict=True):
                if saved is not None:
                    master.copy_(saved)
        self._adamw.load_state_dict(state["adamw"])


def _master(weight: Parameter) -> Parameter:
    if weight.dtype == torch.float32:
        return weight
    return Parameter(weight.detach().to("cpu", torch.float32, copy=True))
