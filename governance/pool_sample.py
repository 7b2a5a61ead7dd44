"""Documents of a pool that may teach a classifier: drawn by hash, kept apart from what measures it, and balanced."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.dedup import is_among
from stages.minhash import DedupConfig, decode_signatures, sign
from stages.pair_kernels import band_keys
from stages.uids import byte_rows

_SIGNATURES = DedupConfig()
_KEY_ROWS = 4096  # documents signed at once
_EMPTY = pa.table({name: pa.array([], pa.string()) for name in ("content", "site", "file")})


def draw(tables: Iterable[pa.Table], samples: int, size: int, seed: int = 0) -> list[pa.Table]:
    """Disjoint samples: the documents in the order of their text's hash, cut into runs of ``size``.

    Args: tables with content, site and file string, as ``read_texts`` gives them; null and blank texts are left out,
        and of equal texts the first site and file in alphabetical order.
    Returns: ``samples`` tables with those columns and hash uint64; the last ones are short or empty where the pool is
        small. At most twice samples * size documents are in memory.
    """
    most, kept = samples * size, None
    for table in tables:
        fresh = _hashed(table, seed)
        kept = fresh if kept is None else pa.concat_tables([kept, fresh])
        if len(kept) > 2 * most:
            kept = _smallest(kept, most)
    kept = _smallest(kept, most) if kept is not None else _hashed(_EMPTY, seed)
    return [kept.slice(number * size, size) for number in range(samples)]


def _hashed(table: pa.Table, seed: int) -> pa.Table:
    from xxhash import xxh3_64_intdigest

    table = table.select(_EMPTY.column_names).cast(_EMPTY.schema)
    # A null here is dropped by the filter, as a blank text is.
    table = table.filter(pc.not_equal(pc.utf8_trim_whitespace(table["content"]), ""))
    hashes = (xxh3_64_intdigest(text, seed) for text in table["content"].to_pylist())
    return table.append_column("hash", pa.array(hashes, pa.uint64()))


def _smallest(table: pa.Table, most: int) -> pa.Table:
    """The rows of the smallest hashes, one a hash, in their order."""
    table = table.sort_by([("hash", "ascending"), ("site", "ascending"), ("file", "ascending")])
    hashes = table["hash"].to_numpy()
    first = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]]) if len(hashes) else np.empty(0, np.int64)
    return table.take(pa.array(first[:most])).combine_chunks()


def near_keys(texts: pa.ChunkedArray, language: str) -> np.ndarray:
    """What near-duplicates share: 14 MinHash buckets and the hash of the whole text, uint64 (n, 15), 0 for none.

    At 75 % equal shingles two texts share a bucket with probability 0.77, at 90 % surely; equal texts always a hash.
    """
    parts = [_keys(texts.slice(start, _KEY_ROWS), language) for start in range(0, len(texts), _KEY_ROWS)]
    return np.concatenate([np.zeros((0, _SIGNATURES.banding[0] + 1), np.uint64), *parts])


def _keys(texts: pa.ChunkedArray, language: str) -> np.ndarray:
    none = pa.nulls(len(texts), pa.string())
    lang = pa.array([language] * len(texts), pa.string())
    table = pa.table({"content": texts, "lang": lang, "url": none, "canonical_url": none})
    signed = sign(table, _SIGNATURES)
    keys = np.zeros((len(texts), _SIGNATURES.banding[0] + 1), np.uint64)
    there, found = _present(signed["dedup.exact"])
    # Lowest bit 1: no bucket's key has it.
    keys[there, :1] = byte_rows(found)[:, :8].copy().view("<u8") | np.uint64(1)
    there, found = _present(signed["dedup.signature"])
    keys[there, 1:] = band_keys(decode_signatures(found), *_SIGNATURES.banding)
    return keys


def _present(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Which rows are not null, bool (n,), and their values."""
    return pc.is_valid(column).to_numpy(zero_copy_only=False), column.drop_null().combine_chunks()


def screen(
    sample: pa.Table, measured: pa.Table, known: Sequence[pa.Table], language: str
) -> tuple[pa.Table, dict[str, int]]:
    """The documents of a sample that may be learnt from, and how many were left out for what.

    Args: measured: the held-out and test documents, none of whose sites or near-duplicates may come in; known:
        further documents whose near-duplicates teach nothing new, such as those trained on. All with content and site.
    """
    sites = pc.unique(measured["site"].drop_null())
    on_site = pc.fill_null(pc.is_in(sample["site"], value_set=sites), False).to_numpy(zero_copy_only=False)
    keys = near_keys(sample["content"], language)
    near = _shares(keys, near_keys(measured["content"], language))
    again = np.zeros(len(sample), bool)
    for table in known:
        again |= _shares(keys, near_keys(table["content"], language))
    again |= _repeats(keys)
    left_out = {
        "site_of_measured": int(on_site.sum()),
        "near_measured": int((near & ~on_site).sum()),
        "near_known": int((again & ~near & ~on_site).sum()),
    }
    return sample.filter(pa.array(~(on_site | near | again))), left_out


def _shares(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether a row has a key in common with any row of others, bool (n,)."""
    found = is_among(keys.ravel(), np.unique(others[np.nonzero(others)]))
    return np.asarray(found.reshape(keys.shape).any(axis=1))


def _repeats(keys: np.ndarray) -> np.ndarray:
    """Whether a row has a key that an earlier row has, bool (n,)."""
    flat = keys.ravel()
    _, first, place = np.unique(flat, return_index=True, return_inverse=True)
    rows = np.arange(len(flat)) // keys.shape[1]
    return ((first[place] // keys.shape[1] < rows) & (flat > 0)).reshape(keys.shape).any(axis=1)


def balanced(sides: Sequence[pa.Table], most: int, site_share: float) -> list[pa.Table]:
    """The same number of documents from each side, at most ``most``, spread over sites.

    A site gives at most ``site_share`` of a side, rounded up; of what is left sites take turns. Documents without a
    site count by their file, which has no limit: nothing is known of where they are from.
    """
    groups = [_groups(side) for side in sides]
    counts = [(int((~limited).sum()), np.bincount(codes[limited])) for codes, limited in groups]
    number = max((n for n in range(1, most + 1) if all(_enough(*count, n, site_share) for count in counts)), default=0)
    chosen = []
    for side, (codes, limited) in zip(sides, groups, strict=True):
        turn = _turns(codes)
        allowed = ~limited | (turn < math.ceil(site_share * number))
        order = np.lexsort((np.arange(len(codes)), turn, ~allowed))
        chosen.append(side.take(pa.array(np.sort(order[:number]))))
    return chosen


def _groups(side: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """(group of each row, whether it has the limit of a site); a site and a file of one name are two groups."""
    limited = pc.is_valid(side["site"]).to_numpy(zero_copy_only=False)
    names = zip(side["site"].to_pylist(), side["file"].to_pylist(), strict=True)
    labels = [f"site {site}" if site is not None else f"file {file}" for site, file in names]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64), limited


def _turns(codes: np.ndarray) -> np.ndarray:
    """How many rows of its group come before each row, int64 (n,)."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(codes) else np.empty(0, np.int64)
    turn = np.empty(len(codes), np.int64)
    turn[order] = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    return turn


def _enough(free: int, sizes: np.ndarray, number: int, site_share: float) -> bool:
    """Whether a side has ``number`` documents: ``free`` ones without a limit, and sites of these sizes with one."""
    return free + int(np.minimum(sizes, math.ceil(site_share * number)).sum()) >= number
