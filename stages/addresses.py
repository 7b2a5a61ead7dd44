"""Addresses of the web in one spelling, so that one page or site is found however somebody writes it.

A page is its host, path and query: scheme, port, user, fragment, a slash at the end, trackers, the order of the query
and needless escapes do not tell pages apart. Most addresses need nothing but a cut and are done column at a time.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

# Spelled as they are compared already: lower-case host, no port, and nothing to decode, sort or cut.
_PLAIN = r"^https?://(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]*[a-z](?:/[A-Za-z0-9._~!$'()*,;:@/-]*)?$"
_LABEL = re.compile(r"[\w](?:[\w-]*[\w])?")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_RESERVED = frozenset(b"%/?#[]@!$&'()*+,;=: \"<>\\^`{|}") | frozenset(range(33)) | {127}
_IPV6 = re.compile(r"\[[0-9a-f:.]+\]")
_MAX_CHARS = 4000  # of an address; a longer one is an attack or a mistake


def canonical_host(text: str) -> str:
    """A host in lower case and ASCII (IDNA), without port and dot at the end.

    Errors: ValueError for what is no host.
    """
    host = text.strip().lower()
    if _IPV6.match(host):
        return host.partition("]")[0] + "]"
    host, _, port = host.partition(":")
    host = host.replace("\u3002", ".").removesuffix(".")
    labels = host.split(".")
    if (
        (port and not port.isdigit())
        or not host
        or len(host) > 253
        or not all(_LABEL.fullmatch(label) for label in labels)
    ):
        raise ValueError(f"{text!r} is no host")
    return host if host.isascii() else ".".join(_ascii(label) for label in labels)


def _ascii(label: str) -> str:
    """A label by IDNA 2008 as browsers read it. Errors: ValueError."""
    import idna

    return label if label.isascii() else idna.encode(label, uts46=True).decode()


def canonical_page(url: str) -> str:
    """A page as ``host/path?query``; without a scheme the address begins with its host.

    Errors: ValueError for what is no address of the web.
    """
    from courlan import normalize_url

    text = url.strip()
    if "://" not in text:
        text = f"http://{text.lstrip('/')}"
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in ("http", "https") or len(text) > _MAX_CHARS:
        raise ValueError(f"{url[:80]!r} is no address of the web")
    parts = urlsplit(f"http://{rest.partition('#')[0]}")
    host = canonical_host(parts.netloc.rpartition("@")[2])
    # courlan sorts the query and drops trackers; it gets a plain host, so that an odd one cannot make it fail.
    tidy = urlsplit(normalize_url(parts._replace(netloc="host.example")))
    path = _unescaped(tidy.path).rstrip("/")
    return f"{host}{path or '/'}" + (f"?{_unescaped(tidy.query)}" if tidy.query else "")


def _unescaped(text: str) -> str:
    """Escapes of letters and signs that need none are decoded, the others in upper case."""
    return _ESCAPES.sub(_decode, text) if "%" in text else text


def _decode(match: re.Match[str]) -> str:
    pieces: list[str] = []
    free = bytearray()
    for byte in bytes.fromhex(match[0].replace("%", "")):
        if byte in _RESERVED:
            pieces += [_text(bytes(free)), f"%{byte:02X}"]
            free.clear()
        else:
            free.append(byte)
    return "".join([*pieces, _text(bytes(free))])


def _text(data: bytes) -> str:
    """Bytes as UTF-8, those that are none as escapes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(f"%{byte:02X}" for byte in data)


def site_key(host: str) -> str:
    """A host with its labels turned round, ``org.example.www``: a site and all below it are one range of keys."""
    return host if host.startswith("[") or _is_number(host) else ".".join(reversed(host.split(".")))


def _is_number(host: str) -> bool:
    """Whether a host is an IPv4 address, whose last part is the smallest and not the largest."""
    return host.replace(".", "").isdigit()


def page_key(page: str) -> str:
    """The key of a canonical page: that of its host, then path and query."""
    host, _, rest = page.partition("/")
    if "?" in host:  # a page without a path has "/" before its query
        host, _, rest = page.partition("?")
        rest = f"?{rest}"
    return f"{site_key(host)}/{rest}"


def site_range(host: str) -> tuple[str, str]:
    """The keys of a host and of all hosts below it: from the first up to, not including, the second."""
    key = site_key(host)
    # "." and "/" are neighbours, and "0" comes next: hosts below, then pages of the host, and nothing else.
    return (f"{key}/", f"{key}0") if _is_number(host) or host.startswith("[") else (f"{key}.", f"{key}0")


def page_keys(urls: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The key of each address, string (n,); null for none and for what is no address of the web."""
    import polars as pl

    column = pl.Series("url", urls.combine_chunks() if isinstance(urls, pa.ChunkedArray) else urls, dtype=pl.String)
    plain = column.str.contains(_PLAIN).fill_null(False) & ~column.str.contains(r"^https?://[^/]*/(?:.*/)?/").fill_null(
        False
    )
    simple = column.filter(plain)
    rest = simple.str.replace(r"^https?://", "")
    hosts = rest.str.extract(r"^([^/]+)", 1)
    paths = rest.str.extract(r"^[^/]+/(.*)$", 1).fill_null("").str.replace(r"/+$", "")
    names = hosts.unique()
    keys = hosts.replace_strict(names, [site_key(name) for name in names.to_list()], return_dtype=pl.String)
    found: list[str | None] = [None] * len(column)
    for row, key in zip(plain.arg_true().to_list(), (keys + "/" + paths).to_list(), strict=True):
        found[row] = key
    for row in (~plain).arg_true().to_list():
        found[row] = _key_or_none(column[row])
    return pa.array(found, pa.string())


def _key_or_none(url: str | None) -> str | None:
    if not url:
        return None
    try:
        return page_key(canonical_page(url))
    except ValueError:  # a page may well hold such an address; it is no page of any site
        return None


def registered(host: str) -> str:
    """The part of a host that somebody registered, ``example.co.uk`` of ``www.example.co.uk``; the host itself where
    there is none, as for an IP address or a public suffix."""
    return str(_splitter()(host).top_domain_under_public_suffix) or host


def is_suffix(host: str) -> bool:
    """Whether a host is a public suffix, under which anybody may register a name, such as ``co.uk``."""
    found = _splitter()(host)
    return bool(found.suffix) and not found.domain


@cache
def _splitter() -> Any:
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)
