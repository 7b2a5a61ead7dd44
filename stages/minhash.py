"""MinHash signatures (Broder 1997) with FineWeb's parameters: 5-grams, 14 bands of 8 hashes.

English shingles are 5 lower-cased Unicode words. Chinese shingles are 8 letters, digits and Han characters with spaces
and punctuation left out: at about 1.65 characters a word, 8 neighbouring characters touch 1 + 7 / 1.65 = 5.2 words, so
the same share of edited words costs a Chinese pair as much similarity as an English one.

Hash family, version 1: a shingle's 64-bit hash x is a polynomial of its units' hashes, finished by splitmix64; hash k
of it is ((x mod 2^32) XOR flip[k]) * factor[k] mod 2^32 with odd factors, both drawn by numpy's PCG64 from the seed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.codepoints import TextView, flag_table, lower_table, view_text
from stages.contract import Config, Stage
from stages.rules import language_codes

FAMILY_VERSION = 1


class DedupConfig(Config):
    """What a signature is made of, and how its buckets are spread."""

    word_ngram: int = Field(default=5, ge=1)  # words of an English shingle
    character_ngram: int = Field(default=8, ge=1)  # characters of a Chinese shingle
    bands: int = Field(default=14, ge=1, le=1000)
    rows: int = Field(default=8, ge=1, le=1000)  # hashes of a band
    seed: int = Field(default=1, ge=0)
    partitions: int = Field(default=16, ge=1, le=1 << 20)  # parts of the key space; memory of one step is one part

    @property
    def num_hashes(self) -> int:
        """Hashes of a signature."""
        return self.bands * self.rows

    @property
    def scheme(self) -> str:
        """Names everything two signatures must share to be compared (the partitions do not matter)."""
        return (
            f"minhash{FAMILY_VERSION}-w{self.word_ngram}-c{self.character_ngram}"
            f"-{self.bands}x{self.rows}-seed{self.seed}"
        )


def hash_family(cfg: DedupConfig) -> tuple[np.ndarray, np.ndarray]:
    """Flips and odd factors of the family, uint32 (num_hashes,) each."""
    draws = np.random.Generator(np.random.PCG64(cfg.seed)).integers(0, 1 << 32, (2, cfg.num_hashes), np.uint32)
    return draws[0], draws[1] | np.uint32(1)


def collision_probability(similarity: np.ndarray | float, bands: int, rows: int) -> np.ndarray | float:
    """Probability that two pages of this Jaccard similarity share a bucket: 1 - (1 - s^rows)^bands."""
    return 1.0 - (1.0 - similarity**rows) ** bands


def choose_bands(threshold: float, num_hashes: int) -> tuple[int, int]:
    """Bands and rows that separate pairs at a similarity best: least false positives plus false negatives.

    FineWeb's 14 x 8 is a choice of its own: half of the pairs of similarity 0.70 share a bucket.
    Errors: ValueError for a threshold outside 0..1 or fewer than 2 hashes (from datasketch).
    """
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=threshold, num_perm=num_hashes)
    return lsh.b, lsh.r


def estimate_jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Estimated similarity of signatures uint32 (n, k): equal hashes / k; its standard error is sqrt(s (1 - s) / k)."""
    return (a == b).mean(axis=1)


def decode_signatures(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Signatures of a fixed-size binary column without nulls as uint32 (n, hashes)."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    width = array.type.byte_width // 4
    values = np.frombuffer(array.buffers()[1], "<u4") if len(array) else np.zeros(0, "<u4")
    return values[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def fixed_binary(values: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """Rows of a uint8 or uint32 matrix as a fixed-size binary column; rows that are not valid are null."""
    rows = np.ascontiguousarray(values)
    width = rows.shape[1] * rows.itemsize
    array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows)])
    return array if valid is None else pc.if_else(pa.array(valid), array, pa.scalar(None, array.type))


def exact_hashes(text: TextView) -> tuple[np.ndarray, np.ndarray]:
    """xxh3-128 of each row's lower-cased text with white space runs as one space.

    Returns digests uint8 (n, 16) and a mask of the rows that hold any text.
    """
    from xxhash import xxh3_128_digest

    from stages.minhash_kernels import normalise

    data, bounds = normalise(text.data, text.offsets, flag_table(), lower_table())
    view, ends = memoryview(data), bounds.tolist()
    digests = b"".join(xxh3_128_digest(view[a:b]) for a, b in pairwise(ends))
    return np.frombuffer(digests, np.uint8).reshape(-1, 16), np.diff(bounds) > 0


def sign(batch: pa.Table, cfg: DedupConfig) -> pa.Table:
    """Add what duplicates are found by.

    In:  content string, lang string ("zh" is cut into characters, everything else into words).
    Out: "dedup.exact" fixed-size binary (16): xxh3-128 of the normalised text, null if it is empty;
         "dedup.signature" fixed-size binary (4 * hashes): little-endian uint32, null if the text has no shingle;
         "dedup.length" int32: characters; "dedup.scheme" string. All null where content is null.
    """
    from stages.minhash_kernels import signatures

    text, codes = view_text(batch["content"]), language_codes(batch)
    present = pc.is_valid(batch["content"]).to_numpy(zero_copy_only=False)
    values, shingled, lengths = signatures(
        text.data, text.offsets, codes, flag_table(), lower_table(), cfg.word_ngram, cfg.character_ngram,
        *hash_family(cfg), text.max_bytes,
    )  # fmt: skip
    digests, filled = exact_hashes(text)
    return (
        batch.append_column("dedup.exact", fixed_binary(digests, present & filled))
        .append_column("dedup.signature", fixed_binary(values.astype("<u4", copy=False), present & (shingled > 0)))
        .append_column("dedup.length", pa.array(lengths.astype(np.int32), mask=~present))
        .append_column("dedup.scheme", pa.array(np.full(len(codes), cfg.scheme, object), pa.string(), mask=~present))
    )


def signature_stage(cfg: DedupConfig) -> Stage:
    """The stage ``dedup``: signatures only; what they lead to is decided by the shuffle."""
    return Stage(
        name="dedup",
        fn=sign,
        config=cfg,
        needs=("content", "lang"),
        adds=("dedup.exact", "dedup.signature", "dedup.length", "dedup.scheme"),
        costly=True,
    )
