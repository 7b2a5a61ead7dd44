"""From signatures to clusters of duplicates, by pure functions over narrow tables: buckets, stars, components.

The driver carries ``bucket_rows`` of all shards to partitions, runs ``stars`` on each partition and ``components`` on
all edges. Every answer is the same for any order of rows and any number of partitions or shards: a bucket's centre and
a cluster's survivor are the longest text, then the smallest uid.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.minhash import DedupConfig, decode_signatures, fixed_binary, sign, signature_stage

__all__ = [
    "BUCKETS",
    "CLUSTERS",
    "EDGES",
    "DedupConfig",
    "bucket_rows",
    "components",
    "sign",
    "signature_stage",
    "stars",
    "uid_from_bytes",
    "uid_to_bytes",
]

UID = pa.binary(16)
BUCKETS = pa.schema([("partition", pa.int32()), ("key", pa.uint64()), ("uid", UID), ("length", pa.int32())])
EDGES = pa.schema([("a", UID), ("b", UID), ("exact", pa.bool_()), ("length_a", pa.int32()), ("length_b", pa.int32())])
CLUSTERS = pa.schema([("uid", UID), ("survivor", UID), ("cluster_size", pa.int32()), ("exact", pa.bool_())])

_EXACT_BIT = np.uint64(1)  # the lowest bit of a key says that it comes from the exact hash


def uid_to_bytes(uids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """32 lower-case hex digits to 16 bytes. Errors: ValueError for a null or anything else than 32 hex digits."""
    array = pc.cast(uids.combine_chunks() if isinstance(uids, pa.ChunkedArray) else uids, pa.large_string())
    if len(array) == 0:
        return pa.array([], UID)
    if not pc.all(pc.fill_null(pc.match_substring_regex(array, "^[0-9a-f]{32}$"), False)).as_py():
        raise ValueError("a uid must be 32 lower-case hex digits; the column holds a null or something else")
    start = int(np.frombuffer(array.buffers()[1], np.int64)[array.offset])
    digits = np.frombuffer(array.buffers()[2], np.uint8)[start : start + 32 * len(array)].reshape(-1, 32)
    nibbles = np.where(digits >= ord("a"), digits - np.uint8(ord("a") - 10), digits - np.uint8(ord("0")))
    return fixed_binary(nibbles[:, ::2] << 4 | nibbles[:, 1::2])


def uid_from_bytes(uids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """16 bytes to 32 lower-case hex digits; the inverse of ``uid_to_bytes``."""
    values = _uid_matrix(uids)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty((len(values), 32), np.uint8)
    text[:, ::2], text[:, 1::2] = digits[values >> 4], digits[values & 15]
    offsets = np.arange(len(values) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))


def _uid_matrix(uids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Uids as uint8 (n, 16)."""
    return decode_signatures(uids).view(np.uint8).reshape(-1, 16)


