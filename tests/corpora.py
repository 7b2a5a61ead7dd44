"""Small inputs that tests run the real chain on, cut from the bundled crawl."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from governance.runner import fold, load_models
from stages.extract import ExtractConfig, extract_stage
from stages.ingest import IngestConfig, read_warc

CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl"


def pages_of(archive: Path, count: int, skip: int = 0) -> bytes:
    """The bytes of the first ``count`` response members of an archive, after ``skip``, as an archive of their own."""
    data = archive.read_bytes()
    offsets = []
    for record in ArchiveIterator(io.BytesIO(data), record_types=WarcRecordType.any_type, parse_http=False):
        offsets.append((record.stream_pos, record.record_type))
    ends = [position for position, _ in offsets[1:]] + [len(data)]
    members = [
        data[start:end] for (start, kind), end in zip(offsets, ends, strict=True) if kind == WarcRecordType.response
    ]
    return b"".join(members[skip : skip + count])


def texts_of(archive: bytes, name: str = "a.warc.gz") -> pa.Table:
    """The pages of an archive whose text is found, as L0 holds them."""
    (table,) = read_warc(io.BytesIO(archive), name, "0" * 8, IngestConfig())
    table = table.append_column("extract.slow", pa.array([False] * table.num_rows))
    stages = (extract_stage(ExtractConfig()),)
    return fold(stages, table, load_models(stages), reader="ingest").kept()


def small_crawl(folder: Path, english: int = 12, chinese: int = 6) -> Path:
    """Three archives with real pages; the second repeats pages of the first, so that there are duplicates."""
    (folder / "a.warc.gz").write_bytes(pages_of(CRAWL / "en.warc.gz", english))
    (folder / "b.warc.gz").write_bytes(pages_of(CRAWL / "en.warc.gz", english // 2, skip=english // 2))
    (folder / "c.warc.gz").write_bytes(pages_of(CRAWL / "zh.warc.gz", chinese))
    return folder
