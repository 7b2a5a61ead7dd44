"""What a run tells: a line every few steps to whoever listens, a CSV of every logged step, TensorBoard if asked."""

from __future__ import annotations

import csv
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from annealing.errors import TrainerError
from annealing.feed import Fed, Feed
from annealing.optimizer import Guard
from annealing.plan import Plan
from annealing.recipe import Phase

# Dense bf16 FLOP/s that the maker names, by a part of the device's name; the first that fits.
PEAKS = (
    ("H200 NVL", 836e12), ("H200", 989e12), ("H100 NVL", 835e12), ("H100 PCIe", 756e12), ("H100", 989e12),
    ("B200", 2250e12), ("A100", 312e12), ("L40S", 362e12), ("RTX 4090", 165e12),
)  # fmt: skip
COLUMNS = (
    "step", "tokens", "phase", "loss", "lr", "grad_norm", "skipped", "tokens_per_s", "mfu_full", "mfu_causal",
    "data_wait", "memory_gib", "seconds",
)  # fmt: skip


def peak_flops(device: torch.device) -> float | None:
    """The device's dense bf16 peak, or None where it is not known."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peak for part, peak in PEAKS if part in name), None)


class Meter:
    """Measures and tells. Losses wait on the device until they are logged, so that no step waits for the host."""

    def __init__(
        self, plan: Plan, output: Path, first: bool, device: torch.device, world: int,
        say: Callable[[dict[str, Any]], None], step: int,
    ) -> None:  # fmt: skip
        self._plan, self._device, self._world = plan, device, world
        self._say = say if first else lambda event: None
        self._peak = peak_flops(device)
        self._losses: list[Tensor] = []
        self._norm: Tensor | None = None
        self._lr = 0.0
        self._began = self._since = time.perf_counter()
        self._tokens = 0
        self._trained = 0
        self._phase: Phase | None = None
        self._feed: Feed | None = None
        self._waited = 0.0
        self._file: Any = None
        self._board: Any = None
        self.last: dict[str, Any] = {}
        if first:
            output.mkdir(parents=True, exist_ok=True)
            self._file = _open_csv(output / "metrics.csv", step)
            self._board = _board(output) if plan.recipe.machine.tensorboard else None

    def phase(self, phase: Phase, feed: Feed) -> None:
        """Another phase begins."""
        self._phase, self._feed, self._waited = phase, feed, 0.0
        self._since = time.perf_counter()

    def note(self, text: str) -> None:
        """Something a person should read."""
        self._say({"note": text})

    def step(self, fed: Fed, loss: Tensor, norm: Tensor, lr: float) -> None:
        """Remember a step, on the device."""
        self._losses.append(loss.detach())
        self._norm, self._lr = norm.detach(), lr
        self._tokens += fed.counted

    def log(self, position: Any, guard: Guard) -> None:
        """Tell of the steps since the last time: the one place where the host waits for the device."""
        if not self._losses or self._phase is None or self._feed is None or self._norm is None:
            return
        loss = torch.stack(self._losses).mean().item()
        now = time.perf_counter()
        seconds, waited = now - self._since, self._feed.waited - self._waited
        rate = self._tokens / seconds
        left = self._plan.tokens - position.tokens
        self.last = {
            "step": position.step, "tokens": position.tokens, "phase": self._phase.name, "loss": loss, "lr": self._lr,
            "grad_norm": self._norm.item(), "skipped": int(guard.skipped.item()), "tokens_per_s": rate,
            "mfu_full": self._mfu(rate, False), "mfu_causal": self._mfu(rate, True),
            "data_wait": waited / seconds, "memory_gib": self._memory(), "seconds": now - self._began,
        }  # fmt: skip
        self._trained += self._tokens
        self._losses, self._tokens, self._since, self._waited = [], 0, now, self._feed.waited
        if self._file is not None:
            csv.DictWriter(self._file, COLUMNS).writerow(self.last)
            self._file.flush()
        if self._board is not None:
            for name in ("loss", "lr", "grad_norm", "tokens_per_s"):
                self._board.add_scalar(name, self.last[name], position.tokens)
        self._say({**self.last, "steps": self._plan.steps, "left_s": left / rate})

    def summary(self, position: Any, guard: Guard) -> dict[str, Any]:
        """What the whole run was; what each source gave comes from the position in the data."""
        seconds = time.perf_counter() - self._began
        sources = (position.data or {}).get("sources", {})
        gpu = self._device.type == "cuda"
        return {
            "steps": position.step, "tokens": position.tokens, "loss": self.last.get("loss"),
            "skipped": int(guard.skipped.item()), "seconds": seconds,
            "gpu_hours": seconds * self._world / 3600 if gpu else 0.0, "tokens_per_s": self._trained / seconds,
            "mfu_full": self.last.get("mfu_full"), "mfu_causal": self.last.get("mfu_causal"),
            "parameters": self._plan.shape.parameters, "memory_gib": self._memory(),
            "sources": {name: self._used(name, one) for name, one in sources.items()},
            "output": self._plan.recipe.output, "model": str(Path(self._plan.recipe.output) / "model"),
            "device": torch.cuda.get_device_name(self._device) if gpu else "cpu",
        }  # fmt: skip

    def _used(self, name: str, state: dict[str, Any]) -> dict[str, float]:
        path = next(path for path, source in self._plan.sources.items() if source.name == name)
        tokens = state["tokens"]
        return {"rows": state["rows"], "tokens": tokens, "epochs": tokens / max(1.0, self._plan.estimate[path])}

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def _mfu(self, rate: float, causal: bool) -> float | None:
        """The share of the dense bf16 peak; None where that is not known. A mask of documents is not counted."""
        if self._peak is None or self._phase is None:
            return None
        return rate * self._plan.shape.flops_per_token(self._phase.seq_len, causal) / (self._peak * self._world)

    def _memory(self) -> float:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**30
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _open_csv(path: Path, step: int) -> Any:
    """The CSV, without the rows that a resumed run writes again."""
    kept: list[dict[str, str]] = []
    if path.is_file():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if (row["step"] or "x").isdigit() and int(row["step"]) <= step]
    file = path.open("w", newline="")
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(kept)
    return file


def _board(output: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainerError(
            "tensorboard is not installed", "pip install tensorboard, or leave the setting out"
        ) from error
    return SummaryWriter(str(output / "tensorboard"))
