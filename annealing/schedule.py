"""The learning rate, by tokens: warm-up, stable and decay phases (WSD, arXiv:2404.06395) and what each step takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annealing.errors import TrainerError

# From 1 at the start of a phase to 0 at its end, by the share of the phase that is done.
_FALLS: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,  # OLMo 2, Llama 3
    "1-sqrt": lambda done: 1.0 - math.sqrt(done),  # arXiv:2405.18392, better than linear there
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
    "megatron": lambda done: 2.0 * 0.5**done - 1.0,  # its WSD decay "exponential": down to lr_end, which may be 0
}
SHAPES = (*_FALLS, "exponential")  # exponential: MiniCPM's, to a lr_end above 0


@dataclass(frozen=True)
class Decay:
    """What the learning rate does in one phase."""

    shape: str
    lr: float
    lr_end: float
    tokens: int
    batch_tokens: int
    warmup_tokens: int = 0

    @property
    def steps(self) -> int:
        """Steps of the phase; the last may go past its tokens."""
        return max(1, -(-self.tokens // self.batch_tokens))

    def at(self, step: int) -> float:
        """The learning rate of a step, the first being 0: risen while warming up, then fallen as the shape says."""
        warm = min(self.steps, -(-self.warmup_tokens // self.batch_tokens))
        if step < warm:
            return self.lr * (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        if self.shape == "exponential":
            return self.lr * (self.lr_end / self.lr) ** done
        if self.shape == "constant":
            return self.lr
        return self.lr_end + (self.lr - self.lr_end) * _FALLS[self.shape](done)

    @property
    def end(self) -> float:
        """The learning rate that the phase leaves to the next."""
        return self.lr if self.shape == "constant" else self.lr_end


def check(decay: Decay, where: str) -> Decay:
    """The same phase, if it makes sense. Errors: TrainerError."""
    if decay.shape not in SHAPES:
        raise TrainerError(f"{where}: shape {decay.shape!r} is not known", f"choose one of {', '.join(SHAPES)}")
    if decay.tokens <= 0 or decay.batch_tokens <= 0 or decay.lr <= 0 or decay.lr_end < 0 or decay.warmup_tokens < 0:
        raise TrainerError(f"{where}: tokens, batch_tokens and lr must be above 0, lr_end and warmup_tokens not below")
    if decay.shape == "exponential" and decay.lr_end == 0:
        raise TrainerError(f"{where}: an exponential decay never gets to 0", "set lr_end, e.g. a twentieth of lr")
    if decay.shape != "constant" and decay.lr_end > decay.lr:
        raise TrainerError(f"{where}: lr_end {decay.lr_end:g} is above lr {decay.lr:g}", "a decay goes down")
    if decay.warmup_tokens >= decay.tokens:
        raise TrainerError(f"{where}: the warm-up is as long as the phase", "shorten warmup_tokens")
    return decay


def table(decays: Sequence[Decay], at: Sequence[float] = (0, 0.25, 0.5, 0.75, 1)) -> list[list[float]]:
    """For each phase the learning rate at these shares of its steps, the last step being 1."""
    return [[decay.at(round(share * (decay.steps - 1))) for share in at] for decay in decays]
