"""The walk of a new user: from an empty folder to a published data set, by the commands of docs/quickstart.md alone.

In their order, as processes of their own: a run to L3 of the bundled crawl with the bundled model, what was built, the
proof, the report, a page and a row explained, a site taken down and its bytes removed, the card, the data set published
to a hub on loopback; and it is loaded back by the library `datasets`. The run's own advice what to do next is followed
too. ``python -m benchmarks.walk``, on two cores; with ``--limit 10`` to see that it works, which judges nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import at_least, at_most, body, show
from tests.docs_blocks import ROOT, blocks
from tests.hub_server import hub_server
from tests.publisher import environment

BAR_MINUTES = 20
CORES = 2
PAGE = ROOT / "docs" / "quickstart.md"
OWN_PAGES = "crawl/*.warc.gz"  # of a reader; the walk has none but the bundled ones
_ADVICE = re.compile(r"^  governance (explain [0-9a-f]{32}.*)$", re.MULTILINE)
_LOAD = """
import sys
from datasets import get_dataset_config_names, load_dataset
names = get_dataset_config_names(sys.argv[1])
print(sum(len(load_dataset(sys.argv[1], name, split="train")) for name in names))
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walk", description=__doc__)
    parser.add_argument("--limit", type=int, help="documents to write from; default: all, as `make run`")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder that keeps what the run built, in `built`",
    )
    args = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # and all that it starts
    with tempfile.TemporaryDirectory() as folder:
        figures = walk(args.keep or Path(folder), args.limit)
    minutes = round(sum(step["minutes"] for step in figures["steps"]), 2)
    bars = [
        at_most(minutes, "an empty folder to a published data set", None if args.limit else BAR_MINUTES, "minutes"),
        at_least(figures["rows_loaded"], "rows loaded back from the hub", 1, "rows"),
    ]
    show(body("walk", figures, bars))


def walk(folder: Path, limit: int | None) -> dict[str, Any]:
    """Every step with its minutes, and how many rows were loaded back. Errors: RuntimeError where a step fails."""
    home = folder / "home"
    home.mkdir(parents=True)
    with hub_server(folder / "hub") as hub:
        env = environment(hub.endpoint, folder / "user")
        steps, advice = [], ""
        for words in commands(limit):
            steps.append(_step(words, home, env))
            if advised := _ADVICE.search(steps[-1].pop("said")):
                advice = advised[1]
            if words[0] == "run":
                shutil.copytree(home / "output", folder / "built")
            if words[0] == "report":
                steps.append(_step(shlex.split(advice), home, env))
                steps[-1].pop("said")
        repository = next(words[words.index("--repo-id") + 1] for words in commands(limit) if "--repo-id" in words)
        began = time.monotonic()
        told = subprocess.run([sys.executable, "-c", _LOAD, repository], env=env, capture_output=True, text=True)
        if told.returncode:
            raise RuntimeError(f"the data set does not load:\n{told.stderr[-2000:]}")
        steps.append({"command": "load_dataset", "minutes": _minutes(began)})
    return {"limit": limit, "steps": steps, "rows_loaded": int(told.stdout.split()[-1])}


def commands(limit: int | None) -> Iterator[list[str]]:
    """What the quick start says to type, each as the words behind ``governance``."""
    for block in blocks(PAGE):
        for words in block.lines:
            if words == ["make", "run"]:
                yield ["run", "--level", "L3", *(["--limit", str(limit)] if limit else [])]
            elif words[0] == "governance" and OWN_PAGES not in words:
                yield words[1:]


def _step(words: list[str], home: Path, env: dict[str, str]) -> dict[str, Any]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "governance.cli", *words], cwd=home, env=env, capture_output=True, text=True
    )
    line = f"governance {shlex.join(words)}"
    if done.returncode:
        raise RuntimeError(f"{line} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    print(f"{_minutes(began):6.2f} min  {line}", file=sys.stderr, flush=True)
    return {"command": line, "minutes": _minutes(began), "said": done.stdout}


def _minutes(began: float) -> float:
    return round((time.monotonic() - began) / 60, 2)


if __name__ == "__main__":
    main()
