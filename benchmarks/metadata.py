"""Title, author and date of real web pages beside trafilatura's: ``python -m benchmarks.metadata``.

Both sides see the same pages in the same run. Ours gets what a tokenizer notes of a page; the collector that plays it
here is left out of the time. A page counts for a field where the gold has one; trafilatura's time is that of its
extract_metadata, which parses the page.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from stages.charset import decode
from stages.dates import thorough_date
from stages.metadata import MAX_CONTENT_BYTES, MAX_TAGS, Metadata, read_metadata

WEB_PAGES = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "web-pages"
FIELDS = ("title", "author", "date")
SPEED = ("metadata of a page", 0.15, "ms")
_NOTED = re.compile(
    rb"""<(?:(meta|link|base|time|h1)\b|([a-z][a-z0-9]*)\s(?=[^>]*(?:rel|itemprop|class)\s*=\s*["']?[^"'>]*(?:licen[cs]e|"""
    rb"""author|byline|autor|date|publi|posted|datum|fecha|time|submitted|meta|info)))"""
    rb"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+>""",
    re.IGNORECASE,
)
_JSON_LD = re.compile(rb"<script[^>]*application/ld\+json[^>]*>(.*?)</script", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(rb"<(script|style|svg|noscript)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page with its gold and what a tokenizer would note of it."""

    gold: dict[str, Any]
    html: str
    tags: list[bytes]
    json_ld: list[bytes]
    title: bytes | None
    crawled: str | None


def read_pages(folder: Path, split: str, limit: int | None) -> list[Page]:
    """Pages of the split whose gold has a title, an author or a date."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    lines = (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    golds = {gold["url"]: gold for gold in map(json.loads, lines) if gold["split"] == split}
    pages: list[Page] = []
    with (folder / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            gold = golds.get((record.headers.get("WARC-Target-URI") or "").strip("<>"))
            if gold is None or not any(gold.get(name) for name in FIELDS):
                continue
            decoded = decode(record.reader.read(), record.http_charset, 0.05)
            if decoded is not None:
                noted = collect(decoded[0].encode("utf-8", "replace"))
                pages.append(Page(gold, decoded[0], *noted, record.headers.get("WARC-Date")))
            if len(pages) == limit:
                break
    return pages


def collect(html: bytes) -> tuple[list[bytes], list[bytes], bytes | None]:
    """Noted tags with what follows them, JSON-LD and title of a page, by patterns."""
    visible = _HIDDEN.sub(b" ", html)
    tags = []
    for start in _NOTED.finditer(visible):
        name = (start[1] or start[2]).lower()
        after = (
            visible[start.end() : start.end() + MAX_CONTENT_BYTES] if name not in (b"meta", b"link", b"base") else b""
        )
        tags.append(start[0] + re.split(rb"(?i)</" + name, after, maxsplit=1)[0])
        if len(tags) == MAX_TAGS:
            break
    title = _TITLE.search(visible)
    return tags, _JSON_LD.findall(html), title[1] if title else None


def ours(page: Page) -> dict[str, str | None]:
    """Our metadata by the gold's names."""
    found: Metadata = read_metadata(page.tags, page.json_ld, page.title, page.gold["url"], None, page.crawled)
    return {"title": found.title, "author": found.author, "date": found.published}


def trafilaturas(page: Page) -> dict[str, str | None]:
    """Its metadata by the gold's names."""
    from trafilatura.metadata import extract_metadata

    found = extract_metadata(page.html, default_url=page.gold["url"])
    return {"title": found.title, "author": found.author, "date": found.date}


def ours_thorough(page: Page) -> dict[str, str | None]:
    """Ours, and htmldate on the whole page where there is no date."""
    found = ours(page)
    return found | {"date": found["date"] or thorough_date(page.html, page.gold["url"], page.crawled)}


def side(read: Callable[[Page], dict[str, str | None]], pages: Sequence[Page], runs: int) -> dict[str, Any]:
    """Rates and milliseconds a page of one side, the first pages being read once before."""
    for page in pages[:20]:
        read(page)
    spent, found = [], []
    for _ in range(runs):
        start = time.process_time()
        found = [read(page) for page in pages]
        spent.append(time.process_time() - start)
    return rates(pages, found) | {"ms_per_page": round(1000 * statistics.median(spent) / max(1, len(pages)), 3)}


def rates(pages: Sequence[Page], found: Sequence[dict[str, str | None]]) -> dict[str, Any]:
    """Of the pages whose gold has a field: how many are given, exactly right, and (authors) name the same people."""
    figures: dict[str, Any] = {}
    for name in FIELDS:
        pairs = [(page.gold[name], row[name]) for page, row in zip(pages, found, strict=True) if page.gold.get(name)]
        exact = sum(_spaced(gold) == _spaced(value) for gold, value in pairs)
        figures[name] = {
            "pages": len(pairs),
            "given": sum(bool(value) for _, value in pairs),
            "exact": exact,
            "exact_rate": round(exact / max(1, len(pairs)), 4),
        }
        if name == "author":
            same = sum(_names(gold) == _names(value) for gold, value in pairs)
            figures[name] |= {"same_names": same, "same_names_rate": round(same / max(1, len(pairs)), 4)}
    return figures


def _spaced(text: str | None) -> str:
    return " ".join((text or "").split())


def _names(text: str | None) -> frozenset[str]:
    """Names whatever their case, order and separator: "A und B", "B; a" are the same."""
    parts = re.split(r"[;,/&]|\s(?:und|and|et|y)\s", (text or "").casefold())
    return frozenset(re.sub(r"[^\w]+", "", part) for part in parts) - {""}


def measure(folder: Path, split: str, limit: int | None, runs: int) -> dict[str, Any]:
    """Run all sides; the object to print."""
    pages = read_pages(folder, split, limit)
    figures: dict[str, Any] = {
        "pages": len(pages),
        "tags_per_page": round(statistics.mean(len(page.tags) for page in pages), 1),
        "ours": side(ours, pages, runs),
        "trafilatura": side(trafilaturas, pages, runs),
        "ours_thorough": side(ours_thorough, pages, runs),
    }
    bars = [report.at_most(figures["ours"]["ms_per_page"], *SPEED)]
    for name in FIELDS:
        own, peer = figures["ours"][name]["exact_rate"], figures["trafilatura"][name]["exact_rate"]
        bars.append(report.at_least(own, f"{name} exactly right", peer, "trafilatura's share"))
    return report.body("metadata", figures, bars)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metadata", description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEB_PAGES, help="folder with pages.warc.gz and gold.jsonl")
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="gold to score against (default: dev)")
    parser.add_argument("--pages", type=int, help="only the first so many pages")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, of which the median counts")
    options = parser.parse_args(arguments)
    report.show(measure(options.folder, options.split, options.pages, options.runs))


if __name__ == "__main__":
    main()
