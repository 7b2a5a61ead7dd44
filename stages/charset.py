"""Bytes of a page to text: byte order mark, validity, then whichever charset reads most like a language."""

from __future__ import annotations

import codecs
import re
from functools import cache

import numpy as np
import pyarrow as pa
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from classifiers.language_id import LanguageModel, load_language_model
from stages.codepoints import view_text
from stages.language import LanguageConfig, find_languages

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_META_BYTES = 4096  # the HTML standard looks at 1024; pages put scripts first
_HEAD_BYTES = 1024  # where zeros and controls tell UTF-16 and what is no text
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x0e\x0f\x1b"))  # but for those that text has, and its escapes
_MAX_CONTROL_RATIO = 0.02
# A charset's name on the web often means more than the charset itself; both by Python's name.
_SUPERSETS = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}
# Charsets that bytes alone hardly tell from the one that was named or detected.
_SIBLINGS = {
    "cp1250": ("iso8859-2",),
    "iso8859-2": ("cp1250",),
    "iso8859-13": ("cp1257",),
    "iso8859-7": ("cp1253",),
    "cp1253": ("iso8859-7",),
    "koi8-r": ("koi8-u", "cp1251"),
    "koi8-u": ("koi8-r", "cp1251"),
    "cp1251": ("koi8-r", "koi8-u"),
    "cp1258": ("cp1252",),
}
_MULTIBYTE = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")
BAD = "\ufffd"
_VALID_FOR_EACH_FAULT = 10
# The rest of a word from a byte beyond ASCII on, bounded so that no page makes the search slow, and its Latin start. No
# charset has a byte below 0x40 inside a character, but for the digits of GB18030.
_FOREIGN = re.compile(rb"[\x80-\xff][^\x00-\x2f:-?]{0,60}")
_LATIN_START = re.compile(rb"[A-Za-z]{0,20}\Z")
_SAMPLE_BYTES = 3000
# What reading the wrong charset leaves: unreadable bytes, controls, private use, half-width katakana, box drawing,
# symbols of the upper half of Latin-1, and a letter of another alphabet beside a Latin one.
_ODD = re.compile(
    "[\ufffd\x80-\x9f\ue000-\uf8ff\uff61-\uff9f\u2500-\u259f\u00a4-\u00a6\u00ac\u00af\u00b1-\u00b8\u00bc-\u00be]"
    "|[A-Za-z](?=[\u0370-\u06ff\u0e00-\u0e7f])|[\u0370-\u06ff\u0e00-\u0e7f](?=[A-Za-z])"
)
_KANA = re.compile("[\u3041-\u30fa]")
_ODD_WEIGHT = 3.0
_BELIEF = 1.0  # added to the log odds of a charset that is declared, and again of one that is detected
_SURELY = 1e-4  # log odds of less, or of more than all but this, are taken for those
_WINDOW = 1 << 20  # a sample is read whole, as one passage


def decode(payload: bytes, declared: str | None, max_bad_ratio: float) -> tuple[str, str] | None:
    """Text and codec name of a page, or null where no codec reads it.

    Args: declared, charset of the HTTP header; max_bad_ratio, share of unreadable characters to put up with.
    A page that is valid UTF-8, but for a character cut at its end, is UTF-8 whatever it declares. The words beyond
    ASCII of any other are read in each charset that is declared or detected or that fits; lid.176 says which reading is
    most like a language, and to have been declared or detected counts for much.
    """
    for mark, name in _BOMS:
        if payload.startswith(mark):
            return payload[len(mark) :].decode(name, "replace"), name
    head = payload[:_HEAD_BYTES]
    if 0 in head and (wide := _wide(head)) is not None:
        return (payload.decode(wide, "replace"), wide) if wide else None
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        return _decode_other(payload, declared, max_bad_ratio, error)
    return _unescaped(payload, declared) or (text, "utf-8")


def _wide(head: bytes) -> str | None:
    """The UTF-16 of text whose every other byte is mostly zero; "" for what is no text; null where zeros are few."""
    even, odd = (head[place::2].count(0) * 2 / len(head) for place in (0, 1))
    if max(even, odd) < 0.2:
        return None
    if min(even, odd) > 0.1 * max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _unescaped(payload: bytes, declared: str | None) -> tuple[str, str] | None:
    """A page in a charset of escapes, whose bytes are all ASCII and so are valid UTF-8 too."""
    if not payload.isascii():
        return None
    if b"\x1b$" in payload:
        names = ["iso2022_jp_2", "iso2022_kr"]
    elif b"~{" in payload and "hz" in _declared(payload, declared):
        names = ["hz"]
    else:
        return None
    readings = ((payload.decode(name, "replace"), name) for name in names)
    return min(readings, key=lambda reading: reading[0].count(BAD) + reading[0].count("\x1b"))


