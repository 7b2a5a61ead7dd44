"""Held-out documents for the quality classifiers, from pages that no bundled model was trained on, with their labels.

Three sorts, so that no one rule of labelling decides:

- manuals: pages of publishers left out of training altogether, sorted by their own lines as the seeds are, more
  strictly: at least four fifths of a positive's characters stand in sentences. What is no main text, and the lines that
  are no sentences, are negatives of the same topic.
- articles: the hand-cleaned main text says what is a positive (L1's text, where it agrees with it) and what is not
  (every block of the page whose letters are not in it: menus, notices, comments, teasers, related links).
- web: news, magazines, institutions, chosen by a reader's eye (web_pages.toml); and what other real pages hold besides
  their main text, unless the gold says that it belongs there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from benchmarks.extraction_gold import read_gold, shingle_f1
from benchmarks.quality_seeds import SOURCES, cleaned, extract_blocks
from classifiers import corpus
from classifiers.language_id import load_language_model
from stages.blocks import Page, load_model
from stages.html_layout import B_END, B_START
from stages.language import LanguageConfig, language
from stages.render import render

CHOSEN = Path(__file__).with_name("quality_pages.toml")
# Never named in sources.toml, in either language; tests/classifiers/test_bundled.py holds this.
HOSTS = {
    "en": ("sqlite3-doc", "apache2-doc", "lilypond-doc-html", "git-doc", "debian-policy", "debian-faq",
           "developers-reference", "debian-reference-en", "maint-guide", "installation-guide-amd64"),
    "zh": ("apache2-doc", "lilypond-doc-html-zh", "debian-faq-zh-cn", "debian-reference-zh-cn", "maint-guide-zh-cn",
           "installation-guide-amd64"),
}  # fmt: skip
_LABELS = {"en": (0.8, 0.35), "zh": (0.7, 0.2)}  # share of characters in sentences: a positive from, a negative up to
_CAP = 120  # documents of either class from one manual
_LONG = 20_000  # characters of a page beyond which more than one piece is cut
_AGREES = 0.8  # F1 with the gold from which L1's text is the article's
_NOT_WORD = re.compile(r"[\W_]+")


class Document(NamedTuple):
    """A text with its label, where it is from, and by which of the three sorts it was labelled."""

    content: str
    positive: bool
    source: str
    sort: str


@dataclass(frozen=True)
class Read:
    """A page: its main text as L1 has it, its other blocks, and a renderer's three arguments."""

    url: str
    main: str
    rest: str
    page: Page
    roles: np.ndarray


def read_archive(archive: Path, wanted: Callable[[str], bool]) -> Iterator[Read]:
    """The readable pages of an archive whose URL is wanted."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    model = load_model()
    with archive.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
            found = extract_blocks(record.reader.read(), model) if wanted(url) else None
            if found is not None:
                page, kept, roles = found
                yield Read(url, cleaned([render(page, kept, roles)])[0], render(page, ~kept, roles), page, roles)


def documents(name: str, data: Path) -> list[Document]:
    """The held-out documents of a language, from the folders docs-pages and web-pages."""
    limits = tomllib.loads(SOURCES.read_text(encoding="utf-8"))[name]
    found = [*manuals(name, data / "docs-pages", limits), *web_pages(name, data / "web-pages", limits)]
    sound = (doc for doc in found if len(doc.content) >= limits["min_chars"])
    kept = [doc for doc in sound if limits["min_han"] <= corpus.han_share(doc.content) <= limits["max_han"]]
    texts = set(in_language([doc.content for doc in kept], name))
    return list({doc.content: doc for doc in kept if doc.content in texts}.values())


def manuals(name: str, folder: Path, limits: dict[str, Any]) -> Iterator[Document]:
    """Pieces of the manuals in HOSTS, at most _CAP of a manual in each class."""
    high, low = _LABELS[name]
    pages = read_archive(folder / f"{name}.warc.gz", lambda url: manual_of(url) in HOSTS[name])
    for source, read in grouped(pages, lambda page: manual_of(page.url)):
        classes: dict[bool, list[str]] = {True: [], False: []}
        for page in read:
            for piece in corpus.pieces(page.main, limits, 1 + len(page.main) // _LONG):
                share = corpus.prose_share(piece, name)
                if share >= high or share <= low:
                    classes[share >= high].append(piece)
        # Leftovers stand beside whole listing pages; half as many, since they are joined from several pages.
        left = (corpus.without_sentences(page.main, name) for page in read)
        beside = [*corpus.stretches(filter(None, left), limits), *corpus.stretches((p.rest for p in read), limits)]
        classes[False] += corpus.capped(beside, _CAP // 2)
        for positive, texts in classes.items():
            yield from (Document(text, positive, source, "manuals") for text in corpus.capped(texts, _CAP))


def manual_of(url: str) -> str:
    """The package that a page of docs-pages is from, by its path."""
    return urlsplit(url).path.split("/")[1]


def web_pages(name: str, folder: Path, limits: dict[str, Any]) -> Iterator[Document]:
    """Articles and other real pages: main texts that a person judged, and what stands beside them."""
    golds = {gold["url"]: gold for split in ("dev", "test") for gold in read_gold(folder, split)}
    chosen = tomllib.loads(CHOSEN.read_text(encoding="utf-8"))[name]
    verdicts = {url: kind == "explanatory" for kind, urls in chosen.items() for url in urls}
    beside: dict[str, list[str]] = {"articles": [], "web": []}
    for page in read_archive(folder / "pages.warc.gz", golds.__contains__):
        gold = golds[page.url]
        if gold["set"] == "article" and gold.get("lang", "en") == name:
            beside["articles"].append(outside(page, gold["text"]))
            if shingle_f1(gold["text"], page.main) >= _AGREES:
                yield from cut(page.main, True, page.url, "articles", limits)
        elif gold["set"] == "segments":
            if not any(segment in page.rest for segment in gold["with"]):
                beside["web"].append(page.rest)
            if page.url in verdicts:
                yield from cut(page.main, verdicts[page.url], page.url, "web", limits)
    for sort, texts in beside.items():
        for text in texts:
            yield from cut(text, False, f"beside {sort}", sort, limits)


def cut(text: str, positive: bool, source: str, sort: str, limits: dict[str, Any]) -> Iterator[Document]:
    """The beginning of a text, of a length drawn as for all documents."""
    return (Document(piece, positive, source, sort) for piece in corpus.pieces(text, limits, 1))


def outside(page: Read, gold: str) -> str:
    """The blocks of a page whose letters are not in its gold text."""
    letters = _NOT_WORD.sub("", gold)
    whole = page.page.text.tobytes()
    ends = page.page.blocks[:, [B_START, B_END]].tolist()
    words = [_NOT_WORD.sub("", unescape(whole[a:b].decode("utf-8", "replace"))) for a, b in ends]
    return render(page.page, np.array([bool(word) and word not in letters for word in words], bool), page.roles)


def in_language(texts: Sequence[str], name: str) -> list[str]:
    """The texts in a language, by the language stage."""
    rows = language(pa.table({"content": pa.array(texts, pa.string())}), LanguageConfig(), load_language_model())
    return [text for text, found in zip(texts, rows["lang"].to_pylist(), strict=True) if found == name]


def grouped(pages: Iterable[Read], key: Callable[[Read], str]) -> Iterator[tuple[str, list[Read]]]:
    """Pages by key, in the order of the keys."""
    found: dict[str, list[Read]] = {}
    for page in pages:
        found.setdefault(key(page), []).append(page)
    yield from sorted(found.items())
