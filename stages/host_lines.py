"""L1, off by default: lines that repeat on many pages of one host, found by counting hashes and then dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.contract import Config, Stage
from stages.uids import UID, uid_to_bytes

if TYPE_CHECKING:
    import polars as pl

REPEATED = "host_lines.repeated"  # column that the runner adds: list of the hashes of a row's repeated lines
LINES = pa.schema([("host", pa.uint64()), ("line", pa.uint64()), ("text", pa.uint64()), ("uid", UID)])
PAIRS = pa.schema([("uid", UID), ("line", pa.uint64())])
PAGE = 0  # the line of the row that stands for the page itself, so that the pages of a host can be counted
_FENCE = "```"


class HostLinesConfig(Config):
    """When a line belongs to the host rather than to the page."""

    enabled: bool = False
    min_pages: int = Field(default=5, ge=2)  # pages of the host with different texts; of fewer, no line is dropped
    min_ratio: float = Field(default=0.5, gt=0, le=1)  # of them that hold the line; two at least
    max_chars: int = Field(default=200, ge=1)  # a longer line is text, however often it is said


def host_lines_stage(cfg: HostLinesConfig) -> Stage:
    """Drop the lines of the host."""
    return Stage(
        name="host_lines",
        fn=host_lines,
        config=cfg,
        needs=("content", REPEATED),
        adds=("host_lines.dropped",),
        replaces=("content",),
    )


def host_lines(batch: pa.Table, cfg: HostLinesConfig) -> pa.Table:
    """Drop the lines of each row that were found to repeat on its host.

    In:     content string (n,), host_lines.repeated list of uint64 (n,): hashes, null or empty for none
    Out:    the same rows with content replaced and host_lines.dropped int64 (n,), the number of lines dropped.
            A row whose lines all repeat is left with "", which the stage clean rejects as empty.
    Errors: none from content.
    """
    import polars as pl

    dropped = np.zeros(batch.num_rows, np.int64)
    repeated = pl.DataFrame({"row": np.arange(batch.num_rows), "line": pl.from_arrow(batch[REPEATED].combine_chunks())})
    repeated = repeated.explode("line").drop_nulls()
    if len(repeated):
        content = batch["content"].to_pylist()
        for row, kept, count in _without(repeated, batch["content"], cfg).iter_rows():
            content[row], dropped[row] = "\n".join(kept), count
        place = batch.schema.get_field_index("content")
        batch = batch.set_column(place, "content", pa.array(content, pa.string()))
    return batch.append_column("host_lines.dropped", pa.array(dropped))


def _without(repeated: pl.DataFrame, content: pa.ChunkedArray, cfg: HostLinesConfig) -> pl.DataFrame:
    """Row, lines that stay and number of those that go, for each row that has repeated lines."""
    import polars as pl

    rows = repeated["row"].unique().sort()
    lines = _lines(content.take(rows.to_arrow()), rows.to_numpy(), cfg)
    lines = lines.join(repeated.with_columns(hit=True), on=["row", "line"], how="left", maintain_order="left")
    hit = pl.col("hit").fill_null(False)
    return lines.group_by("row", maintain_order=True).agg(pl.col("text").filter(~hit), hit.sum().alias("dropped"))


def page_lines(batch: pa.Table, cfg: HostLinesConfig) -> pa.Table:
    """The lines of pages as hashes, each once a page, with the page's host.

    In:     uid string, url string, content string, all (n,)
    Out:    LINES: for each page with an address and a text one row of line 0, and one for each of its distinct lines
            that are no longer than max_chars, hold a letter and stand in no fenced code block.
    """
    hosts = np.array([_host(url) for url in batch["url"].to_pylist()], object)
    rows = np.flatnonzero((hosts != "") & batch["content"].is_valid().to_numpy(zero_copy_only=False))
    texts = batch["content"].take(pa.array(rows)).combine_chunks()
    lines = _lines(texts, np.arange(len(rows)), cfg).select("row", "line").drop_nulls().unique(maintain_order=True)
    row = np.concatenate([np.arange(len(rows)), lines["row"].to_numpy()])
    line = np.concatenate([np.full(len(rows), PAGE, np.uint64), lines["line"].to_numpy()])
    host = _hashes(pa.array(hosts[rows], pa.string()))
    uids = uid_to_bytes(batch["uid"].take(pa.array(rows)))
    return pa.table([host[row], line, _hashes(texts)[row], uids.take(pa.array(row))], schema=LINES)


def repeated_lines(tables: Iterable[pa.Table], cfg: HostLinesConfig) -> pa.Table:
    """The lines that repeat on many pages of their host.

    In:     tables of LINES in any order, all pages of a host and all pages that hold a line of it among them.
    Out:    host and line, each once. Pages of one host with the very same text count as one: what the copies of one
            article share is the article.
    """
    import polars as pl

    table = pl.concat(
        [pl.DataFrame(lines.select(["host", "line", "text"])) for lines in [LINES.empty_table(), *tables]]
    )
    pages = table.filter(pl.col("line") == PAGE).group_by("host").agg(pages=pl.col("text").n_unique())
    holding = table.filter(pl.col("line") != PAGE).group_by("host", "line").agg(holding=pl.col("text").n_unique())
    least = pl.max_horizontal(pl.col("pages") * cfg.min_ratio, 2.0)
    many = holding.join(pages, on="host").filter((pl.col("pages") >= cfg.min_pages) & (pl.col("holding") >= least))
    return many.select("host", "line").to_arrow()


def pages_with(lines: pa.Table, repeated: pa.Table) -> pa.Table:
    """The pages that hold a repeated line: PAIRS in no order, of LINES and what ``repeated_lines`` found in all."""
    import polars as pl

    table = pl.DataFrame(lines.select(["host", "line"]))
    rows = table.with_row_index("row").join(pl.DataFrame(repeated), on=["host", "line"], how="semi")["row"]
    return lines.select(PAIRS.names).take(rows.to_arrow())


def _lines(texts: pa.Array | pa.ChunkedArray, rows: np.ndarray, cfg: HostLinesConfig) -> pl.DataFrame:
    """Columns row, text (of one line) and line (its hash, null where it may not be dropped)."""
    import polars as pl

    column = pl.Series("text", texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts, dtype=pl.String)
    table = pl.DataFrame({"row": rows, "text": column.str.split("\n")}).explode("text")
    bare = pl.col("text").str.strip_chars()
    fence = bare.str.starts_with(_FENCE)
    in_code = fence | (fence.cast(pl.Int32).cum_sum().over("row") % 2 == 1)
    eligible = ~in_code & (bare.str.len_chars() <= cfg.max_chars) & bare.str.contains(r"\p{L}")
    table = table.with_columns(line=pl.Series(_hashes(table["text"].to_arrow()), dtype=pl.UInt64))
    return table.with_columns(pl.when(eligible).then(pl.col("line")))


def _hashes(texts: pa.Array) -> np.ndarray:
    """A hash of each string without white space at its ends, never 0; uint64 (n,)."""
    from stages.url_kernels import entry_hashes

    if not len(texts):
        return np.empty(0, np.uint64)
    texts = texts.cast(pa.large_string())
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    return np.maximum(entry_hashes(data, offsets[:-1], offsets[1:]), np.uint64(1))


def _host(url: str | None) -> str:
    """The host of an address in lower case, "" where there is none."""
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:  # "http://["
        return ""
