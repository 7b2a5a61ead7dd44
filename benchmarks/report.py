"""The form that every benchmark prints last: one JSON object with the machine, the figures and the bars."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Bar:
    """One number that was promised. ``bar`` null: none is set yet; ``holds`` null: it could not be judged here."""

    name: str
    value: float | None
    bar: float | None
    unit: str
    holds: bool | None
    reason: str | None = None  # why it does not hold, or could not be measured


def at_least(value: float, name: str, bar: float | None, unit: str) -> Bar:
    """A bar that holds from its value upwards."""
    return Bar(name, value, bar, unit, None if bar is None else value >= bar)


def above(value: float, name: str, bar: float, unit: str) -> Bar:
    """A bar that does not hold at its value, only beyond it."""
    return Bar(name, value, bar, unit, value > bar)


def at_most(value: float, name: str, bar: float | None, unit: str) -> Bar:
    """A bar that holds up to its value."""
    return Bar(name, value, bar, unit, None if bar is None else value <= bar)


def unmeasured(reason: str, name: str, bar: float | None, unit: str) -> Bar:
    """A bar whose figure could not be had, for a peer that is missing or a part that failed: it does not hold."""
    return Bar(name, None, bar, unit, False, reason)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was: CPU figures on a busy machine are noisy."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def body(benchmark: str, figures: dict[str, Any], bars: Sequence[Bar]) -> dict[str, Any]:
    """The object that a benchmark prints. A reason stands only where there is one."""
    rows = [{name: value for name, value in asdict(bar).items() if name != "reason" or value} for bar in bars]
    return {"benchmark": benchmark, "machine": machine(), "figures": figures, "bars": rows}


def show(result: dict[str, Any]) -> None:
    """Print the object as the last line of the output."""
    print(json.dumps(result, ensure_ascii=False), flush=True)
