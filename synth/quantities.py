"""Numbers with what they count: "780 MB" is another quantity than "780 GB", "3 天" than "3 周"."""

from __future__ import annotations

import re

_UNIT = (
    r"[kKMGTP]i?[bB](?:it|ytes?)?|bytes?|bits?|[mnµ]s|s(?:ec(?:onds?)?)?|min(?:utes?)?|h(?:ours?)?|days?|weeks?|months?"
    r"|years?|percent|%|‰|km|cm|mm|m|met(?:er|re)s?|miles?|feet|inch(?:es)?|kg|g|grams?|tons?|lit(?:er|re)s?|[kMG]?Hz"
    r"|°?[CF]|degrees?|watts?|[kM]?W|dollars?|euros?|pounds?|million|billion|thousand|hundred"
    r"|毫秒|微秒|秒|分钟|小时|天|周|个?月|年|日|倍|字节|千|万|亿|元|美元|公里|千米|米|厘米|毫米"
    r"|公斤|千克|克|吨|升|度"
)
QUANTITY = re.compile(rf"(?<![\w.])(\d+(?:[.,]\d+)*)[\s-]?({_UNIT})(?![A-Za-z])")


def wrong_units(text: str, source: str) -> list[str]:
    """Quantities of a text whose number the source gives with other units only."""
    known: dict[str, set[str]] = {}
    for number, unit in QUANTITY.findall(source):
        known.setdefault(number, set()).add(_plain(unit))
    return [
        f"{number} {unit}"
        for number, unit in QUANTITY.findall(text)
        if number in known and _plain(unit) not in known[number]
    ]


def _plain(unit: str) -> str:
    """A unit without its plural, and the long forms of the commonest."""
    lower = unit if len(unit) <= 3 else unit.lower()
    lower = lower[:-1] if len(lower) > 3 and lower.endswith("s") else lower
    return {"second": "s", "sec": "s", "minute": "min", "hour": "h", "percent": "%", "meter": "m", "metre": "m"}.get(
        lower, lower
    )
