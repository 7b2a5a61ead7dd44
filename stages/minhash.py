"""MinHash signatures (Broder 1997) with FineWeb's parameters: 5-grams, 14 bands of 8 hashes.

English shingles are 5 lower-cased Unicode words. Chinese shingles are 8 letters, digits and Han characters with spaces
and punctuation left out: at about 1.65 characters a word, 8 neighbouring characters touch 1 + 7 / 1.65 = 5.2 words, so
the same share of edited words costs a Chinese pair as much similarity as an English one.

Hash family, version 1: a shingle's 64-bit hash x is a polynomial of its units' hashes, finished by splitmix64; hash k
of it is ((x mod 2^32) XOR flip[k]) * factor[k] mod 2^32 with odd factors, both drawn by numpy's PCG64 from the seed.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Literal, Self
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from stages.codepoints import TextView, flag_table, lower_table, view_text
from stages.contract import Config, Stage
from stages.rules import language_codes
from stages.uids import byte_rows, fixed_binary

_WEIGHTS = (0.2, 0.8)  # of false positives and false negatives
FAMILY_VERSION = 1


class DedupConfig(Config):
    """What a signature is made of, and when two pages are duplicates."""

    word_ngram: int = Field(default=5, ge=1)  # words of an English shingle
    character_ngram: int = Field(default=8, ge=1)  # characters of a Chinese shingle
    seed: int = Field(default=1, ge=0)
    threshold: float = Field(default=0.75, gt=0, le=1)  # Jaccard similarity of shingles from which pages are duplicates
    hashes: int = Field(default=112, ge=2, le=1000)  # of a signature, at most
    # Bands of a signature and hashes of a band; not set: what separates pairs at the threshold best, 14 of 8 at 0.75.
    bands: int | None = Field(default=None, ge=1, le=1000)
    rows: int | None = Field(default=None, ge=1, le=1000)
    # How candidates are confirmed: by their shingles where the signatures leave a doubt, by the signatures alone, or
    # not at all, as other tools do.
    confirm: Literal["shingles", "signatures", "none"] = "shingles"
    # Similarity from which two pages of one canonical URL are duplicates: many sites name one address on all pages.
    url_similarity: float = Field(default=0.25, ge=0, le=1)
    # Where duplicates are looked for: within each dump, or also among the dumps whose names sort before it.
    scope: Literal["dump", "corpus"] = "dump"

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.bands is None) != (self.rows is None):
            raise ValueError("set both bands and rows, or neither")
        return self

    @property
    def banding(self) -> tuple[int, int]:
        """Bands, and hashes of a band."""
        if self.bands is not None and self.rows is not None:
            return self.bands, self.rows
        return choose_bands(self.threshold, self.hashes)

    @property
    def num_hashes(self) -> int:
        """Hashes of a signature."""
        bands, rows = self.banding
        return bands * rows

    @property
    def scheme(self) -> str:
        """Names everything two signatures must share to be compared."""
        bands, rows = self.banding
        return f"minhash{FAMILY_VERSION}-w{self.word_ngram}-c{self.character_ngram}-{bands}x{rows}-seed{self.seed}"


def hash_family(cfg: DedupConfig) -> tuple[np.ndarray, np.ndarray]:
    """Flips and odd factors of the family, uint32 (num_hashes,) each."""
    draws = np.random.Generator(np.random.PCG64(cfg.seed)).integers(0, 1 << 32, (2, cfg.num_hashes), np.uint32)
    return draws[0], draws[1] | np.uint32(1)


def collision_probability(similarity: np.ndarray | float, bands: int, rows: int) -> np.ndarray | float:
    """Probability that two pages of this Jaccard similarity share a bucket: 1 - (1 - s^rows)^bands."""
    return 1.0 - (1.0 - similarity**rows) ** bands


@cache
def choose_bands(threshold: float, num_hashes: int) -> tuple[int, int]:
    """Bands and rows that separate pairs at a similarity best, where a missed pair costs four times what a candidate
    does that confirmation will turn down. For 0.75 and 112 hashes that is FineWeb's 14 x 8.

    Errors: ValueError for a threshold outside 0..1 or fewer than 2 hashes (from datasketch).
    """
    if (threshold, num_hashes) == (0.75, 112):
        return 14, 8  # spares the import of datasketch; a test compares
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=threshold, num_perm=num_hashes, weights=_WEIGHTS)
    return lsh.b, lsh.r


def estimate_jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Estimated similarity of signatures uint32 (n, k): equal hashes / k; its standard error is sqrt(s (1 - s) / k)."""
    return (a == b).mean(axis=1)


def decode_signatures(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Signatures of a fixed-size binary column without nulls as uint32 (n, hashes)."""
    return byte_rows(column).view("<u4")


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


def shingle_sets(batch: pa.Table, cfg: DedupConfig) -> pa.Array:
    """The distinct shingles of each row, list of uint32 in order: the low halves of their hashes.

    In:  content string, lang string, as ``sign`` reads them. A row without text has none.
    """
    from stages.pair_kernels import shingle_lists

    text = view_text(batch["content"])
    values, offsets = shingle_lists(
        text.data, text.offsets, language_codes(batch), flag_table(), lower_table(), cfg.word_ngram,
        cfg.character_ngram, text.max_bytes,
    )  # fmt: skip
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))


def address_hashes(urls: pa.ChunkedArray, canonical: pa.ChunkedArray) -> pa.Array:
    """xxh3-64 of each row's canonical URL, else of its own, normalised alike; uint64, null if there is none."""
    from xxhash import xxh3_64_intdigest

    pairs = zip(canonical.to_pylist(), urls.to_pylist(), strict=True)
    found = [own or _normalised(url) for own, url in pairs]
    return pa.array([None if url is None else xxh3_64_intdigest(url) for url in found], pa.uint64())


def _normalised(url: str | None) -> str | None:
    from courlan import normalize_url

    if not url:
        return None
    try:
        return normalize_url(urlsplit(url.partition("#")[0]))
    except ValueError:  # "http://[": equal to itself alone
        return url


def sign(batch: pa.Table, cfg: DedupConfig) -> pa.Table:
    """Add what duplicates are found by.

    In:  content string, lang string ("zh" is cut into characters, everything else into words), url and canonical_url
         string.
    Out: "dedup.exact" fixed-size binary (16): xxh3-128 of the normalised text, null if it is empty;
         "dedup.url" uint64: hash of the canonical URL, null if there is none;
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
    addresses = pc.if_else(pa.array(present), address_hashes(batch["url"], batch["canonical_url"]), None)
    return (
        batch.append_column("dedup.exact", fixed_binary(digests, present & filled))
        .append_column("dedup.url", addresses)
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
        needs=("content", "lang", "url", "canonical_url"),
        adds=("dedup.exact", "dedup.url", "dedup.signature", "dedup.length", "dedup.scheme"),
        costly=True,
        version=2,
    )
