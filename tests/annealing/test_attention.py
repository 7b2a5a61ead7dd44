"""The mask as a list of blocks against the dense one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from annealing import attention

ROWS = st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=40), min_size=1, max_size=3)


def starts_of(rows: list[list[int]], seq: int) -> torch.Tensor:
    """Where the document of each position starts, for rows of documents of these lengths; the last is as long as
    there is room."""
    found = torch.zeros(len(rows), seq, dtype=torch.int64)
    for row, lengths in zip(found, rows, strict=True):
        at = 0
        for length in lengths:
            if at + length >= seq:
                break
            at += length
            row[at:] = at
    return found


def blocks(counts: torch.Tensor, indices: torch.Tensor) -> list[list[list[int]]]:
    return [
        [sorted(one[:n].tolist()) for n, one in zip(*pair, strict=True)]
        for pair in zip(counts[:, 0].tolist(), indices[:, 0], strict=True)
    ]


@settings(max_examples=30)
@given(ROWS, st.sampled_from([128, 640, 1000]))
def test_the_list_of_blocks_is_that_of_the_dense_mask(rows: list[list[int]], seq: int) -> None:
    starts = starts_of(rows, seq)
    found, dense = attention.block_mask(starts), attention.dense_mask(starts)[:, 0]
    count = -(-seq // attention.BLOCK)
    wide = torch.zeros(len(rows), count * attention.BLOCK, count * attention.BLOCK, dtype=torch.bool)
    wide[:, :seq, :seq] = dense
    tiles = wide.view(len(rows), count, attention.BLOCK, count, attention.BLOCK)
    some, every = tiles.any(4).any(2), tiles.all(4).all(2)
    partial = blocks(found.kv_num_blocks, found.kv_indices)
    full = blocks(found.full_kv_num_blocks, found.full_kv_indices)
    for row in range(len(rows)):
        for block in range(count):
            listed = sorted(partial[row][block] + full[row][block])
            assert listed == some[row, block].nonzero().flatten().tolist()
            assert all(every[row, block, one] for one in full[row][block])
            missed = set(every[row, block].nonzero().flatten().tolist()) - set(full[row][block])
            assert missed <= {block}, "the one on the diagonal is masked, whatever is in it"


@pytest.mark.parametrize("heads", [(4, 4), (8, 2)])
def test_flex_attention_sees_what_the_dense_mask_lets_it_see(heads: tuple[int, int]) -> None:
    torch.manual_seed(0)
    starts = starts_of([[100, 30, 200, 7], [500], [1, 1, 250]], 384)
    q, k, v = (torch.randn(3, count, 384, 16) for count in (heads[0], heads[1], heads[1]))
    flexible = attention.attend(q, k, v, attention.block_mask(starts))
    assert torch.allclose(flexible, attention.attend(q, k, v, attention.dense_mask(starts)), atol=1e-5)
    assert not torch.allclose(flexible, attention.attend(q, k, v, None), atol=1e-2)


def test_a_newer_flash_attention_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    gpu: Any = torch.device("cuda", 0)
    assert attention.use_flash(torch.device("cpu")) == ""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert attention.use_flash(gpu) == "", "no package is installed here"
    monkeypatch.setattr(attention, "_installed", lambda package: package == "flash_attn.cute")
    monkeypatch.setattr(torch.nn.attention, "activate_flash_attention_impl", asked.append)
    assert attention.use_flash(gpu) == "attention: FA4" and asked == ["FA4"]

    def broken(name: str) -> None:
        raise RuntimeError("no backward kernels")

    monkeypatch.setattr(torch.nn.attention, "activate_flash_attention_impl", broken)
    assert attention.use_flash(gpu).endswith("torch's own attention runs: no backward kernels")
