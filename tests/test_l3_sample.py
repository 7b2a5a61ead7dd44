"""docs/l3-sample.md: quotes stand in passages, passages in pages of the bundled crawl, and its count holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.crawl_texts import bare, bare_pages

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "docs" / "l3-sample.md"
NUM_ROWS, LEAST_FAITHFUL = 30, 27


@dataclass(frozen=True)
class Row:
    """One row of the document."""

    number: int
    style: str
    url: str
    passage: str
    written: str
    quotes: tuple[str, ...]
    faithful: bool


def parse(text: str) -> list[Row]:
    """The rows of the document, in order."""
    rows = []
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        head = re.match(r"(\d+)\. (\w+), `[0-9a-f]{32}`\n", part)
        page = re.search(r"^Page: <(\S+)>$", part, re.MULTILINE)
        told = {
            name: re.search(rf"^{name}:\n\n((?:> .*\n)+)", part, re.MULTILINE)
            for name in ("Passage", "Written", "Evidence")
        }
        verdict = re.search(r"^Verdict: (faithful|not faithful)[.:]", part, re.MULTILINE)
        assert head and page and verdict and all(told.values()), part[:200]
        passage, written, evidence = (re.sub(r"^> ", "", one[1], flags=re.MULTILINE) for one in told.values() if one)
        quotes = tuple(line.strip() for line in evidence.splitlines() if line.strip())
        rows.append(Row(int(head[1]), head[2], page[1], passage, written, quotes, verdict[1] == "faithful"))
    return rows


ROWS = parse(SAMPLE.read_text(encoding="utf-8"))


@cache
def pages() -> dict[str, str]:
    """Text of the pages that the sample names, by URL, without white space."""
    return bare_pages({row.url for row in ROWS})


def test_the_sample_has_thirty_rows_of_every_style() -> None:
    assert [row.number for row in ROWS] == list(range(1, NUM_ROWS + 1))
    assert {row.style for row in ROWS} == {"qa", "encyclopedia", "textbook", "blog", "abstract"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_every_quote_stands_in_the_passage_and_the_passage_in_its_page(row: Row) -> None:
    assert row.quotes and all(bare(quote) in bare(row.passage) for quote in row.quotes)
    page = pages()[row.url]
    # Marks of headings and lists are extraction's, and addresses are masked.
    pieces = [piece for line in row.passage.splitlines() for piece in re.split(r"<+[A-Z]+>+", line.lstrip("#- "))]
    assert [piece for piece in pieces if bare(piece) not in page] == []


def test_the_count_of_faithful_rows_is_the_one_told_and_what_is_not_faithful_is_explained() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    faithful = sum(row.faithful for row in ROWS)
    told = re.search(r"\*\*(\d+) of 30 are faithful\*\*", text)
    assert told and int(told[1]) == faithful
    assert (faithful >= LEAST_FAITHFUL) == ("bar: missed" not in text)
    for explained in re.findall(r"^Verdict: not faithful(.*)$", text, re.MULTILINE):
        assert len(explained) > 20
