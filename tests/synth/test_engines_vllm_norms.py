"""The compiled norms against vLLM's own chains of torch operations."""

from __future__ import annotations

from typing import Any

import pytest
import torch


@pytest.fixture(scope="module")
def ops() -> Any:
    """The operations of vLLM, with the kernels registered."""
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        pytest.skip("kernels of the CPU build")
    current_platform.import_kernels()
    from vllm import ir

    from synth import engines_vllm_norms

    assert engines_vllm_norms.register() == engines_vllm_norms.PRIORITY == engines_vllm_norms.register()
    return ir.ops


PRIORITY = ["governance", "native"]


def _rows(*shape: int, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("rows", [(1,), (7,), (130,), (5, 3)], ids=str)
def test_a_compiled_norm_gives_what_torch_gives(ops: Any, dtype: torch.dtype, rows: tuple[int, ...]) -> None:
    x, added, weight = (
        _rows(*shape, dtype=dtype, seed=seed) for seed, shape in enumerate([(*rows, 576)] * 2 + [(576,)])
    )
    with ops.rms_norm.set_priority(["native"]):
        expected = ops.rms_norm(x, weight, 1e-5)
    with ops.rms_norm.set_priority(PRIORITY):
        torch.testing.assert_close(ops.rms_norm(x, weight, 1e-5), expected)
    with ops.fused_add_rms_norm.set_priority(["native"]):
        expected = ops.fused_add_rms_norm(x.clone(), added.clone(), weight, 1e-5)
    with ops.fused_add_rms_norm.set_priority(PRIORITY):
        found = ops.fused_add_rms_norm.maybe_inplace(x.clone(), added.clone(), weight, 1e-5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("x", "weight", "variance_size"),
    [
        (_rows(4, 576), None, None),
        (_rows(4, 576), _rows(576, dtype=torch.float32), None),
        (_rows(4, 576), _rows(576), 64),
        (_rows(4, 1152)[:, :576], _rows(576), None),
        (_rows(4, 40), _rows(40), None),
    ],
    ids=["no weight", "weight of another type", "variance of a part", "not in one piece", "rows of an odd width"],
)  # fmt: skip
def test_what_a_kernel_does_not_take_goes_to_torch(
    ops: Any, x: torch.Tensor, weight: torch.Tensor | None, variance_size: int | None
) -> None:
    for operation, inputs in ((ops.rms_norm, (x,)), (ops.fused_add_rms_norm, (x, x.clone()))):
        with operation.set_priority(PRIORITY):
            assert operation.dispatch(*inputs, weight, 1e-5, variance_size).provider == "native"
