"""From signatures to candidate pairs of duplicates, by pure functions over narrow tables: keys, buckets, stars, chains.

A bucket is the rows that share a key: of a band, or of a canonical URL. Its best row is linked to all others (a star),
and each row to the next in length (a chain): at most 2 (n - 1) pairs, so that a bucket of boilerplate is not quadratic.
A star alone loses near-copies of each other where the best row is like neither; neighbours in length often are copies.

Rank orders rows, the best first: the older dump, then the longer text, then the smaller uid. Everything here gives the
same answer for any order of rows and any number of partitions.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.minhash import DedupConfig, decode_signatures, sign, signature_stage
from stages.uids import UID, fixed_binary, uid_column, uid_from_bytes, uid_to_bytes, uid_words

__all__ = [
    "EXACT_KEYS",
    "KEYS",
    "PAIRS",
    "UID",
    "DedupConfig",
    "band_rows",
    "distinct_pairs",
    "exact_pairs",
    "exact_rows",
    "fixed_binary",
    "partition_of",
    "sign",
    "signature_stage",
    "uid_from_bytes",
    "uid_to_bytes",
]

NEAR, URL, EXACT = range(3)  # why two rows are candidates; of several reasons the largest counts
KINDS = ("near", "url", "exact")

EXACT_KEYS = pa.schema([("digest", UID), ("uid", UID), ("length", pa.int32())])
KEYS = pa.schema([("key", pa.uint64()), ("uid", UID), ("length", pa.int32())])
# a is the better row of the two.
PAIRS = pa.schema([("a", UID), ("b", UID), ("rank_a", pa.uint64()), ("rank_b", pa.uint64()), ("kind", pa.int8())])

OLD_A_KEY = 64  # rows of older dumps that a bucket takes in, the best ones
_URL_BIT = np.uint64(1)  # the lowest bit of a key says that it comes from a URL
_LOW_BITS = np.uint64((1 << 22) - 1)
_LONGEST = np.uint64(0xFFFFFFFF)


def rank(length: np.ndarray, age: np.ndarray | int) -> np.ndarray:
    """Age of the dump (0 is the oldest) and length of the text as one uint64, smaller is better."""
    return np.asarray(age, np.uint64) << np.uint64(32) | (_LONGEST - length.astype(np.uint64))


def age_of(ranks: np.ndarray) -> np.ndarray:
    """The age of the dump that a rank holds, int64."""
    return (ranks >> np.uint64(32)).astype(np.int64)


def length_of(ranks: np.ndarray) -> np.ndarray:
    """The length of the text that a rank holds, int32."""
    return (_LONGEST - (ranks & _LONGEST)).astype(np.int32)


def mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser on uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def partition_of(keys: np.ndarray, partitions: int) -> np.ndarray:
    """The partition of a key by its top 32 bits, int32: equal ranges of the key space in order."""
    return ((keys >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.int32)


def uid_partition(uids: pa.Array | pa.ChunkedArray, partitions: int) -> np.ndarray:
    """The partition of a row by a hash of its uid, int32: rows of one shard go to all of them."""
    high, low = uid_words(uids)
    return partition_of(mix(high ^ mix(low)), partitions)


def check_scheme(annotations: pa.Table, cfg: DedupConfig) -> None:
    """Errors: ValueError for signatures of another scheme."""
    for scheme in pc.unique(annotations["dedup.scheme"]).drop_null().to_pylist():
        if scheme != cfg.scheme:
            raise ValueError(
                f"signatures were made with scheme {scheme!r}, the configuration asks for {cfg.scheme!r}; "
                "compute the annotations again, or set the configuration they were made with"
            )


def exact_rows(annotations: pa.Table) -> pa.Table:
    """EXACT_KEYS of rows with uid string, dedup.exact and dedup.length; a row without text has none."""
    hashed = annotations.filter(pc.is_valid(annotations["dedup.exact"]))
    columns = [hashed["dedup.exact"].combine_chunks(), uid_to_bytes(hashed["uid"]), hashed["dedup.length"]]
    return pa.table(columns, schema=EXACT_KEYS)


def band_rows(annotations: pa.Table, cfg: DedupConfig) -> pa.Table:
    """The buckets that rows fall into: one row a band, and one for the canonical URL.

    In:  rows with uid string and the dedup columns. A row without a signature or URL has no such bucket.
    Out: KEYS; the lowest bit of key is 1 for a URL.
    Errors: ValueError if a signature was made by another scheme.
    """
    from stages.pair_kernels import band_keys

    check_scheme(annotations, cfg)
    uids = uid_to_bytes(annotations["uid"])
    lengths = annotations["dedup.length"].combine_chunks()
    signed = pc.is_valid(annotations["dedup.signature"]).combine_chunks()
    keys = band_keys(decode_signatures(annotations["dedup.signature"].combine_chunks().filter(signed)), *cfg.banding)
    addressed = pc.is_valid(annotations["dedup.url"]).combine_chunks()
    urls = annotations["dedup.url"].combine_chunks().filter(addressed).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.flatnonzero(signed.to_numpy(zero_copy_only=False)), keys.shape[1])
    rows = pa.array(np.concatenate([rows, np.flatnonzero(addressed.to_numpy(zero_copy_only=False))]))
    key = np.concatenate([keys.ravel(), urls.astype(np.uint64) | _URL_BIT])
    return pa.table([key, uids.take(rows), lengths.take(rows)], schema=KEYS)


def exact_pairs(rows: pa.Table, age: np.ndarray, own: int) -> pa.Table:
    """Each row of the dump of age ``own`` with the best row of the same text, where that is another row.

    In:  EXACT_KEYS of one partition, in any order, and the age of each row's dump.
    Out: PAIRS sorted by b.
    """
    head, tail = uid_words(rows["digest"])
    return _stars((head, tail), rows, age, own, np.full(rows.num_rows, EXACT, np.int8))


def bucket_pairs(rows: pa.Table, age: np.ndarray, own: int) -> pa.Table:
    """Stars and chains of the buckets of one partition.

    In:  KEYS, in any order, and the age of each row's dump.
    Out: PAIRS sorted by (b, a), each once, none of two rows older than ``own``.
    """
    company = in_company(rows["key"].to_numpy())
    rows, age = rows.filter(pa.array(company)), age[company]
    keys = rows["key"].to_numpy()
    kinds = np.where(keys & _URL_BIT, np.int8(URL), np.int8(NEAR))
    pairs = [_stars((keys,), rows, age, own, kinds), _chains(keys, rows, age, own, kinds)]
    return distinct_pairs(pa.concat_tables(pairs))


def in_company(keys: np.ndarray) -> np.ndarray:
    """Mask of keys that occur more than once; most do not, so everything after this is small."""
    ordered = np.sort(keys)
    return is_among(keys, distinct(ordered[1:][ordered[1:] == ordered[:-1]]))


def distinct(values: np.ndarray) -> np.ndarray:
    """The distinct values in order; ``numpy.unique`` hashes, which takes ten times as long on millions of them."""
    ordered = np.sort(values)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mask of the keys that ``known``, sorted, holds; most keys are ruled out by their low bits, without a search."""
    found = np.zeros(len(keys), bool)
    if len(known) == 0:
        return found
    seen = np.zeros(int(_LOW_BITS) + 1, bool)
    seen[known >> np.uint64(1) & _LOW_BITS] = True  # not the lowest, which tells the kind of a key
    likely = np.flatnonzero(seen[keys >> np.uint64(1) & _LOW_BITS])
    sought = keys[likely]
    found[likely] = known[np.minimum(np.searchsorted(known, sought), len(known) - 1)] == sought
    return found


