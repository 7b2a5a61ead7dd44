"""datatrove's NGramsDecontFilter over the same texts and planted items; run by benchmarks.decontamination."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.decontamination_plants import whole
from stages.question_sets import read_set, set_paths


def build(folder: Path, paths: dict[str, str]) -> Any:
    """Its index over the sets, 13-grams of question and answer. Its indexer asks for lighteval before it looks at
    anything, so its hashes are taken from its own method and written as it writes them."""
    from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer

    config = NGramsDecontConfig(n_grams=13, find_query_ngrams=True)
    block = NGramsDecontFilter(str(folder), config=config)
    indexer: Any = object.__new__(NGramsDecontIndexer)
    indexer.config, indexer.tokenizer, indexer.hash_func = config, block.tokenizer, block.hash_func
    for name, path in paths.items():
        hashes: set[int] = set()
        for item in read_set(name, path):
            hashes.update(indexer.compute_hashes(item.answer or "", whole(item)))
        np.array(sorted(hashes), config.hash_config.np_descr).tofile(folder / f"{name}.index.hashes")
    return block


def _judge(block: Any, contents: list[str]) -> list[str | None]:
    from datatrove.data import Document

    documents = [Document(text=text, id="") for text in contents]
    return [None if block.filter(one) is True else one.metadata["contaminated_ngram"] for one in documents]


def main() -> None:
    """``TEXTS PLANTS VERDICTS SETS...``: prints rates; writes the n-gram that each text and planted item holds."""
    texts, plants = (pq.read_table(path)["content"].to_pylist() for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        block = build(Path(folder), set_paths(sys.argv[4:]))
        _judge(block, ["A sentence to begin with."])  # loads the index
        index_s = time.process_time() - start
        start = time.process_time()
        found = _judge(block, texts)
        seconds = time.process_time() - start
        planted = _judge(block, plants)
    pq.write_table(pa.table({"ngram": pa.array(found, pa.string())}), f"{sys.argv[3]}.texts.parquet")
    pq.write_table(pa.table({"ngram": pa.array(planted, pa.string())}), f"{sys.argv[3]}.plants.parquet")
    result = {"documents": len(texts), "docs_per_s_core": round(len(texts) / seconds, 1)}
    print(json.dumps(result | {"cpu_s": round(seconds, 2), "index_cpu_s": round(index_s, 2)}), flush=True)


if __name__ == "__main__":
    main()
