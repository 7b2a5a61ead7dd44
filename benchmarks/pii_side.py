"""One side of ``benchmarks.pii`` in a process of its own.

``python -m benchmarks.pii_side ours|datatrove PAGES CASES OUT RUNS``
Both mask the same columns of text; the CPU time is that of masking alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Masker = Callable[[pa.Table], list[str]]


def ours() -> Masker:
    from stages.pii import PiiConfig, pii

    return lambda table: pii(table, PiiConfig())["content"].to_pylist()


def datatrove() -> Masker:
    """datatrove's formatter, with our masks in place of its made-up addresses."""
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter(email_replacement="<EMAIL>", ip_replacement="<IP_ADDRESS>")
    return lambda table: [formatter.format(text) for text in table["content"].to_pylist()]


SIDES = {"ours": ours, "datatrove": datatrove}


def bare_pass(table: pa.Table) -> float:
    """CPU seconds of one look at every byte: what the machine allows."""
    data = np.frombuffer(table["content"].combine_chunks().cast(pa.large_string()).buffers()[2], np.uint8)
    start = time.process_time()
    np.count_nonzero(data == ord("@"))
    return time.process_time() - start


def main() -> None:
    name, pages, cases, out, runs = sys.argv[1:]
    table, known = pq.read_table(pages, columns=["content"]), pq.read_table(cases, columns=["content"])
    mask = SIDES[name]()
    answers = mask(known)  # compiles and loads too
    seconds, masked = [], []
    for _ in range(int(runs)):
        start = time.process_time()
        masked = mask(table)
        seconds.append(time.process_time() - start)
    pq.write_table(pa.table({"content": answers}), Path(out, f"{name}-cases.parquet"))
    pq.write_table(pa.table({"content": masked}), Path(out, f"{name}-pages.parquet"))
    print(
        json.dumps(
            {
                "cpu_s_of_runs": [round(each, 3) for each in seconds],
                "bare_pass_s": min(bare_pass(table) for _ in range(3)),
            }
        )
    )


if __name__ == "__main__":
    main()
