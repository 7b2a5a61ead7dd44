"""The command line in the process of a test, and a small archive to give it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance import cli
from tests import takedown_corpus
from tests.command_line import Said
from tests.corpora import pages_of
from tests.hub_server import HubServer, hub_server
from tests.organized_corpus import run, write_pages
from tests.publisher import Publisher

CRAWL = Path(__file__).resolve().parents[2] / "examples" / "crawl"


@pytest.fixture
def governance(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line in this process."""

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["governance", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "a.warc.gz"
    path.write_bytes(pages_of(CRAWL / "en.warc.gz", 6))
    return path


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus with everything that a report shows; tests must not write into it."""
    from tests.reported_corpus import build

    return build(tmp_path_factory.mktemp("reported_input"), str(tmp_path_factory.mktemp("reported")))


@pytest.fixture(scope="session")
def handed_over_crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archives of the corpus of which something is taken down."""
    return takedown_corpus.crawl(tmp_path_factory.mktemp("handed-over-crawl"))


@pytest.fixture(scope="session")
def handed_over(handed_over_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """That corpus up to L3; copy it to change it."""
    return takedown_corpus.build(handed_over_crawl, str(tmp_path_factory.mktemp("handed-over")))


@pytest.fixture(scope="module")
def organized_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of several hosts, two of which say the same."""
    folder = tmp_path_factory.mktemp("pages")
    write_pages(folder)
    return folder


@pytest.fixture(scope="module")
def organized(organized_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus of them up to L4; copy it to change it."""
    output = str(tmp_path_factory.mktemp("organized"))
    run(organized_pages, output)
    return output


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with hub_server(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture(scope="module")
def publisher(running: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with Publisher(running.endpoint, tmp_path_factory.mktemp("publisher")) as parent:
        yield parent


@pytest.fixture
def hub(running: HubServer) -> HubServer:
    """The server as it starts: no repositories, no faults."""
    running.repos, running.faults, running.requests, running.uploaded = {}, [], [], 0
    running.chunk_bytes, running.small_parquet = None, False
    for path in (running.folder / "objects").iterdir():
        path.unlink()
    return running
