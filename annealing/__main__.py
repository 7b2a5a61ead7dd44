"""``python -m annealing recipe.toml``: what torchrun starts, and what runs where only the trainer is installed."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from typing import Any

from annealing import plan, recipe
from annealing.errors import TrainerError
from annealing.loop import run


def figures(event: dict[str, Any]) -> str:
    """The figures of a logged step."""
    mfu = ""
    if event["mfu_full"] is not None:
        mfu = f", MFU {event['mfu_full']:.1%} (full attention) {event['mfu_causal']:.1%} (causal)"
    return (
        f"{event['phase']}: loss {event['loss']:.4f}, lr {event['lr']:.2e}, "
        f"{event['tokens_per_s']:,.0f} tokens/s{mfu}, data wait {event['data_wait']:.1%}, "
        f"{event['memory_gib']:.1f} GiB"
    )


def line(event: dict[str, Any]) -> str:
    """A logged step, or a note, as a line."""
    if "note" in event:
        return str(event["note"])
    return f"{event['step']:,}/{event['steps']:,}, {figures(event)}, {event['left_s'] / 60:.0f} min left"


def main() -> int:
    """Train; 1 with a message and a remedy when something is wrong."""
    parser = argparse.ArgumentParser(prog="annealing", description=__doc__)
    parser.add_argument("recipe", help="TOML file; docs/annealing.md has one")
    parser.add_argument("--output", help="folder to write to, in place of the recipe's")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    asked = parser.parse_args()
    try:
        found = recipe.load(asked.recipe)
        found = replace(found, output=asked.output) if asked.output else found
        ready = plan.make(found)
        first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started, one speaks
        for row in ready.rows() if first else ():
            print(row, file=sys.stderr)
        if not asked.dry_run:
            summary = run(ready, lambda event: print(line(event), file=sys.stderr, flush=True))
            if first:
                print(summary)
    except TrainerError as error:
        print(f"error: {error}", file=sys.stderr)
        print(f"  fix: {error.remedy}" if error.remedy else "", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
