"""Numbers with what they count: "780 MB" is another quantity than "780 GB", "3 天" than "3 周"."""

from __future__ import annotations

import re
import unicodedata

_UNIT = (
    r"[kKMGTP]i?[bB](?:it|ytes?)?|bytes?|bits?|[mnµ]s|s(?:ec(?:onds?)?)?|min(?:utes?)?|h(?:ours?)?|days?|weeks?|months?"
    r"|years?|percent|%|‰|km|cm|mm|m|met(?:er|re)s?|miles?|feet|inch(?:es)?|kg|g|grams?|tons?|lit(?:er|re)s?|[kMG]?Hz"
    r"|°?[CF]|degrees?|watts?|[kM]?W|dollars?|euros?|pounds?|million|billion|thousand|hundred"
    r"|毫秒|微秒|秒|分钟|小时|天|周|个?月|年|日|倍|字节|千|万|亿|元|美元|公里|千米|米|厘米|毫米"
    r"|公斤|千克|克|吨|升|度"
)
_SHORT = {
    "second": "s", "sec": "s", "秒": "s", "毫秒": "ms", "微秒": "µs", "μs": "µs", "minute": "min", "分钟": "min",
    "hour": "h", "小时": "h", "天": "day", "日": "day", "周": "week", "月": "month", "个月": "month", "年": "year",
    "percent": "%", "meter": "m", "metre": "m", "米": "m", "公里": "km", "千米": "km", "厘米": "cm", "毫米": "mm",
    "gram": "g", "克": "g", "公斤": "kg", "千克": "kg", "吨": "ton", "升": "liter", "litre": "liter", "字节": "byte",
    "watt": "W", "kbyte": "KB", "mbyte": "MB", "gbyte": "GB",
}  # fmt: skip
QUANTITY = re.compile(rf"(?<![\w.])(\d+(?:[.,]\d+)*)[\s-]?({_UNIT})(?![A-Za-z])")


def wrong_units(text: str, source: str) -> list[str]:
    """Quantities of a text whose number the source gives with other units only."""
    known: dict[str, set[str]] = {}
    for number, unit in _quantities(source):
        known.setdefault(number, set()).add(_plain(unit))
    return [
        f"{number} {unit}"
        for number, unit in _quantities(text)
        if number in known and _plain(unit) not in known[number]
    ]


def _quantities(text: str) -> list[tuple[str, str]]:
    """Numbers, in plain digits without marks of thousands, with their units."""
    found = QUANTITY.findall(unicodedata.normalize("NFKC", text))
    return [(re.sub(r",(?=\d{3}(?!\d))", "", number), unit) for number, unit in found]


def _plain(unit: str) -> str:
    """A unit in its short form, without plural, the same in both languages."""
    lower = unit if len(unit) <= 3 else unit.lower()
    lower = lower[:-1] if len(lower) > 3 and lower.endswith("s") else lower
    lower = f"K{lower[1:]}" if lower[:1] == "k" and lower[1:] in ("B", "b", "iB", "ib") else lower
    return _SHORT.get(lower, lower)
