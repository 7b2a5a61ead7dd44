"""A corpus built once for the tests of what-if and diff, and what a run of it kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from governance import commands
from governance.whatif import Ask, tell
from manifests.store import Store
from tests.corpora import small_crawl

MANY = 1000  # examples: all rows whose fate changes
BASE = "l1.gopher_quality.zh.min_words=600"  # what the corpus is built with: not the default
KINDS = ("newly_kept", "newly_dropped")


def crawl_of(folder: Path) -> Path:
    """Three archives with real pages in two languages, some of them twice."""
    return small_crawl(folder, english=24, chinese=12)


def build(crawl: Path, output: str, level: str, *overrides: str, rebuild: bool = False, dump: str = "web") -> str:
    """A run inside this process."""
    settings = (BASE, *overrides)
    commands.run(commands.Ask(level, (str(crawl),), output, None, "L0", dump, None, 0, settings, rebuild), as_json=True)
    return output


def told(output: str, *overrides: str, examples: int = MANY, config: str | None = None) -> dict[str, Any]:
    """What-if, as JSON values."""
    return tell(Store(output), Ask(output, overrides, config, None, examples))


def rows(output: str, tier: str) -> set[str]:
    """The uids that a tier holds."""
    parts = sorted(Path(output, tier, "web", "data").rglob("*.parquet"))
    return {uid for part in parts for uid in pl.read_parquet(part, columns=["uid"])["uid"]}


def foretold(before: set[str], tier: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The uids that what-if says are kept, and those of which only a run can tell."""
    dropped = {one["uid"] for one in tier["newly_dropped"]}
    unsure = {one["uid"] for one in tier["newly_kept"] if "open" in one}
    sure = {one["uid"] for one in tier["newly_kept"]} - unsure
    assert len(tier["newly_kept"]) == tier["newly_kept_rows"] and len(dropped) == tier["newly_dropped_rows"]
    return (before - dropped) | sure, unsure
