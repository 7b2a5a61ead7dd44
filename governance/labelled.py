"""Texts with labels, of which a classifier is evaluated, from Parquet and JSON Lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.seeds import load_seeds
from classifiers.split import HELD_OUT, OTHER_SOURCES, prepare
from governance.errors import UsageError
from governance.inputs import Shard, find_shards, tombstones_over
from governance.parts import open_input
from governance.progress import Progress
from governance.seed_documents import find_sources, mark_contaminated, read_documents
from governance.texts import host_of
from manifests.tombstones import OWNERS
from stages.rows import read_json, read_parquet

SCHEMA = pa.schema(
    [
        ("content", pa.string()),
        ("positive", pa.bool_()),  # null: no label
        ("source", pa.string()),
        ("site", pa.string()),  # null where nothing tells it
        ("set", pa.string()),  # what the document is for, such as held_out or other_sources; null where nobody says
    ]
)
LABELS = {
    True: ("positive", "pos", "__label__pos", "true", "1", "1.0", "yes", "good", "high"),
    False: ("negative", "neg", "__label__neg", "false", "0", "0.0", "-1", "no", "bad", "low"),
}
_WORDS = {word: positive for positive, words in LABELS.items() for word in words}
_MAX_LINE_BYTES = 100 << 20


@dataclass(frozen=True)
class Columns:
    """The names that the columns may go by; the first that a row has is taken."""

    text: tuple[str, ...] = ("content", "text")
    label: tuple[str, ...] = ("label", "positive")
    source: tuple[str, ...] = ("source",)
    site: tuple[str, ...] = ("site",)
    url: tuple[str, ...] = ("url",)
    set: tuple[str, ...] = ("set",)

    def names(self) -> list[str]:
        """All of them."""
        return [name for aliases in vars(self).values() for name in aliases]


def read_labelled(patterns: Sequence[str], columns: Columns) -> tuple[pa.Table, dict[str, int]]:
    """The documents at paths, folders, globs and URLs, and how many rows were left out, by reason.

    Out: a table of SCHEMA. The source is its column, else the file's name; the site its column, else the host of
        the url. Rows that cannot be read, or without text, are left out.
    Errors: UsageError where nothing is found, no text is there, a label column asked for is not there, or a label is
        no known word.
    """
    shards = find_shards(patterns, "evaluation")
    archive = next((shard for shard in shards if shard.is_archive), None)
    if archive is not None:
        raise UsageError(f"{archive.name} is a web archive: it has no labels", "give JSONL or Parquet")
    left_out: Counter[str] = Counter()
    tables = [_checked(table, shard) for shard in shards for table in _tables(shard, columns, left_out)]
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    known = pc.fill_null(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(table["content"])), 0), False)
    left_out["no_text"] += len(table) - (pc.sum(known).as_py() or 0)
    if not pc.any(known).as_py():
        raise UsageError(
            f"no row of {shards[0].name} has a text in {' or '.join(columns.text)}", "name its column with --text"
        )
    return table.filter(known), {reason: count for reason, count in left_out.items() if count}


def _tables(shard: Shard, columns: Columns, left_out: Counter[str]) -> Iterator[pa.Table]:
    """The rows of one file as they are, all columns strings: content, label, source, site, url; counts lost rows."""
    with open_input(shard) as stream:
        if shard.name.endswith(".parquet"):
            out = tombstones_over(shard)
            for chunk in read_parquet(stream, [*columns.names(), *(OWNERS if out else ())], 64 << 20):
                if chunk.problem:
                    left_out[chunk.problem] += chunk.rows
                else:
                    yield _named(out.visible(pa.table(chunk.columns)) if chunk.columns else pa.table({}), columns)
            return
        rows: list[dict[str, Any]] = []
        for line in read_json(stream, shard.name, _MAX_LINE_BYTES):
            if line.problem:
                left_out[line.problem] += 1
            else:
                rows.append({name: _word(line.fields.get(name)) for name in columns.names()})
        if rows:
            yield _named(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[0]])), columns)


def _word(value: Any) -> str | None:
    """A JSON value as a string; null for what is no string, number or truth value."""
    return str(value) if isinstance(value, str | int | float) else None


def _named(table: pa.Table, columns: Columns) -> pa.Table:
    """The columns under our names, each the first of its names with a value, as strings."""
    found = {}
    for name, aliases in vars(columns).items():
        there = [_string(table[alias]) for alias in aliases if alias in table.column_names]
        found[name] = pc.coalesce(*there) if there else pa.nulls(len(table), pa.string())
    return pa.table(found)


def _string(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as strings; nulls where it is a list or the like."""
    simple = pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer
    if any(fits(column.type) for fits in (*simple, pa.types.is_floating, pa.types.is_dictionary)):
        return pc.cast(column, pa.string())
    return pa.chunked_array([pa.nulls(len(column), pa.string())])


def _checked(table: pa.Table, shard: Shard) -> pa.Table:
    """One file's rows as SCHEMA. Errors: UsageError naming a label that is no known word."""
    words = pc.utf8_lower(pc.utf8_trim_whitespace(table["label"]))
    words = pc.if_else(pc.equal(words, ""), None, words)
    unknown = [word for word in words.unique().to_pylist() if word is not None and word not in _WORDS]
    if unknown:
        raise UsageError(
            f"{shard.name} has the label {unknown[0][:80]!r}",
            f"known: {', '.join(LABELS[True])}; {', '.join(LABELS[False])}; name its column with --label",
        )
    hosts = pa.array([host_of(url) for url in table["url"].to_pylist()], pa.string())
    positive = pc.if_else(pc.is_valid(words), pc.is_in(words, value_set=pa.array(LABELS[True])), None)
    source = pc.fill_null(table["source"], shard.name.partition(".")[0])
    site = pc.coalesce(table["site"], hosts)
    return pa.table([table["text"], positive, source, site, table["set"]], schema=SCHEMA)


def read_seeds(path: Path, progress: Progress) -> pa.Table:
    """The documents that training by a seed list leaves out to measure on, as SCHEMA.

    Errors: UsageError as training gives it: a source that is not there, sets that overlap, one class only.
    """
    try:
        seeds = load_seeds(path)
        folder = path.resolve().parent
        found = read_documents(find_sources(seeds, folder), seeds.language, progress)
        documents, _ = mark_contaminated(found, seeds, folder)
        sets = prepare(documents, seeds.split, {source.name: source.quota for source in seeds.source})
    except ValueError as error:
        raise UsageError(str(error), "mend the seed list") from error
    parts = {HELD_OUT: sets.held_out, OTHER_SOURCES: sets.other_sources}
    tables = [part.append_column("set", pa.repeat(pa.scalar(name), len(part))) for name, part in parts.items()]
    return pa.concat_tables(tables).select(SCHEMA.names).cast(SCHEMA)
