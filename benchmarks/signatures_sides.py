"""One side of benchmarks.signatures in this process: ``SIDE TEXTS LANG PASSES`` prints CPU seconds of each pass."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from benchmarks.dedup_pairs import CHARACTERS, WORDS
from benchmarks.measure import cpu_seconds
from stages.codepoints import flag_table, lower_table, view_text
from stages.minhash import DedupConfig, exact_hashes, hash_family
from stages.minhash_kernels import BLOCK, keep_minima, signatures
from stages.rules import language_codes

BANDS, ROWS = 14, 8
CONFIG = DedupConfig(word_ngram=WORDS, character_ngram=CHARACTERS, bands=BANDS, rows=ROWS)
_BATCH_ROWS = 1000
Passes = dict[str, Callable[[], Any]]
_WORD = re.compile(r"\w+")


def sign_texts(table: pa.Table, cfg: DedupConfig) -> tuple[np.ndarray, np.ndarray]:
    """The product's signatures uint32 (n, hashes) of columns content and lang, and each row's number of shingles."""
    text = view_text(table["content"])
    values, shingled, _ = signatures(
        text.data, text.offsets, language_codes(table), flag_table(), lower_table(), cfg.word_ngram,
        cfg.character_ngram, *hash_family(cfg), text.max_bytes,
    )  # fmt: skip
    return values, shingled


def ours(table: pa.Table, lang: str) -> Passes:
    """Signatures and exact hashes batch by batch; the hashes alone and one look at each byte, for scale."""
    batches = [table.slice(start, _BATCH_ROWS) for start in range(0, len(table), _BATCH_ROWS)]
    counts = np.concatenate([sign_texts(batch, CONFIG)[1] for batch in batches])
    family, data = hash_family(CONFIG), view_text(table["content"]).data
    return {
        "signatures": lambda: [sign_texts(batch, CONFIG) for batch in batches],
        "exact_hashes": lambda: [exact_hashes(view_text(batch["content"])) for batch in batches],
        "hashes_alone": lambda: _hash_only(counts, *family),
        "sum_bytes": lambda: _sum_bytes(data),
    }


@njit
def _hash_only(counts: np.ndarray, flips: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """All hashes of as many shingles a page, and their minima: what is left when the text is free."""
    shingles = np.arange(counts.max()).astype(np.uint64)
    low, signature = np.empty(BLOCK, np.uint32), np.empty(len(flips), np.uint32)
    for count in counts:
        signature[:] = 0xFFFFFFFF
        keep_minima(shingles, count, flips, factors, low, signature)
    return signature


@njit
def _sum_bytes(data: np.ndarray) -> int:
    total = 0
    for i in range(data.shape[0]):
        total += data[i]
    return total


def shingle_sets(texts: list[str], lang: str) -> Iterator[set[bytes]]:
    """Shingles as a user of datasketch builds them."""
    for text in texts:
        units, size, joint = _WORD.findall(text.lower()), WORDS, " "
        if lang == "zh":
            units, size, joint = "".join(units), CHARACTERS, ""
        yield {joint.join(units[at : at + size]).encode() for at in range(len(units) - size + 1)}


def datasketch(table: pa.Table, lang: str) -> Passes:
    """Its generator of MinHashes, which draws the permutations once; with its own SHA-1 and with the faster xxHash."""
    from datasketch import MinHash
    from xxhash import xxh32_intdigest

    texts = table["content"].to_pylist()

    def run(**options: Any) -> int:
        return sum(1 for _ in MinHash.generator(shingle_sets(texts, lang), num_perm=BANDS * ROWS, **options))

    return {"signatures_sha1": run, "signatures_xxhash": lambda: run(hashfunc=xxh32_intdigest)}


def datatrove(table: pa.Table, lang: str) -> Passes:
    """The two calls a document of MinhashDedupSignature, with the tokenizer it takes for the language; no files."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.typeshelper import Languages

    config = MinhashConfig(n_grams=WORDS, num_buckets=BANDS, hashes_per_bucket=ROWS)
    language = Languages.chinese if lang == "zh" else Languages.english
    texts = table["content"].to_pylist()
    with TemporaryDirectory() as folder:
        step = MinhashDedupSignature(folder, config, language)

    def run() -> int:
        sets = (step.get_shingles(text) for text in texts)
        return sum(len(step.get_signature(shingles)) for shingles in sets if shingles.size)

    step.get_shingles(texts[0])  # loads the tokenizer
    return {"signatures": run}


def gaoya(table: pa.Table, lang: str) -> Passes:
    """Its index of 32-bit hashes, which cuts, signs and files a text in one call."""
    from gaoya.minhash import MinHashStringIndex

    texts = table["content"].to_pylist()
    analyzer, size = ("char", CHARACTERS) if lang == "zh" else ("word", WORDS)

    def run() -> int:
        index = MinHashStringIndex(32, 0.75, BANDS, ROWS, None, analyzer, True, (size, size), "vec")
        for number, text in enumerate(texts):
            index.insert_document(number, text)
        return len(texts)

    return {"signatures_and_index": run}


SIDES = {"ours": ours, "datasketch": datasketch, "datatrove": datatrove, "gaoya": gaoya}


def main() -> None:
    """``SIDE TEXTS LANG PASSES``."""
    side, path, lang, passes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    seconds: dict[str, list[float]] = {}
    for name, run in SIDES[side](pq.read_table(path).combine_chunks(), lang).items():
        if side == "ours":
            run()  # compiles
        seconds[name] = []
        for _ in range(passes):
            before = cpu_seconds()
            run()
            seconds[name].append(round(cpu_seconds() - before, 6))
    print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
