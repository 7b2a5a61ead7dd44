"""`governance export`: L4 as a knowledge graph, N-Triples or JSON-LD, a batch of rows at a time."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from governance import commands
from governance.errors import CorpusError, UsageError
from governance.job import table_parts
from governance.parts import read_visible
from manifests.records import read_records
from manifests.schema import conform, tier_schema
from manifests.store import Store, is_local, local_path

if TYPE_CHECKING:
    from rdflib import Graph

_ENDINGS = {".nt": "nt", ".nt.gz": "nt", ".jsonld": "json-ld", ".jsonld.gz": "json-ld"}
_SCHEMAS = {"statements": "L4", "evidence": "L4.evidence", "entities": "L4.entities", "edges": "L4.edges"}
_BATCH = 1000  # rows in memory as a graph


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance export``."""

    out: str
    to: str
    dump: str | None


def export(ask: Ask, as_json: bool) -> None:
    """Write the graph, whole or not at all, and say what is in it. Errors: UsageError, CorpusError."""
    store = commands.existing(ask.out)
    target, name, form = _target(ask.to)
    dumps = [ask.dump] if ask.dump is not None else list(store.folders("L4"))
    if not dumps or not all(store.exists(f"L4/{dump}/manifest.json") for dump in dumps):
        what = "no L4" if not dumps else f"no finished L4 of {', '.join(map(repr, dumps))}"
        raise UsageError(f"{ask.out} holds {what}", f"build it first: governance run --level L4 --output {ask.out}")
    with tempfile.TemporaryFile() as file:
        figures = _written(file, store, dumps, form, name.endswith(".gz"))
        size = file.tell()
        target.put(name, file)
    body = {"export": ask.to, "format": form, "dumps": dumps, **figures, "bytes": size}
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        rows = ", ".join(f"{count:,} {table}" for table, count in figures["rows"].items())
        print(f"{rows}: {figures['triples']:,} triples\nGraph: {ask.to}   ({size / 1e6:.1f} MB)")


def _target(to: str) -> tuple[Store, str, str]:
    """Where the graph goes, and its format by its ending. Errors: UsageError, StoreError for no such bucket."""
    form = next((form for ending, form in _ENDINGS.items() if to.endswith(ending)), None)
    if form is None:
        raise UsageError(f"--to {to!r} says no format", f"end it in {', '.join(_ENDINGS)}")
    if not is_local(to):
        folder, _, name = to.rpartition("/")
        store = Store(folder)
        store.reach(name, one=True)
        return store, name, form
    path = local_path(to)
    if not path.parent.is_dir():
        raise UsageError(f"no folder {str(path.parent)!r} for {to!r}", "make it first, or name another file")
    return Store(str(path.parent)), path.name, form


def _written(file: BinaryIO, store: Store, dumps: list[str], form: str, packed: bool) -> dict[str, Any]:
    """Write all rows; how many there were of each table, and how many triples."""
    sink: Any = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if packed else file
    rows, triples = dict.fromkeys(_SCHEMAS, 0), 0
    write = _write_json if form == "json-ld" else _write_lines
    if form == "json-ld":
        from governance.export_terms import CONTEXT

        sink.write(f'{{"@context": {json.dumps(CONTEXT)},\n"@graph": ['.encode())
    for table, batch in _batches(store, dumps):
        graph = _graph(table, batch)
        write(sink, graph, first=triples == 0)
        rows[table] += batch.num_rows
        triples += len(graph)
    if form == "json-ld":
        sink.write(b"\n]}\n")
    if packed:
        sink.close()
    return {"rows": rows, "triples": triples}


def _batches(store: Store, dumps: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """The rows of the four tables that were not taken down, table by table."""
    for table, tier in _SCHEMAS.items():
        for dump in dumps:
            for record in read_records(store, f"L4/{dump}", "data"):
                parts = table_parts(record, table)
                for found in read_visible(store, parts):
                    whole = conform(found, tier_schema(tier))
                    for start in range(0, whole.num_rows, _BATCH):
                        yield table, whole.slice(start, _BATCH)


def _graph(table: str, batch: pa.Table) -> Graph:
    """The triples of rows. Errors: CorpusError for a text that is not UTF-8."""
    from rdflib import Graph

    from governance.export_terms import TABLES

    graph = Graph()
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"a text of L4's {table} is not UTF-8: {error}",
            "run `governance verify` to see what is damaged, then build into a new --output",
        ) from error
    for row in rows:
        for triple in TABLES[table](row):
            graph.add(triple)
    return graph


def _write_lines(sink: Any, graph: Graph, first: bool) -> None:
    """A graph as N-Triples, sorted, so that the same corpus has the same bytes."""
    lines = graph.serialize(format="nt").split("\n")
    sink.write("".join(f"{line}\n" for line in sorted(lines) if line).encode())


def _write_json(sink: Any, graph: Graph, first: bool) -> None:
    """A graph as nodes of JSON-LD, one a line of the document's ``@graph``."""
    from governance.export_terms import CONTEXT

    told = json.loads(graph.serialize(format="json-ld", context=CONTEXT, auto_compact=False))
    nodes = told["@graph"] if "@graph" in told else [{key: value for key, value in told.items() if key != "@context"}]
    lines = [json.dumps(node, ensure_ascii=False, sort_keys=True) for node in nodes]
    sink.write((("\n" if first else ",\n") + ",\n".join(sorted(lines))).encode())
