"""One process or several: torchrun starts them, FSDP2 shards the weights over them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from annealing.errors import TrainerError
from annealing.model import Model


@dataclass(frozen=True)
class Ranks:
    """Which of the processes this is."""

    rank: int = 0
    world: int = 1
    local: int = 0  # on its machine
    local_world: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes and reports."""
        return self.rank == 0


def join(device: torch.device) -> Ranks:
    """Join the processes that torchrun started, if it did."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    local, local_world = (int(os.environ[name]) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    return Ranks(dist.get_rank(), world, local, local_world)


def choose_device(name: str) -> torch.device:
    """The device of this process. Errors: TrainerError for a GPU that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainerError("no GPU can be used here", "set device to cpu, or install a CUDA build of torch")
    if name == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device
    return torch.device(name)


def shard(model: Model, ranks: Ranks, dtype: torch.dtype) -> None:
    """Shard the weights, layer by layer: float32 shards, layers gathered in the compute dtype, gradients summed in
    float32."""
    if ranks.world == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    kind = next(model.parameters()).device.type
    mesh = init_device_mesh(kind, (ranks.world,))
    # Inputs stay as they are: the loss's divisor, a count of tokens, is no longer that count in bfloat16.
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for layer in model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def summed(value: Tensor, ranks: Ranks) -> Tensor:
    """The sum over all processes."""
    if ranks.world > 1:
        dist.all_reduce(value)
    return value


def leave(ranks: Ranks) -> None:
    """Leave the other processes."""
    if ranks.world > 1:
        dist.destroy_process_group()
