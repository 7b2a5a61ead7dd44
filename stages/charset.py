"""Bytes of a page to text: byte order mark, validity, declarations, then detection."""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_META_BYTES = 4096  # the HTML standard looks at 1024; pages put scripts first
_SUPERSETS = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso-8859-1": "cp1252",
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
}
_MULTIBYTE = ("gb18030", "big5", "shift_jis", "cp932", "euc", "utf-16")
BAD = "\ufffd"
_VALID_FOR_EACH_FAULT = 10
_ACCEPTED_RATIO = 0.001  # undecodable characters of a page that is believed at once: a stray byte in a footer


def decode(payload: bytes, declared: str | None, max_bad_ratio: float) -> tuple[str, str] | None:
    """Text and codec name of a page, or null where no codec reads it.

    Args: declared, charset of the HTTP header; max_bad_ratio, share of unreadable characters to put up with.
    A page that is valid UTF-8 is UTF-8 whatever it declares. Otherwise the declarations and then detection are
    tried in turn; a declared single-byte codec, which can read anything, gives way to a detected multi-byte one.
    """
    for mark, name in _BOMS:
        if payload.startswith(mark):
            return payload[len(mark) :].decode(name, "replace"), name
    if b"\x1b$" not in payload[:_META_BYTES]:  # the escapes of ISO-2022-JP are valid UTF-8
        try:
            return payload.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            pass
    if payload[:1024].count(0) > 100:  # an image or archive under a wrong name; UTF-16 without a mark is not seen
        return None
    text = payload.decode("utf-8", "replace")
    if _is_damaged_utf8(text) and text.count(BAD) <= max_bad_ratio * len(text):
        return text, "utf-8"
    return _best(payload, _candidates(payload, declared), max_bad_ratio)


def _is_damaged_utf8(text: str) -> bool:
    """Whether a faulty decoding still shows UTF-8: bytes of other charsets rarely form a valid sequence, so many
    characters beyond ASCII for each fault mean a cut or spliced page."""
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    bad = text.count(BAD)
    return beyond - bad >= _VALID_FOR_EACH_FAULT * bad


def _candidates(payload: bytes, declared: str | None) -> list[str]:
    """Codec names to try, the most believed first, "utf-8" last."""
    meta = _META.search(payload[:_META_BYTES])
    said = [_codec(name) for name in (declared, meta.group(1).decode("ascii", "replace") if meta else None)]
    found = _codec(detect_encoding(payload))
    believed = [name for name in said if name is not None]
    if found is not None and found.startswith(_MULTIBYTE):
        believed.sort(key=lambda name: not name.startswith((*_MULTIBYTE, "utf")))
        place = sum(name.startswith((*_MULTIBYTE, "utf")) for name in believed)
        believed.insert(place, found)
    elif found is not None:
        believed.append(found)
    return list(dict.fromkeys([*believed, "utf-8"]))


def _codec(name: str | None) -> str | None:
    """Python's name of a charset as the web means it, null for an unknown one."""
    if not name:
        return None
    mapped = map_encoding_to_html5(name.strip().lower(), fallback_utf8=False) or name.strip().lower()
    mapped = _SUPERSETS.get(mapped, mapped)
    try:
        info = codecs.lookup(mapped)
    except LookupError:
        return None
    return info.name if info._is_text_encoding else None


def _best(payload: bytes, candidates: list[str], max_bad_ratio: float) -> tuple[str, str] | None:
    best: tuple[float, str, str] | None = None
    for name in candidates:
        text = payload.decode(name, "replace")
        bad = text.count(BAD) / max(1, len(text))
        if bad <= _ACCEPTED_RATIO:
            return text, name
        if best is None or bad < best[0]:
            best = (bad, text, name)
    return None if best is None or best[0] > max_bad_ratio else best[1:]
