"""The attributes of one start tag, from its raw bytes: what metadata and formulas are read from."""

from __future__ import annotations

import html
import re

MAX_TAG_BYTES = 8_192  # of one tag and what follows it; the rest is not looked at
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(rb"<!--.*?(?:-->|\Z)|<[a-zA-Z/!?][^>]*+(?:>|\Z)", re.DOTALL)
# Possessive quantifiers: no byte is looked at a second time, whatever quotes a page leaves open.
_NAME = re.compile(rb"<([a-zA-Z][^\s/>]*+)")
_ATTRIBUTE = re.compile(rb"""([^\s"'<>/=]++)\s*+(?:=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?+""")
_START_TAG = re.compile(rb"""<[a-zA-Z](?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+>""")


def tag_name(tag: bytes) -> bytes:
    """Name of a start tag in lower case; empty where the bytes do not start with one."""
    found = _NAME.match(tag)
    return found.group(1).lower() if found else b""


def attributes(tag: bytes) -> dict[bytes, bytes]:
    """Attributes of a start tag: names in lower case, values as written. The first of a name counts, as in browsers."""
    start, end = _NAME.match(tag), _START_TAG.match(tag)
    if start is None:
        return {}
    found: dict[bytes, bytes] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag, start.end(), end.end() if end else len(tag)):
        found.setdefault(name.lower(), double or single or bare)
    return found


def content_of(element: bytes) -> bytes:
    """What follows the start tag that the bytes begin with."""
    end = _START_TAG.match(element)
    return element[end.end() :] if end else b""


def text_of(raw: bytes) -> str:
    """Attribute value or text as it reads: decoded, entities resolved, white space collapsed."""
    text = raw.decode("utf-8", "replace")
    if "&" in text:
        text = html.unescape(text)
    return _SPACE.sub(" ", text).strip()


def visible_text(markup: bytes) -> str:
    """Text of a piece of markup: tags are spaces."""
    return text_of(_MARKUP.sub(b" ", markup)) if b"<" in markup else text_of(markup)
