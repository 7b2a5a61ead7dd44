"""`run --input hf://...` from a hub on loopback through its real client: pinned, read in ranges, private, refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.store import Store
from tests.children import tree
from tests.command_line import refused
from tests.docs_blocks import ROOT, blocks
from tests.hub_handler import TOKEN
from tests.hub_repo import Repo
from tests.hub_server import Fault, HubServer
from tests.publisher import Publisher

TEXTS = {
    "en": "A page about rivers, mountains and the towns between them, which people visit in spring. " * 6,
    "zh": "这是一篇关于河流、山脉和城镇的文章，春天有许多人来这里旅行。" * 12,
}


@pytest.fixture
def hub(running: HubServer) -> HubServer:
    """acme/pages with two files in folders of its main branch, acme/secret the same but private."""
    running.repos, running.faults, running.requests = {}, [], []
    for name, private in (("acme/pages", False), ("acme/secret", True)):
        repo = running.repos[name] = Repo(private)
        repo.add("main", {f"data/{lang}/{lang}.parquet": _file(running, lang) for lang in TEXTS}, "first")
        repo.branches["v1"] = repo.branches["main"]
    return running


def _file(hub: HubServer, lang: str, rows: int = 40) -> dict[str, Any]:
    """A Parquet file of an object in the hub's keeping; its texts compress badly, so that there is a range to read."""
    texts = [f"{TEXTS[lang]} {hashlib.sha512(str(n).encode()).hexdigest() * 2}" for n in range(rows)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts, "url": [f"https://{lang}.example/{n}" for n in range(rows)]}), sink)
    data = sink.getvalue().to_pybytes()
    digest = hashlib.sha256(data).hexdigest()
    (hub.folder / "objects" / digest).write_bytes(data)
    return {"oid": digest[:40], "size": len(data), "sha256": digest}


def run(publisher: Publisher, url: str, output: Path | str, **env: str) -> Any:
    words = ("--level", "L0", "--dump", "web", "--workers", "0", "--json")
    return publisher("run", "--input", url, "--output", str(output), *words, **env)


def manifest(output: Path) -> dict[str, Any]:
    return json.loads((output / "L0/web/manifest.json").read_text())


def test_a_data_set_enters_by_a_glob_as_its_files_would_from_disk(
    publisher: Publisher, hub: HubServer, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    for lang, file in {lang: _file(hub, lang) for lang in TEXTS}.items():
        (tmp_path / "files" / f"{lang}.parquet").write_bytes(hub.place(file).read_bytes())
    said = run(publisher, "hf://datasets/acme/pages/data/*/*.parquet", tmp_path / "hub")
    assert said.code == 0, said.err
    assert run(publisher, str(tmp_path / "files"), tmp_path / "disk").code == 0
    parts = {path: digest for path, digest in tree(str(tmp_path / "hub")).items() if path.startswith("L0/web/data/")}
    assert parts and parts.items() <= tree(str(tmp_path / "disk")).items()
    assert manifest(tmp_path / "hub")["rows"] == 80
    assert any("/resolve/" in request for request in hub.requests)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ["en.parquet", "zh.parquet"]),
        ("data/en", ["en.parquet"]),
        ("data/zh/zh.parquet", ["zh.parquet"]),
        ("@v1/data/*/e*.parquet", ["en.parquet"]),
    ],
)
def test_a_file_a_folder_a_glob_and_the_whole_name_their_files(
    publisher: Publisher, hub: HubServer, tmp_path: Path, path: str, names: list[str]
) -> None:
    url = f"hf://datasets/acme/pages{path if path.startswith('@') else f'/{path}'}".rstrip("/")
    said = run(publisher, url, tmp_path)
    assert said.code == 0, said.err
    assert sorted(manifest(tmp_path)["plan"]["inputs"]) == names


