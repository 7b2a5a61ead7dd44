"""What bad input gets: one message on stderr with a remedy, the right exit code, no traceback, and nothing damaged."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance import cli
from manifests.store import Store
from tests.children import tree
from tests.command_line import refused
from tests.corpora import pages_of

CRAWL = Path(__file__).resolve().parents[2] / "examples" / "crawl"


@pytest.fixture(scope="module")
def corpus(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus built up to L1."""
    out = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "governance.cli", "run", "--level", "L1", "--workers", "0"]
    subprocess.run([*command, "--input", str(archive), "--output", str(out)], check=True, capture_output=True)
    return out


@pytest.mark.parametrize(
    ("words", "pieces"),
    [
        (["run", "--lvel", "L2"], ["--lvel", "did you mean --level?"]),
        (["run", "--inputs", "x"], ["--inputs", "did you mean --input?"]),
        (["run", "--work", "2"], ["--work", "did you mean --workers?"]),
        (["status", "--jsn"], ["did you mean --json?"]),
        (["run", "--level", "L9"], ["'--level': 'L9' is not one of", "'L3'"]),
        (["run", "--enter", "L3"], ["--enter", "'L3'"]),
        (["run", "--workers", "many"], ["--workers", "integer"]),
        (["run", "--limit", "0"], ["--limit", "1"]),
        (["statsu"], ["statsu", "status"]),
        (["explain"], ["explain", "--help"]),
        (["status", "a", "b"], ["unexpected", "b"]),
        (["search", "a question", "output"], ["unexpected", "did you mean --output?"]),
        (["takedown", "a", "b", "--domain", "a.org"], ["unexpected", "b"]),
        (["status", "--output", "output"], ["without a flag: governance status output"]),
    ],
)
def test_a_wrong_command_line_is_answered_with_the_nearest_right_one(
    governance: Any, words: list[str], pieces: list[str]
) -> None:
    refused(governance(*words), 2, *pieces)


