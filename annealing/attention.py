"""Attention: torch's own, or with masked documents FlexAttention on a GPU, whose mask of a row is a list of blocks.

A dense mask of a row of 131,072 tokens would be 17 GB; the list of its blocks is 4 MB. On a CPU rows are short, and the
mask is dense.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 128  # positions: FlexAttention's default, which its kernels want
# By the major version of the device's architecture: what torch can put in the place of its own kernels, the faster
# first, and the package that each needs.
_FLASH = {
    9: (("FA3", "flash_attn_interface"), ("FA4", "flash_attn.cute")),
    10: (("FA4", "flash_attn.cute"),),
}


def dense_mask(starts: Tensor) -> Tensor:
    """What each position may see. starts (batch, seq) -> bool (batch, 1, seq, seq)."""
    place = torch.arange(starts.shape[1], device=starts.device)
    return ((starts.unsqueeze(2) == starts.unsqueeze(1)) & (place[:, None] >= place[None, :])).unsqueeze(1)


def block_mask(starts: Tensor) -> Any:
    """The same as a BlockMask, worked out from the starts alone: no mask of single positions exists at any time.

    A block of queries sees the blocks from where the document of its first query starts up to itself. Those of them
    that begin behind the start of its last query's document are seen whole; itself and the rest are seen in part.
    """
    from torch.nn.attention.flex_attention import BlockMask

    seq = starts.shape[1]
    count = -(-seq // BLOCK)
    number = torch.arange(count, device=starts.device)
    first = starts[:, number * BLOCK] // BLOCK
    last = number * BLOCK + BLOCK - 1
    whole = torch.where(last < seq, -(-starts[:, last.clamp(max=seq - 1)] // BLOCK), count)  # a cut block has none
    seen = (number >= first.unsqueeze(2)) & (number <= number.unsqueeze(1))
    full = seen & (number >= whole.unsqueeze(2)) & (number < number.unsqueeze(1))

    def allowed(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (starts[row, query] == starts[row, key])

    return BlockMask.from_kv_blocks(
        *_listed(seen & ~full), *_listed(full), BLOCK_SIZE=BLOCK, mask_mod=allowed, seq_lengths=(seq, seq)
    )


def _listed(chosen: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks each block of queries has, and their numbers, first in its row.

    chosen bool (batch, blocks, blocks) -> int32 (batch, 1, blocks), (batch, 1, blocks, blocks).
    """
    order = torch.argsort(chosen.to(torch.int8), dim=2, descending=True, stable=True)
    return chosen.sum(2).to(torch.int32).unsqueeze(1), order.to(torch.int32).unsqueeze(1)


def mask(starts: Tensor) -> Any:
    """The mask that suits the device."""
    return block_mask(starts) if starts.is_cuda else dense_mask(starts)


def attend(q: Tensor, k: Tensor, v: Tensor, seen: Any) -> Tensor:
    """Grouped-query attention. q (batch, heads, seq, head_dim); k, v may have fewer heads; seen: a mask, or causal."""
    if seen is None or isinstance(seen, Tensor):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=seen is None, enable_gqa=True)
    return _flex(q.is_cuda)(q, k, v, block_mask=seen, enable_gqa=True)


@cache
def _flex(compiled: bool) -> Any:
    """FlexAttention; uncompiled it makes all scores at once, which is for tests."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False) if compiled else flex_attention


def use_flash(device: torch.device) -> str:
    """Put FlashAttention 3 or 4 in the place of torch's own kernels, where its package is installed.

    Returns a note for the person who watches; empty where there is nothing to say.
    """
    if device.type != "cuda":
        return ""
    for name, package in _FLASH.get(torch.cuda.get_device_capability(device)[0], ()):
        if _installed(package):
            try:
                torch.nn.attention.activate_flash_attention_impl(name)
            except (ImportError, RuntimeError, OSError) as error:
                return f"{name} is installed and cannot be used, so torch's own attention runs: {error}"
            return f"attention: {name}"
    return ""


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of the package around it
        return False
