"""The text of pages of the bundled crawl, to look up what a page of documentation quotes from them."""

from __future__ import annotations

import re
from collections.abc import Collection

import lxml.html
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.corpora import CRAWL


def bare(text: str) -> str:
    """The text without white space, which extraction arranges anew."""
    return re.sub(r"\s+", "", text)


def bare_pages(wanted: Collection[str]) -> dict[str, str]:
    """Text of the pages at these URLs, without white space."""
    found = {}
    for archive in sorted(CRAWL.glob("*.warc.gz")):  # an English page may stand among Chinese ones
        with archive.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                url = record.headers.get("WARC-Target-URI") or ""
                if url in wanted:
                    found[url] = bare(str(lxml.html.fromstring(record.reader.read()).text_content()))
    return found
