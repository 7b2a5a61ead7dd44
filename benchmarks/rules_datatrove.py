"""datatrove's four filters over the same texts in this process; run by benchmarks.rules."""

from __future__ import annotations

import json
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

ALONE_EVERY = 8  # pages of which one is also measured filter by filter


def main() -> None:
    """``TEXTS REASONS``: prints rates; writes each page's reasons.

    Page by page through all four, as in its pipeline: its filters then share the words of a page through a cache.
    Each filter gets the page as it came, and all of them judge it whatever the ones before said.
    """
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.filters.c4_filters import C4QualityFilter

    texts = pq.read_table(sys.argv[1])["content"].to_pylist()
    filters = {
        "gopher_repetition": GopherRepetitionFilter(),
        "gopher_quality": GopherQualityFilter(),
        "c4": C4QualityFilter(),
        "fineweb": FineWebQualityFilter(),
    }
    for block in filters.values():  # loads the tokenizer
        block.filter(Document(text="A sentence to begin with.", id=""))
    spent, reasons = dict.fromkeys(filters, 0.0), {name: [] for name in filters}
    for text in texts:
        for name, block in filters.items():
            start = time.process_time()
            verdict = block.filter(Document(text=text, id=""))
            spent[name] += time.process_time() - start
            reasons[name].append(None if verdict is True else verdict[1])
    alone, some = 0.0, texts[::ALONE_EVERY]
    for block in filters.values():
        start = time.process_time()
        for text in some:
            block.filter(Document(text=text, id=""))
        alone += time.process_time() - start
    pq.write_table(pa.table({name: pa.array(found, pa.string()) for name, found in reasons.items()}), sys.argv[2])
    seconds = sum(spent.values())
    result = {
        "docs_per_s_core": round(len(texts) / seconds, 2),
        "docs_per_s_core_filter_by_filter": round(len(some) / max(alone, 1e-9), 2),
        "cpu_s": round(seconds, 2),
        "cpu_s_by_filter": {name: round(value, 2) for name, value in spent.items()},
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
