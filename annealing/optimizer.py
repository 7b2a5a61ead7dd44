"""The optimisers, and the guard that skips a step gone wrong without asking the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from annealing.errors import TrainerError
from annealing.recipe import Optimizer

WINDOW = 128  # accepted steps that a spike is measured against (OLMo 2's SkipStep)
_MIN_HISTORY = 32
_MIN_SPREAD = 0.05  # nats, and logarithms of the norm: calm stretches must not make every step a spike


def build(model: nn.Module, settings: Optimizer) -> list[torch.optim.Optimizer]:
    """The optimisers of a model: norms and biases have no weight decay.

    Muon takes the matrices of the layers, scaled so that AdamW's learning rate fits both (arXiv:2502.16982).
    Errors: TrainerError for an optimiser that is not known.
    """
    if settings.name not in ("adamw", "muon"):
        raise TrainerError(f"there is no optimizer {settings.name!r}", "choose adamw or muon")
    if not 0 <= settings.ema < 1:
        raise TrainerError(f"ema {settings.ema:g} is no share", "set one from 0 to below 1, 0.999 for example")
    named = dict(model.named_parameters())
    matrices = {name: weight for name, weight in named.items() if weight.dim() == 2}
    muon = {name for name in matrices if name.startswith("layers.")} if settings.name == "muon" else set()
    groups: list[dict[str, Any]] = [
        {
            "params": [weight for name, weight in matrices.items() if name not in muon],
            "weight_decay": settings.weight_decay,
        },
        {"params": [weight for name, weight in named.items() if name not in matrices], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=1.0, betas=settings.betas, eps=settings.eps, fused=True)
    if not muon:
        return [adamw]
    layers = torch.optim.Muon(
        [named[name] for name in sorted(muon)], lr=1.0, weight_decay=settings.weight_decay,
        momentum=settings.momentum, adjust_lr_fn="match_rms_adamw",
    )  # fmt: skip
    return [adamw, layers]


class Guard:
    """Decides on the device whether a step is skipped: its loss or gradient is no number, or far above the last."""

    def __init__(self, deviations: float, device: torch.device) -> None:
        self.deviations = deviations
        self.seen = torch.zeros(2, WINDOW, device=device)  # losses and log norms of the last accepted steps
        self.count = torch.zeros((), device=device)
        self.skipped = torch.zeros((), device=device)  # in all
        self.in_a_row = torch.zeros((), device=device)

    def judge(self, loss: Tensor, norm: Tensor) -> Tensor:
        """1.0 to skip the step, 0.0 to take it; float32 (), as fused optimisers read it. No host sync."""
        # Norms of small batches spread over orders of magnitude, so their logarithm is what has a usual range.
        now = torch.stack((loss.detach(), norm.detach().clamp(min=1e-12).log())).float()
        known = torch.arange(WINDOW, device=now.device) < self.count
        count = self.count.clamp(1, WINDOW)
        mean = (self.seen * known).sum(1) / count
        spread = (((self.seen - mean[:, None]) * known).square().sum(1) / count).sqrt()
        high = (now > mean + self.deviations * spread.clamp(min=_MIN_SPREAD)).any() & (self.count >= _MIN_HISTORY)
        skip = ~torch.isfinite(now).all() | high
        place = (self.count % WINDOW).long()
        self.seen[:, place] = torch.where(skip, self.seen[:, place], now)
        self.count += (~skip).float()
        self.skipped += skip.float()
        self.in_a_row = torch.where(skip, self.in_a_row + 1, torch.zeros_like(self.in_a_row))
        return skip.float()

    def forget(self) -> None:
        """Begin anew: another phase, with other data, may have another loss."""
        self.count.zero_()
        self.in_a_row.zero_()

    def state(self) -> dict[str, Tensor]:
        """Its tensors, for a checkpoint."""
        return {name: getattr(self, name) for name in ("seen", "count", "skipped", "in_a_row")}

    def restore(self, state: dict[str, Tensor]) -> None:
        """The inverse of ``state``."""
        for name, value in state.items():
            setattr(self, name, value.to(self.seen.device).clone())


def step(optimizers: list[torch.optim.Optimizer], lr: float, skip: Tensor) -> None:
    """Take the step, unless ``skip`` is 1.

    A fused AdamW reads that on the device itself. Muon and sharded weights cannot, so there the host waits for it.
    """
    fused = len(optimizers) == 1 and not any(
        hasattr(one, "full_tensor") for one in optimizers[0].param_groups[0]["params"]
    )
    if not fused and skip.item():
        return
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr
        if fused:
            optimizer.found_inf = skip
        optimizer.step()
