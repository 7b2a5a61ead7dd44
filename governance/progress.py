"""How far a run is: a live line per step in a terminal, plain lines elsewhere, nothing with ``--json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["live", "plain", "silent"]
_PLAIN_EVERY_S = 10.0  # seconds between plain lines of one step
# What else an engine's events count, as the live line names it; what did not happen is not named.
_HAPPENED = {
    "log_hits": "from the log",
    "retries": "tried again",
    "failed": "failed",
    "quarantined": "quarantined",
    "restarts": "engines started again",
}


def progress_mode(as_json: bool) -> Mode:
    """How a command shows progress: not at all beside JSON, live in a terminal, else in plain lines."""
    if as_json:
        return "silent"
    return "live" if sys.stderr.isatty() else "plain"


def engine_note(seen: Mapping[str, int], seconds: float) -> str:
    """How far the engines are, for a live line: answers, the share of outputs that passed, tokens a second.

    Args: sums of the engines' events since the start; seconds since then.
    """
    outputs, passed = seen.get("outputs", 0), seen.get("passed", 0)
    parts = [f"{seen.get('answers', 0):,} answers", f"{seen.get('output_tokens', 0) / max(1.0, seconds):,.0f} tokens/s"]
    parts += [f"{passed:,} of {outputs:,} outputs passed ({passed / outputs:.0%})"] if outputs else []
    parts += [f"{seen[name]:,} {words}" for name, words in _HAPPENED.items() if seen.get(name)]
    return ", ".join(parts)


@dataclass
class Line:
    """One step under way: shards done of all, rows seen, a note."""

    title: str
    total: int
    done: float
    mode: Mode
    start: float = field(default_factory=time.monotonic)
    unit: str = "shards"
    rows: int = 0
    note: str = ""
    _first: int = 0
    _printed: float = 0.0
    _live: Any = None
    _task: Any = None

    def advance(self, done: float, rows: int, note: str = "") -> None:
        """Count finished shards (or whatever the unit is) and rows."""
        self.done += done
        self.rows += rows
        self.note = note or self.note
        self._show()

    def speed(self) -> str:
        """Rows per second so far."""
        return f"{self.rows / max(1e-3, time.monotonic() - self.start):,.0f} rows/s"

    def left(self) -> str:
        """Time left, from the shards done since the start."""
        fresh = self.done - self._first
        if fresh <= 0 or self.done >= self.total:
            return ""
        seconds = (time.monotonic() - self.start) / fresh * (self.total - self.done)
        return f"{int(seconds // 60)}m{int(seconds % 60):02d}s left"

    def _show(self) -> None:
        if self.mode == "live":
            self._live.update(self._task, completed=self.done, note=f"{self.note or self.speed()}  {self.left()}")
        elif self.mode == "plain" and time.monotonic() - self._printed > _PLAIN_EVERY_S:
            self._printed = time.monotonic()
            self._print(self.left())

    def _print(self, tail: str) -> None:
        parts = [
            f"{self.title}: {self.done:g}/{self.total} {self.unit}",
            *((f"{self.rows:,} rows", self.speed()) if self.rows or not self.note else ()),
            self.note,
            tail,
        ]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)


@dataclass
class Progress:
    """Makes the lines. Progress goes to stderr, so that stdout holds results only."""

    mode: Mode = "plain"

    @contextmanager
    def stage(self, title: str, total: int, done: int = 0, unit: str = "shards") -> Generator[Line]:
        """A line for one step, closed with its totals."""
        line = Line(title, total, done, self.mode, unit=unit, _first=done)
        if self.mode != "live":
            yield line
            if self.mode == "plain":
                line._print(f"{time.monotonic() - line.start:.1f}s")
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Bars(*columns, console=Console(stderr=True)) as bars:
            line._live, line._task = bars, bars.add_task(title, total=total, completed=done, note="starting")
            yield line
            line._show()
