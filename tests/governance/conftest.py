"""The command line in the process of a test, and a small archive to give it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from governance import cli
from tests import takedown_corpus
from tests.command_line import Said
from tests.corpora import pages_of

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
