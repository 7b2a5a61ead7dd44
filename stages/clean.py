"""L1: Unicode repair and line clean-up. Both are cheap, so they are done again rather than stored twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Config, Stage
from stages.mojibake import repair

if TYPE_CHECKING:
    import polars as pl

_NEWLINES = r"\r\n|[\r\x0b\x0c\u0085\u2028\u2029]"
_SPACES = r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
# Controls, soft hyphen, zero-width and direction marks, private use, replacement and non-characters. The zero-width
# joiners U+200C and U+200D stay: emoji, Persian and Indic scripts are spelled with them.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ue000-\uf8ff"
    r"\ufdd0-\ufdef\ufeff\ufff9-\uffff\U000F0000-\U0010FFFF]"
)
# Whole lines, in lower case and without marks at either end. One-word entries that are headings of manuals elsewhere
# ("Search", "Print", "Close", "关闭") are left out on purpose.
_BOILERPLATE = frozenset(
    """
    skip to content|skip to main content|skip to navigation|jump to content|jump to navigation|back to top|top of page
    toggle navigation|main menu|log in|login|sign in|sign up|subscribe|tweet|email this|share this|share on facebook
    share on twitter|share this post|print this page|read more|continue reading|leave a comment|leave a reply
    previous post|next post|advertisement|sponsored|related posts|accept all cookies|accept cookies|accept all
    reject all|cookie settings|manage cookies|privacy policy|terms of use|terms of service|all rights reserved
    loading|click here
    跳到主要内容|跳转到主要内容|跳到内容|跳至内容|跳到导航|返回顶部|回到顶部|回顶部|返回首页|登录|注册|登录注册|登入|分享到|点赞|发表评论
    相关阅读|相关文章|相关推荐|推荐阅读|热门推荐|上一篇|下一篇|上一页|下一页|阅读全文|查看更多|展开全文|打印本页|关闭窗口|联系我们
    关于我们|网站地图|版权所有|免责声明|隐私政策|扫一扫|微信扫一扫|设为首页|加入收藏
    """.strip()
    .replace("\n", "|")
    .split("|")
)
_COOKIE_LINE = (
    r"(?i)\b(we|this (web)?site) uses? cookies\b"
    r"|\bby (continuing|using) (to (browse|use) )?(this|our) (web)?site\b.*\bcookies?\b"
    r"|\baccept\b.*\bcookies?\b"
    r"|本(网)?站使用\s*cookies?|使用\s*cookies?.*(体验|同意)"
    r"|javascript\b.*\b(is )?(disabled|not enabled)\b|please enable javascript|请(启用|开启)\s*javascript"
)


class CleanConfig(Config):
    """What is tidied, and what is then too little to keep."""

    repair_mojibake: bool = True
    drop_boilerplate_lines: bool = True  # navigation, sharing and cookie lines, English and Chinese
    extra_boilerplate: tuple[str, ...] = ()  # whole lines, any case
    max_boilerplate_chars: int = 200  # a longer line is never one, whatever it mentions
    drop_repeated_lines: bool = True  # a line equal to the one above it
    min_repeated_chars: int = 5  # shorter lines may repeat: table cells, braces
    min_chars: int = 20  # after cleaning; less is too_short


def clean_stage(cfg: CleanConfig) -> Stage:
    """Tidy the text."""
    return Stage(
        name="clean",
        fn=clean,
        config=cfg,
        needs=("content",),
        adds=("clean.chars_removed", "clean.drop"),
        replaces=("content",),
        reject_on="clean.drop",
    )


def clean(batch: pa.Table, cfg: CleanConfig) -> pa.Table:
    """Repair and tidy each row's text.

    In:     content string (n,)
    Out:    the same rows with content replaced (null where it was null), clean.chars_removed int64 (characters
            before less characters after; negative where a repair lengthens) and clean.drop: empty, too_short.
    Errors: none from content.
    """
    import polars as pl

    before = batch["content"].combine_chunks()
    text = pl.Series("content", before, dtype=pl.String)
    if cfg.repair_mojibake:
        text = pl.Series(text.name, [value and repair(value)[0] for value in text.to_list()], dtype=pl.String)
    text = _characters(text)
    text = _lines(text, cfg)
    length = text.str.len_chars().fill_null(0)
    removed = pl.Series(before, dtype=pl.String).str.len_chars().fill_null(0).cast(pl.Int64) - length.cast(pl.Int64)
    drop = pl.select(pl.when(length == 0).then(pl.lit("empty")).when(length < cfg.min_chars).then(pl.lit("too_short")))
    batch = batch.set_column(batch.schema.get_field_index("content"), "content", _arrow(text, pa.string()))
    batch = batch.append_column("clean.chars_removed", _arrow(removed, pa.int64()))
    return batch.append_column("clean.drop", _arrow(drop.to_series(), pa.string()))


def _arrow(values: pl.Series, kind: pa.DataType) -> pa.Array:
    return values.to_arrow().cast(kind)


def _characters(text: pl.Series) -> pl.Series:
    """NFC, one kind of newline and space, nothing invisible, no space before a newline."""
    import polars as pl

    text = pl.Series(text.name, pc.utf8_normalize(text.to_arrow(), "NFC"), dtype=pl.String)
    text = text.str.replace_all(_NEWLINES, "\n").str.replace_all(_SPACES, " ").str.replace_all(_INVISIBLE, "")
    return text.str.replace_all(r"[ \t]+\n", "\n")


def _lines(text: pl.Series, cfg: CleanConfig) -> pl.Series:
    """Drop boilerplate and repeated lines, collapse runs of blank ones, strip the ends."""
    import polars as pl

    if len(text) == 0:
        return text
    lines = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "line": text.str.split("\n")}).explode("line")
    kept = lines.with_columns(_in_code()).filter(pl.col("code") | (~_boilerplate(cfg) & ~_repeated(cfg)))
    joined = kept.group_by("row", maintain_order=True).agg(pl.col("line").str.join("\n"))
    # A row that loses all of its lines is missing from the groups: it is empty, unless it had no text to begin with.
    rows = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "before": text}).join(
        joined, "row", how="left", maintain_order="left"
    )
    tidy = pl.when(pl.col("before").is_null()).then(None).otherwise(pl.col("line").fill_null(""))
    return rows.select(tidy.str.replace_all(r"\n{3,}", "\n\n").str.strip_chars("\n").str.strip_chars_end()).to_series()


def _in_code() -> pl.Expr:
    """Whether a line stands in a fenced block of code, its fences included: code stays as it is."""
    import polars as pl

    fence = pl.col("line").str.starts_with("```").fill_null(False)
    fences = fence.cum_sum().over("row")
    return (fence | (fences % 2 == 1)).alias("code")


def _boilerplate(cfg: CleanConfig) -> pl.Expr:
    """Whether a line is one that pages carry whatever they are about."""
    import polars as pl

    if not cfg.drop_boilerplate_lines:
        return pl.lit(False)
    line = pl.col("line")
    whole = {entry.strip() for entry in _BOILERPLATE} | {entry.strip().lower() for entry in cfg.extra_boilerplate}
    bare = line.str.strip_chars(" \t•·*|>»›«‹<-–—:：.。…!！[]【】()（）").str.to_lowercase()
    cookie = line.str.contains(_COOKIE_LINE)
    short = line.str.len_chars() <= cfg.max_boilerplate_chars
    return (short & (bare.is_in(sorted(whole)) | cookie)).fill_null(False)


def _repeated(cfg: CleanConfig) -> pl.Expr:
    """Whether a line says again what the line right above it says."""
    import polars as pl

    if not cfg.drop_repeated_lines:
        return pl.lit(False)
    line, row = pl.col("line"), pl.col("row")
    same = (line == line.shift(1)) & (row == row.shift(1))
    return (same & (line.str.strip_chars().str.len_chars() >= cfg.min_repeated_chars)).fill_null(False)
