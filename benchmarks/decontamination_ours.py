"""Our check over texts and planted items in this process; run by benchmarks.decontamination."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from benchmarks.measure import median_cpu
from stages.codepoints import view_text
from stages.decontaminate import DecontaminateConfig, decontaminate, load_questions
from stages.letter_kernels import fold
from stages.letters import folding

RUNS = 5


@njit
def _letters(data: np.ndarray, offsets: np.ndarray, first: np.ndarray, table: np.ndarray, room: int) -> int:
    """Fold every text and hash nothing: what any comparison of normalised text has to do."""
    out, places, total = np.empty(room, np.uint16), np.empty(room, np.int32), 0
    for row in range(offsets.shape[0] - 1):
        total += fold(data, offsets[row], offsets[row + 1], first, table, out, places)[0]
    return total


def _cpu(work: Callable[[], Any]) -> float:
    return median_cpu(work, RUNS)


def main() -> None:
    """``TEXTS PLANTS VERDICTS SETS...``: prints rates; writes the columns of texts and planted items."""
    texts, plants = (pq.read_table(path).combine_chunks() for path in sys.argv[1:3])
    cfg = DecontaminateConfig(sets=tuple(sys.argv[4:]))
    start = time.process_time()
    questions = load_questions(cfg)
    assert questions is not None
    load_s = time.process_time() - start
    start = time.process_time()
    judged = decontaminate(texts, cfg, questions)
    compile_s = time.process_time() - start
    seconds = _cpu(lambda: decontaminate(texts, cfg, questions))
    by_input = {}
    for name in dict.fromkeys(texts["input"].to_pylist()):
        some = texts.filter(pa.array([one == name for one in texts["input"].to_pylist()])).combine_chunks()
        by_input[name] = round(some.num_rows / _cpu(lambda some=some: decontaminate(some, cfg, questions)), 1)
    view = view_text(texts["content"])
    bare = _cpu(lambda: _letters(view.data, view.offsets, *folding(), 2 * view.max_bytes + 1))
    columns = [name for name in judged.column_names if name.startswith("decontaminate.")]
    pq.write_table(judged.select(columns), f"{sys.argv[3]}.texts.parquet")
    pq.write_table(decontaminate(plants, cfg, questions).select(columns), f"{sys.argv[3]}.plants.parquet")
    result = {
        "docs_per_s_core": round(texts.num_rows / seconds, 1),
        "mb_per_s_core": round(len(view.data) / seconds / 1e6, 1),
        "docs_per_s_core_by_input": by_input,
        "share_of_bare_normalising": round(bare / seconds, 3),
        "items": questions.num_items,
        "too_short": sum(questions.too_short.values()),
        "index_mb": round(sum(array.nbytes for array in questions.index) / 1e6, 1),
        "index_cpu_s": round(load_s, 2),
        "compile_cpu_s": round(max(0.0, compile_s - seconds), 2),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
