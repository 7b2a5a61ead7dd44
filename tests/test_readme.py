"""The README and the pages in docs say what the command line does: every command parses, every flag is explained."""

from __future__ import annotations

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from docs import make_funnel, make_verbs
from governance.report_sankey import Step
from tests.docs_blocks import PAGES, ROOT, VERB_PAGES, blocks

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


def _verbs() -> dict[str, Any]:
    return make_verbs.verbs()


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


@pytest.mark.parametrize("page", [*PAGES, *VERB_PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert dead == []


def test_every_benchmark_that_is_named_exists() -> None:
    named = set(re.findall(r"python -m benchmarks\.(\w+)", _all_text()))
    assert [name for name in sorted(named) if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_the_pages_of_verbs_are_what_the_command_line_says() -> None:
    """``python -m docs.make_verbs`` writes them anew."""
    assert {page.name: page.read_text(encoding="utf-8") for page in VERB_PAGES} == make_verbs.pages()


def test_every_verb_has_a_page_with_an_example_and_a_sentence_on_each_option() -> None:
    for verb, command in make_verbs.verbs().items():
        page = (ROOT / "docs" / "verbs" / make_verbs.file_of(verb)).read_text(encoding="utf-8")
        assert page.startswith(f"# governance {verb}\n\n") and "## Examples" in page and "[All verbs]" in page
        assert command.help and all(param.help for param in command.params), verb


def test_every_page_is_reached_from_the_list_of_pages() -> None:
    listed = set(LINK.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in PAGES if page.parent.name == "docs"} - listed == {"README.md"}


def test_the_quick_start_fits_on_one_screen() -> None:
    page = ROOT / "docs" / "quickstart.md"
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 45


def test_the_funnel_is_drawn_with_its_rows_in_colours_for_light_and_dark_pages() -> None:
    steps = [Step("archive records", 1474), Step("no page & the like", 989, "left"), Step("L0", 485)]
    picture = ElementTree.fromstring(make_funnel.drawing(steps))
    told = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert told == ["archive records  1,474", "no page & the like  989", "L0  485"]
    fills = {node.get("fill") for node in picture.iter() if node.get("fill")}
    brightness = [sum(bytes.fromhex(str(fill)[1:])) / 3 for fill in fills]
    assert brightness and all(80 < one < 190 for one in brightness)


def test_words_of_the_glossary_stand_in_their_order_and_once() -> None:
    rows = re.findall(
        r"^\| (?:<a id=\"[\w-]+\"></a>)?\*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.M
    )
    assert len(rows) > 40 and rows == sorted(set(rows), key=str.lower)


@pytest.mark.parametrize("tier", ["L0", "L1", "L2"])
def test_docs_list_the_stages_of_a_tier_in_their_order(tier: str) -> None:
    from governance import tiers
    from governance.config import Settings

    section = (ROOT / "docs" / "stages.md").read_text().partition(f"### {tier}\n")[2].partition("###")[0]
    listed = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
    listed = [name for name in listed if name != "ingest"]  # the reader before L0's stages
    assert listed == [s.name for s in tiers.stages_of(Settings(), tier)]


def _of_ours() -> list[list[str]]:
    """The commands that set something, but for those of a page that adds a setting to the sources."""
    return [words for page in PAGES for block in blocks(page) if not block.run_by for words in block.lines
            if words[0] == "governance" and "--set" in words]  # fmt: skip


@pytest.mark.parametrize("words", _of_ours(), ids=" ".join)
def test_every_setting_that_is_shown_exists(words: list[str]) -> None:
    from governance import config

    config.load(None, [value for flag, value in pairwise(words) if flag == "--set"])
