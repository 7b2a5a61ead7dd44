"""The head and its loss, a piece of the tokens at a time, so that the logits of a whole batch never exist.

At 8 rows of 4096 tokens the logits of MiniCPM5-1B are 17 GB in float32. The gradients are made in the forward pass,
while a piece's logits are there; nothing is computed twice (as in Liger-Kernel, arXiv:2410.10989).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

IGNORED = -100  # a target that counts for nothing
PIECE_LOGITS = 1 << 29  # logits of one piece: 1 GB in bf16, where pieces are large enough for full speed
PIECE_LOGITS_CPU = 1 << 21  # 8 MB in float32, which a processor's cache holds: 8,400 tokens/s against 6,600 with 256 MB


def softmax_step(logits: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Loss and its gradient by the scaled logits, in few passes over them; the logits are overwritten.

    Args: logits (tokens, vocab); targets (tokens,). Out: the sum of the losses; the gradient of each token's own loss
    (tokens, vocab) in the dtype of the logits, of tokens that do not count too.
    """
    wide = logits.float() if scale == 1.0 else logits.float() * scale
    safe = targets.clamp(min=0).unsqueeze(1)
    log_sum = torch.logsumexp(wide, dim=1, keepdim=True)
    loss = ((log_sum - wide.gather(1, safe)).squeeze(1) * (targets != IGNORED)).sum()
    gradient = wide.sub_(log_sum).exp_()
    gradient.scatter_add_(1, safe, torch.full_like(safe, -1, dtype=gradient.dtype))
    return loss, gradient.to(logits.dtype)


_step = softmax_step


def use_compiled(compiled: bool) -> None:
    """Compile the step, or not. Shapes repeat, so it is compiled once or twice."""
    global _step
    _step = torch.compile(softmax_step, dynamic=False) if compiled else softmax_step


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, divisor: Tensor, scale: float) -> Tensor:
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        matrix = weight.to(hidden.dtype)
        budget = PIECE_LOGITS if hidden.is_cuda else PIECE_LOGITS_CPU
        pieces = max(1, -(-hidden.shape[0] * weight.shape[0] // budget))
        size = -(-hidden.shape[0] // pieces)
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        by_hidden = torch.empty_like(hidden) if wanted else None
        by_weight = torch.zeros_like(weight, dtype=torch.float32) if wanted else None
        for start in range(0, hidden.shape[0], size):
            piece, wanted_targets = hidden[start : start + size], targets[start : start + size]
            part, gradient = _step(piece @ matrix.t(), wanted_targets, scale)
            loss += part
            if by_hidden is not None and by_weight is not None:
                # What does not count is left out here, and the divisor comes last: passes over the width, not the
                # vocabulary.
                counts = (wanted_targets != IGNORED).unsqueeze(1)
                torch.mul(gradient @ matrix, counts, out=by_hidden[start : start + size])
                if gradient.dtype == torch.float32:
                    by_weight.addmm_(gradient.t(), piece * counts)
                else:
                    by_weight += gradient.t() @ (piece * counts)
        ctx.save_for_backward(by_hidden, by_weight, divisor)
        ctx.weight_dtype, ctx.scale = weight.dtype, scale
        return loss / divisor

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        by_hidden, by_weight, divisor = ctx.saved_tensors
        factor = outputs[0] * (ctx.scale / divisor)
        # In place, for a copy is 0.8 GB at MiniCPM5-1B: backward can be called once only.
        return (by_hidden * factor).to(by_hidden.dtype), by_weight.mul_(factor).to(ctx.weight_dtype), None, None, None


def head_loss(hidden: Tensor, weight: Tensor, targets: Tensor, divisor: Tensor, scale: float = 1.0) -> Tensor:
    """Cross-entropy of ``hidden @ weight.T * scale`` against the targets, summed and divided by ``divisor``.

    Args: hidden (tokens, width); weight (vocab, width); targets int64 (tokens,), -100 counts for nothing; divisor (),
    float32. Out: () in float32.
    """
    return _HeadLoss.apply(hidden, weight, targets, divisor, scale)
