"""Parquet files joined without decoding: the same rows, statistics that still hold, and damage that is refused."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.schema import tier_schema
from manifests.splice import read_footer, splice

SCHEMA = pa.schema(
    [("uid", pa.string()), ("text", pa.string()), ("n", pa.int64()), ("x", pa.float32()), ("yes", pa.bool_()),
     ("tags", pa.list_(pa.string()))],
    metadata={"governance.tier": "L3"},
)  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "uid": st.text("0123456789abcdef", min_size=4, max_size=4),
            "text": st.none() | st.text(max_size=12),
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "x": st.none() | st.floats(width=32, allow_nan=False),
            "yes": st.none() | st.booleans(),
            "tags": st.none() | st.lists(st.text(max_size=3), max_size=3),
        }
    ),
    max_size=8,
)


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"compression": "zstd", "write_page_checksum": True} | options)
    return sink.getvalue()


def joined(files: list[bytes], groups: list[list[int] | None] | None = None) -> bytes:
    sink = io.BytesIO()
    numbers = groups or [None] * len(files)
    rows = splice(sink, zip([io.BytesIO(one) for one in files], numbers, strict=True))
    assert rows == pq.read_metadata(io.BytesIO(sink.getvalue())).num_rows
    return sink.getvalue()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(ROWS, st.integers(1, 5)), min_size=1, max_size=3),
    st.booleans(), st.booleans(), st.sampled_from(["1.0", "2.0"]), st.sampled_from(["none", "zstd", "snappy"]),
)  # fmt: skip
def test_the_joined_file_holds_the_rows_of_all_whatever_the_writer_wrote(
    files: list[tuple[list[dict[str, Any]], int]], dictionary: bool, indexed: bool, pages: str, compression: str
) -> None:
    tables = [pa.Table.from_pylist(rows, schema=SCHEMA) for rows, _ in files]
    options = {"use_dictionary": dictionary, "write_page_index": indexed, "data_page_version": pages}
    options |= {"compression": compression}
    parts = [written(table, row_group_size=size, **options) for table, (_, size) in zip(tables, files, strict=True)]
    body = joined(parts)
    read = pq.ParquetFile(io.BytesIO(body), page_checksum_verification=True)
    assert read.read().equals(pa.concat_tables(tables))
    assert read.schema_arrow.equals(pq.read_schema(io.BytesIO(parts[0])), check_metadata=True)
    assert len(pl.read_parquet(body)) == sum(map(len, tables))
    assert ends(read.metadata) == [one for part in parts for one in ends(pq.ParquetFile(io.BytesIO(part)).metadata)]


def ends(footer: Any) -> list[tuple[Any, Any]]:
    """Smallest and largest uid of each row group with rows, as its statistics say."""
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    found = [group.column(0).statistics for group in groups if group.num_rows]
    return [(one.min, one.max) for one in found]


def test_chosen_row_groups_are_taken_and_filters_still_find_their_rows() -> None:
    table = pa.table({"n": list(range(100))}, schema=pa.schema([("n", pa.int64())]))
    body = joined([written(table, row_group_size=10), written(table, row_group_size=50)], [[3, 9], [1]])
    assert pq.read_table(io.BytesIO(body))["n"].to_pylist() == [*range(30, 40), *range(90, 100), *range(50, 100)]
    assert pq.read_table(io.BytesIO(body), filters=[("n", "=", 35)])["n"].to_pylist() == [35]


def test_a_tier_of_ours_with_hundreds_of_groups_is_joined_whole() -> None:
    schema = tier_schema("L3")
    rows = [{"uid": f"{n:032x}", "content": f"text {n}", "lang": "en", "sampling": "[]"} for n in range(300)]
    table = pa.Table.from_pylist(rows, schema=schema)
    body = joined([written(table, row_group_size=1), written(table.slice(0, 0)), written(table)])
    read = pq.ParquetFile(io.BytesIO(body))
    assert read.read().equals(pa.concat_tables([table, table])) and read.metadata.num_row_groups >= 301


def test_other_schemas_no_parquet_and_a_cut_file_are_refused() -> None:
    one, other = pa.table({"n": [1]}), pa.table({"n": ["1"]})
    with pytest.raises(ValueError, match="other schemas"):
        joined([written(one), written(other)])
    for body in (b"", b"PAR1", b"no Parquet file at all", written(one)[:-3], written(one)[10:]):
        with pytest.raises(ValueError, match=r"no Parquet file|lies outside|do not lie"):
            read_footer(io.BytesIO(body))
    with pytest.raises(ValueError, match="nothing to join"):
        splice(io.BytesIO(), [])
