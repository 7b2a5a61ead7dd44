"""The hosts that most rows come from, counted in bounded memory whatever the corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

MAX_HOSTS = 50_000  # that are counted at once, about 10 MB
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:\[\]]+)"


class Hosts:
    """Rows by host (Misra and Gries 1982): exact while there are at most ``most`` hosts; with more, what is rare is
    forgotten, and each count is too low by at most ``error``."""

    def __init__(self, most: int = MAX_HOSTS) -> None:
        self._most = most
        self._counts: dict[str, int] = {}
        self.error = 0

    def add(self, urls: pa.ChunkedArray) -> None:
        """Count the hosts of a column of addresses; a row without one counts for none."""
        import polars as pl

        hosts = pl.Series("host", urls.combine_chunks(), dtype=pl.String).str.extract(_HOST).str.to_lowercase()
        for host, rows in hosts.drop_nulls().value_counts().iter_rows():
            self._counts[host] = self._counts.get(host, 0) + rows
        if len(self._counts) > 2 * self._most:
            self._forget()

    def _forget(self) -> None:
        counts = np.fromiter(self._counts.values(), np.int64)
        least = int(np.partition(counts, -self._most - 1)[-self._most - 1])  # the largest count that goes
        self._counts = {host: rows - least for host, rows in self._counts.items() if rows > least}
        self.error += least

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows by host, of those that are still counted."""
        return self._counts


def top_hosts(by_level: Mapping[str, Hosts], shown: int) -> list[dict[str, Any]]:
    """The hosts with most rows at the lowest level that is there, and their rows at every level."""
    levels = [level for level, hosts in by_level.items() if hosts.counts]
    if not levels:
        return []
    ranked = sorted(by_level[levels[0]].counts.items(), key=lambda item: (-item[1], item[0]))[:shown]
    return [{"host": host} | {level: by_level[level].counts.get(host, 0) for level in levels} for host, _ in ranked]
