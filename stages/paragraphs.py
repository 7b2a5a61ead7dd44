"""L1, off by default: paragraphs that stand in more than one row of a dump stay in one of them.

As CCNet (Wenzek et al. 2020, arXiv:1911.00359) and dolma (arXiv:2402.00159) drop them, but by exact 64-bit hashes, so
that any order of rows gives the same. Of 10^11 different paragraphs, fewer than one in 10^8 share a hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.codepoints import PUNCTUATION, SPACE, TextView, flag_table, lower_table, view_text
from stages.contract import Config, Stage
from stages.host_lines import PAIRS
from stages.uids import UID, uid_to_bytes

if TYPE_CHECKING:
    import polars as pl

REPEATED = "paragraphs.repeated"  # column that the runner adds: ascending hashes, of paragraphs that another row keeps
PARAGRAPHS = pa.schema([("line", pa.uint64()), ("uid", UID)])
_ROWS_AT_ONCE = 1_000_000  # paragraphs that are grouped together; of those only one row for each hash is carried on
_INVISIBLE = ((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069),
              (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF))  # fmt: skip
_FULL_WIDTH, _HALF_WIDTH = slice(0xFF01, 0xFF5F), slice(0x21, 0x7F)


class ParagraphsConfig(Config):
    """Which paragraphs are long enough to be worth removing."""

    enabled: bool = False
    min_chars: int = Field(default=90, ge=1)  # letters and digits; fewer may be said by anyone
    han_chars: int = Field(default=3, ge=1)  # that a Chinese character counts as


def paragraphs_stage(cfg: ParagraphsConfig) -> Stage:
    """Drop the paragraphs that another row keeps."""
    return Stage(
        name="paragraphs",
        fn=paragraphs,
        config=cfg,
        needs=("content", REPEATED),
        adds=("paragraphs.dropped", "paragraphs.chars_dropped", "paragraphs.drop"),
        replaces=("content",),
        reject_on="paragraphs.drop",
    )


def paragraphs(batch: pa.Table, cfg: ParagraphsConfig) -> pa.Table:
    """Drop the paragraphs of each row that were found in an earlier row of the dump.

    In:     content string (n,), paragraphs.repeated list of uint64 (n,): ascending hashes, null or empty for none
    Out:    the same rows with content replaced and paragraphs.dropped int64, the number of paragraphs that went,
            paragraphs.chars_dropped int64, characters with the headings of sections that lost all, and
            paragraphs.drop: "repeated" where nothing is left.
    Errors: none from content.
    """
    from stages.paragraph_kernels import strike

    before, column = batch["content"].combine_chunks(), batch[REPEATED].combine_chunks()
    text, bounds = view_text(before), column.offsets.to_numpy()
    stops = np.where(column.is_valid().to_numpy(zero_copy_only=False), bounds[1:], bounds[:-1])
    hashes = column.values.to_numpy()
    data, ends, dropped = strike(text.data, text.offsets, bounds[:-1], stops, hashes, _measure(cfg), text.max_bytes)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(data)]
    after = pa.Array.from_buffers(pa.large_string(), len(before), buffers).cast(pa.string())
    after = pc.if_else(before.is_valid(), after, pa.scalar(None, pa.string()))
    fewer = pc.fill_null(pc.subtract(pc.utf8_length(before), pc.utf8_length(after)), 0).cast(pa.int64())
    nothing = pa.array((dropped > 0) & (np.diff(ends) == 0))
    batch = batch.set_column(batch.schema.get_field_index("content"), "content", after)
    batch = batch.append_column("paragraphs.dropped", pa.array(dropped))
    batch = batch.append_column("paragraphs.chars_dropped", fewer)
    return batch.append_column("paragraphs.drop", pc.if_else(nothing, "repeated", pa.scalar(None, pa.string())))


def page_paragraphs(batch: pa.Table, cfg: ParagraphsConfig) -> pa.Table:
    """The paragraphs of pages as hashes, each once a page.

    In:     uid string (n,), content string (n,)
    Out:    PARAGRAPHS: those with min_chars letters and digits, a Chinese character counted as han_chars.
    """
    import polars as pl

    from stages.paragraph_kernels import paragraph_keys

    text: TextView = view_text(batch["content"])
    row, line = paragraph_keys(text.data, text.offsets, _measure(cfg), text.max_bytes)
    once = pl.DataFrame({"row": row, "line": line}).unique(maintain_order=True)
    uids = uid_to_bytes(batch["uid"]).take(once["row"].to_arrow())
    return pa.table([once["line"].to_arrow(), uids], schema=PARAGRAPHS)


def first_rows(tables: Iterable[pa.Table], _: ParagraphsConfig) -> pa.Table:
    """The paragraphs that stand in more than one row, with the row that keeps each: the smallest uid.

    In:     tables of PARAGRAPHS in any order, all rows that hold a paragraph among them; one in memory at a time.
    Out:    PARAGRAPHS, each hash once.
    """
    import polars as pl

    found = _first_rows(_frame(PARAGRAPHS.empty_table()))
    waiting: list[pl.DataFrame] = []
    for table in tables:
        waiting.append(_frame(table))
        if sum(map(len, waiting)) >= _ROWS_AT_ONCE:
            found, waiting = _first_rows(pl.concat([found, *waiting])), []
    found = _first_rows(pl.concat([found, *waiting])).filter("many")
    return found.select(PARAGRAPHS.names).to_arrow().cast(PARAGRAPHS)


def _frame(rows: pa.Table) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(rows.select(PARAGRAPHS.names)).with_columns(many=pl.lit(False))


def _first_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Each hash once, with its smallest uid and whether it has more."""
    import polars as pl

    first, last = pl.col("uid").min(), pl.col("uid").max()
    return rows.group_by("line").agg(uid=first, many=pl.col("many").any() | (first != last))


def later_rows(rows: pa.Table, kept: pa.Table) -> pa.Table:
    """The rows that lose a paragraph: PAIRS in no order, of PARAGRAPHS and what ``first_rows`` found in all of them."""
    import polars as pl

    table, keeper = pl.DataFrame(rows.select(PARAGRAPHS.names)), pl.DataFrame(kept.rename_columns(["line", "first"]))
    lost = table.join(keeper, on="line").filter(pl.col("uid") != pl.col("first"))
    return lost.select(PAIRS.names).to_arrow().cast(PAIRS)


def _measure(cfg: ParagraphsConfig) -> object:
    from stages.paragraph_kernels import Measure

    return Measure(_fold_table(), flag_table(), cfg.min_chars, cfg.han_chars)


@cache
def _fold_table() -> np.ndarray:
    """What each code point counts as in comparing, uint32 (0x110000,): its small letter, full-width forms as the ASCII
    signs they are forms of; 0, nothing, for white space, punctuation and what is not seen."""
    table = lower_table().copy()
    table[_FULL_WIDTH] = table[_HALF_WIDTH]
    table[(flag_table() & (SPACE | PUNCTUATION)) != 0] = 0
    for first, last in _INVISIBLE:
        table[first : last + 1] = 0
    return table