def test_the_manifest_names_the_commit_and_only_other_content_is_another_input(
    publisher: Publisher, hub: HubServer, tmp_path: Path
) -> None:
    repo, url = hub.repos["acme/pages"], "hf://datasets/acme/pages@v1/data/en"
    assert run(publisher, url, tmp_path).code == 0
    first = repo.branches["v1"]
    assert manifest(tmp_path)["sources"] == [f"hf://datasets/acme/pages@{first}"]
    before = tree(str(tmp_path))
    repo.add("v1", repo.files_of("v1"), "the same files")
    assert run(publisher, url, tmp_path).code == 0
    assert tree(str(tmp_path)) == before
    repo.add("v1", {"data/en/en.parquet": _file(hub, "zh")}, "another file")
    refused(run(publisher, url, tmp_path), 2, "built differently", "inputs.en.parquet")
    assert run(publisher, f"hf://datasets/acme/pages@{first}/data/en", tmp_path).code == 0


def test_the_commands_of_the_page_run(publisher: Publisher, hub: HubServer, tmp_path: Path) -> None:
    page = ROOT / "docs" / "storage.md"
    lines = [words for block in blocks(page) if block.run_by for words in block.lines]
    named = (("HuggingFaceFW/fineweb", "v1.4.0", "sample/10BT"), ("my-org/my-pages", "main", "data"))
    for name, branch, folder in named:
        hub.repos[name] = Repo(False)
        hub.repos[name].add(branch, {f"{folder}/{lang}.parquet": _file(hub, lang) for lang in TEXTS}, "first")
    for program, *words in lines:
        said = publisher(*words, "--workers", "0", cwd=str(tmp_path))
        assert program == "governance" and said.code == 0, said.err
    assert len(lines) == 2


def test_what_breaks_on_the_way_is_asked_for_again(publisher: Publisher, hub: HubServer, tmp_path: Path) -> None:
    assert run(publisher, "hf://datasets/acme/pages", tmp_path / "calm").code == 0
    hub.faults = [Fault("GET .*/resolve/", "503"), Fault("GET .*/resolve/", "cut"), Fault("GET .*/tree/", "lost")]
    assert run(publisher, "hf://datasets/acme/pages", tmp_path / "stormy").code == 0
    assert not any(fault.times for fault in hub.faults)
    assert tree(str(tmp_path / "stormy")) == tree(str(tmp_path / "calm"))


def test_a_private_data_set_needs_the_token_which_stands_nowhere(
    publisher: Publisher, hub: HubServer, tmp_path: Path
) -> None:
    url = "hf://datasets/acme/secret/data"
    said = run(publisher, url, tmp_path / "out")
    assert said.code == 0, said.err
    assert TOKEN not in said.out + said.err
    assert all(TOKEN.encode() not in Store(str(tmp_path / "out")).get(path) for path in tree(str(tmp_path / "out")))
    for env in ({"HF_TOKEN": ""}, {"HF_TOKEN": "hf_AnotherTokenThatIsWrong"}):
        said = run(publisher, url, tmp_path / "other", **env)
        refused(said, 1, "cannot read the data set acme/secret", "HF_TOKEN")
        assert "hf_Another" not in said.err


@pytest.mark.parametrize(
    ("url", "code", "pieces"),
    [
        ("hf://datasets/acme/none/x.parquet", 1, ("acme/none", "check the name")),
        ("hf://datasets/acme/pages@v9/x.parquet", 1, ("acme/pages at v9", "behind @")),
        ("hf://datasets/acme/pages/data/none.parquet", 2, ("no input at",)),
        ("hf://datasets/acme/pages/none/*.parquet", 2, ("no input at",)),
        ("hf://datasets/pages", 1, ("hf://datasets/ORG/NAME",)),
        ("hf://acme/model/x.parquet", 1, ("only data sets are read", "hf://datasets/ORG/NAME")),
        ("hf://buckets/acme/web/x.parquet", 1, ("only data sets are read",)),
    ],
)
def test_what_is_not_there_is_told_in_one_message(
    publisher: Publisher, hub: HubServer, tmp_path: Path, url: str, code: int, pieces: tuple[str, ...]
) -> None:
    refused(run(publisher, url, tmp_path / "out"), code, *pieces)
