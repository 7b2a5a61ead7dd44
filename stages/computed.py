"""Arithmetic and conversions of units that a sentence states, computed: "3 + 4 = 8" is wrong, "5 km is 5000 m" right.

Nothing of a text is executed. A sentence is searched for equations by a pattern that knows digits, signs and units;
sides are read by a parser of four levels into SymPy's exact numbers, units by pint from a list of names. What is larger
than the bounds below is not computed, and says so.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, NamedTuple

_NUMBER = r"\d{1,30}(?:,\d{3})*(?:\.\d{1,30})?"
_TERM = rf"(?:√|sqrt)?[\s(]{{0,4}}[-−]?\s?{_NUMBER}[\s)]{{0,4}}!?%?"
_SIGN = r"\s*(?:\*\*|[-+−–*/×÷·^]|plus|minus|times|multiplied by|divided by|of|加上?|减去?|乘以?|除以)\s*"
_EQUALS = {
    "en": r"\s*(?:==?|equals|is equal to|makes|(?:is|are)(?! not\b))\s*",
    "zh": r"\s*(?:==?|等于|(?<!不)是|得)\s*",
}
_HAN = r"[零〇一二两三四五六七八九十百千万]{1,12}"
# Sides longer than this are no arithmetic of a sentence.
_EQUATION = {
    language: re.compile(
        rf"(?<![\w.$%#^*/=+-])(?<![\w)][-+*/^=] )({_TERM}(?:{_SIGN}{_TERM}){{1,12}}|\d{{1,4}}!"
        rf"|(?:√|sqrt)\s?\(?{_NUMBER}\)?){equals}([-−]?\s?{_NUMBER}%?)"
        r"(?![\w%^!(\[]|[.,]\d|\s*(?:\*\*|[-+−*/×÷^=]|(?:mod|to|and|or)\b))",
        re.IGNORECASE,
    )
    for language, equals in _EQUALS.items()
}
_HAN_EQUATION = re.compile(
    rf"(?<![零〇一二两三四五六七八九十百千万第])({_HAN})(加上?|减去?|乘以?|除以)({_HAN})(?:等于|得|是)({_HAN})"
)
# What may be meant otherwise: other bases, remainders, whole numbers, or that somebody errs.
_OTHERWISE = re.compile(
    r"\b(?:binary|hex\w*|octal|base|mod(?:ulo|ulus)?|remainder|integer|bitwise|xor|truncat\w+|round\w*|overflow\w*|wrong"
    r"|false|incorrect\w*|mistak\w*|not|never|ratio|scale)\b|n['’]t\b|二进制|八进制|十六进制|取模|余数|取整|整数|错|不|假|误|舍",
    re.IGNORECASE,
)
_UNITS = {
    "km": "kilometer", "kilometer": "kilometer", "kilometre": "kilometer", "m": "meter", "meter": "meter",
    "metre": "meter", "cm": "centimeter", "centimeter": "centimeter", "centimetre": "centimeter", "mm": "millimeter",
    "millimeter": "millimeter", "millimetre": "millimeter", "mile": "mile", "foot": "foot", "feet": "foot",
    "ft": "foot", "inch": "inch", "inche": "inch", "yard": "yard", "kg": "kilogram", "kilogram": "kilogram",
    "g": "gram", "gram": "gram", "mg": "milligram", "pound": "pound", "lb": "pound", "ounce": "ounce",
    "tonne": "metric_ton", "second": "second", "sec": "second", "ms": "millisecond", "millisecond": "millisecond",
    "microsecond": "microsecond", "nanosecond": "nanosecond", "minute": "minute", "hour": "hour", "day": "day",
    "week": "week", "liter": "liter", "litre": "liter", "ml": "milliliter", "byte": "byte", "bit": "bit",
    "kib": "kibibyte", "mib": "mebibyte", "gib": "gibibyte", "tib": "tebibyte", "hz": "hertz", "khz": "kilohertz",
    "mhz": "megahertz", "ghz": "gigahertz", "watt": "watt", "kilowatt": "kilowatt", "kw": "kilowatt",
    "公里": "kilometer", "千米": "kilometer", "米": "meter", "厘米": "centimeter", "毫米": "millimeter",
    "英里": "mile", "英尺": "foot", "英寸": "inch", "公斤": "kilogram", "千克": "kilogram", "克": "gram",
    "毫克": "milligram", "吨": "metric_ton", "秒": "second", "毫秒": "millisecond", "微秒": "microsecond",
    "纳秒": "nanosecond", "分钟": "minute", "小时": "hour", "天": "day", "周": "week", "升": "liter",
    "毫升": "milliliter", "字节": "byte", "千瓦": "kilowatt", "瓦": "watt",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_QUANTITY = rf"({_NUMBER})\s?-?({_UNIT})s?(?![A-Za-z])"
_CONVERSION = {
    language: re.compile(
        rf"(?<![\w.,/-]){_QUANTITY}{equals}(?:exactly |恰好)?{_QUANTITY}(?!\s?(?:/|per\b))", re.IGNORECASE
    )
    for language, equals in {
        "en": r"\s*(?:=|equals|is equal to|(?:is|are)(?! not\b)(?: the same as)?)\s*",
        "zh": r"\s*(?:=|等于|(?<!不)是|即|合)\s*",
    }.items()
}
_MOST_DIGITS = 400  # of a number on the way; a power beyond it is not computed
_MOST_EXPONENT = 10_000
_MOST_FACTORIAL = 150
_MOST_CHARS = 2000  # of a sentence


class Computed(NamedTuple):
    """ "right" or "wrong", None where there is nothing to compute; and why."""

    verdict: str | None
    reason: str | None


class _TooLarge(ValueError):
    """A number beyond the bounds."""


def compute(statement: str, language: str) -> Computed:
    """Compute every equation and conversion of a sentence; the first wrong one decides. Errors: none from the text."""
    text = unicodedata.normalize("NFKC", statement[:_MOST_CHARS])
    if not re.search(r"\d|[加减乘除]", text) or _OTHERWISE.search(text):
        return Computed(None, None)
    found = [*_equations(text, language), *_conversions(text, language)]
    wrong = [one for one in found if one.verdict == "wrong"]
    right = [one for one in found if one.verdict == "right"]
    return (wrong or right or found or [Computed(None, None)])[0]


def _equations(text: str, language: str) -> list[Computed]:
    found = []
    for left, right in _EQUATION["zh" if language == "zh" else "en"].findall(text):
        found.append(_judge(left.strip(), right.strip()))
    for first, sign, second, right in _HAN_EQUATION.findall(text) if language == "zh" else ():
        numbers = [han_value(one) for one in (first, second, right)]
        if None not in numbers:
            found.append(_judge(f"{numbers[0]} {_SIGNS[sign]} {numbers[1]}", str(numbers[2])))
    return found


def _judge(left: str, right: str) -> Computed:
    """One equation, of two sides as text."""
    try:
        value, told = evaluate(left), evaluate(right)
    except _TooLarge:
        return Computed(None, f"{left} is too large to be computed")
    except (ValueError, ZeroDivisionError):
        return Computed(None, None)
    if value == told or _rounds_to(value, told, right) or _of_a_machine(left, value, told):
        return Computed("right", f"{left} = {right} is right")
    if re.search(r"\d[-–/]\d", left):  # a range, a date or a path as well
        return Computed(None, None)
    return Computed("wrong", f"{left} is {_shown(value)}, not {right}")


def _rounds_to(value: Any, told: Any, written: str) -> bool:
    """Whether a result is told to as many places as are written, rounded or cut. "10 / 4 = 3" of whole ones is not."""
    places = len(written.rstrip("%").partition(".")[2])
    return bool(places) and abs(value - told) * 10**places * (100 if written.endswith("%") else 1) < 1


def _of_a_machine(left: str, value: Any, told: Any) -> bool:
    """Whether a machine says so: division of whole numbers, exclusive or, floating point."""
    from sympy import floor

    if re.search(r"/|÷|divided", left) and "." not in left and told == floor(value):
        return True
    if match := re.fullmatch(r"(\d{1,9})\s*\^\s*(\d{1,9})", left):
        return int(match[1]) ^ int(match[2]) == told
    return abs(float(value) - float(told)) < 1e-12 * max(1.0, abs(float(value))) if abs(value) < 10**300 else False


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"about {float(value):.6g}" if abs(value) < 10**300 else "another number"


_SIGNS = {
    "**": "^", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "plus": "+", "minus": "-", "times": "*",
    "multiplied by": "*",
    "divided by": "/", "of": "*", "加": "+", "加上": "+", "减": "-", "减去": "-", "乘": "*", "乘以": "*", "除以": "/",
    "sqrt": "√",
}  # fmt: skip
_TOKEN = re.compile(
    rf"\s*({_NUMBER}|\*\*|multiplied by|divided by|plus|minus|times|of|sqrt|加上?|减去?|乘以?|除以|[-+−–*/×÷·^√!%()])",
    re.IGNORECASE,
)


def evaluate(text: str) -> Any:
    """The exact value of an expression of numbers, signs and brackets, a SymPy number.

    Errors: ValueError for anything else; _TooLarge beyond the bounds; ZeroDivisionError.
    """
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or len(tokens) > 64:
            raise ValueError(f"{text[:80]!r} is no arithmetic")
        tokens.append(_SIGNS.get(match[1].lower(), match[1].replace(",", "")))
        place = match.end()
    value, rest = _sum(tokens)
    if rest:
        raise ValueError(f"{text[:80]!r} is no arithmetic")
    return value


Tokens = list[str]


def _sum(tokens: Tokens) -> tuple[Any, Tokens]:
    value, tokens = _product(tokens)
    while tokens[:1] in (["+"], ["-"]):
        sign, (other, tokens) = tokens[0], _product(tokens[1:])
        value = _bounded(value + other if sign == "+" else value - other)
    return value, tokens


def _product(tokens: Tokens) -> tuple[Any, Tokens]:
    value, tokens = _power(tokens)
    while tokens[:1] in (["*"], ["/"]):
        sign, (other, tokens) = tokens[0], _power(tokens[1:])
        if sign == "/" and other == 0:
            raise ZeroDivisionError
        value = _bounded(value * other if sign == "*" else value / other)
    return value, tokens


def _power(tokens: Tokens) -> tuple[Any, Tokens]:
    if tokens[:1] == ["-"]:
        value, tokens = _power(tokens[1:])
        return -value, tokens
    base, tokens = _atom(tokens)
    if tokens[:1] != ["^"]:
        return base, tokens
    exponent, tokens = _power(tokens[1:])
    if not exponent.is_Integer or not base.is_Rational:
        raise ValueError("a power that is no whole one")
    digits = len(str(base.p)) + len(str(base.q))
    if abs(exponent) > _MOST_EXPONENT or digits * abs(int(exponent)) > _MOST_DIGITS:
        raise _TooLarge
    if base == 0 and exponent < 0:
        raise ZeroDivisionError
    return base**exponent, tokens


def _atom(tokens: Tokens) -> tuple[Any, Tokens]:
    from sympy import Rational, factorial, sqrt

    head, rest = (tokens[0], tokens[1:]) if tokens else ("", [])
    if head == "(":
        value, rest = _sum(rest)
        if rest[:1] != [")"]:
            raise ValueError("a bracket is open")
        rest = rest[1:]
    elif head == "√":
        value, rest = _atom(rest)
        if value < 0 or not sqrt(value).is_Rational:
            raise ValueError("a root that is no number of digits")
        value = sqrt(value)
    elif re.fullmatch(_NUMBER, head):
        value = Rational(head)
    else:
        raise ValueError("no number")
    while rest[:1] in (["!"], ["%"]):
        if rest[0] == "!" and (not value.is_Integer or not 0 <= value <= _MOST_FACTORIAL):
            raise _TooLarge
        value, rest = (factorial(value) if rest[0] == "!" else value / 100), rest[1:]
    return value, rest


def _bounded(value: Any) -> Any:
    if value.is_Rational and len(str(value.p)) + len(str(value.q)) > _MOST_DIGITS:
        raise _TooLarge
    return value


def _conversions(text: str, language: str) -> list[Computed]:
    found = []
    for match in _CONVERSION["zh" if language == "zh" else "en"].finditer(text):
        number, unit, other, other_unit = match.groups()
        verdict = same_quantity(number, unit, other, other_unit)
        if verdict is not None:
            told = f"{number} {unit} = {other} {other_unit}"
            found.append(Computed("right" if verdict else "wrong", f"{told} is {'right' if verdict else 'wrong'}"))
    return found


def same_quantity(number: str, unit: str, other: str, other_unit: str) -> bool | None:
    """Whether two quantities are one, to as many digits as the coarser is written with; None where their units are
    unknown, the same, or of different kinds."""
    names = [_UNITS.get(one.lower().removesuffix("s") if len(one) > 2 else one.lower()) for one in (unit, other_unit)]
    if None in names or names[0] == names[1]:
        return None
    factor = _factor(str(names[0]), str(names[1]))
    if factor is None:
        return None
    value, told = float(number.replace(",", "")) * factor, other.replace(",", "")
    # Half a step of the last digit that is written; zeros at the end of a whole number may be rounded ones.
    step = 10.0 ** -len(told.partition(".")[2]) if "." in told else 1.0
    if factor in _WHOLE or (value % 1 == 0 and float(told) % 1 == 0):
        return abs(value - float(told)) <= 1e-9 * max(1.0, abs(value))
    return abs(value - float(told)) <= max(0.51 * step, 0.005 * abs(value))


_WHOLE = (1000.0, 100.0, 10.0, 60.0, 24.0, 7.0, 8.0, 1024.0)


@cache
def _factor(unit: str, other: str) -> float | None:
    """What one of a unit is in another, by pint; None where they measure different things."""
    from pint import DimensionalityError

    registry = _registry()
    try:
        return float(registry.Quantity(1.0, unit).to(other).magnitude)
    except DimensionalityError:
        return None


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)


_HAN_DIGITS = {char: i for i, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_PLACES = {"十": 10, "百": 100, "千": 1000, "万": 10_000}


def han_value(text: str) -> int | None:
    """The number that Chinese numerals write, up to 9999万; None for what is none."""
    total, section, digit = 0, 0, None
    for char in text:
        if char in _HAN_DIGITS:
            if digit is not None and digit != 0:
                return None
            digit = _HAN_DIGITS[char]
        elif char == "万":
            total, section, digit = (total + section + (digit or 0)) * 10_000, 0, None
        elif char in _HAN_PLACES:
            section, digit = section + (1 if digit is None else digit) * _HAN_PLACES[char], None
        else:
            return None
    return total + section + (digit or 0) if text else None
