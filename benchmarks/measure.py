"""Measuring one side of a comparison in a process of its own: CPU time by stage, peak memory, a time limit."""

from __future__ import annotations

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

LONG_RUN_S = 120.0  # a side that takes longer is run once
_EVERY_S = 0.5  # seconds between two looks at the memory
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
Row = TypeVar("Row")


class SideError(Exception):
    """A side did not finish; the message says why."""


def cpu_seconds() -> float:
    """CPU time of this process with all its threads, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass
class Clock:
    """CPU seconds by name. Names nest, as generators do; each is charged only for what no inner name took."""

    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    rows: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _open: list[str] = field(default_factory=list)
    _last: float = 0.0

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Charge ``name`` for the block."""
        self._charge()
        self._open.append(name)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        now = cpu_seconds()
        if self._open:
            self.spent[self._open[-1]] += now - self._last
        self._last = now

    def each(self, name: str, rows: Iterable[Row], count: Callable[[Row], int] = lambda _: 1) -> Iterator[Row]:
        """Pass rows on, charging ``name`` for the making of each and counting them."""
        iterator = iter(rows)
        while True:
            with self.on(name):
                try:
                    row = next(iterator)
                except StopIteration:
                    return
            self.rows[name] += count(row)
            yield row

    def table(self, order: Iterable[str] | None = None) -> dict[str, dict[str, float]]:
        """Rows, CPU seconds and rows/s/core of each name, in the given order or that of their first running."""
        return {name: rate(self.rows[name], self.spent[name]) for name in order or list(self.spent)}


def median_cpu(work: Callable[[], Any], runs: int) -> float:
    """Median CPU seconds of a call; a first call, which may load and compile, is left out."""
    spent = []
    for _ in range(runs + 1):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent[1:])


def rate(rows: int, seconds: float) -> dict[str, float]:
    """Rows, CPU seconds, and rows a second of one core."""
    return {"rows": rows, "cpu_s": round(seconds, 3), "rows_per_s_core": round(rows / max(seconds, 1e-6), 1)}


@dataclass(frozen=True)
class Side:
    """What a side printed, its wall seconds, and the peak memory of its process tree and of its largest Ray worker."""

    result: dict[str, Any]
    wall_s: float
    peak_mib: float
    worker_peak_mib: float


def run_side(module: str, arguments: Sequence[str], limit_s: float, env: dict[str, str] | None = None) -> Side:
    """Run ``python -m module arguments``; its last line of output is its result.

    Errors: SideError with the end of its messages when it fails or takes longer than ``limit_s``.
    """
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as messages:
        command = [sys.executable, "-m", module, *arguments]
        side = subprocess.Popen(
            command, stdout=out, stderr=messages, env=os.environ | _ONE_THREAD | (env or {}), start_new_session=True
        )
        try:
            peaks = _watch(side, start + limit_s)
        finally:
            with suppress(ProcessLookupError):  # the group it leads: a helper of it may still be there
                os.killpg(side.pid, signal.SIGKILL)
            side.wait()
        text, trouble = (_text(stream) for stream in (out, messages))
    if peaks is None:
        raise SideError(f"{module} took longer than {limit_s:g} s and was ended")
    if side.returncode:
        raise SideError(f"{module} ended with {side.returncode}: {trouble.strip()[-1500:]}")
    return Side(json.loads(text.strip().splitlines()[-1]), time.monotonic() - start, *(size / 2**20 for size in peaks))


def in_turns(sides: Mapping[str, Callable[[int], Side]], runs: int) -> dict[str, list[Side] | str]:
    """Run each side, given the number of the round, up to ``runs`` times; a side that fails is a string that says why.

    In turns, so that a busy minute slows all of them.
    """
    found: dict[str, list[Side]] = {name: [] for name in sides}
    failures: dict[str, str] = {}
    for number in range(runs):
        for name, run in sides.items():
            if name in failures or any(side.wall_s > LONG_RUN_S for side in found[name]):
                continue
            try:
                found[name].append(run(number))
            except SideError as error:
                failures[name] = str(error)
                continue
            print(f"{name} {number + 1}/{runs}: {found[name][-1].wall_s:.0f} s", file=sys.stderr, flush=True)
    return found | failures


def _watch(side: subprocess.Popen[bytes], deadline: float) -> tuple[int, int] | None:
    """Wait for a process; peak bytes of its tree and of a worker in it, None when the deadline passed first."""
    tree = worker = 0
    while side.poll() is None:
        if time.monotonic() > deadline:
            return None
        sizes = tree_memory(side.pid)
        tree = max(tree, sum(size for _, size in sizes))
        worker = max([worker, *(size for name, size in sizes if name.startswith("ray::"))])
        time.sleep(_EVERY_S)
    return tree, worker


def tree_memory(pid: int) -> list[tuple[str, int]]:
    """Name and bytes of memory of each process of a tree, pages that several share divided among them (PSS)."""
    import psutil

    gone = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError)
    sizes: list[tuple[str, int]] = []
    with suppress(*gone):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(*gone):
                name = " ".join(process.cmdline()[:1])  # none when it is about to be gone
                sizes.append((name, process.memory_full_info().pss))
    return sizes


def _text(stream: Any) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def reset_peak() -> int:
    """Forget this process's peak of resident memory; returns the memory it holds now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """Peak of resident memory since ``reset_peak``, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)
