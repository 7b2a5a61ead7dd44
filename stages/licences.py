"""Creative Commons licences and public domain marks, as links or as words, to the address of the licence."""

from __future__ import annotations

import re

_HOST = "https://creativecommons.org/"
# Codes of retired licences (sa, nd-nc, sampling+) are still linked; "deed.de" and "legalcode" name a page of one.
_LINK = re.compile(
    r"creativecommons\.org/(?:"
    r"licen[cs]es/(?P<code>[a-z]+(?:-[a-z]+){0,2}\+?)(?:/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2,3}|igo|scotland)(?=[/?#\s\"']|$))?)?"
    r"|publicdomain/(?P<domain>zero|mark)(?:/(?P<mark>\d\.\d))?)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"\bcc[ -]?(?P<code>by(?:-n[cd]|-sa){0,2}|0|zero)(?![\w-])[ v-]{0,3}(?P<version>[1-4]\.\d)?", re.IGNORECASE
)
_PORTED = ("1.0", "2.0", "2.1", "2.5", "3.0")  # from 4.0 on there are no national versions


def licence_of(value: str) -> str | None:
    """Canonical address of the licence that a link or a phrase names, null where it names none.

    The version and the jurisdiction stay (by/2.0/de is a licence of its own), the language of the deed goes:
    "http://www.creativecommons.org/licenses/by-sa/4.0/deed.de" is https://creativecommons.org/licenses/by-sa/4.0/.
    A phrase needs its version ("CC BY-SA 4.0"), for without one it names no text; CC0 has only one.
    """
    value = value[:2000]
    link = _LINK.search(value)
    if link is not None:
        return _of_link(link)
    words = _WORDS.search(value)
    if words is None:
        return None
    if words["code"].lower() in ("0", "zero"):
        return f"{_HOST}publicdomain/zero/1.0/"
    return f"{_HOST}licenses/{words['code'].lower()}/{words['version']}/" if words["version"] else None


def _of_link(link: re.Match[str]) -> str:
    if link["domain"]:
        return f"{_HOST}publicdomain/{link['domain'].lower()}/{link['mark'] or '1.0'}/"
    code, version, port = (link[name] and link[name].lower() for name in ("code", "version", "port"))
    if code == "publicdomain":
        return f"{_HOST}licenses/publicdomain/"
    parts = [code, version, port if version in _PORTED else None]
    return f"{_HOST}licenses/{'/'.join(part for part in parts if part)}/"
