"""Texts of any Parquet, JSON Lines or text files: what the verbs of `governance classifier` read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance.errors import UsageError
from governance.inputs import ROW_SUFFIXES, Shard, find_files, tombstones_over
from governance.parts import open_input
from manifests.tombstones import OWNERS
from stages.rows import read_json, read_parquet

TEXT_SUFFIXES = (*ROW_SUFFIXES, ".txt")
SCHEMA = pa.schema([("content", pa.string()), ("site", pa.string()), ("file", pa.string())])
TEXT_COLUMNS = ("content", "text")  # looked for in this order
_BATCH_BYTES, _BATCH_ROWS = 16_000_000, 20_000
_MAX_LINE_BYTES = 100_000_000


def find_texts(patterns: Sequence[str]) -> list[Shard]:
    """The files that paths, folders, globs and URLs name. Errors: UsageError for nothing found, an unknown kind, a file
    that is not what its name says."""
    return find_files(patterns, TEXT_SUFFIXES)


def read_texts(patterns: Sequence[str], text: str | None = None, site: str | None = None) -> Iterator[pa.Table]:
    """The texts of files, in the order of their names.

    Args: patterns, local or s3://, .parquet, .jsonl (.gz, .zst), .json, or .txt, which is one text a file; text, the
    column that holds them, by default content, else text; site, the column that says where each is from, by default
    the host of the column url; "" for none.
    Out: tables of SCHEMA: content and site as they are in the file, null where they are null there; file, its name.
    Errors: UsageError for nothing found, a file that cannot be read, a column that is missing or holds no text.
    """
    for shard in find_texts(patterns):
        yield from read_file(shard, text, site)


def read_file(shard: Shard, text: str | None = None, site: str | None = None) -> Iterator[pa.Table]:
    """The texts of one file, as ``read_texts`` gives them."""
    reader = _text_file if shard.name.endswith(".txt") else _parquet if shard.name.endswith(".parquet") else _json
    try:
        for contents, sites in reader(shard, text, site):
            names = pa.repeat(pa.scalar(shard.name), len(contents))
            yield pa.table([contents, sites, names], schema=SCHEMA)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(shard, str(error).splitlines()[0]) from error


def _text_file(shard: Shard, text: str | None, site: str | None) -> Iterator[tuple[pa.Array, pa.Array]]:
    with open_input(shard) as stream:
        whole = stream.read().decode("utf-8-sig")
    yield pa.array([whole], pa.string()), pa.nulls(1, pa.string())


def _parquet(shard: Shard, text: str | None, site: str | None) -> Iterator[tuple[pa.Array, pa.Array]]:
    with open_input(shard) as stream:
        schema = pq.read_schema(stream)
        column, origin = _column(shard, schema.names, text), _site_column(shard, schema.names, site)
        for name in filter(None, (column, origin)):
            _check_kind(shard, name, schema.field(name).type)
        out = tombstones_over(shard)
        wanted = {column, origin, *(OWNERS if out else ())}
        for chunk in read_parquet(stream, list(filter(None, wanted)), _BATCH_BYTES):
            if chunk.problem:
                raise _damaged(shard, f"{chunk.rows} of its rows cannot be read")
            rows = out.visible(pa.table(chunk.columns))
            contents = rows[column].cast(pa.string()).combine_chunks()
            found = rows[origin].cast(pa.string()).to_pylist() if origin else [None] * rows.num_rows
            yield contents, _sites(found, site)


def _json(shard: Shard, text: str | None, site: str | None) -> Iterator[tuple[pa.Array, pa.Array]]:
    column = origin = None
    contents: list[str | None] = []
    sites: list[str | None] = []
    held = 0
    with open_input(shard) as stream:
        for number, line in enumerate(read_json(stream, shard.name, _MAX_LINE_BYTES), 1):
            if line.problem:
                raise _damaged(shard, f"row {number} is {_PROBLEMS[line.problem]}")
            if column is None:
                column = _column(shard, list(line.fields), text)
                origin = _site_column(shard, list(line.fields), site)
            contents.append(_string(shard, number, column, line.fields.get(column)))
            sites.append(_string(shard, number, origin, line.fields.get(origin)) if origin else None)
            held += len(contents[-1] or "")
            if held >= _BATCH_BYTES or len(contents) >= _BATCH_ROWS:
                yield pa.array(contents, pa.string()), _sites(sites, site)
                contents, sites, held = [], [], 0
    if contents:
        yield pa.array(contents, pa.string()), _sites(sites, site)


_PROBLEMS = {"bad_json": "no JSON object", "too_large": "too large to be a document", "corrupt": "damaged"}


def _column(shard: Shard, names: list[str], text: str | None) -> str:
    """The column of the texts. Errors: UsageError naming those that there are."""
    wanted = (text,) if text else TEXT_COLUMNS
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise UsageError(
            f"{_name(shard)} has no column {' or '.join(wanted)}",
            f"name its text column; it has: {', '.join(names[:20])}",
        )
    return found


def _site_column(shard: Shard, names: list[str], site: str | None) -> str | None:
    if site is None:
        return "url" if "url" in names else None
    if site and site not in names:
        raise UsageError(
            f"{_name(shard)} has no column {site}",
            f'name its site column, or "" for none; it has: {", ".join(names[:20])}',
        )
    return site or None


def _check_kind(shard: Shard, name: str, kind: pa.DataType) -> None:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)):
        raise UsageError(f"the column {name} of {_name(shard)} holds {kind}, no text", "name a column of strings")


def _string(shard: Shard, number: int, name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(
            f"the column {name} of {_name(shard)} holds {type(value).__name__} in row {number}, no text",
            "name a column of strings",
        )
    return value


def _sites(found: list[str | None], site: str | None) -> pa.Array:
    """A named column as it is, of an address its host."""
    return pa.array(found if site else [host_of(url) for url in found], pa.string())


def host_of(url: str | None) -> str | None:
    """Host of an address, lower-case, without port and leading www.; null where there is none."""
    if not url:
        return None
    rest = url.partition("://")[2] if "://" in url else url
    for mark in "/?#":
        rest = rest.partition(mark)[0]
    return rest.rpartition("@")[2].partition(":")[0].lower().removeprefix("www.") or None


def _name(shard: Shard) -> str:
    return f"{shard.folder}/{shard.path}"


def _damaged(shard: Shard, reason: str) -> UsageError:
    return UsageError(f"cannot read {_name(shard)}: {reason}", "mend it, or leave it out")
