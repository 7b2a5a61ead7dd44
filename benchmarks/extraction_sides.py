"""One side of benchmarks.extraction in this process: ``SIDE ARCHIVE OUT`` prints CPU seconds and writes the texts.

``OUT`` gets one JSON object a page with url and content, ours with its extractor and reject reason too. Before the
clock starts every tenth page is worked off once, which loads and compiles whatever the side needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.measure import cpu_seconds

Columns = dict[str, list[Any]]
_WARM_EVERY = 10  # pages: enough that the second opinion, and all that it loads, comes in


def html_pages(archive: Path) -> list[pa.Table]:
    """The pages of an archive as the reader of L0 gives them, none of them named as slow."""
    from stages.ingest import IngestConfig, read_warc
    from stages.limits import slow_column

    with archive.open("rb") as stream:
        tables = [table.filter(table["payload"].is_valid()) for table in read_warc(stream, "", "0" * 8, IngestConfig())]
    return [table.append_column(slow_column("extract"), pa.array([False] * len(table))) for table in tables]


def ours(tables: Sequence[pa.Table]) -> Callable[[], Columns]:
    """The stage with its defaults: charset, main text, metadata, opt-outs."""
    from stages.extract import ExtractConfig, extract_stage

    stage, names = extract_stage(ExtractConfig()), ("content", "extractor", "extract.drop")
    model = [stage.load(stage.config)] if stage.load else []

    def run() -> Columns:
        found = pa.concat_tables([stage.fn(table, stage.config, *model).select(names) for table in tables])
        return {name: found[name].to_pylist() for name in names}

    return run


def resiliparse(tables: Sequence[pa.Table]) -> Callable[[], Columns]:
    """Charset and main content; without the texts that stand for images, which cost it 0.007 of F1."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    def read(payload: bytes) -> str:
        return extract_plain_text(bytes_to_str(payload, detect_encoding(payload)), main_content=True, alt_texts=False)

    return lambda: {"content": [read(payload) for payload in _payloads(tables)]}


def trafilatura(tables: Sequence[pa.Table], fast: bool = False) -> Callable[[], Columns]:
    """Charset and main text; without readers' comments, which cost it 0.004 of F1 and a tenth of its speed."""
    import trafilatura as library

    def run() -> Columns:
        texts = (library.extract(payload, include_comments=False, fast=fast) for payload in _payloads(tables))
        return {"content": [text or "" for text in texts]}

    return run


def trafilatura_fast(tables: Sequence[pa.Table]) -> Callable[[], Columns]:
    """The same without its fallbacks."""
    return trafilatura(tables, fast=True)


def parse(tables: Sequence[pa.Table]) -> Callable[[], Columns]:
    """What the machine allows: resiliparse's parse of pages that are decoded already."""
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    texts = [bytes_to_str(payload, detect_encoding(payload)) for payload in _payloads(tables)]

    def run() -> Columns:
        for text in texts:
            HTMLTree.parse(text)
        return {}

    return run


SIDES = {side.__name__: side for side in (ours, resiliparse, trafilatura, trafilatura_fast, parse)}


def _payloads(tables: Sequence[pa.Table]) -> list[bytes]:
    return [payload for table in tables for payload in table["payload"].to_pylist()]


def main() -> None:
    """``SIDE ARCHIVE OUT``."""
    side, tables = SIDES[sys.argv[1]], html_pages(Path(sys.argv[2]))
    side([table.take(list(range(0, len(table), _WARM_EVERY))) for table in tables])()
    run = side(tables)
    start_up = cpu_seconds()
    columns = run()
    spent = cpu_seconds() - start_up
    pages, rows = [url for table in tables for url in table["url"].to_pylist()], []
    if columns:
        rows = [dict(zip(("url", *columns), row, strict=True)) for row in zip(pages, *columns.values(), strict=True)]
    Path(sys.argv[3]).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    html = sum(map(len, _payloads(tables)))
    result = {"pages": len(pages), "html_bytes": html, "cpu_s": spent, "start_up_cpu_s": round(start_up, 2)}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
