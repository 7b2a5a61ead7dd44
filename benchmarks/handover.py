"""What people do with a corpus after the pipeline ran, beside what was promised: ``python -m benchmarks.handover``.

The parts are benchmarks of their own and can be run alone: handover_report, handover_takedown, handover_whatif,
handover_publish and handover_plan. Here each runs in a process of its own, one after the other.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks import report

PARTS = ("report", "takedown", "whatif", "publish", "plan")
HELP_S, HELP_RUNS = 0.5, 5
# A flag that is none, and the one that was meant.
WRONG_FLAGS = (
    ("run", "--levle", "--level"), ("run", "--inputs", "--input"), ("anneal", "--datas", "--data"),
    ("compare", "--seed", "--seeds"), ("takedown", "--domian", "--domain"), ("publish", "--repo", "--repo-id"),
    ("report", "--agianst", "--against"), ("explain", "--jsno", "--json"),
)  # fmt: skip


def command_line() -> tuple[dict[str, Any], list[report.Bar]]:
    """Seconds until --help is there, and how many wrong flags are answered with the right one."""
    seconds = [_timed("--help")[0] for _ in range(HELP_RUNS)]
    near = [f"did you mean {right}?" in _timed(verb, wrong, "x")[1] for verb, wrong, right in WRONG_FLAGS]
    figures = {"help_s": [round(one, 3) for one in seconds], "wrong_flags": len(near), "answered": sum(near)}
    return figures, [
        report.at_most(statistics.median(seconds), "governance --help", HELP_S, "s"),
        report.at_least(sum(near) / len(near), "wrong flags answered with the nearest right one", 1.0, "of them"),
    ]


def _timed(*words: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "governance.cli", *words], capture_output=True, text=True, check=False)
    return time.perf_counter() - start, done.stderr


def part(name: str) -> tuple[dict[str, Any], list[report.Bar]]:
    """The figures and bars of one of the other benchmarks; a bar that does not hold where it failed."""
    command = [sys.executable, "-m", f"benchmarks.handover_{name}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        return {}, [report.unmeasured(f"exit {done.returncode}", name, None, "")]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["figures"], [report.Bar(**bar) for bar in found["bars"]]


def main() -> None:
    """Run all, or some, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handover", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be given many times")
    asked = parser.parse_args()
    figures, bars = command_line()
    whole: dict[str, Any] = {"command_line": figures}
    for name in asked.part or PARTS:
        print(f"handover: {name}", file=sys.stderr, flush=True)
        whole[name], more = part(name)
        bars += more
    report.show(report.body("handover", whole, bars))


if __name__ == "__main__":
    main()
