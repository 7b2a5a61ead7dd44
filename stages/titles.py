"""Which of a page's own names for itself is its title, and who it says wrote it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffd]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")
_ENTITY = re.compile(r"&(?:#\d|#x[0-9a-f]|[a-z]{2,8};)", re.IGNORECASE)
_MAX_TITLE_CHARS = 500
_MAX_SITE_CHARS = 12  # of a short last part in Chinese or Japanese, where a word has no end
# A hyphen or colon parts a title from a site only with space around it: "Covid-19", "11:30".
_SEPARATOR = re.compile(
    r"\s+[-–—|·•»›:<>⁄*⋆~‹«/]+\s+|\s*[|｜]\s*|[_＿](?=[^\x00-\x7f])|(?<=[^\x00-\x7f])[_＿]|\s*--+\s*"
    r"|(?<=[\u2e80-\u9fff\uff00-\uffef])[-–—]+(?=[\u2e80-\u9fff])"
)
_LETTERS = re.compile(r"[^\W_]+")
_MAX_SITE_WORDS = 5

_LABEL = (  # with or without a colon ("di", "da", "文" only with one: they begin names)
    r"written by|words by|posted by|published by|created by|story by|article by|text by|geschrieben von|erstellt von|"
    r"veröffentlicht von|posté par|publié par|écrit par|escrito por|publicado por|by|vom|von|par|por|door|av|"
    r"authors?|autor(?:in|en|innen|es|e|i)?|auteurs?|autrice|verfasser(?:in)?|作者|编辑|編輯|責任編輯|责任编辑|記者|记者|撰文"
)
_PREFIX = re.compile(
    rf"^(?:(?:{_LABEL})(?:\s*[:：]\s*|(?<![a-zà-ÿ])|\s+)|(?:texte?|di|da|af|redaktion|文)\s*[:：]\s*)+", re.IGNORECASE
)
_TAIL = re.compile(
    r"(?:\s*[|·•»›(（\[]|\s[-–—]\s|(?:,|\s(?:am|on|um|le|el|il|den|the)\b)?\s+\d).*$", re.IGNORECASE | re.DOTALL
)
_REST = re.compile(
    r"(?:^|\s)(?:updated|publi\w+|posted|veröffentlicht|aktualisiert|stand|datum|date|foto|photo)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_BETWEEN = re.compile(r"\s*[;,、，；]\s*|\s+(?:and|und|et|y|e|og|och|en|&)\s+|\s*[&/]\s*")
_FULL_STOP = re.compile(r"(?<=\w{3})\.$|^\.+")  # but not of an initial: "Juan Muñoz C."
_NOT_A_NAME = re.compile(r"https?:|www\.|@|\[at\]|\.(?:com|org|net|de|html?)\b|[<>{}=]", re.IGNORECASE)
_NOBODY = (
    "admin administrator anonymous author autor auteur by comments guest name none null par por root staff undefined "
    "unknown user von webmaster wordpress wordpressadmin wpadmin written"
)
_MAX_NAME_CHARS = 60
_MAX_AUTHORS = 12


@dataclass(frozen=True)
class TitleSources:
    """A page's names for itself, as they read, and those of its site."""

    headings: Sequence[str] = ()  # <h1>
    shared: Sequence[str] = ()  # og:title, twitter:title, dc.title ..., the most believed first
    headline: str | None = None  # JSON-LD
    title: str | None = None  # <title>
    sites: Sequence[str] = ()  # og:site_name, publisher, host


def clean(text: str | None) -> str:
    """Text without control characters and lone surrogates, white space collapsed."""
    if not text:
        return ""
    text = text[: 4 * _MAX_TITLE_CHARS]
    if "&" in text and _ENTITY.search(text):  # escaped twice, as many systems do
        text = html.unescape(text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text.encode("utf-8", "replace").decode())
    return " ".join(_CONTROL.sub(" ", text).split())[:_MAX_TITLE_CHARS]


