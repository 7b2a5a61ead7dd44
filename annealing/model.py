"""A Llama-family model that trains fast.

Queries, keys and values lie in one matrix, gate and up in another, and the logits exist only a piece at a time.

Weights are kept in float32 and cast to the dtype of the activations where they are used, so that a bf16 step leaves
float32 gradients and master weights.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from annealing import attention
from annealing.head import head_loss
from annealing.shape import Shape


class Linear(nn.Linear):
    """A linear layer whose float32 weight is cast to its input's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out)."""
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class RMSNorm(nn.Module):
    """Root mean square norm, computed in float32 and scaled after the cast, as Hugging Face's Llama does."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x (..., width) -> the same shape."""
        wide = x.float()
        normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return normed.to(x.dtype) * self.weight.to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, halves side by side as in Hugging Face's Llama.

    Args: x (batch, heads, seq, head_dim); cos, sin (1 or batch, 1, seq, head_dim).
    """
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.widths, self.head_dim, self.scale = shape.qkv_widths, shape.head_dim, shape.branch_scale
        hidden, wide = shape.hidden_size, shape.intermediate_size
        self.attention_norm = RMSNorm(hidden, shape.rms_norm_eps)
        self.qkv = Linear(hidden, sum(self.widths), bias=shape.attention_bias)
        self.out = Linear(self.widths[0], hidden, bias=False)
        self.mlp_norm = RMSNorm(hidden, shape.rms_norm_eps)
        self.gate_up = Linear(hidden, 2 * wide, bias=False)
        self.down = Linear(wide, hidden, bias=False)
        self.q_norm = RMSNorm(self.head_dim, shape.rms_norm_eps) if shape.qk_norm else None
        self.k_norm = RMSNorm(self.head_dim, shape.rms_norm_eps) if shape.qk_norm else None

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Any) -> Tensor:
        """x (batch, seq, hidden); mask as attention.mask makes it, or None for plain causal."""
        x = x + self.scale * self.attend(self.attention_norm(x), cos, sin, mask)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.scale * self.down(F.silu(gate) * up)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Any) -> Tensor:
        """Grouped-query attention. x (batch, seq, hidden) -> the same shape."""
        batch, seq, _ = x.shape
        parts = self.qkv(x).split(self.widths, dim=-1)
        q, k, v = (part.view(batch, seq, -1, self.head_dim).transpose(1, 2) for part in parts)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        seen = attention.attend(q, k, v, mask)
        return self.out(seen.transpose(1, 2).reshape(batch, seq, -1))


class Model(nn.Module):
    """The whole model: token ids in; a loss, or logits, out."""

    def __init__(self, shape: Shape, compute: torch.dtype = torch.float32) -> None:
        """``compute``: the dtype of the activations."""
        super().__init__()
        self.shape, self.compute = shape, compute
        self.recompute = False  # layers anew in the backward pass
        self.embed = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.head = Linear(shape.hidden_size, shape.vocab_size, bias=False)
        if shape.tie_word_embeddings:
            self.head.weight = self.embed.weight
        self._rope: tuple[int, torch.device, Tensor, Tensor] | None = None

    def forward(self, tokens: Tensor, targets: Tensor, divisor: Tensor, starts: Tensor | None = None) -> Tensor:
        """The summed cross-entropy over the targets, divided by ``divisor``.

        Args: tokens, targets int64 (batch, seq), target -100 counts for nothing; starts int64 (batch, seq), for each
        position where its document starts in the row: with it nothing is seen across documents and positions restart.
        """
        hidden = self.hidden(tokens, starts)
        return head_loss(hidden.flatten(0, 1), self.head.weight, targets.flatten(), divisor, self.shape.logit_scale)

    def hidden(self, tokens: Tensor, starts: Tensor | None = None) -> Tensor:
        """The last hidden state (batch, seq, hidden), normed."""
        x = (self.embed(tokens) * self.shape.scale_emb).to(self.compute)
        cos, sin = self._positions(tokens.shape[1], x)
        mask = None
        if starts is not None:
            place = torch.arange(tokens.shape[1], device=tokens.device)
            cos, sin = (table[0, 0][place - starts].unsqueeze(1) for table in (cos, sin))
            mask = attention.mask(starts)
        for layer in self.layers:
            # The non-reentrant kind works with compiled and with sharded layers.
            again = self.recompute and torch.is_grad_enabled()
            x = checkpoint(layer, x, cos, sin, mask, use_reentrant=False) if again else layer(x, cos, sin, mask)
        return self.norm(x)

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits (batch, seq, vocab) in the compute dtype."""
        return self.head(self.hidden(tokens)) * self.shape.logit_scale

    def _positions(self, seq: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (1, 1, seq, head_dim), kept for the longest row so far."""
        if self._rope is None or self._rope[0] < seq or self._rope[1] != x.device:
            angles = torch.outer(torch.arange(seq, dtype=torch.float32), frequencies(self.shape)).to(x.device)
            angles = torch.cat((angles, angles), dim=-1)[None, None]
            self._rope = (seq, x.device, angles.cos().to(x.dtype), angles.sin().to(x.dtype))
        return self._rope[2][:, :, :seq], self._rope[3][:, :, :seq]

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """Random weights: normal, those that write to the residual smaller by sqrt(2 layers) as in GPT-2."""
        generator = torch.Generator().manual_seed(seed)
        spread = self.shape.initializer_range
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                scale = spread / math.sqrt(2 * self.shape.num_hidden_layers) if residual else spread
                weight.normal_(0.0, scale, generator=generator)
            elif name.endswith("bias"):
                weight.zero_()
            else:
                weight.fill_(1.0)


def frequencies(shape: Shape) -> Tensor:
    """Inverse wavelengths of the rope (head_dim / 2,), stretched as config.json says (linear, or Llama 3's)."""
    plain = 1.0 / shape.rope_theta ** (torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim)
    kind = shape.rope["rope_type"]
    if kind == "default":
        return plain
    stretched = plain / shape.rope["factor"]
    if kind == "linear":
        return stretched
    # Llama 3 (2407.21783): long wavelengths are stretched, short ones are not, those between partly.
    low, high = shape.rope["low_freq_factor"], shape.rope["high_freq_factor"]
    turns = shape.rope["original_max_position_embeddings"] * plain / (2 * math.pi)
    part = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - part) * stretched + part * plain
