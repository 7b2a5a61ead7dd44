"""docs/extending.md: its rule works when put where the page says, and what it says of languages is so."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from stages.contract import check_plan
from tests.command_line import call, refused
from tests.docs_blocks import ROOT, Block, blocks
from tests.docs_world import GERMAN, furnish_crawls, write_lines

PAGE = ROOT / "docs" / "extending.md"
# The interpreter of a reader who changed the sources: ours but for `governance`, and with one more file in `stages`, so
# that kernels need not be compiled anew.
START = "import stages; stages.__path__.append({folder!r} + '/stages'); "


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the rule of the page in it, as the page says."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(ROOT / "governance", folder / "governance", ignore=shutil.ignore_patterns("__pycache__"))
    furnish_crawls(folder)
    for block in blocks(PAGE):
        for name in block.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(block.text, encoding="utf-8")
        if block.language == "diff":
            put_in(block, folder)
    return folder


def put_in(block: Block, folder: Path) -> None:
    """Add the lines of a diff behind those that stand before them. Errors: AssertionError where these are not there."""
    path, before = folder, ""
    for line in block.text.splitlines():
        if line.startswith("+++ "):
            path = folder / line.removeprefix("+++ ")
        elif line.startswith("+"):
            text = path.read_text()
            assert text.count(f"{before}\n") == 1, f"{path.name} has no single line {before!r}"
            path.write_text(text.replace(f"{before}\n", f"{before}\n{line[1:]}\n"))
        elif not line.startswith("@@"):
            before = line[1:]


def python(sources: Path, code: str) -> str:
    """What some code prints in the copy."""
    told = [sys.executable, "-c", START.format(folder=str(sources)) + code]
    done = subprocess.run(told, cwd=sources, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{sources}:{ROOT}"})  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_test_of_the_rule_passes(sources: Path) -> None:
    told = python(sources, "import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--rootdir=.', "
                  "'tests/stages/test_shouting.py']))")  # fmt: skip
    assert "2 passed" in told


def test_the_rule_runs_by_its_setting_and_the_plan_knows_it(sources: Path) -> None:
    lines = [words for block in blocks(PAGE) if block.run_by and block.language == "bash" for words in block.lines]
    assert [words[1] for words in lines] == ["run", "plan"]
    for words in lines:
        more = ["--workers", "0"] if words[1] == "run" else []
        told = python(sources, f"import sys; sys.argv = {[*words, *more]!r}; from governance.cli import main; main()")
    fates = pl.read_parquet(sources / "mine/L1/default/annotations/*.parquet")["fate"]
    assert (fates == "shouting.upper_ratio").sum() > 0
    assert "l1.shouting.max_upper_ratio: was 0.02, is 0.5" in told


def test_the_filter_of_datatrove_is_a_stage() -> None:
    names: dict[str, object] = {}
    (block,) = [block for block in blocks(PAGE) if block.language == "python" and not block.files]
    exec(compile(block.text, str(PAGE), "exec"), names)
    stage = names["stage"]
    check_plan([stage], ["uid", "content"])
    batch = pa.table({"uid": ["0" * 32], "content": ["a line without an end\n" * 20]})
    assert stage.fn(batch, stage.config, stage.load(stage.config))["punctuation.drop"].to_pylist() == [
        "line_punct_ratio"
    ]


def test_german_goes_up_to_l2_by_settings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (settings,) = [block for block in blocks(PAGE) if block.language == "toml"]
    Path(settings.files[0]).write_text(settings.text, encoding="utf-8")
    shutil.copyfile(ROOT / "classifiers" / "models" / "en.ftz", "de.bin")
    write_lines(tmp_path / "pages-de" / "a.jsonl", [{"text": text} for text in GERMAN])
    (line,) = [words for block in blocks(PAGE) for words in block.lines if "german.toml" in words]
    assert call(*line[1:], "--workers", "0", "--set", "l2.quality.threshold=0.0").code == 0
    rows = pl.read_parquet("with-german/L2/default/data/de/*.parquet")
    assert rows["lang"].to_list() == ["de"] * 2 and rows["num_words"].to_list() == [None] * 2


def test_l3_refuses_to_write_what_its_checks_do_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "a.jsonl", [{"text": GERMAN[0]}])
    said = call("run", "--level", "L3", "--enter", "L2", "--input", "a.jsonl", "--set", 'l3.engine.languages=["de"]')
    refused(said, 2, "the checks of L3 know en and zh, not 'de'")


def test_every_table_that_a_language_needs_is_named() -> None:
    section = PAGE.read_text().partition("It would take\n")[2].partition("## A model")[0]
    told = {(file, name) for file, names in re.findall(r"^\| `(\S+\.py)` \| (.*) \|$", section, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", names)}  # fmt: skip
    assert told == {found for folder in ("synth", "stages") for path in sorted((ROOT / folder).glob("*.py"))
                    for found in tables_of(path)}  # fmt: skip


def tables_of(path: Path) -> set[tuple[str, str]]:
    """The dictionaries of a module that have an entry for English and one for Chinese."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        value = getattr(value, "generators", [value])[0]
        value = getattr(getattr(getattr(value, "iter", value), "func", None), "value", value)
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            keys = {key.value for key in value.keys if isinstance(key, ast.Constant)}
            found |= {(path.relative_to(ROOT).as_posix(), target.id)} if {"en", "zh"} <= keys else set()
    return found
