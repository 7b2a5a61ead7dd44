"""schema.org data of a page (JSON-LD): what it says of the page's own article."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 65_536  # of one script
_MAX_SCRIPTS = 20
_MAX_NODES = 500  # a shop lists thousands of offers; the article stands near the top
_WRAPPER = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>|;)\s*$"
)
# Only what holds the page's own node; "itemListElement", "comment", "review" hold others.
_NESTED = ("@graph", "mainEntity", "mainEntityOfPage")
_ARTICLES = re.compile(r"article|posting|question|recipe|^(?:report|book|dataset|videoobject|podcastepisode)$")
_PAGES = re.compile(r"page$")
_STRING = r'"\s*:\s*"((?:[^"\\]|\\.){1,500})"'
_LOOSE = {name: re.compile(f'"{name}{_STRING}') for name in ("headline", "datePublished", "license")}
_LOOSE_AUTHOR = re.compile(r'"author"\s*:\s*[\[{\s]*(?:"@type"\s*:\s*"Person"\s*,\s*)?"name' + _STRING)


@dataclass(frozen=True)
class Article:
    """What JSON-LD says of the page, as written."""

    headline: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    licence: str | None = None
    publisher: str | None = None


def read_json_ld(scripts: Sequence[bytes]) -> Article:
    """Read the page's own node, an article before a page before anything else.

    Args: contents of the page's <script type="application/ld+json">, in order.
    Errors: none; a script that is no JSON is searched for the same names by pattern.
    """
    nodes: list[dict[str, Any]] = []
    for script in scripts[:_MAX_SCRIPTS]:
        nodes += _nodes(_parse(script[:MAX_BYTES].decode("utf-8", "replace")), _MAX_NODES - len(nodes))
    names = {node["@id"]: node["name"] for node in nodes if _is_text(node.get("@id")) and _is_text(node.get("name"))}
    own = sorted((node for node in nodes if _rank(node) < 3), key=_rank)
    articles = [node for node in own if _rank(node) == 0]
    return Article(
        headline=next(_texts(articles, "headline"), None) or next(_texts(articles, "name"), None),
        authors=next((found for node in own if (found := _people(node.get("author"), names))), ()),
        published=next(_texts(own, "datePublished"), None) or next(_texts(own, "dateCreated"), None),
        licence=next((found for node in own if (found := _address(node.get("license")))), None),
        publisher=next((found for node in nodes if (found := _name(node.get("publisher"), names))), None),
    )


def _parse(text: str) -> Any:
    """The data of a script, with or without the comment marks that old pages wrap scripts in."""
    for attempt in (text, None):
        try:
            return json.loads(_WRAPPER.sub("", text) if attempt is None else attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return _loose_node(text)


def _nodes(data: Any, limit: int) -> list[dict[str, Any]]:
    """Nodes of a document from the outside in."""
    found: list[dict[str, Any]] = []
    queue = deque([data])
    while queue and len(found) < limit:
        item = queue.popleft()
        if isinstance(item, list):
            queue.extend(item[:limit])
        elif isinstance(item, dict):
            found.append(item)
            queue.extend(item[name] for name in _NESTED if name in item)
    return found


def _loose_node(text: str) -> dict[str, Any]:
    """An article from text that is no JSON: the first string of each name."""
    found = {name: match[1] for name, pattern in _LOOSE.items() if (match := pattern.search(text))}
    author = _LOOSE_AUTHOR.search(text)
    return {"@type": "Article"} | found | ({"author": author[1]} if author else {})


def _rank(node: dict[str, Any]) -> int:
    """0 for an article, 1 for a page, 2 for what has an author or a date all the same, 3 for the rest."""
    kinds = node.get("@type")
    names = [kind.lower() for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)]
    if any(_ARTICLES.search(name) for name in names):
        return 0
    if any(_PAGES.search(name) for name in names):
        return 1
    return 2 if "author" in node or "datePublished" in node else 3


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(nodes: Sequence[dict[str, Any]], name: str) -> Iterator[str]:
    for node in nodes:
        value = node.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and value.strip():
            yield value[:1000]


def _people(value: Any, names: dict[str, str]) -> tuple[str, ...]:
    """Names of authors, people before organisations."""
    authors = [author for author in (value if isinstance(value, list) else [value])[:20] if author]
    people = [author for author in authors if not isinstance(author, dict) or author.get("@type") != "Organization"]
    return tuple(name for author in people or authors if (name := _name(author, names)))


def _name(value: Any, names: dict[str, str]) -> str | None:
    """Name of a person or body, which may be text, a node, a list of them or a pointer to a node elsewhere."""
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            full = " ".join(value[part] for part in ("givenName", "familyName") if _is_text(value.get(part)))
            value = value.get("name") or full or names.get(str(value.get("@id")))
    return value[:500] if isinstance(value, str) and value.strip() else None


def _address(value: Any) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("url") or value.get("@id") or value.get("name")
    return value if _is_text(value) else None
