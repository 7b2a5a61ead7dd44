"""L0: a page's bytes to its main text, its metadata and the publisher's signals."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from classifiers.language_id import model_path, model_sha256
from stages import second_opinion
from stages.blocks import MODEL, Model, Page, TooDeep, choose, features_of, load_model, read_blocks
from stages.charset import BAD, decode
from stages.contract import Config, Stage
from stages.dates import thorough_date
from stages.html_layout import S_JSON_LD, S_TAG
from stages.limits import TOO_SLOW, TooSlow, cpu_limit, slow_column
from stages.metadata import Metadata, read_metadata
from stages.render import render
from stages.role_kernels import block_roles

_NEEDS = ("payload", "url", "date", "charset_declared", "x_robots_tag", "tdm_reservation", "ingest.drop")
_ADDS = {
    "content": pa.string(),
    "title": pa.string(),
    "author": pa.string(),
    "published": pa.string(),
    "canonical_url": pa.string(),
    "charset": pa.string(),
    "extractor": pa.string(),
    "licence": pa.string(),
    "opt_out": pa.string(),
    "extract.html_bytes": pa.int64(),
    "extract.text_chars": pa.int64(),
    "extract.doubt": pa.float32(),
    "extract.drop": pa.string(),
}
# A page in GBK: it takes every path that compiles or loads something.
_WARM_UP = "<title>港口</title><p>清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠。".encode("gbk")


class ExtractConfig(Config):
    """Limits of a page, what is main text, and when a second opinion is worth five times the price."""

    max_html_bytes: int = 10_000_000
    max_tags: int = 400_000  # "<" signs, which bound the elements and blocks
    max_depth: int = 2_000  # nested elements that stand on lines of their own
    max_bad_ratio: float = 0.05  # unreadable characters of the whole text
    max_cpu_s: float = 2.0  # backstop behind the limits above; a page that hits it is rejected in every later run too
    threshold: float = 0.55  # probability from which a block is main text
    second_opinion: bool = True  # trafilatura where the model is in doubt
    min_doubt: float = 0.35  # characters likely on the wrong side, as a share of those kept; above it, it is asked
    second_max_bytes: int = 300_000  # no second opinion on larger pages
    thorough_dates: bool = False  # htmldate on the whole page where tags give no date: 1 to 10 ms each


@dataclass(frozen=True)
class _Result:
    """What one page gave; the names are the columns, "extract." apart."""

    content: str | None = None
    title: str | None = None
    author: str | None = None
    published: str | None = None
    canonical_url: str | None = None
    charset: str | None = None
    extractor: str | None = None
    licence: str | None = None
    opt_out: str | None = None
    html_bytes: int | None = None
    text_chars: int | None = None
    doubt: float | None = None
    drop: str | None = None


@dataclass(frozen=True)
class _Source:
    """One page as the archive has it."""

    payload: bytes
    url: str | None
    date: str | None
    charset: str | None
    robots: str | None
    tdm: str | None


def extract_stage(cfg: ExtractConfig) -> Stage:
    """HTML to text."""
    return Stage(
        name="extract",
        fn=extract,
        config=cfg,
        needs=(*_NEEDS, slow_column("extract")),
        adds=tuple(_ADDS),
        reject_on="extract.drop",
        load=load_extractor,
        identity=extractor_identity,
        version=2,
    )


def load_extractor(cfg: ExtractConfig) -> Model:
    """The model; and once per worker what would count against the CPU limit of the first page: kernels, lid.176."""
    model = load_model()
    _read(_Source(_WARM_UP, None, None, None, None, None), model, cfg)
    return model


def extractor_identity(cfg: ExtractConfig) -> dict[str, str]:
    """What the fingerprint records: the models of the blocks, and of the languages that tell charsets apart."""
    return {"blocks": hashlib.sha256(MODEL.read_bytes()).hexdigest(), "charset": model_sha256(model_path())}


def extract(batch: pa.Table, cfg: ExtractConfig, model: Model) -> pa.Table:
    """Read each page's main text and metadata.

    In:     payload binary, url, date, charset_declared, x_robots_tag, tdm_reservation and ingest.drop string,
            extract.slow bool, all (n,)
    Out:    the same rows with content (light Markdown), title, author ("; " between several), published (ISO day),
            canonical_url, charset, extractor ("blocks", or "blocks+trafilatura" where both had a say), licence (a
            Creative Commons link), opt_out (comma-joined: noai, noimageai, noindex, tdm), extract.html_bytes,
            extract.text_chars, extract.doubt and extract.drop: too_large, too_many_tags, too_deep, too_slow,
            undecodable, empty.
            All null for a row that ingest.drop already rejects.
    Errors: none from content.
    """
    columns: dict[str, list[object]] = {name: [] for name in _ADDS}
    inputs = (batch[name] for name in (*_NEEDS, slow_column("extract")))
    for payload, *texts, rejected, slow in zip(*inputs, strict=True):
        html = payload.as_py()
        if rejected.is_valid or html is None:
            result = _Result()
        else:
            result = _limited(_Source(html, *(text.as_py() for text in texts)), slow.as_py(), model, cfg)
        fields = asdict(result)
        for name, values in columns.items():
            values.append(fields[name.removeprefix("extract.")])
    for name, kind in _ADDS.items():
        batch = batch.append_column(name, pa.array(columns[name], kind))
    return batch


def _limited(source: _Source, slow: bool | None, model: Model, cfg: ExtractConfig) -> _Result:
    """Read a page within its CPU time; one that once was too slow is not tried again."""
    result = _Result(drop=TOO_SLOW)
    if not slow:
        try:
            with cpu_limit(cfg.max_cpu_s):
                result = _read(source, model, cfg)
        except TooSlow:
            result = _Result(drop=TOO_SLOW)
    return replace(result, html_bytes=len(source.payload))


def _read(source: _Source, model: Model, cfg: ExtractConfig) -> _Result:
    if len(source.payload) > cfg.max_html_bytes:
        return _Result(drop="too_large")
    if source.payload.count(b"<") > cfg.max_tags:
        return _Result(drop="too_many_tags")
    decoded = decode(source.payload, source.charset, cfg.max_bad_ratio)
    if decoded is None:
        return _Result(drop="undecodable")
    html, charset = decoded
    try:
        page = read_blocks(_utf8(source.payload, html, charset), cfg.max_depth)
    except TooDeep:
        return _Result(charset=charset, drop="too_deep")
    text, extractor, doubt = _main_text(page, html, model, cfg)
    found = _metadata(page, html, source, cfg)
    return _Result(
        content=text or None,
        title=found.title,
        author=found.author,
        published=found.published,
        canonical_url=found.canonical_url,
        charset=charset,
        extractor=extractor,
        licence=found.licence,
        opt_out=_opt_out(found.opt_out, source.tdm),
        text_chars=len(text),
        doubt=doubt,
        drop=None if text else "empty",
    )


def _utf8(payload: bytes, html: str, charset: str) -> bytes:
    """The page in UTF-8: as it came, if it is sound UTF-8 without a byte order mark."""
    sound = charset == "utf-8" and BAD not in html and not payload.startswith(codecs.BOM_UTF8)
    return payload if sound else html.encode("utf-8", "replace")


def _main_text(page: Page, html: str, model: Model, cfg: ExtractConfig) -> tuple[str, str, float]:
    """Main text, the names of the extractors it is from, and the model's doubt about the page."""
    if not len(page.blocks):
        return "", "blocks", 0.0
    features = features_of(page)
    probability, extractor = model.probabilities(features), "blocks"
    doubt = second_opinion.doubt_of(probability, features)
    if cfg.second_opinion and doubt > cfg.min_doubt and len(html) <= cfg.second_max_bytes:
        second = second_opinion.vote(page, html, probability, features)
        if second is not None:
            probability, extractor = second, "blocks+trafilatura"
    roles = block_roles(page.blocks, page.nodes)
    return render(page, choose(probability, features, roles, cfg.threshold), roles), extractor, doubt


def _metadata(page: Page, html: str, source: _Source, cfg: ExtractConfig) -> Metadata:
    spans: dict[int, list[bytes]] = {}
    for kind, start, end in page.spans.tolist():
        spans.setdefault(kind, []).append(page.html[start:end])
    found = read_metadata(
        spans.get(S_TAG, []), spans.get(S_JSON_LD, []), page.title(), source.url, source.robots, source.date
    )
    if cfg.thorough_dates and found.published is None:
        return replace(found, published=thorough_date(html, source.url, source.date))
    return found


def _opt_out(said: str | None, reservation: str | None) -> str | None:
    """The opt-outs with that of the header tdm-reservation."""
    words: set[Any] = set(said.split(",")) if said else set()
    if (reservation or "").strip() == "1":
        words.add("tdm")
    return ",".join(sorted(words)) or None