def _uid_words(uids: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Uids as two uint64 whose order is the order of the hex strings."""
    words = np.ascontiguousarray(_uid_matrix(uids)).view(">u8").astype(np.uint64)
    return words[:, 0], words[:, 1]


def _uid_column(high: np.ndarray, low: np.ndarray) -> pa.Array:
    """The inverse of ``_uid_words``."""
    return fixed_binary(np.stack([high, low], axis=1).astype(">u8").view(np.uint8).reshape(-1, 16))


def _mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser on uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def band_keys(signatures: np.ndarray, cfg: DedupConfig) -> np.ndarray:
    """A 64-bit key of each band: a hash of its number and its values, lowest bit 0; uint64 (n, bands)."""
    values = signatures.reshape(-1, cfg.bands, cfg.rows).astype(np.uint64)
    keys = np.broadcast_to(_mix(np.arange(1, cfg.bands + 1, dtype=np.uint64)), values.shape[:2])
    for row in range(cfg.rows):
        keys = _mix(keys ^ (values[:, :, row] + np.uint64(0x9E3779B97F4A7C15)))
    return keys & ~_EXACT_BIT


def partition_of(keys: np.ndarray, partitions: int) -> np.ndarray:
    """The partition of a key by its top 32 bits, int32: equal ranges of the key space in order."""
    return ((keys >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.int32)


def _check_scheme(annotations: pa.Table, cfg: DedupConfig) -> None:
    for scheme in pc.unique(annotations["dedup.scheme"]).drop_null().to_pylist():
        if scheme != cfg.scheme:
            raise ValueError(
                f"signatures were made with scheme {scheme!r}, the configuration asks for {cfg.scheme!r}; "
                "compute the annotations again, or set the configuration they were made with"
            )


def bucket_rows(annotations: pa.Table, cfg: DedupConfig) -> pa.Table:
    """The buckets that rows fall into: one row per band and one for the exact hash.

    In:  rows that are kept, with uid string and the four dedup columns. A row without a signature has its exact bucket
         only, a row without either none.
    Out: BUCKETS; the lowest bit of key is 1 for exact buckets.
    Errors: ValueError if a signature was made by another scheme.
    """
    _check_scheme(annotations, cfg)
    uids = uid_to_bytes(annotations["uid"])
    lengths = annotations["dedup.length"].combine_chunks()
    signed = pc.is_valid(annotations["dedup.signature"]).combine_chunks()
    hashed = pc.is_valid(annotations["dedup.exact"]).combine_chunks()
    keys = band_keys(decode_signatures(annotations["dedup.signature"].combine_chunks().filter(signed)), cfg)
    digests = _uid_words(annotations["dedup.exact"].combine_chunks().filter(hashed))[0] | _EXACT_BIT
    rows = np.repeat(np.flatnonzero(signed.to_numpy(zero_copy_only=False)), cfg.bands)
    rows = pa.array(np.concatenate([rows, np.flatnonzero(hashed.to_numpy(zero_copy_only=False))]))
    key = np.concatenate([keys.ravel(), digests])
    columns = [partition_of(key, cfg.partitions), key, uids.take(rows), lengths.take(rows)]
    return pa.table(columns, schema=BUCKETS)


def stars(buckets: pa.Table) -> pa.Table:
    """Edges from each bucket's centre to its other members, at most members - 1 a bucket.

    In:  BUCKETS of one partition, in any order.
    Out: EDGES sorted by (a, b), each pair once; a is the centre: the longest, then the smallest uid.
    """
    shared = buckets.filter(pa.array(_in_company(buckets["key"].to_numpy())))
    keys, lengths = shared["key"].to_numpy(), shared["length"].to_numpy().astype(np.int64)
    high, low = _uid_words(shared["uid"])
    order = np.lexsort((low, high, -lengths, keys))
    first = np.r_[True, keys[order][1:] != keys[order][:-1]] if len(order) else np.zeros(0, bool)
    centre = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    real = (high[centre] != high[order]) | (low[centre] != low[order])
    a, b = centre[real], order[real]
    return _sorted_edges(high, low, lengths, (keys & _EXACT_BIT).astype(bool)[b], a, b)


def _in_company(keys: np.ndarray) -> np.ndarray:
    """Mask of keys that occur more than once; most do not, so everything after this is small."""
    ordered = np.sort(keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(repeated) == 0:
        return np.zeros(len(keys), bool)
    return repeated[np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)] == keys


def _sorted_edges(
    high: np.ndarray, low: np.ndarray, lengths: np.ndarray, exact: np.ndarray, a: np.ndarray, b: np.ndarray
) -> pa.Table:
    """EDGES from node numbers: sorted, each pair once, exact if any of its edges is."""
    ends = np.stack([high[a], low[a], high[b], low[b]])
    order = np.lexsort((~exact, *ends[::-1]))
    ends = ends[:, order]
    keep = np.ones(len(order), bool)
    keep[1:] = (ends[:, 1:] != ends[:, :-1]).any(axis=0)
    kept = order[keep]
    columns = [
        _uid_column(high[a[kept]], low[a[kept]]),
        _uid_column(high[b[kept]], low[b[kept]]),
        exact[kept],
        lengths[a[kept]].astype(np.int32),
        lengths[b[kept]].astype(np.int32),
    ]
    return pa.table(columns, schema=EDGES)


def components(edges: pa.Table) -> pa.Table:
    """Clusters of duplicates from the edges of all partitions.

    In:  EDGES in any order, a pair may occur many times.
    Out: CLUSTERS sorted by uid: each member, the survivor (the longest, then the smallest uid; it names itself) too;
         cluster_size counts the survivor; exact tells that a victim reaches its survivor by exact edges alone.
    """
    if edges.num_rows == 0:
        return CLUSTERS.empty_table()
    high, low, lengths, a, b = _number_nodes(edges)
    label = _labels(a, b, len(high))
    exact = edges["exact"].to_numpy(zero_copy_only=False)
    exact_label = _labels(a[exact], b[exact], len(high))
    # Nodes are numbered in the order of their uids, so the stable sort by length settles ties by uid.
    order = np.lexsort((-lengths, label))
    best = np.empty(label.max() + 1, np.int64)
    best[label[order][::-1]] = order[::-1]
    survivor = best[label]
    copies = (exact_label == exact_label[survivor]) & (survivor != np.arange(len(high)))
    sizes = np.bincount(label)[label].astype(np.int32)
    columns = [_uid_column(high, low), _uid_column(high[survivor], low[survivor]), sizes, copies]
    return pa.table(columns, schema=CLUSTERS)


def _labels(a: np.ndarray, b: np.ndarray, nodes: int) -> np.ndarray:
    """The component number of each node."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]


def _number_nodes(edges: pa.Table) -> tuple[np.ndarray, ...]:
    """Distinct uids in order as two words, their lengths, and both ends of each edge as node numbers."""
    ends = [_uid_words(edges[name]) for name in ("a", "b")]
    high, low = (np.concatenate(words) for words in zip(*ends, strict=True))
    lengths = np.concatenate([edges[name].to_numpy() for name in ("length_a", "length_b")]).astype(np.int64)
    order = np.lexsort((low, high))
    first = np.ones(len(order), bool)
    first[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(first) - 1
    nodes = order[first]
    return high[nodes], low[nodes], lengths[nodes], number[: edges.num_rows], number[edges.num_rows :]
