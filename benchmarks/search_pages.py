"""Statements of real pages with the section that each stands in, for the benchmark of search."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pages import read_pages
from synth.passages import LEANING, sentences

PER_PAGE = 8  # statements of a page at most, so that a benchmark of thousands of pages embeds in minutes
PER_SECTION = 3
_HEADING = re.compile(r"#{1,6} +(?P<text>.+)")
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)*\.?|[A-Z]\.\d[\d.]*|步骤 ?\d+:?)\s+")
_STATEMENT = {
    "en": re.compile(r"[A-Z\"'“(][^|`{}\n]{30,350}[.!]"),
    "zh": re.compile(r"(?=(?:.*?[\u4e00-\u9fff]){10})[^|`{}\n]{14,200}[。！]"),
}


@dataclass(frozen=True)
class Sentence:
    """A statement of a page: ``section`` numbers its section among all, ``first``: its page opens with that section."""

    text: str
    lang: str
    title: str
    heading: str
    section: int
    page: int
    url: str
    first: bool


def read_sentences(archive: Path, lang: str, every: int) -> list[Sentence]:
    """The statements of every so many-th page of an archive, each text once, as L4 keeps it."""
    found: dict[str, Sentence] = {}
    page = section = 0
    for rows in read_pages(archive, every):
        for url, title, content in zip(*(rows[name].to_pylist() for name in ("url", "title", "content")), strict=True):
            page += 1
            pieces = list(_sections(content))
            for place, (heading, text) in enumerate(pieces):
                section += 1
                for statement in _statements(text, lang):
                    one = Sentence(statement, lang, title or "", heading, section, page, url, place == 0)
                    found.setdefault(statement, one)
    return list(_bounded(found.values()))


def _sections(content: str) -> Iterator[tuple[str, str]]:
    """Heading without its number, and text, of each section."""
    heading, lines = "", []
    fenced = False
    for line in content.splitlines():
        fenced ^= line.startswith("```")
        match = None if fenced else _HEADING.fullmatch(line.strip())
        if match is None:
            lines += [] if fenced else [line]
            continue
        yield heading, "\n".join(lines)
        heading, lines = _NUMBER.sub("", match["text"].strip(" ¶")), []
    yield heading, "\n".join(lines)


def _statements(text: str, lang: str) -> Iterator[str]:
    for start, end in sentences(text):
        statement = re.sub(r"^(?:[-*•]|\d+[.)])\s+", "", text[start:end])
        if _STATEMENT[lang].fullmatch(statement) and not LEANING.match(statement):
            yield statement


def _bounded(found: Sequence[Sentence] | Iterator[Sentence]) -> Iterator[Sentence]:
    pages: dict[int, int] = {}
    sections: dict[int, int] = {}
    for one in found:
        if pages.get(one.page, 0) < PER_PAGE and sections.get(one.section, 0) < PER_SECTION:
            pages[one.page] = pages.get(one.page, 0) + 1
            sections[one.section] = sections.get(one.section, 0) + 1
            yield one
