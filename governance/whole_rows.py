"""Every column of a Parquet, JSON Lines or text file, a batch at a time, all batches of one schema.

The fields of a JSON file may differ from line to line: a first pass finds the type of each column. One whose values
have no common type is kept as JSON text, so that nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance.errors import UsageError
from governance.inputs import Shard, tombstones_over
from governance.parts import open_input
from stages.rows import read_json

MAX_LINE_BYTES = 100_000_000
_BATCH_BYTES, _BATCH_ROWS = 16_000_000, 20_000
_UNFIT = (pa.ArrowException, OverflowError, TypeError, ValueError)  # of values that have no common type


def schema_of(shard: Shard) -> pa.Schema:
    """The columns of a file and their types, in the order in which they first appear."""
    if shard.name.endswith(".txt"):
        return pa.schema([("content", pa.string())])
    if shard.name.endswith(".parquet"):
        with open_input(shard) as stream:
            return pq.read_schema(stream)
    kinds: dict[str, pa.DataType | None] = {}
    for rows in _json_rows(shard):
        for name in dict.fromkeys(name for row in rows for name in row):
            kinds[name] = _united(kinds.get(name, pa.null()), [row.get(name) for row in rows])
    return pa.schema([(name, pa.string() if kind is None else kind) for name, kind in kinds.items()])


def read_whole(shard: Shard, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of a file, in order, as tables of ``schema_of`` it."""
    if shard.name.endswith(".parquet"):
        yield from _parquet_tables(shard)
    elif shard.name.endswith(".txt"):
        with open_input(shard) as stream:
            yield pa.table({"content": [stream.read().decode("utf-8-sig")]}, schema)
    else:
        for rows in _json_rows(shard):
            columns = [_column(shard, field, [row.get(field.name) for row in rows]) for field in schema]
            yield pa.Table.from_arrays(columns, schema=schema)


def _parquet_tables(shard: Shard) -> Iterator[pa.Table]:
    out = tombstones_over(shard)
    with open_input(shard) as stream:
        file = pq.ParquetFile(stream)
        for group in range(file.num_row_groups):
            meta = file.metadata.row_group(group)
            rows = max(1, min(meta.num_rows, meta.num_rows * _BATCH_BYTES // max(1, meta.total_byte_size)))
            for batch in file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                yield out.visible(pa.Table.from_batches([batch]))


def _json_rows(shard: Shard) -> Iterator[list[dict[str, Any]]]:
    """The fields of the lines, batch by batch."""
    rows: list[dict[str, Any]] = []
    held = 0
    with open_input(shard) as stream:
        for line in read_json(stream, shard.name, MAX_LINE_BYTES):
            rows.append(line.fields)
            held += sum(len(value) for value in line.fields.values() if isinstance(value, str))
            if held >= _BATCH_BYTES or len(rows) >= _BATCH_ROWS:
                yield rows
                rows, held = [], 0
    if rows:
        yield rows


def _united(kind: pa.DataType | None, values: list[Any]) -> pa.DataType | None:
    """A type that holds values of another type and these, None where there is none."""
    if kind is None:
        return None
    try:
        pair = [pa.schema([("", each)]) for each in (kind, pa.array(values).type)]
        united = pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except _UNFIT:
        return None
    return None if _is_hollow(united) else united


def _is_hollow(kind: pa.DataType) -> bool:
    """Whether a type holds an object without fields, which Parquet cannot write."""
    if pa.types.is_list(kind):
        return _is_hollow(kind.value_type)
    return pa.types.is_struct(kind) and (kind.num_fields == 0 or any(_is_hollow(field.type) for field in kind))


def _column(shard: Shard, field: pa.Field, values: list[Any]) -> pa.Array:
    """Values as a type; where they have none in common, each is JSON text unless it is text already.

    Errors: UsageError for a number that does not fit beside the fractions of another batch.
    """
    if pa.types.is_string(field.type):
        values = [each if each is None or isinstance(each, str) else _text(each) for each in values]
    try:
        return pa.array(values, field.type)
    except _UNFIT as error:
        message = f"the column {field.name} of {shard.name} holds values of several kinds: {error}"
        raise UsageError(message, "write it as text") from error


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
