"""`verify` finds every kind of damage, names the object, and ends with exit code 1; on disk and on S3."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import commands
from governance.errors import RunError
from governance.progress import Progress
from governance.verify import audit
from manifests.records import record_path
from manifests.store import Store
from tests.children import copy
from tests.corpora import small_crawl
from tests.llm_server import llm_server


def run(crawl: str, output: str, level: str, *overrides: str) -> None:
    """A run inside this process."""
    commands.run(commands.Ask(level, (crawl,), output, None, "L0", "web", None, 0, overrides, False), as_json=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sound corpus built up to L3, written by a stand-in that repeats what it was shown."""
    crawl = small_crawl(tmp_path_factory.mktemp("crawl"), english=14, chinese=4)
    output = str(tmp_path_factory.mktemp("built"))
    with llm_server() as server:
        run(
            str(crawl), output, "L3", f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"',
            'l3.synthesize.scale="small"',
            "l3.synthesize.max_passages=1", "l3.synthesize.checks.max_copied_ratio=1.0", "l3.max_documents=3",
        )  # fmt: skip
    return output


@pytest.fixture
def corpus(built: str, store_url: str) -> Store:
    """A copy to damage."""
    copy(built, store_url)
    return Store(store_url)


def faults(store: Store) -> str:
    """What is wrong, as one text."""
    return "\n".join(audit(store, Progress("silent"))["faults"])


def path_of(store: Store, tier: str, kind: str = "data", which: int = 0) -> str:
    """A part of a tier."""
    folder = "L3/data" if (tier, kind) == ("L3", "data") else f"{tier}/web/{kind}"
    return sorted(item.path for item in store.list(folder) if item.path.endswith(".parquet"))[which]


def edit_json(store: Store, path: str, change: Callable[[Any], Any]) -> None:
    """Change a JSON object in its place."""
    body = json.loads(store.get(path))
    change(body)
    store.put(path, json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False).encode())


def rewrite(store: Store, path: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a part's rows, and its record so that size, rows and sha256 are those of the new part."""
    table = pq.read_table(io.BytesIO(store.get(path)))
    sink = io.BytesIO()
    pq.write_table(change(table).cast(table.schema), sink)
    store.put(path, sink.getvalue())
    base = "/".join(path.split("/")[:2])
    for item in list(store.list(f"{base}/_shards")):
        edit_json(store, item.path, lambda record: _retell(record, path, sink.getvalue(), change(table).num_rows))


def _retell(record: dict[str, Any], path: str, body: bytes, rows: int) -> None:
    for part in record["parts"]:
        if part["path"] == path:
            part.update(sha256=hashlib.sha256(body).hexdigest(), bytes=len(body), rows=rows)


def test_a_sound_corpus_has_no_faults_and_everything_in_it_was_counted(corpus: Store) -> None:
    report = audit(corpus, Progress("silent"))
    assert report["faults"] == []
    assert report["tiers"] == ["L0/web", "L1/web", "L2/web", "L3/web"]
    manifests = [json.loads(corpus.get(f"{tier}/manifest.json")) for tier in report["tiers"]]
    assert report["rows"] == sum(manifest["rows"] for manifest in manifests)
    assert all(manifest["rows"] for manifest in manifests)


@pytest.mark.parametrize("tier", ["L0", "L1", "L2", "L3"])
def test_a_flipped_byte_a_lost_part_and_a_stray_part_are_named_at_every_tier(corpus: Store, tier: str) -> None:
    path = path_of(corpus, tier)
    body = corpus.get(path)
    corpus.put(path, body[:100] + bytes([body[100] ^ 1]) + body[101:])
    assert f"{path} is damaged" in faults(corpus)
    corpus.delete([path])
    assert f"{path} is missing" in faults(corpus)
    corpus.put(path, body)
    assert faults(corpus) == ""
    stray = f"{path.rpartition('/')[0]}/part-00099-000000000000.parquet"
    corpus.put(stray, body)
    assert f"{stray} is named by no record" in faults(corpus)


def test_damage_of_verdicts_and_of_the_duplicates_table_is_named(corpus: Store) -> None:
    for kind in ("annotations", "duplicates"):
        path = path_of(corpus, "L1", kind)
        body = corpus.get(path)
        corpus.put(path, body[:-1] + bytes([body[-1] ^ 1]))
        assert f"{path} is damaged" in faults(corpus)
        corpus.put(path, body)


def test_a_record_with_another_number_of_rows_is_named(corpus: Store) -> None:
    path = path_of(corpus, "L2")
    record = next(item.path for item in corpus.list("L2/web/_shards") if path in corpus.get(item.path).decode())
    edit_json(corpus, record, lambda body: [part.update(rows=part["rows"] + 1) for part in body["parts"]])
    assert f"{path} holds" in faults(corpus) and "its record says" in faults(corpus)


def test_a_record_that_is_lost_or_no_record_is_told(corpus: Store) -> None:
    path = record_path("L0/web", "data", 1)
    body = corpus.get(path)
    corpus.put(path, b"{}")
    assert f"{path} is not what a run writes" in faults(corpus)
    corpus.delete([path])
    assert "manifest.json says shards 3, the records of the shards 2" in faults(corpus)
    corpus.put(path, body)
    assert faults(corpus) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(rows=m["rows"] + 1), "manifest.json says rows"),
        (lambda m: m.update(bytes=1), "manifest.json says bytes 1"),
        (lambda m: m["ledger"][0]["in"].__setitem__(0, 1), "rows in, another number or other rows out"),
        (lambda m: m["ledger"][-1]["kept"].__setitem__(1, "0" * 16), "do not add up to the manifest's"),
        (lambda m: m["plan"].update(order=[]), "its fingerprint is not that of its plan"),
        (lambda m: m.update(fingerprint="0" * 64), "was written under another plan"),
        (lambda m: m.update(figures={"rows": 5}), "figures are not the sum"),
        (lambda m: m.pop("ledger"), "manifest.json is not what a run writes"),
        (lambda m: m.update(parent="L9"), "parent tier L9/web is missing"),
    ],
)
def test_an_edited_manifest_is_told(corpus: Store, change: Callable[[Any], Any], message: str) -> None:
    edit_json(corpus, "L1/web/manifest.json", change)
    assert message in faults(corpus)


