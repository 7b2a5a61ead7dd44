"""The code blocks of the pages in docs, and what a comment that readers do not see says of one.

`<!-- not run: WHY -->` before a block keeps it from being run, `<!-- run by: TEST -->` says that another test does it,
and `<!-- file: NAME -->` that a reader saves it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERB_PAGES = sorted((ROOT / "docs" / "verbs").glob("*.md"))
_BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"^ {4}(make .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, why it is not run, which other test does it, the files that it becomes."""

    language: str
    text: str
    not_run: str | None = None
    run_by: str | None = None
    files: tuple[str, ...] = ()

    @property
    def lines(self) -> list[list[str]]:
        """The commands of a bash block, each as words; of a script in sh, which nobody knows how to run, its name."""
        if self.language != "bash":
            return [["sh"]] if self.language == "sh" else []
        return [words for line in self.text.splitlines() if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order; indented make commands are a bash block each."""
    text = page.read_text(encoding="utf-8")
    found = [(match.start(), _block(*match.groups())) for match in _BLOCK.finditer(text)]
    found += [(match.start(), Block("bash", match[1])) for match in _MAKE.finditer(text)]
    yield from (block for _, block in sorted(found, key=lambda one: one[0]))


def _block(comment: str | None, language: str, text: str) -> Block:
    word, _, rest = (comment or "").partition(": ")
    said = {word: rest}
    return Block(language, text, said.get("not run"), said.get("run by"), tuple(said.get("file", "").split()))
