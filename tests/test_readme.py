"""The README and the pages in docs say what the command line does: every command parses, every flag is explained."""

from __future__ import annotations

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(make .*)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def _lines(page: Path) -> list[str]:
    """The shell lines of a page: those of bash blocks, and indented make commands."""
    text = page.read_text()
    blocks = [line.strip() for block in FENCED.findall(text) for line in block.splitlines()]
    return [line for line in [*blocks, *INDENTED.findall(text)] if line and not line.startswith("#")]


def _commands(program: str) -> list[list[str]]:
    found = [shlex.split(line, comments=True) for page in PAGES for line in _lines(page)]
    return [words for words in found if words[0] == program]


@cache
def _verbs() -> dict[str, Any]:
    """The commands of `governance` by name, those of a group as "classifier train"."""
    from governance import cli

    group: Any = typer.main.get_command(cli.app)
    verbs: dict[str, Any] = {}
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        verbs |= {name: command} if below is None else {f"{name} {verb}": one for verb, one in below.items()}
    return verbs


def _verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb of a command line, and what follows it."""
    size = 2 if " ".join(words[1:2]) in _verbs() else 3
    return " ".join(words[1:size]), words[size:]


@cache
def _all_text() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def test_the_readme_begins_with_the_two_commands() -> None:
    assert _lines(ROOT / "README.md")
    assert [words[1] for words in _commands("make")][:2] == ["run", "test"]


@pytest.mark.parametrize("words", _commands("governance"), ids=" ".join)
def test_every_governance_command_parses(words: list[str]) -> None:
    """Parsed by the real command line, not run."""
    name, rest = _verb(words)
    _verbs()[name].make_context(name, rest)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", _all_text())) | {w[1] for w in _commands("make")}
    assert named <= targets


def test_every_verb_is_shown() -> None:
    shown = {_verb(words)[0] for words in _commands("governance")}
    assert set(_verbs()) <= shown


def test_every_flag_is_explained() -> None:
    flags = {
        (verb, flag)
        for verb, command in _verbs().items()
        for param in command.params
        for flag in param.opts
        if flag.startswith("--") and flag != "--help"
    }
    assert flags
    missing = sorted((verb, flag) for verb, flag in flags if not re.search(rf"{flag}\b(?!-)", _all_text()))
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert dead == []


def test_every_benchmark_that_is_named_exists() -> None:
    named = set(re.findall(r"python -m benchmarks\.(\w+)", _all_text()))
    assert [name for name in sorted(named) if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_the_stage_that_docs_teach_works() -> None:
    """The worked example of docs/stages.md, run as a reader would."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from stages import contract

    page = (ROOT / "docs" / "stages.md").read_text()
    example = re.search(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example
    names: dict[str, Any] = {"pa": pa, "pc": pc, "Config": contract.Config, "Stage": contract.Stage}
    exec(compile(example[1], "docs/stages.md", "exec"), names)
    stage = names["shouting_stage"](names["Shouting"]())
    contract.check_plan([stage], ["uid", "content"])
    out = stage.fn(pa.table({"content": pa.array(["LOUD", "quiet", "", None])}), stage.config)
    assert out["shouting.drop"].to_pylist() == ["upper_ratio", None, None, None]


@pytest.mark.parametrize("tier", ["L0", "L1", "L2"])
def test_docs_list_the_stages_of_a_tier_in_their_order(tier: str) -> None:
    from governance import tiers
    from governance.config import Settings

    section = (ROOT / "docs" / "stages.md").read_text().partition(f"### {tier}\n")[2].partition("###")[0]
    listed = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
    listed = [name for name in listed if name != "ingest"]  # the reader before L0's stages
    assert listed == [s.name for s in tiers.stages_of(Settings(), tier)]


@pytest.mark.parametrize("words", [w for w in _commands("governance") if "--set" in w], ids=" ".join)
def test_every_setting_that_is_shown_exists(words: list[str]) -> None:
    from governance import config

    config.load(None, [value for flag, value in pairwise(words) if flag == "--set"])
