"""Whether an input file can be what its name says, judged by its first and last bytes before any work starts."""

from __future__ import annotations

import zlib

_INFLATE_BYTES = 64 << 10


def content_fault(name: str, head: bytes, tail: bytes) -> str | None:
    """Why a file cannot be what its name says, judged by its first and last 8 kB; None when it can."""
    if name.endswith(".parquet"):
        complete = head.startswith(b"PAR1") and tail.endswith(b"PAR1")
        return None if complete else "is no complete Parquet file: it must begin and end with PAR1"
    if name.endswith(".zst"):
        return None if head.startswith(b"\x28\xb5\x2f\xfd") else "is not zstd-compressed"
    if head.startswith(b"\x1f\x8b"):
        if not name.endswith(".gz"):
            return "is gzip-compressed: its name must end in .gz"
        head = _inflated(head)
        if not head:
            return None  # a first member that is damaged: what can be read of the rest is for the reader to find
    elif name.endswith(".gz") and not name.endswith((".warc", ".warc.gz")):
        return "is not gzip-compressed"
    if name.endswith((".warc", ".warc.gz")):
        return None if b"WARC/" in head else "is no web archive: no WARC record in its first 8 kB"
    if b"\0" in head:
        return "is not UTF-8 text: it holds zero bytes"
    return None if name.endswith(".txt") or b"{" in head else "holds no JSON object"


def _inflated(head: bytes) -> bytes:
    """What the start of a gzip file holds, as far as it can be read."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _INFLATE_BYTES)
    except zlib.error:
        return b""