def test_no_words_at_all_show_the_help_and_help_is_no_error(governance: Any) -> None:
    for words in ([], ["--help"], ["run", "--help"]):
        said = governance(*words)
        assert (said.code, said.err) == (0, "")
        assert "Usage: governance" in said.out


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "words.warc.gz": (b"just text, no archive", "is no web archive"),
    "page.warc": (b"<html>a page</html>", "is no web archive"),
    "zipped.warc.gz": (gzip.compress(b"just text, no archive"), "is no web archive"),
    "half.parquet": (b"PAR1" + bytes(500), "is no complete Parquet file"),
    "random.parquet": (bytes(range(256)) * 9, "is no complete Parquet file"),
    "binary.jsonl": (bytes(range(256)) * 9, "is not UTF-8 text"),
    "wide.jsonl": ('{"text": "x"}\n'.encode("utf-16"), "is not UTF-8 text"),
    "prose.jsonl": (b"no json\nat all\n", "holds no JSON object"),
    "packed.jsonl": (gzip.compress(b'{"text": "x"}'), "its name must end in .gz"),
    "plain.jsonl.gz": (b'{"text": "x"}', "is not gzip-compressed"),
    "plain.jsonl.zst": (b'{"text": "x"}', "is not zstd-compressed"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_not_what_its_name_says_is_refused_before_anything_is_written(
    governance: Any, tmp_path: Path, name: str
) -> None:
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    refused(governance("run", "--level", "L0", "--input", str(tmp_path / name), "--output", str(out)), 2, name, message)
    assert not out.exists()


def test_missing_empty_and_unknown_input_is_named(governance: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.warc.gz").touch()
    (tmp_path / "page.pdf").write_bytes(b"%PDF")
    (tmp_path / "folder.warc.gz").mkdir()
    (tmp_path / "link.warc.gz").symlink_to(tmp_path / "nowhere.warc.gz")
    for name, message in {
        "missing.warc.gz": "no input at",
        "empty.warc.gz": "every input is empty",
        "page.pdf": "its suffix names no known kind",
        "folder.warc.gz": "no input at",
        "link.warc.gz": "no input at",
        "*.jsonl": "no input at",
    }.items():
        refused(governance("run", "--input", str(tmp_path / name)), 2, message, name)


def test_a_folder_named_like_an_archive_inside_the_input_is_no_input(tmp_path: Path, archive: Path) -> None:
    from governance.inputs import find_shards

    shutil.copy(archive, tmp_path / "a.warc.gz")
    (tmp_path / "folder.warc.gz").mkdir()
    assert [shard.name for shard in find_shards([str(tmp_path)], "d")] == ["a.warc.gz"]


def test_what_cannot_be_done_with_the_input_is_refused_before_anything_is_written(
    governance: Any, tmp_path: Path, archive: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "hello"}\n')
    out = tmp_path / "out"
    to_out = ("--output", str(out))
    refused(governance("run", "--input", str(archive), "--enter", "L1", *to_out), 2, "a.warc.gz", "cannot enter at L1")
    refused(governance("run", "--input", str(rows), "--enter", "L2", "--level", "L1", *to_out), 2, "enter at L2", "L1")
    for dump in ("a/b", "", "..", ".hidden", "_x", "data", "a-part-b", "a b"):
        refused(governance("run", "--input", str(rows), "--dump", dump, *to_out), 2, f"--dump {dump!r}")
    assert not any(path.is_file() for path in out.rglob("*"))


def test_wrong_settings_are_refused_before_anything_is_written(governance: Any, tmp_path: Path, archive: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[l1.clean]\nmin_char = 3\n")
    run = ("run", "--input", str(archive), "--output", str(tmp_path / "out"))
    refused(governance(*run, "--config", str(file)), 2, "l1.clean.min_char", "did you mean l1.clean.min_chars?")
    refused(governance(*run, "--config", str(tmp_path / "none.toml")), 2, "none.toml", "governance init")
    refused(governance(*run, "--config", str(tmp_path)), 2, "cannot read")
    refused(governance(*run, "--set", "l2.quality.threshold=9"), 2, "l2.quality.threshold = 9", "less than or equal")
    refused(governance(*run, "--set", "l1.clean.min_chars=few"), 2, "l1.clean.min_chars = 'few'", "integer")
    assert not (tmp_path / "out").exists()


def test_a_damaged_manifest_is_named(governance: Any, tmp_path: Path, archive: Path, corpus: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(corpus, out)
    (out / "L1" / "default" / "manifest.json").write_bytes(b"{")
    refused(governance("status", str(out)), 1, "L1/default/manifest.json is damaged", "governance verify")
    run = ("run", "--level", "L1", "--input", str(archive), "--output", str(out))
    refused(governance(*run), 1, "L1/default/manifest.json is damaged", "governance verify")
    assert governance("verify", str(out)).code == 1


def test_an_output_that_cannot_be_one_is_named(governance: Any, tmp_path: Path, archive: Path) -> None:
    (tmp_path / "file").write_text("mine")
    run = ("run", "--level", "L0", "--input", str(archive), "--output")
    refused(governance(*run, str(tmp_path / "file")), 2, "is a file")
    refused(governance(*run, str(tmp_path / "file" / "below")), 2, "cannot create")
    refused(governance(*run, "hf://some/where"), 2, "hf://some/where", "s3://")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_of_other_settings_is_refused_unharmed_and_says_what_differs(
    governance: Any, corpus: Path, archive: Path, tmp_path: Path
) -> None:
    before = tree(str(corpus))
    run = ("run", "--level", "L1", "--workers", "0", "--output", str(corpus))
    said = governance(*run, "--input", str(archive), "--set", "l1.clean.min_chars=21")
    refused(said, 2, "holds L1 of dump 'default' built differently", "min_chars was 20, is 21", "--rebuild")
    other = tmp_path / "b.warc.gz"
    other.write_bytes(pages_of(CRAWL / "zh.warc.gz", 1))
    refused(governance(*run, "--input", str(other)), 2, "holds L0", "inputs.a.warc.gz", "--dump")
    assert tree(str(corpus)) == before


def test_a_second_run_does_nothing_and_says_so(governance: Any, corpus: Path, archive: Path) -> None:
    before = tree(str(corpus))
    said = governance("run", "--level", "L1", "--input", str(archive), "--output", str(corpus))
    assert said.code == 0
    assert "Nothing to do" in said.out
    assert tree(str(corpus)) == before


def test_json_is_one_object_on_stdout_and_nothing_else(governance: Any, corpus: Path, archive: Path) -> None:
    run = ("run", "--level", "L1", "--input", str(archive), "--output", str(corpus))
    for words in (run, ("status", str(corpus)), ("verify", str(corpus))):
        said = governance(*words, "--json")
        assert (said.code, said.err) == (0, "")
        json.loads(said.out)


def test_commands_on_a_place_without_a_corpus_name_it(governance: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for out, message in {str(empty): "nothing in", str(tmp_path / "none"): "no folder"}.items():
        refused(governance("status", out), 2, message, out)
        refused(governance("verify", out), 2, message, out)
        refused(governance("explain", "0" * 32, "--output", out), 2, message, out)


def test_a_bucket_that_is_not_there_is_named(governance: Any, tmp_path: Path, archive: Path, s3_server: Any) -> None:
    run = ("run", "--level", "L0", "--workers", "0")
    for words in (
        ("status", "s3://nobucket/x"),
        (*run, "--input", "s3://nobucket/in", "--output", str(tmp_path / "out")),
        (*run, "--input", str(archive), "--output", "s3://nobucket/x"),
    ):
        refused(governance(*words), 1, "no bucket for s3://nobucket", "make it, or correct the URL")


def test_an_interrupted_command_says_that_it_can_go_on(governance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("governance.commands.status", interrupted)
    refused(governance("status", "x"), 130, "interrupted", "the same command goes on")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("governance.commands.status", broken)
    monkeypatch.setattr(sys, "argv", ["governance", "status", "x"])
    with pytest.raises(KeyError, match="a bug"):
        cli.main()


def test_init_never_overwrites_unasked_and_names_a_place_it_cannot_write(governance: Any, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("mine")
    refused(governance("init", str(file)), 2, "is there already", "--force")
    assert file.read_text() == "mine"
    refused(governance("init", str(tmp_path / "none" / "s.toml")), 2, "cannot write")
    refused(governance("init", str(tmp_path), "--force"), 2, "cannot write")
    assert governance("init", str(file), "--force").code == 0
    assert "[l1.clean]" in file.read_text()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_more_room_lets_the_same_command_finish(
    governance: Any, tiny_disk: Path, tmp_path: Path, archive: Path, corpus: Path
) -> None:
    out = tiny_disk / "out"
    (tiny_disk / "ballast").write_bytes(bytes(150_000))
    run = ("run", "--level", "L1", "--workers", "0", "--input", str(archive), "--output", str(out))
    said = governance(*run)
    assert said.code == 1
    assert "No space left on device" in said.err and str(out) in said.err and "free some space" in said.err
    assert "Traceback" not in said.err
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    assert governance(*run).code == 0
    assert tree(str(out)) == tree(str(corpus))


@pytest.mark.parametrize("number", [1, 2, 4, 6, 9])
def test_a_write_that_fails_for_lack_of_space_damages_nothing_written_before(
    governance: Any, tmp_path: Path, archive: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    out, writes = tmp_path / "out", 0

    def full(write: Any) -> Any:
        def failing(self: Store, path: str, data: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes >= number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            return write(self, path, data)

        return failing

    run = ("run", "--level", "L1", "--workers", "0", "--input", str(archive), "--output", str(out))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", full(Store.put))
        patch.setattr(Store, "create", full(Store.create))
        said = governance(*run)
    assert said.code == 1 and "No space left" in said.err and "free some space" in said.err
    before = tree(str(out)) if out.exists() else {}
    assert governance(*run).code == 0
    after = tree(str(out))
    assert after == tree(str(corpus))
    assert before.items() <= after.items() or all("_shuffle" in path for path in before.keys() - after.keys())
