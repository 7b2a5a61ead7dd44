"""A page's title, author, date of publication, address, licence and opt-outs, from its tags and JSON-LD."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from stages.attributes import MAX_TAG_BYTES, attributes, content_of, text_of, visible_text
from stages.dates import day_in_url, published_of
from stages.json_ld import Article, read_json_ld
from stages.licences import licence_of
from stages.titles import TitleSources, author_of, clean, host_keys, title_of

MAX_TAGS = 500
_MAX_ELEMENTS = 100  # bylines and dates of an archive page repeat
_MAX_HEADINGS = 5
_MAX_VALUES = 20  # of one name: articles have many authors
MAX_CONTENT_BYTES = 600  # of what a byline, a date or a heading holds
_MAX_URL_CHARS = 2_048


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TITLES = _words(
    "og:title twitter:title headline dc.title dcterms.title citation_title parsely-title sailthru.title title"
)
_AUTHORS = _words(
    "author citation_author article:author og:article:author og:author authors byl creator dc.creator dc:creator "
    "dcterms.creator dc.creator.aut parsely-author sailthru.author shareaholic:article_author_name rbauthors"
)
_DATES = _words(
    "article:published_time article:published datepublished og:published_time og:article:published_time "
    "citation_publication_date citation_date citation_online_date parsely-pub-date sailthru.date "
    "shareaholic:article_published_time article:published_date article:publicationdate article:post_date "
    "article.published bt:pubdate cxenseparse:recs:publishtime date_published published_time publish_date publish-date "
    "publishdate publisheddate published_date published-date publication_date publish_time originalpublicationdate "
    "og:pubdate og:publish_date og:datepublished pubdate dc.date.issued dcterms.issued dc.date.publication "
    "dc.date.created dcterms.created dc.created dc:created datecreated date_created dc.date dcterms.date dc:date "
    "article_date_original rbpubdate displaydate ptime pdate mediator_published_time vr:published_time "
    "article.created created dateposted date"
)
_LICENCES = _words(
    "license licence dc.license dcterms.license cc:license dc.rights.license dc.rights dcterms.rights dc:rights rights "
    "copyright"
)
_SITES = ("og:site_name", "application-name", "apple-mobile-web-app-title", "citation_journal_title")
_SIGNALS = ("tdm-reservation", "og:url")
_FIRST_KEY = re.compile(rb"""<meta\s+(?:name|property|itemprop)\s*+=\s*+["']?\s*+([^\s"'>]++)""", re.IGNORECASE)
_ANY_KEY = re.compile(rb"""(?<![\w-])(?:name|property|itemprop)\s*+=\s*+["']?\s*+([^\s"'>]++)""", re.IGNORECASE)
_HOST = re.compile(r"^[a-z]+://(?:[^/@]*@)?", re.IGNORECASE)
_BYLINE_CUE = re.compile(rb"author|byline|autor")
_DATE_CUE = re.compile(rb"<time|date|publi|posted|datum|fecha|time|submitted|meta|byline|author|info")
_BYLINE_CLASS = re.compile(rb"(?:^|[\s_-])(?:author|byline|autor)(?:[\s_-]?(?:name|link|vcard|meta|url|info))?(?:$|\s)")
_LATER = re.compile(rb"modif|updat|revis|event|expir|birth")
_ITEM_NAME = re.compile(rb"""itemprop\s*=\s*["']?name\b[^>]*>([^<]+)""", re.IGNORECASE)
# Robots that crawl to train models. A rule for a search engine by name does not bind others; one for these does.
_MODEL_ROBOTS = frozenset(
    _words(
        "ai2bot anthropic-ai applebot-extended bytespider ccbot claudebot cohere-ai cohere-training-data-crawler "
        "diffbot google-extended gptbot meta-externalagent omgili omgilibot panscient"
    )
)
# "max-snippet: 20" and the hours of "unavailable_after: 25 Jun 2026 15:00:00 PST" are no names of robots.
_AGENT = re.compile(r"(?!max-|unavailable_after)(?:\*|[a-z][\w.+-]*)$")
_ROBOTS = frozenset(("robots", "googlebot", "bingbot", *_MODEL_ROBOTS))
_META = frozenset(
    name.encode() for names in (_TITLES, _AUTHORS, _DATES, _LICENCES, _SITES, _SIGNALS, _ROBOTS) for name in names
)
_OPT_OUTS = frozenset(("noai", "noimageai", "noindex"))


@dataclass(frozen=True)
class Metadata:
    """What a page says of itself; null for what it does not say."""

    title: str | None = None
    author: str | None = None  # names, joined by "; "
    published: str | None = None  # YYYY-MM-DD
    canonical_url: str | None = None  # absolute, normalised
    licence: str | None = None  # address of a Creative Commons licence or mark
    opt_out: str | None = None  # comma-joined, of noai, noimageai, noindex, tdm


def read_metadata(
    tags: Sequence[bytes],
    json_ld: Sequence[bytes],
    title: bytes | None,
    url: str | None,
    robots: str | None,
    crawled: str | None = None,
) -> Metadata:
    """Read a page's metadata.

    Args:   tags, raw start tags in page order, UTF-8, as written: all of <meta> and <link>, <base>, <time>, <h1>, and
            <a> and others whose rel, itemprop or class says author, licence or date. What follows a start tag up to
            its end tag, at most MAX_CONTENT_BYTES, may stand after it: it is where bylines and headings have theirs.
            json_ld, contents of <script type="application/ld+json">; title, content of <title>; url, of the page;
            robots, its X-Robots-Tag headers; crawled, ISO time of the crawl, after which nothing was published.
    Errors: none from content.
    """
    found = _Found(tags)
    article = read_json_ld(json_ld) if json_ld else Article()
    host = _host(url)
    sites = [*found.each(_SITES), *filter(None, [clean(article.publisher)]), *host_keys(host)]
    return Metadata(
        title=_title(found, article, title, sites),
        author=_author(found, article, sites),
        published=published_of(_dates(found, article, url), crawled),
        canonical_url=_canonical(found, url),
        licence=next(filter(None, map(licence_of, _rights(found, article))), None),
        opt_out=_opt_out(found, robots),
    )


def opt_outs(robots: str | None, meta: Iterable[tuple[str, str]] = ()) -> set[str]:
    """Opt-outs of a page: noai, noimageai, noindex.

    Args: robots, value of the X-Robots-Tag headers, joined by commas or line ends; meta, (name, content) of the robots
    tags. A rule that names its robot counts only where that robot crawls for models: "googlebot: noindex" keeps a page
    out of a search engine. noai and noimageai count whoever is named. "none" stands for noindex.
    """
    said: set[str] = set()
    for line in (robots or "").splitlines():
        agent = "robots"
        for rule in line.lower().split(","):
            name, colon, rest = rule.partition(":")
            if colon and _AGENT.match(name.strip()):  # "otherbot: noindex", and what follows is for it too
                agent, rule = name.strip(), rest
            said |= _binding(agent, rule)
    for name, content in meta:
        said |= _binding(name.lower(), content.lower())
    return said


def _binding(agent: str, rules: str) -> set[str]:
    words = set(re.findall(r"[a-z]+", rules))
    if agent not in ("robots", "*") and agent not in _MODEL_ROBOTS:
        return words & {"noai", "noimageai"}
    return words & _OPT_OUTS | ({"noindex"} if "none" in words else set())


def _opt_out(found: _Found, robots: str | None) -> str | None:
    said = opt_outs(robots, ((name, text) for name in found.meta if name in _ROBOTS for text in found.each((name,))))
    if "1" in found.each(("tdm-reservation",)):
        said.add("tdm")
    return ",".join(sorted(said)) or None


def _keys(tag: bytes) -> list[bytes]:
    return [key.lower() for key in _ANY_KEY.findall(tag)]


class _Found:
    """What the tags hold, as written: values by the name of their <meta>, and the elements, read only where needed."""

    def __init__(self, tags: Sequence[bytes]) -> None:
        self.meta: dict[str, list[bytes]] = {}
        self.canonical: list[bytes] = []
        self.licences: list[bytes] = []
        self.headings: list[bytes] = []
        self.base: list[bytes] = []
        self.elements: list[tuple[bytes, bytes]] = []
        for tag in tags[:MAX_TAGS]:
            self._add(tag[:MAX_TAG_BYTES])

    def _add(self, tag: bytes) -> None:
        start = tag[1:5].lower()
        if start == b"meta":
            first = _FIRST_KEY.match(tag)  # nearly all tags begin with what they are; the rest is then not looked at
            key = first.group(1).lower() if first else next(filter(_META.__contains__, _keys(tag)), b"")
            if key in _META:
                self._add_meta(attributes(tag))
        elif start == b"link":
            cue = tag.lower()
            if b"canonical" in cue or b"licen" in cue:
                self._add_link(attributes(tag))
        elif start[:2] == b"h1":
            self.headings.append(tag)
        elif start == b"base":
            self.base.append(attributes(tag).get(b"href", b""))
        else:
            head = tag[: tag.find(b">") + 1 or None].lower()
            self.elements.append((head, tag))
            if b"licen" in head:
                self._add_link(attributes(tag))

    def _add_meta(self, values: dict[bytes, bytes]) -> None:
        content = values.get(b"content")
        if not content or content.isspace():
            return
        for attribute in (b"name", b"property", b"itemprop"):
            key = values.get(attribute, b"").strip().lower()
            if key in _META:
                self.meta.setdefault(key.decode(), []).append(content)

    def _add_link(self, values: dict[bytes, bytes]) -> None:
        words = (values.get(b"rel", b"") + b" " + values.get(b"itemprop", b"")).lower().split()
        address = values.get(b"href") or values.get(b"content") or b""
        if b"canonical" in words:
            self.canonical.append(address)
        if b"license" in words or b"licence" in words:
            self.licences.append(address)

    def each(self, names: Iterable[str]) -> Iterator[str]:
        """Texts given under the names, in the order of the names."""
        for name in names:
            for value in self.meta.get(name, ())[:_MAX_VALUES]:
                yield text_of(value)


def _bylines(elements: Sequence[tuple[bytes, bytes]]) -> Iterator[str]:
    """What elements say of the author: links to him first, then his item, then what is classed as a byline."""
    ranked: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    for head, element in elements[:_MAX_ELEMENTS]:
        if not _BYLINE_CUE.search(head):
            continue
        values = attributes(element)
        kind = values.get(b"class", b"").lower()
        if b"author" in values.get(b"rel", b"").lower().split():
            if b"profile" not in kind:  # Blogger's "view my profile"
                ranked[0].append(content_of(element))
        elif b"author" in values.get(b"itemprop", b"").lower().split():
            content = content_of(element)[:MAX_CONTENT_BYTES]
            inner = _ITEM_NAME.search(content)
            ranked[1].append(values.get(b"content") or (inner.group(1) if inner else content))
        elif _BYLINE_CLASS.search(kind) and b"comment" not in kind:
            ranked[2].append(content_of(element))
    for content in itertools.chain(*ranked):
        yield visible_text(content[:MAX_CONTENT_BYTES])


def _times(elements: Sequence[tuple[bytes, bytes]]) -> Iterator[str]:
    """What elements say of the date: those marked as its publication first, then <time>, then the rest."""
    ranked: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    for head, element in elements[:_MAX_ELEMENTS]:
        if not _DATE_CUE.search(head):
            continue
        values = attributes(element)
        item, kind = values.get(b"itemprop", b"").lower(), values.get(b"class", b"").lower()
        if b"datemodified" in item or _LATER.search(kind):
            continue
        sure = b"datepublished" in item or b"pubdate" in values or b"published" in kind or b"entry-date" in kind
        when = values.get(b"datetime") or values.get(b"content") or values.get(b"title")
        ranked[0 if sure else 1 if b"datetime" in values else 2].append(when or content_of(element))
        if sure:
            break
    for content in itertools.chain(*ranked):
        yield visible_text(content[:MAX_CONTENT_BYTES])


def _title(found: _Found, article: Article, title: bytes | None, sites: Sequence[str]) -> str | None:
    return title_of(
        TitleSources(
            headings=[
                clean(visible_text(content_of(tag)[:MAX_CONTENT_BYTES])) for tag in found.headings[:_MAX_HEADINGS]
            ],
            shared=[clean(text) for text in found.each(_TITLES)],
            headline=clean(text_of(article.headline.encode("utf-8", "replace"))) if article.headline else None,
            title=clean(text_of(title[:MAX_TAG_BYTES])) if title else None,
            sites=sites,
        )
    )


def _author(found: _Found, article: Article, sites: Sequence[str]) -> str | None:
    declared = ["; ".join(article.authors), "; ".join(found.each(_AUTHORS))]
    return author_of(itertools.chain(declared, _bylines(found.elements)), sites)


def _dates(found: _Found, article: Article, url: str | None) -> Iterator[str]:
    in_url = day_in_url(url) if url else None
    if in_url:  # the day as the publisher's desk had it; times in tags are often in UTC
        yield in_url
    yield from found.each(_DATES[:4])
    if article.published:
        yield article.published
    yield from found.each(_DATES[4:])
    yield from _times(found.elements)


def _rights(found: _Found, article: Article) -> Iterator[str]:
    yield from map(text_of, found.licences)
    if article.licence:
        yield article.licence
    yield from found.each(_LICENCES)


def _host(url: str | None) -> str:
    """Host of an address, for its name only: neither checked nor parsed further."""
    return _HOST.sub("", url[:_MAX_URL_CHARS]).partition("/")[0].partition(":")[0].lower() if url else ""


def _canonical(found: _Found, url: str | None) -> str | None:
    """First canonical link, or og:url, that is an address of the web."""
    from courlan import normalize_url

    for link in (*map(text_of, found.canonical), *found.each(("og:url",))):
        if not link or len(link) > _MAX_URL_CHARS:
            continue
        try:
            if not link.startswith(("http://", "https://")):
                link = urljoin(urljoin(url or "", text_of(found.base[0]) if found.base else ""), link)
            parts = urlsplit(link.partition("#")[0])
            if parts.scheme in ("http", "https") and "." in (parts.hostname or ""):
                return normalize_url(parts)
        except ValueError:  # "http://[", which a page may well hold
            continue
    return None
