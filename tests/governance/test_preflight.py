"""A model or a server that cannot be used is refused before any work, with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.children import tree
from tests.command_line import refused
from tests.corpora import CRAWL, pages_of
from tests.llm_server import Server, llm_server

ECHO = ("--model", "echo", "--set", "l3.synthesize.scale=small")


def test_a_model_that_is_not_there_is_named_before_any_work(governance: Any, tmp_path: Path, archive: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "words.bin").write_bytes(b"not fastText")
    out = tmp_path / "out"
    run = ("run", "--input", str(archive), "--output", str(out))
    refused(governance(*run, "--model", str(tmp_path / "folder")), 2, "folder", "config.json")
    refused(governance(*run, "--model", "nowhere/such"), 2, "'nowhere/such'")
    refused(governance(*run, "--model", "such"), 2, "'such'", "smollm2-135m")
    for name, message in {"words.bin": "is not a fastText classifier", "none.bin": "does not exist"}.items():
        setting = f"l2.quality.models.en={tmp_path / name}"
        refused(governance(*run, "--level", "L2", "--set", setting), 2, name, message)
    language = f"l1.language.model={tmp_path / 'words.bin'}"
    refused(governance(*run, "--level", "L1", "--set", language), 2, "l1.language.model", "words.bin")
    prompts = f"l3.synthesize.prompt_folder={tmp_path / 'none'}"
    refused(governance(*run, "--set", prompts), 2, "none")
    assert not any(path.is_file() for path in out.rglob("*"))


def test_a_model_of_another_kind_or_language_is_refused_before_any_work(
    governance: Any, tmp_path: Path, archive: Path
) -> None:
    from classifiers import language_id, score

    out = tmp_path / "out"
    run = ("run", "--level", "L2", "--workers", "0", "--input", str(archive), "--output", str(out), "--set")
    labels = governance(*run, f"l2.quality.models.en={language_id.model_path()}")
    refused(labels, 2, f"classifier {language_id.model_path()} has labels", "__label__pos")
    refused(governance(*run, f"l2.quality.models.en={score.model_path('zh')}"), 2, "another language than 'en'")
    assert not any(path.is_file() for path in out.rglob("*"))


def test_an_endpoint_that_cannot_be_used_is_named_before_any_work(
    governance: Any, tmp_path: Path, archive: Path
) -> None:
    out = tmp_path / "out"
    run = ("run", "--input", str(archive), "--output", str(out))
    refused(governance(*run, "--endpoint", "http://127.0.0.1:9/v1"), 1, "127.0.0.1:9", "refused")
    refused(governance(*run, "--endpoint", "localhost:8000"), 2, "is no URL", "or local")
    assert not any(path.is_file() for path in out.rglob("*"))


def test_every_one_of_several_endpoints_is_tried_before_any_work(
    governance: Any, tmp_path: Path, archive: Path
) -> None:
    out = tmp_path / "out"
    with serving("echo") as one, serving("echo") as two, serving("other") as three:
        run = ("run", "--input", str(archive), "--output", str(out), "--model", "echo", "--endpoint", one.endpoint)
        dead = governance(*run, "--endpoint", "http://127.0.0.1:9/v1", "--endpoint", two.endpoint)
        refused(dead, 1, "no server answers at http://127.0.0.1:9/v1", "1 of 3 endpoints cannot be used")
        other = governance(*run, "--endpoint", three.endpoint)
        refused(other, 2, three.endpoint, "serves other, not 'echo'", "1 of 2 endpoints")
        refused(governance(*run, "--endpoint", f"{one.endpoint}/"), 2, one.endpoint, "given twice")
        local = governance(*run, "--endpoint", "local")
        refused(local, 2, "'echo'", "smollm2-135m")
        assert not one.asked and not two.asked
    assert not any(path.is_file() for path in out.rglob("*"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of which several documents are written from."""
    path = tmp_path_factory.mktemp("pages") / "a.warc.gz"
    path.write_bytes(pages_of(CRAWL / "en.warc.gz", 24))
    return path


def test_all_endpoints_work_at_once(governance: Any, tmp_path: Path, pages: Path) -> None:
    with serving("echo") as one, serving("echo") as two:
        words = ("run", "--input", str(pages), "--output", str(tmp_path / "out"), "--workers", "0", *ECHO)
        one.play = two.play = lambda text, attempt: "slow"  # so that none could serve them all alone in time
        said = governance(*words, "--json", "--endpoint", one.endpoint, "--endpoint", two.endpoint)
        assert said.code == 0, said.err
        told = json.loads(said.out)["synthesis"]
        assert one.asked and two.asked
        assert sum(one.asked.values()) + sum(two.asked.values()) == told["requests"] - told.get("skipped", 0)
        assert told["engine"]["engines"] == 2


def test_a_raised_limit_says_what_it_would_replace(governance: Any, tmp_path: Path, pages: Path) -> None:
    with serving("echo") as server:
        words = ("run", "--input", str(pages), "--output", str(tmp_path / "out"), "--workers", "0", *ECHO)
        run = (*words, "--endpoint", server.endpoint, "--limit")
        assert governance(*run, "1").code == 0
        before, asked = tree(str(tmp_path / "out")), sum(server.asked.values())
        refused(governance(*run, "6"), 2, "max_documents was 1, is 6", "--rebuild", "that stay the same are kept")
        assert tree(str(tmp_path / "out")) == before
        said = governance(*run, "6", "--rebuild")
        assert said.code == 0 and "pass rate" in said.out and "verified tokens an engine-hour" in said.out
        assert sum(server.asked.values()) > asked and max(server.asked.values()) == 1  # nothing is asked for twice


def test_gpus_that_are_not_there_are_not_waited_for(
    governance: Any, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.doctor.has_gpu", lambda: False)
    words = ("run", "--input", str(archive), "--output", str(tmp_path / "out"), "--set", "l3.gpus_per_engine=1")
    refused(governance(*words), 2, "l3.gpus_per_engine = 1", "no GPU", "--endpoint")


@contextmanager
def serving(model: str) -> Generator[Server]:
    """A server that lists one model."""
    with llm_server() as server:
        server.models = [model]
        yield server


@pytest.mark.parametrize(
    ("status", "body", "code", "pieces"),
    [
        (200, {"data": [{"id": "Qwen/Qwen3-4B"}, {"id": "other"}]}, 2, ["'Qwen3-4B'", "use --model Qwen/Qwen3-4B"]),
        (401, {}, 2, ["refuses the key", "$OPENAI_API_KEY"]),
        (503, {}, 1, ["HTTP 503"]),
    ],
)
def test_a_server_that_does_not_serve_the_model_is_told_so(
    governance: Any, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch,
    status: int, body: dict[str, Any], code: int, pieces: list[str],
) -> None:  # fmt: skip
    from tests import llm_server as stand_in

    def answer(self: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    monkeypatch.setattr(stand_in._Handler, "do_GET", answer, raising=False)
    with llm_server() as server:
        words = ("--endpoint", server.endpoint, "--model", "Qwen3-4B", "--output", str(tmp_path / "out"))
        refused(governance("run", "--input", str(archive), *words), code, server.endpoint, *pieces)
