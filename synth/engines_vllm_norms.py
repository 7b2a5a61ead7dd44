"""Norms by the compiled kernels that the CPU build of vLLM carries and leaves unused (0.32).

Without a compiler (``enforce_eager``) it norms by chains of small torch operations: 0.18 of an engine's time with
SmolLM2-135M on two cores. The kernels are registered with vLLM's own dispatch; what they do not take goes the way it
went before. Its kernel of the MLP's gate stays unused: it takes four times as long as torch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from vllm import ir

PROVIDER = "governance"
PRIORITY = {"rms_norm": [PROVIDER, "native"], "fused_add_rms_norm": [PROVIDER, "native"]}  # for vLLM's ir_op_priority
_LANES = 32  # the kernels refuse rows that are no multiple of what they load at once, 32 in bfloat16 on AVX-512


def register() -> dict[str, list[str]]:
    """Register the kernels, once a process, before a model is loaded; returns PRIORITY, nothing where this build has
    no such kernels."""
    if not (hasattr(torch.ops._C, "rms_norm") and hasattr(torch.ops._C, "fused_add_rms_norm")):
        return {}
    if PROVIDER not in ir.ops.rms_norm.impls:
        ir.ops.rms_norm.register_impl(PROVIDER, supports_args=_takes)(_rms_norm)
        ir.ops.fused_add_rms_norm.register_impl(PROVIDER, supports_args=_takes_both, inplace=True)(_fused_add_rms_norm)
    return {name: list(providers) for name, providers in PRIORITY.items()}


# Names, types and defaults below are those of vLLM's operations: it refuses others.
def _takes(x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None) -> bool:
    plain = variance_size is None and weight is not None and weight.dtype == x.dtype
    return plain and x.is_contiguous() and x.shape[-1] % _LANES == 0


def _takes_both(
    x: Tensor, x_residual: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None
) -> bool:
    alike = x_residual.is_contiguous() and x_residual.dtype == x.dtype
    return alike and _takes(x, weight, epsilon, variance_size)


def _rms_norm(x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None) -> Tensor:
    normed = torch.empty_like(x)
    torch.ops._C.rms_norm(normed, x, weight, epsilon)
    return normed


def _fused_add_rms_norm(
    x: Tensor, x_residual: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None
) -> tuple[Tensor, Tensor]:
    torch.ops._C.fused_add_rms_norm(x, x_residual, weight, epsilon)
    return x, x_residual
