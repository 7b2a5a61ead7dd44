"""Checkpoints: written beside the training, whole or not at all, and enough to go on bit by bit.

A checkpoint is a Hugging Face folder with float32 weights, which transformers loads, and beside them the optimiser's
moments and ``state.json``: the position in the data and the schedule. It is written to a folder of another name and
renamed when it lies on the disk; a kill at any moment leaves the one before.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from annealing import weights
from annealing.errors import TrainerError
from annealing.model import Model
from annealing.optimizer import Guard
from annealing.shape import Shape

_NAME = re.compile(r"step-(\d{9})(-kept)?")
STATE, MOMENTS, AVERAGE = "state.json", "moments.safetensors", "average.safetensors"


def listed(output: Path) -> list[Path]:
    """The whole checkpoints of a run, the oldest first."""
    folder = output / "checkpoints"
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: path.name)


def remove_torn(output: Path) -> None:
    """Remove what a process that was killed left half written."""
    for torn in (output / "checkpoints").glob(".writing-*"):
        shutil.rmtree(torn)


def full(value: Any) -> Tensor:
    """A tensor as one piece on the host; every process must ask for it where it is sharded."""
    whole = value.full_tensor() if hasattr(value, "full_tensor") else value
    return whole.detach().to("cpu", copy=True)


def snapshot(model: Model, optimizers: list[torch.optim.Optimizer], guard: Guard) -> dict[str, dict[str, Tensor]]:
    """Everything that training changes, copied to the host."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    moments: dict[str, Tensor] = {f"guard.{name}": full(value) for name, value in guard.state().items()}
    for optimizer in optimizers:
        for weight, found in optimizer.state.items():
            moments |= {
                f"{key}.{names[id(weight)]}": full(value) for key, value in found.items() if torch.is_tensor(value)
            }
    return {"weights": {name: full(value) for name, value in model.state_dict().items()}, "moments": moments}


def restore_moments(folder: Path, model: Model, optimizers: list[torch.optim.Optimizer], guard: Guard | None) -> None:
    """Put the moments (and the guard) of a checkpoint back. Errors: TrainerError where they are another optimiser's."""
    found = load_file(folder / MOMENTS)
    if guard is not None:
        guard.restore({name: found[f"guard.{name}"] for name in guard.state()})
    if all(key.startswith("guard.") for key in found):  # written before a step was taken: all so far were skipped
        return
    names = {id(weight): name for name, weight in model.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                keys = [key for key in found if key.partition(".")[2] == names[id(weight)]]
                if not keys:
                    raise TrainerError(f"{folder} holds no moments of {names[id(weight)]}", "use the same optimizer")
                optimizer.state[weight] = {key.partition(".")[0]: like(found[key], weight) for key in keys}


def like(value: Tensor, weight: Tensor) -> Tensor:
    """A moment or an average where its weight is, sharded as it is; a count of steps stays a number."""
    if value.dim() == 0:
        return value.to(weight.device)
    if hasattr(weight, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)
    return value.to(weight.device)


class Writer:
    """Writes checkpoints in a thread, one at a time."""

    def __init__(self, output: Path, shape: Shape, tokenizer: Path, keep_last: int) -> None:
        self._folder, self._shape, self._tokenizer = output / "checkpoints", shape, tokenizer
        self._keep_last = keep_last
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def write(self, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]], keep: bool = False) -> None:
        """Begin to write; waits only for the checkpoint before. Errors: what went wrong with that one."""
        self.wait()
        self._thread = threading.Thread(target=self._run, args=(state, tensors, keep), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait for the checkpoint under way. Errors: what went wrong with it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]], keep: bool) -> None:
        try:
            self._write(state, tensors, keep)
        except BaseException as error:  # told to the training at its next checkpoint
            self._error = error

    def _write(self, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]], keep: bool) -> None:
        name = f"step-{state['step']:09d}{'-kept' if keep else ''}"
        beside = self._folder / f".writing-{name}"
        shutil.rmtree(beside, ignore_errors=True)
        weights.save(beside, self._shape, tensors["weights"], "float32", self._tokenizer, folded=False)
        save_file(tensors["moments"], beside / MOMENTS)
        if "average" in tensors:
            save_file(tensors["average"], beside / AVERAGE)
        weights.write_json(beside / STATE, state)
        for path in beside.iterdir():
            _to_disk(path)
        _to_disk(beside)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        beside.rename(self._folder / name)
        _to_disk(self._folder)
        passing = [path for path in listed(self._folder.parent) if not path.name.endswith("-kept")]
        for old in passing[: -self._keep_last or None]:
            shutil.rmtree(old)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint; {} of a folder that only holds weights."""
    path = folder / STATE
    return json.loads(path.read_text()) if path.is_file() else {}
