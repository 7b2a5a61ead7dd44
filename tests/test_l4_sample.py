"""docs/l4-sample.md: the evidence stands in the pages of the bundled crawl, statements say it, and the count holds."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.crawl_texts import bare, bare_pages

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "l4-sample.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^### (\d+)\. (\w+), (\w\w), `[0-9a-f]{32}`\n\nPage: <(\S+)>.*\n\nStatement:\n\n> (.*)\n\nEvidence:\n\n> (.*)\n\n"
    r"Verdict: (good|weak)[.:]",
    TEXT,
    re.MULTILINE,
)


@cache
def pages() -> dict[str, str]:
    """Text of the pages that the sample names, by URL, without white space."""
    return bare_pages({row[3] for row in ROWS})


def test_thirty_statements_were_read_and_the_count_of_good_ones_is_told() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 31))
    good = sum(row[6] == "good" for row in ROWS)
    assert f"**{good} of 30 are good**" in TEXT


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_evidence_stands_in_the_page_and_a_sentence_is_its_own_evidence(row: tuple[str, ...]) -> None:
    _, method, _, url, statement, evidence, _ = row
    assert bare(evidence) in pages()[url]
    assert method != "sentence" or statement == evidence
