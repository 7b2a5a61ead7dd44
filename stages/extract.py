"""L0: a page's bytes to its main text, title and the publisher's signals."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from stages.charset import decode
from stages.contract import Config, Stage

_ADDS = {
    "content": pa.string(),
    "title": pa.string(),
    "charset": pa.string(),
    "extractor": pa.string(),
    "licence": pa.string(),
    "opt_out": pa.string(),
    "extract.html_bytes": pa.int64(),
    "extract.text_chars": pa.int64(),
    "extract.drop": pa.string(),
}
_VOID_OR_IMPLIED = (  # elements that hold nothing, or that the next of their kind closes: neither nests
    rb"area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|td|th|tr|dt|dd|option|thead|tbody"
)
_NESTING_TAG = re.compile(rb"<(/?)(?!(?:" + _VOID_OR_IMPLIED + rb")\b)[a-z][^<>]{0,2000}>", re.IGNORECASE)
_FORMATTING_TAG = re.compile(rb"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b", re.IGNORECASE)
_WALKED_NODES = 20_000  # of a page that looks too deep, half a second; the rest of it is taken to be
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SIGNALS = "meta[name],a[rel~=license],link[rel~=license]"
_OPT_OUTS = frozenset(("noai", "noimageai", "noindex"))


class ExtractConfig(Config):
    """Limits of a page, and when a second opinion is worth ten times the price."""

    max_html_bytes: int = 10_000_000
    max_tags: int = 400_000  # "<" signs, which bound the nodes of the tree
    max_nodes: int = (
        1_000_000  # tags times formatting elements left open: the parser opens each again in each paragraph
    )
    max_depth: int = 2_000  # nested elements; extraction is quadratic in them, 0.1 s here
    max_bad_ratio: float = 0.05  # unreadable characters of the whole text
    second_opinion: bool = True  # trafilatura where resiliparse is in doubt
    doubt_min_chars: int = 250  # main text shorter than this ...
    doubt_min_ratio: float = 0.05  # ... or a smaller part of all visible text than this is in doubt,
    doubt_max_short_ratio: float = 0.8  # and so is one mostly made of short lines, as menus and lists of links are
    doubt_max_bytes: int = 1_000_000  # no second opinion on larger pages


@dataclass(frozen=True)
class _Page:
    """What one page gave; the names are the columns, "drop" apart."""

    content: str | None = None
    title: str | None = None
    charset: str | None = None
    extractor: str | None = None
    licence: str | None = None
    opt_out: str | None = None
    text_chars: int | None = None
    drop: str | None = None


def extract_stage(cfg: ExtractConfig) -> Stage:
    """HTML to text."""
    return Stage(
        name="extract",
        fn=extract,
        config=cfg,
        needs=("payload", "charset_declared", "x_robots_tag", "ingest.drop"),
        adds=tuple(_ADDS),
        reject_on="extract.drop",
    )


def extract(batch: pa.Table, cfg: ExtractConfig) -> pa.Table:
    """Read each page's main text.

    In:     payload binary, charset_declared string, x_robots_tag string, ingest.drop string, all (n,)
    Out:    the same rows with content, title, charset, extractor ("resiliparse" or "trafilatura"), licence (the
            Creative Commons link), opt_out (comma-joined: noai, noimageai, noindex, tdm), extract.html_bytes,
            extract.text_chars and extract.drop: too_large, too_many_tags, too_many_nodes, too_deep, undecodable,
            unparsable, empty.
            All null for a row that ingest.drop already rejects.
    Errors: none from content.
    """
    columns: dict[str, list[object]] = {name: [] for name in _ADDS}
    inputs = (batch[name] for name in ("payload", "charset_declared", "x_robots_tag", "ingest.drop"))
    for payload, charset, robots, rejected in zip(*inputs, strict=True):
        html = payload.as_py()
        page = _Page() if rejected.is_valid or html is None else _read(html, charset.as_py(), robots.as_py(), cfg)
        fields = asdict(page) | {"html_bytes": None if rejected.is_valid or html is None else len(html)}
        for name, values in columns.items():
            values.append(fields[name.removeprefix("extract.")])
    for name, kind in _ADDS.items():
        batch = batch.append_column(name, pa.array(columns[name], kind))
    return batch


def _read(payload: bytes, declared: str | None, robots: str | None, cfg: ExtractConfig) -> _Page:
    drop = _beyond_limits(payload, cfg)
    if drop is not None:
        return _Page(drop=drop)
    decoded = decode(payload, declared, cfg.max_bad_ratio)
    if decoded is None:
        return _Page(drop="undecodable")
    html, charset = decoded
    try:
        tree = HTMLTree.parse(html)
    except ValueError:
        return _Page(charset=charset, drop="unparsable")
    if _is_too_deep(payload, tree, cfg.max_depth):
        return _Page(charset=charset, drop="too_deep")
    text, extractor = _main_text(tree, html, cfg)
    licence, opt_out = _signals(tree, robots)
    return _Page(
        content=text or None,
        title=" ".join((tree.title or "").split()) or None,
        charset=charset,
        extractor=extractor,
        licence=licence,
        opt_out=opt_out,
        text_chars=len(text),
        drop=None if text else "empty",
    )


def _beyond_limits(payload: bytes, cfg: ExtractConfig) -> str | None:
    """Why a page is not even parsed, from one pass over its bytes."""
    if len(payload) > cfg.max_html_bytes:
        return "too_large"
    tags = payload.count(b"<")
    if tags > cfg.max_tags:
        return "too_many_tags"
    # The cheap bound comes first: it takes every tag for an open one, so few sound pages are looked at closely.
    if _tag_depth(payload) * tags > cfg.max_nodes and _most_open(_FORMATTING_TAG, payload) * tags > cfg.max_nodes:
        return "too_many_nodes"
    return None


def _is_too_deep(payload: bytes, tree: HTMLTree, limit: int) -> bool:
    """Whether elements nest deeper than the limit, by bounds on the bytes and, above both, by walking the tree."""
    if _tag_depth(payload) <= limit or _most_open(_NESTING_TAG, payload) <= limit:
        return False
    # Only the tree knows: the tags that close themselves nest outside of <svg> and do not inside.
    return tree.body is not None and _walks_below(tree.body, limit)


def _walks_below(node: Any, limit: int) -> bool:
    """Whether a walk from a node gets deeper than the limit, or is not done after _WALKED_NODES."""
    depth = 0
    for _ in range(_WALKED_NODES):
        if depth > limit:
            return True
        if node.first_child is not None:
            node, depth = node.first_child, depth + 1
            continue
        while depth > 0 and node.next is None:
            node, depth = node.parent, depth - 1
        if depth == 0:
            return False
        node = node.next
    return True


def _tag_depth(payload: bytes) -> int:
    """Most start tags open at once if none closed itself."""
    data = np.frombuffer(payload, np.uint8)
    after = data[np.flatnonzero(data[:-1] == ord("<")) + 1]
    letters = after | 0x20
    steps = ((letters >= ord("a")) & (letters <= ord("z"))).astype(np.int32) - (after == ord("/"))
    return int(np.cumsum(steps).max(initial=0))


def _most_open(tag: re.Pattern[bytes], payload: bytes) -> int:
    """Most elements open at once, of those whose tags the pattern finds."""
    steps = np.fromiter((-1 if found.group(1) else 1 for found in tag.finditer(payload)), np.int32)
    return int(np.cumsum(steps).max(initial=0))


def _main_text(tree: HTMLTree, html: str, cfg: ExtractConfig) -> tuple[str, str]:
    """Main text and the name of the extractor it is from."""
    text = extract_plain_text(tree, main_content=True, preserve_formatting=True, alt_texts=False).strip()
    if not cfg.second_opinion or len(html) > cfg.doubt_max_bytes or not _doubtful(text, tree, cfg):
        return text, "resiliparse"
    import trafilatura

    second = (trafilatura.extract(html, fast=True, include_comments=False) or "").strip()
    # A menu is long and empty, so a proper text wins although it is shorter; otherwise the longer one does.
    better = len(second) >= cfg.doubt_min_chars if len(text) >= cfg.doubt_min_chars else len(second) > len(text)
    return (second, "trafilatura") if better else (text, "resiliparse")


def _doubtful(text: str, tree: HTMLTree, cfg: ExtractConfig) -> bool:
    """Whether resiliparse seems to have missed the main text, or to have taken the menus for it."""
    if len(text) < cfg.doubt_min_chars or _short_ratio(text) > cfg.doubt_max_short_ratio:
        return True
    visible = extract_plain_text(tree, main_content=False, preserve_formatting=False, alt_texts=False)
    return len(text) < cfg.doubt_min_ratio * len(visible)


def _short_ratio(text: str) -> float:
    """Share of characters in lines too short for a sentence: under 40, or under 16 where Chinese is written."""
    short = 16 if _CJK.search(text, 0, 2000) else 40
    return sum(len(line) for line in text.split("\n") if len(line) < short) / max(1, len(text))


def _signals(tree: HTMLTree, robots: str | None) -> tuple[str | None, str | None]:
    """Creative Commons licence link, and the opt-outs of the meta tags and the X-Robots-Tag header."""
    words = [robots or ""]
    licence, found = None, set()
    for node in tree.document.query_selector_all(_SIGNALS) if tree.document else ():
        name, value = (node.getattr("name") or "").lower(), node.getattr("content") or ""
        if node.tag != "meta":
            licence = licence or _creative_commons(node.getattr("href"))
        elif name == "robots":
            words.append(value)
        elif name == "tdm-reservation" and value.strip() == "1":
            found.add("tdm")
    said = set(re.findall(r"[a-z]+", " ".join(words).lower()))
    found |= said & _OPT_OUTS | ({"noindex"} if "none" in said else set())
    return licence, ",".join(sorted(found)) or None


def _creative_commons(href: str | None) -> str | None:
    try:
        host = urlsplit((href or "").strip()).hostname or ""
    except ValueError:  # "http://[", which a page may well hold
        return None
    return href.strip() if href and host.removeprefix("www.") == "creativecommons.org" else None