def title_of(sources: TitleSources) -> str | None:
    """The title a reader sees.

    A heading that agrees with what the page tells search engines is the title as printed. Without one it is the
    headline, then the shared title and <title>, both less the site's name.
    """
    if sources.headings and sources.headings[0] in (*sources.shared, sources.headline):
        return sources.headings[0] or None
    sites = {key for site in sources.sites if (key := _key(site))}
    shared = [short for text in sources.shared if (short := without_site(text, sites))]
    title = without_site(sources.title or "", sites, guess=True)
    others = [text for text in (sources.headline, *shared, title) if text]
    headings = [heading for heading in sources.headings if heading and _key(heading) not in sites]
    for heading in headings:
        if any(_agree(heading, other) for other in others):
            return _without_kicker(heading, others)
    return next(iter(others), None) or next(iter(headings), None)


def _without_kicker(heading: str, others: Sequence[str]) -> str:
    """A heading less the small print above or below the title in it: the part that the page also gives by itself."""
    key = _key(heading)
    inside = [other for other in others if len(key) > len(_key(other)) >= len(key) // 3 and _key(other) in key]
    return max(inside, key=len) if inside else heading


def without_site(title: str, sites: set[str], guess: bool = False) -> str:
    """Title without the parts that name the site.

    Args: sites, keys of the site's names; guess, whether a short last part goes although no name is known.
    """
    cuts = list(_SEPARATOR.finditer(title))
    if not cuts:
        return title
    first, last = cuts[0], cuts[-1]
    for cut in cuts:  # the tail may hold separators of its own: "Title - Paper | News"
        if _is_site(title[cut.end() :], sites):
            return title[: cut.start()]
    if _is_site(title[: first.start()], sites):
        return title[first.end() :]
    tail = title[last.end() :]
    short = len(tail.split()) <= _MAX_SITE_WORDS and (tail.isascii() or len(tail) <= _MAX_SITE_CHARS or " " in tail)
    if guess and short and len(tail) < last.start():
        return title[: last.start()]
    return title


@lru_cache(maxsize=1024)  # the names of the site and of the page are compared with each other again and again
def _key(text: str) -> str:
    return "".join(_LETTERS.findall(text.lower()))


def _is_site(part: str, sites: set[str]) -> bool:
    """Whether a part of a title is a name of the site, or the site's name in a longer or shorter form."""
    key = _key(part)
    if key in sites:
        return True
    return len(key) > 3 and any(len(site) > 3 and (key.startswith(site) or site.startswith(key)) for site in sites)


def _agree(heading: str, other: str) -> bool:
    """Whether two titles are the same but for wording: one holds the other, or they share most words."""
    a, b = _key(heading), _key(other)
    if not a or not b:
        return False
    if a == b or (len(a) > 8 and a in b) or (len(b) > 8 and b in a and len(a) < 2 * len(b)):
        return True
    words, others = set(_LETTERS.findall(heading.lower())), set(_LETTERS.findall(other.lower()))
    return 2 * len(words & others) > max(len(words), len(others))


def host_keys(host: str) -> list[str]:
    """What a host is called: example.co.uk is "example" and "example.co.uk"."""
    host = host.removeprefix("www.")
    return [host, max(host.split("."), key=len)] if host else []


def author_of(candidates: Iterable[str], sites: Iterable[str] = ()) -> str | None:
    """Names of the authors, joined by "; ", from the first candidate that is a name of somebody."""
    keys = {key for site in sites if (key := _key(site))}
    site_names: list[str] = []
    for candidate in candidates:
        names = names_in(candidate)
        people = [name for name in names if not _is_site(name, keys)]
        if people:
            return "; ".join(people[:_MAX_AUTHORS])
        site_names = site_names or names
    return "; ".join(site_names[:_MAX_AUTHORS]) or None


def names_in(text: str) -> list[str]:
    """Names in a byline: "By Ada Lovelace and Charles Babbage | 3 May" gives two."""
    text = clean(text)
    if not text or _NOT_A_NAME.search(text):
        return []
    text = _REST.sub("", _TAIL.sub("", _PREFIX.sub("", text)))
    found = (_FULL_STOP.sub("", name.strip(" ,:;-–—*\"'")) for name in _BETWEEN.split(text))
    return list(dict.fromkeys(name for name in found if _is_name(name)))


def _is_name(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return (
        letters >= 2
        and len(text) <= _MAX_NAME_CHARS
        and len(text.split()) <= 6
        and 2 * letters > len(text)
        and text.lower() not in _NOBODY.split()
    )
