"""The archives that benchmarks read: the head of a WARC, a random part of one, and a few pages to warm up on.

Records are copied as they stand, compressed: archives one after the other are one archive.
"""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path

from stages.warc import read_records

CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl"
WARM_UP_PAGES = 20  # of each language: enough that rows reach every stage
_SEED = 1


def first_pages(source: Path, count: int | None, target: Path) -> int:
    """Copy the head of a WARC up to its ``count``-th page (all of them for None); returns the number of pages."""
    pages, end = 0, None
    with source.open("rb") as stream:
        for record in read_records(stream, frozenset(), 0):
            if pages == count:
                end = record.offset
                break
            pages += record.type == "response"
        stream.seek(0)
        target.write_bytes(stream.read(end))
    return pages


def random_pages(source: Path, count: int, target: Path) -> int:
    """Copy so many pages of a WARC, the same at every call, in their order; returns how many.

    A few tiny records that the reader finds at one offset with the next are never chosen.
    """
    with source.open("rb") as stream:
        records = [(record.offset, record.type == "response") for record in read_records(stream, frozenset(), 0)]
        pages: list[tuple[int, int]] = []
        at = Counter(offset for offset, _ in records)
        ends = [offset for offset, _ in records[1:]] + [source.stat().st_size]
        for (start, is_page), end in zip(records, ends, strict=True):
            if is_page and at[start] == 1:
                pages.append((start, end))
        chosen = sorted(random.Random(_SEED).sample(pages, min(count, len(pages))))
        with target.open("wb") as copy:
            for start, end in chosen:
                stream.seek(start)
                copy.write(stream.read(end - start))
    return len(chosen)


def write_warm_up(target: Path) -> None:
    """A WARC of a few pages of the bundled crawl in each language."""
    heads = b""
    for archive in sorted(CRAWL.glob("*.warc.gz")):
        first_pages(archive, WARM_UP_PAGES, target)
        heads += target.read_bytes()
    target.write_bytes(heads)


def uncompressed_size(archive: Path) -> int:
    """Bytes of an archive without its compression."""
    with gzip.open(archive) as stream:
        return sum(len(block) for block in iter(lambda: stream.read(1 << 20), b""))