def best_of_each(rows: pa.Table, age: np.ndarray, most: int = OLD_A_KEY) -> np.ndarray:
    """Numbers of the ``most`` best rows of each key; rows hold key, uid and length."""
    high, low = uid_words(rows["uid"])
    keys = rows["key"].to_numpy()
    order = np.lexsort((low, high, rank(rows["length"].to_numpy(), age), keys))
    first = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]]) if len(order) else np.zeros(0, np.int64)
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    return np.sort(order[place < most])


def _stars(keys: tuple[np.ndarray, ...], rows: pa.Table, age: np.ndarray, own: int, kinds: np.ndarray) -> pa.Table:
    """Pairs of each bucket's best row with its others."""
    high, low = uid_words(rows["uid"])
    ranks = rank(rows["length"].to_numpy(), age)
    order = np.lexsort((low, high, ranks, *keys[::-1]))
    first = np.ones(len(order), bool)
    first[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    centre = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))] if len(order) else order
    return _pairs(high, low, ranks, kinds, centre, order, (age[order] == own) & ~first)


def _chains(keys: np.ndarray, rows: pa.Table, age: np.ndarray, own: int, kinds: np.ndarray) -> pa.Table:
    """Pairs of each row of a bucket with the next in length."""
    high, low = uid_words(rows["uid"])
    lengths = rows["length"].to_numpy()
    order = np.lexsort((low, high, -lengths.astype(np.int64), keys))
    one, two = order[:-1], order[1:]
    wanted = (keys[one] == keys[two]) & ((age[one] == own) | (age[two] == own))
    ranks = rank(lengths, age)
    worse = (ranks[one] > ranks[two]) | ((ranks[one] == ranks[two]) & _uid_above(high, low, one, two))
    return _pairs(high, low, ranks, kinds, np.where(worse, two, one), np.where(worse, one, two), wanted)


def _uid_above(high: np.ndarray, low: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return (high[one] > high[two]) | ((high[one] == high[two]) & (low[one] > low[two]))


def _pairs(
    high: np.ndarray, low: np.ndarray, ranks: np.ndarray, kinds: np.ndarray, a: np.ndarray, b: np.ndarray,
    wanted: np.ndarray,
) -> pa.Table:  # fmt: skip
    """PAIRS of the wanted ones of row numbers a and b, without those of a row with itself."""
    a, b = a[wanted], b[wanted]
    real = (high[a] != high[b]) | (low[a] != low[b])
    a, b = a[real], b[real]
    columns = [uid_column(high[a], low[a]), uid_column(high[b], low[b]), ranks[a], ranks[b], kinds[b]]
    return pa.table(columns, schema=PAIRS)


def distinct_pairs(pairs: pa.Table) -> pa.Table:
    """PAIRS sorted by (b, a), each once with the strongest of its kinds."""
    ends = [*uid_words(pairs["b"]), *uid_words(pairs["a"])]
    order = np.lexsort((-pairs["kind"].to_numpy(), *ends[::-1]))
    keep = np.ones(len(order), bool)
    keep[1:] = np.any([end[order][1:] != end[order][:-1] for end in ends], axis=0)
    return pairs.take(pa.array(order[keep])).combine_chunks()
