"""A moving average of the weights while they are trained: about what the last 1 / (1 - decay) steps have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """Kept in float32 where the weights are, and sharded as they are."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begins as the weights."""
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights behind a step; the first steps count for more, lest it stays where it began."""
        decay = min(self.decay, (1 + step) / (10 + step))
        now = dict(model.named_parameters())
        # Each process averages its own shards: nothing is sent.
        torch._foreach_lerp_(
            [_local(value) for value in self.weights.values()], [_local(now[name]) for name in self.weights], 1 - decay
        )

    @torch.no_grad()
    def restore(self, found: dict[str, Tensor]) -> None:
        """Take the tensors of a checkpoint, which are whole."""
        from annealing.checkpoint import like

        for name, value in self.weights.items():
            _local(value).copy_(_local(like(found[name], value)))


def _local(value: Tensor) -> Tensor:
    return value.to_local() if hasattr(value, "to_local") else value