def _decode_other(
    payload: bytes, declared: str | None, max_bad_ratio: float, error: UnicodeDecodeError
) -> tuple[str, str] | None:
    """A page that is not valid UTF-8."""
    if error.reason == "unexpected end of data" and not payload[: error.start].isascii():
        return payload[: error.start].decode("utf-8"), "utf-8"
    text = payload.decode("utf-8", "replace")
    if _is_damaged_utf8(text) and text.count(BAD) <= max_bad_ratio * len(text):
        return text, "utf-8"
    head = payload[:_HEAD_BYTES]
    if len(head) - len(head.translate(None, _CONTROLS)) > _MAX_CONTROL_RATIO * len(head):
        return None  # an image or archive under a wrong name
    for name in _ranked(payload, declared):
        text = payload.decode(name, "replace")
        if text.count(BAD) <= max_bad_ratio * len(text):
            return text, name
    return None


def _is_damaged_utf8(text: str) -> bool:
    """Whether a faulty decoding still shows UTF-8: bytes of other charsets rarely form a valid sequence, so many
    characters beyond ASCII for each fault mean a cut or spliced page."""
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    bad = text.count(BAD)
    return beyond - bad >= _VALID_FOR_EACH_FAULT * bad


def _ranked(payload: bytes, declared: str | None) -> list[str]:
    """Codec names to try, best first; of equals the one that is believed more."""
    sample = _sample(payload)
    said = [name for name in _declared(payload, declared) if name not in ("utf-8", "hz")]
    detected = _detected(sample)
    believed = [*said, *detected]
    siblings = [sibling for name in believed for sibling in _SIBLINGS.get(name, ())]
    fitting = [name for name in _MULTIBYTE if _fits(sample, name)]
    names = list(dict.fromkeys([*believed, *siblings, "cp1252", *fitting]))
    chances = np.clip(_likelihoods([sample.decode(name, "replace") for name in names], names), _SURELY, 1 - _SURELY)
    belief = np.array([(name in said) + (name in detected) for name in names])
    order = np.argsort(-(np.log(chances / (1 - chances)) + _BELIEF * belief), kind="stable")
    return [names[place] for place in order]


def _sample(payload: bytes) -> bytes:
    """The first words with bytes beyond ASCII, a line each."""
    words: list[bytes] = []
    left = _SAMPLE_BYTES
    for found in _FOREIGN.finditer(payload):
        start = found.start()
        latin = _LATIN_START.search(payload, max(0, start - 20), start)
        words.append((latin.group() if latin else b"") + found.group())
        left -= len(words[-1])
        if left < 0:
            break
    return b"\n".join(words)


def _detected(sample: bytes) -> list[str]:
    """What uchardet takes the sample for, if it is worth trying."""
    name = _codec(detect_encoding(sample))
    if name == "iso8859-16":  # which no one used: Romanian pages are in ISO-8859-2, with the cedilla for the comma
        name = "iso8859-2"
    return [] if name in (None, "utf-8") else [name]


def _fits(sample: bytes, name: str) -> bool:
    text = sample.decode(name, "replace")
    return text.count(BAD) <= 0.02 * len(text)


def _likelihoods(texts: list[str], names: list[str]) -> np.ndarray:
    """How much each reading is like a language: lid.176's probability of the best, less its odd characters."""
    column = view_text(pa.array(texts, pa.string()))
    config = LanguageConfig(num_windows=1, window_bytes=_WINDOW, passage_bytes=_WINDOW)
    found = find_languages(column, config, _model()).score
    beyond = np.array([max(1, len(text) - len(text.encode("ascii", "ignore"))) for text in texts])
    odd = np.array([len(_ODD.findall(text)) for text in texts]) / beyond
    scores = found * np.maximum(0.0, 1.0 - _ODD_WEIGHT * odd)
    if "euc_jp" in names and "gb18030" in names:  # they share the places of kana, which Chinese does not write
        text = texts[names.index("gb18030")]
        if len(_KANA.findall(text)) > 0.1 * len(text):
            scores[names.index("gb18030")] = 0.0
    return scores


@cache
def _model() -> LanguageModel:
    return load_language_model()


def _declared(payload: bytes, declared: str | None) -> list[str]:
    """Codecs that the header and the page name."""
    meta = _META.search(payload[:_META_BYTES])
    named = (declared, meta.group(1).decode("ascii", "replace") if meta else None)
    return [codec for name in named if (codec := _codec(name)) is not None]


def _codec(name: str | None) -> str | None:
    """Python's name of a charset as the web means it, null for an unknown one."""
    if not name:
        return None
    name = name.strip().lower()
    if name.startswith("hz"):  # which browsers refuse
        return "hz"
    try:
        info = codecs.lookup(map_encoding_to_html5(name, fallback_utf8=False) or name)
    except LookupError:
        return None
    return _SUPERSETS.get(info.name, info.name) if info._is_text_encoding else None