def test_a_manifest_that_is_no_json_is_told(corpus: Store) -> None:
    corpus.put("L1/web/manifest.json", b"\xff not json")
    assert "L1/web: manifest.json is not what a run writes" in faults(corpus)


def test_one_row_lost_and_another_doubled_is_told_by_the_checksum_of_uids_alone(corpus: Store) -> None:
    one, two = path_of(corpus, "L0", which=0), path_of(corpus, "L0", which=2)
    extra = pq.read_table(io.BytesIO(corpus.get(two))).slice(0, 1)
    rewrite(corpus, one, lambda table: pa.concat_tables([table.slice(1), extra]))
    edit_json(corpus, "L0/web/manifest.json", lambda m: m.update(bytes=_bytes(corpus, "L0/web/data")))
    assert "rows, the ledger kept" in faults(corpus) and "or other rows" in faults(corpus)
    assert len(faults(corpus).splitlines()) == 1


def _bytes(store: Store, folder: str) -> int:
    return sum(item.size for item in store.list(folder))


def test_a_changed_verdict_is_told(corpus: Store) -> None:
    path = path_of(corpus, "L1", "annotations")

    def pardon(table: pa.Table) -> pa.Table:
        place = table.column_names.index("fate")
        return table.set_column(place, "fate", pa.nulls(len(table), pa.string()))

    rewrite(corpus, path, pardon)
    assert f"{path}: fate " in faults(corpus) and "the ledger says" in faults(corpus)


def test_another_column_and_a_row_without_text_are_told(corpus: Store) -> None:
    path = path_of(corpus, "L1")
    rewrite(
        corpus, path, lambda t: t.set_column(t.column_names.index("content"), "content", pa.nulls(len(t), pa.string()))
    )
    assert "rows without content" in faults(corpus)
    body = corpus.get(path)
    table = pq.read_table(io.BytesIO(body))
    other = table.append_column("more", pa.nulls(len(table), pa.string()))
    sink = io.BytesIO()
    pq.write_table(other, sink)
    corpus.put(path, sink.getvalue())
    for item in list(corpus.list("L1/web/_shards")):
        edit_json(corpus, item.path, lambda record: _retell(record, path, sink.getvalue(), len(other)))
    assert f"{path} has another schema than L1" in faults(corpus)


def test_a_row_written_from_a_document_that_is_not_there_is_told(corpus: Store) -> None:
    path = path_of(corpus, "L3")
    shard = int(path.rpartition("/")[2].split("-")[2])
    body = corpus.get(path)
    table = pq.read_table(io.BytesIO(body))
    place = table.column_names.index("parent_uid")
    other = table.set_column(place, table.schema.field(place), pa.array(["0" * 32] * len(table)))
    sink = io.BytesIO()
    pq.write_table(other, sink)
    corpus.put(path, sink.getvalue())
    for item in list(corpus.list("L3/web/_shards")):
        edit_json(corpus, item.path, lambda record: _retell(record, path, sink.getvalue(), len(other)))
    assert f"shard {shard} holds rows written from documents that L2 does not hold, such as {'0' * 32}" in faults(
        corpus
    )


def test_a_parent_that_was_built_again_differently_or_is_gone_is_told(
    corpus: Store, tmp_path_factory: pytest.TempPathFactory, built: str
) -> None:
    plan, manifest = corpus.get("L1/web/plan.json"), corpus.get("L1/web/manifest.json")
    edit_json(corpus, "L1/web/manifest.json", lambda m: m.update(fingerprint="0" * 64))
    assert "L2/web: its parent tier L1/web was built again since, differently" in faults(corpus)
    corpus.delete(["L1/web/manifest.json"])
    assert "L1/web: not sealed" in faults(corpus)
    assert "L2/web: its parent tier L1/web is missing" in faults(corpus)
    corpus.put("L1/web/plan.json", plan)
    corpus.put("L1/web/manifest.json", manifest)
    assert faults(corpus) == ""


def test_the_command_names_the_first_fault_and_exits_with_1(corpus: Store, capsys: pytest.CaptureFixture[str]) -> None:
    commands.verify(corpus.url, as_json=False)
    assert "0 faults" in capsys.readouterr().out
    path = path_of(corpus, "L2")
    corpus.delete([path])
    with pytest.raises(RunError, match=f"{path} is missing") as error:
        commands.verify(corpus.url, as_json=False)
    assert error.value.exit_code == 1
    said = capsys.readouterr().out
    assert "FAULT  L2/web" in said and "ok     L1/web" in said
