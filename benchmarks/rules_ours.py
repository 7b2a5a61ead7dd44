"""Our rules over a column of text in this process; run by benchmarks.rules."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from benchmarks.measure import median_cpu
from governance.config import Settings
from governance.tiers import l1
from stages.codepoints import view_text

RUNS = 7
STAGES = ("figures", "gopher_repetition", "gopher_quality", "c4", "fineweb")


@njit
def _sum_bytes(data: np.ndarray) -> int:
    total = 0
    for i in range(data.shape[0]):
        total += data[i]
    return total


@njit
def _count_words(data: np.ndarray) -> int:
    words, inside = 0, False
    for i in range(data.shape[0]):
        letter = data[i] > 32
        words += letter and not inside
        inside = letter
    return words


def _cpu(work: Callable[[], Any]) -> float:
    return median_cpu(work, RUNS)


def main() -> None:
    """``TEXTS REASONS``: prints rates and their share of bare passes over the bytes; writes each page's reasons."""
    texts = pq.read_table(sys.argv[1]).combine_chunks()
    stages = [stage for stage in l1(Settings()) if stage.name in STAGES]
    judged: dict[str, pa.Table] = {}

    def judge() -> None:
        table = texts
        for stage in stages:
            table = stage.fn(table, stage.config)
        judged["table"] = table

    start = time.process_time()
    judge()
    first = time.process_time() - start
    seconds = _cpu(judge)
    by_stage = {
        stage.name: _cpu(lambda stage=stage: stage.fn(_before(judged, stage), stage.config)) for stage in stages
    }
    data = view_text(texts["content"]).data
    size = max(len(data), 1)
    passes = {"sum_bytes": _cpu(lambda: _sum_bytes(data)), "count_words": _cpu(lambda: _count_words(data))}
    reasons = {name: judged["table"][f"{name}.drop"] for name in STAGES[1:]}
    pq.write_table(pa.table(reasons), Path(sys.argv[2]))
    result = {
        "docs_per_s_core": round(texts.num_rows / seconds, 1),
        "mb_per_s_core": round(size / seconds / 1e6, 1),
        "ns_per_byte": round(seconds / size * 1e9, 2),
        "cpu_hours_per_tb_of_text": round(seconds / size * 1e12 / 3600, 2),
        "cpu_s": round(seconds, 4),
        "cpu_s_by_stage": {name: round(value, 5) for name, value in by_stage.items()},
        "bare_pass_mb_per_s": {name: round(size / max(value, 1e-9) / 1e6) for name, value in passes.items()},
        "share_of_bare_pass": {name: round(value / seconds, 5) for name, value in passes.items()},
        "compile_and_tables_cpu_s": round(first - seconds, 2),
    }
    print(json.dumps(result), flush=True)


def _before(judged: dict[str, pa.Table], stage: Any) -> pa.Table:
    """The table as the stage finds it."""
    return judged["table"].select([name for name in judged["table"].column_names if name not in stage.adds])


if __name__ == "__main__":
    main()
