"""Uids as bytes: 32 lower-case hex digits to 16 bytes and back, and as numbers whose order is theirs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UID = pa.binary(16)


def fixed_binary(values: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """Rows of a uint8 or uint32 matrix as a fixed-size binary column; rows that are not valid are null."""
    rows = np.ascontiguousarray(values)
    width = rows.shape[1] * rows.itemsize
    array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows)])
    return array if valid is None else pc.if_else(pa.array(valid), array, pa.scalar(None, array.type))


def byte_rows(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A fixed-size binary column without nulls as uint8 (n, width), without a copy where it is one chunk."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    width = array.type.byte_width
    if len(array) == 0:
        return np.zeros((0, width), np.uint8)
    values = np.frombuffer(array.buffers()[1], np.uint8)
    return values[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


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
    values = byte_rows(uids)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty((len(values), 32), np.uint8)
    text[:, ::2], text[:, 1::2] = digits[values >> 4], digits[values & 15]
    offsets = np.arange(len(values) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))


def uid_words(uids: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Uids as two uint64 whose order is the order of the hex strings."""
    words = np.ascontiguousarray(byte_rows(uids)).view(">u8").astype(np.uint64)
    return words[:, 0], words[:, 1]


def uid_column(high: np.ndarray, low: np.ndarray) -> pa.Array:
    """The inverse of ``uid_words``."""
    return fixed_binary(np.stack([high, low], axis=1).astype(">u8").view(np.uint8).reshape(-1, 16))
