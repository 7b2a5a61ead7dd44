"""The texts of an archive's pages as L0 holds them, for the benchmarks of what comes after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from governance import tiers
from governance.config import Settings
from stages.limits import slow_column


def read_pages(archive: Path, every: int = 1, only: pa.Array | None = None) -> Iterator[pa.Table]:
    """L0's rows of every so many-th record of an archive, batch by batch, those without text left out.

    Args: only, the addresses of the pages wanted, where that is not all.
    """
    cfg, seen = Settings(), 0
    stage = next(stage for stage in tiers.l0(cfg) if stage.name == "extract")
    model = stage.load(stage.config) if stage.load else None
    with archive.open("rb") as stream:
        for records in tiers.read_input(stream, archive.name, "benchmark", True, cfg):
            batch = records.take([k for k in range(records.num_rows) if (seen + k) % every == 0])
            seen += records.num_rows
            batch = batch if only is None else batch.filter(pc.is_in(batch["url"], value_set=only))
            batch = batch.append_column(slow_column(stage.name), pa.array([False] * batch.num_rows))
            rows = stage.fn(batch, stage.config, model)
            yield rows.filter(pc.greater(pc.fill_null(pc.binary_length(rows["content"]), 0), 0))
