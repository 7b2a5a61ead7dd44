"""`governance export`: the graph is read back by rdflib and holds what L4 holds, whatever the texts are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import PROV, RDF, SKOS

from governance.errors import UsageError
from governance.export import Ask, export
from governance.export_terms import OURS, SCHEMA
from manifests.store import Store
from tests import knowledge_corpus as corpus
from tests.command_line import refused
from tests.conftest import S3Server

HOSTILE = 'say "no"\n to\r C:\\temp \x00 \x07 \u202e bidi \u2028 \U0001f600 <b> {"@id": 1} 引号”'
FORMATS = {".nt": "nt", ".nt.gz": "nt", ".jsonld": "json-ld", ".jsonld.gz": "json-ld"}


def _exported(store: Store, folder: Path, ending: str) -> Graph:
    path = folder / f"knowledge{ending}"
    export(Ask(store.url, str(path), None), as_json=False)
    data = gzip.decompress(path.read_bytes()) if ending.endswith(".gz") else path.read_bytes()
    return Graph().parse(data=data, format=FORMATS[ending])


@pytest.fixture(scope="module")
def found() -> dict[str, pa.Table]:
    return corpus.tables()


@pytest.mark.parametrize("ending", FORMATS)
def test_the_graph_holds_every_row_of_the_four_tables(found: dict[str, pa.Table], tmp_path: Path, ending: str) -> None:
    store = Store(str(tmp_path / "corpus"))
    corpus.write(store, found)
    graph = _exported(store, tmp_path, ending)
    kinds = {"statements": SCHEMA.Claim, "evidence": PROV.Entity, "entities": SCHEMA.Thing, "edges": RDF.Statement}
    for table, kind in kinds.items():
        assert len(set(graph.subjects(RDF.type, kind))) == found[table].num_rows > 0
    for row in found["statements"].to_pylist():
        claim = URIRef(f"{OURS}statement:{row['uid']}")
        assert graph.value(claim, SCHEMA.text) == Literal(row["statement"], lang=row["lang"])
        quoted = graph.value(claim, PROV.wasDerivedFrom)
        assert str(graph.value(quoted, PROV.value)) == row["statement"]
    names = {str(name): name.language for name in graph.objects(None, SKOS.altLabel)}
    assert names["超文本传输协议"] == "zh" and names["HyperText Transfer Protocol"] == "en"


def test_a_denied_relation_is_told_and_not_asserted(found: dict[str, pa.Table], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "corpus"))
    corpus.write(store, found)
    graph = _exported(store, tmp_path, ".nt")
    denied = list(graph.subjects(OURS.negated, Literal(True)))
    assert len(denied) == 1
    assert str(graph.value(denied[0], RDF.object)) == "user accounts"


def _with_text(found: dict[str, pa.Table], text: str) -> dict[str, pa.Table]:
    """The tables with one statement, its evidence, names and object replaced by a text."""
    columns = {"statements": "statement", "evidence": "text", "entities": "name", "edges": "object"}
    changed = {}
    for name, column in columns.items():
        rows = found[name].slice(0, 1).to_pylist()
        more = {
            "url": f"https://example.org/{text}",
            "topic": text,
            "relation": text,
            "reason": text,
            "aliases": [text],
        }
        row = rows[0] | {column: text} | {key: value for key, value in more.items() if key in rows[0]}
        changed[name] = pa.Table.from_pylist([row], schema=found[name].schema)
    return changed


@pytest.mark.parametrize("ending", [".nt", ".jsonld"])
def test_hostile_texts_come_back_as_they_were(found: dict[str, pa.Table], tmp_path: Path, ending: str) -> None:
    _comes_back(found, HOSTILE, tmp_path, ending)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_as_it_was(
    found: dict[str, pa.Table], tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    _comes_back(found, text, tmp_path_factory.mktemp("any"), ".nt")


def _comes_back(found: dict[str, pa.Table], text: str, folder: Path, ending: str) -> None:
    store = Store(str(folder / "corpus"))
    corpus.write(store, _with_text(found, text))
    graph = _exported(store, folder, ending)
    for predicate in (SCHEMA.text, PROV.value, SKOS.prefLabel, SKOS.altLabel, OURS.reason):
        assert text in [str(value) for value in graph.objects(None, predicate)]


def test_two_exports_have_the_same_bytes(found: dict[str, pa.Table], store_url: str) -> None:
    store, place = Store(f"{store_url}/corpus"), Store(f"{store_url}/graphs")
    corpus.write(store, found)
    place.put("here", b"")
    for ending in FORMATS:
        copies = [f"{number}{ending}" for number in (1, 2)]
        for copy in copies:
            export(Ask(store.url, f"{place.url}/{copy}", None), as_json=False)
        assert place.get(copies[0]) == place.get(copies[1]) != b""


def test_a_bucket_that_is_not_there_is_told_before_any_work(
    found: dict[str, pa.Table], tmp_path: Path, s3_server: S3Server, governance: Any
) -> None:
    store = Store(str(tmp_path / "corpus"))
    corpus.write(store, found)
    said = governance("export", store.url, "--to", "s3://no-such-bucket/knowledge.nt")
    refused(said, 1, "there is no bucket for s3://no-such-bucket")


def test_what_was_taken_down_is_not_exported(found: dict[str, pa.Table], tmp_path: Path) -> None:
    from manifests import tombstones

    store = Store(str(tmp_path / "corpus"))
    corpus.write(store, found)
    uid = found["statements"]["uid"][0].as_py()
    out = pa.table({"uid": [uid], "rule": ["uid"]}, schema=tombstones.SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(out, sink)
    store.put(f"{tombstones.UIDS}/0.parquet", sink.getvalue().to_pybytes())
    graph = _exported(store, tmp_path, ".nt")
    assert len(set(graph.subjects(RDF.type, SCHEMA.Claim))) == len(corpus.SENTENCES) - 1
    assert Literal(corpus.SENTENCES[0][0], lang="en") not in set(graph.objects(None, SCHEMA.text))


def test_a_file_of_no_format_and_an_output_without_l4_are_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "corpus"))
    store.put("L3/web/manifest.json", b"{}")
    with pytest.raises(UsageError, match="says no format"):
        export(Ask(store.url, str(tmp_path / "knowledge.ttl"), None), as_json=False)
    with pytest.raises(UsageError, match="holds no L4"):
        export(Ask(store.url, str(tmp_path / "knowledge.nt"), None), as_json=False)
    assert not (tmp_path / "knowledge.nt").exists()


def test_the_figures_are_one_json_object(
    found: dict[str, pa.Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(str(tmp_path / "corpus"))
    corpus.write(store, found)
    export(Ask(store.url, str(tmp_path / "knowledge.nt"), "web"), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {name: table.num_rows for name, table in found.items()}
    assert told["triples"] == len((tmp_path / "knowledge.nt").read_text().split("\n")) - 1
