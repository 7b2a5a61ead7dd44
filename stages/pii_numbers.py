"""Numbers with a check digit: Chinese resident ids, bank cards, IBANs. python-stdnum computes the checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache

Span = tuple[int, int]

_FREE_BEFORE = r"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][-./+=])(?<![0-9][,:])(?<![/\\=#])"
_FREE_AFTER = r"(?![0-9A-Za-z_/]|[-.,][0-9])"
_RESIDENT = re.compile(
    _FREE_BEFORE
    + r"[1-8][0-9]{5}([ -]?)(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])\1[0-9]{3}[0-9Xx]"
    + _FREE_AFTER
)
# GB/T 2260
_PROVINCE_CODES = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
)
_PROVINCES = frozenset(_PROVINCE_CODES.split())
_CARD = re.compile(
    _FREE_BEFORE + r"(?:[2-9][0-9]{3}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?(?!\1[0-9]{4}(?![0-9]))"
    r"|3[0-9]{3}([ -]?)[0-9]{6}\2[0-9]{4,5}|62[0-9]{4} [0-9]{10,13})" + _FREE_AFTER
)
# Issuer prefixes by length (ISO/IEC 7812 registry as published by the schemes).
_ISSUERS = {
    14: re.compile(r"30[0-5]|309|3[689]"),  # Diners Club
    15: re.compile(r"3[47]"),  # American Express
    16: re.compile(  # Visa, Mastercard, Discover, UnionPay, RuPay, JCB, Mir, Troy, Diners, Maestro
        r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6011|64[4-9]|65|62|60|81|352[89]|35[3-8]|220[0-4]|9792"
        r"|3[068]|5018|5020|5038|58|63|67"
    ),
}
_LONG_ISSUERS = re.compile(r"62|60|65|81|64[4-9]|352[89]|35[3-8]|9558|4|5018|5020|5038|63|67")  # 17 to 19 digits
_OTHER_NUMBER = re.compile(  # a label that says what the number is, and that it is no card
    r"(?:order|invoice|tracking|parcel|waybill|serial|imei|iccid|sku|item|part|isbn|barcode|transaction|reference|ref|ticket|case|uuid|\bid|\bgtin|\bean|\bno\."
    r"|订单|单号|流水|条码|序列|编号|型号|发票|快递|运单|票号|案号|备案|商品)[^\n0-9]{0,16}\Z",
    re.I | re.A,
)
_FOUR_BEFORE = re.compile(r"(?<![0-9])[0-9]{4}[ -]\Z")
_CARD_WORD = re.compile(
    r"(?:card|visa|mastercard|amex|account|卡号|银行卡|信用卡|储蓄卡|账号|帐号|账户|户名)[^\n0-9]{0,24}\Z", re.I | re.A
)
_WORD = re.compile(r"[0-9A-Za-z_]")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z_])[A-Z]{2}[0-9]{2}(?:[0-9A-Z]{10,30}|(?:([ -])[0-9A-Z]{4}){2,7}(?:\1[0-9A-Z]{1,4})?)(?![0-9a-z_])"
)


def find_resident_ids(text: str, start: int, end: int) -> Iterator[Span]:
    """Resident ids that begin in a stretch: a province, a day of birth and the check of GB 11643.

    The library's ``is_valid`` is not used: it asks that the county had its code when the bearer was born, but codes are
    given when the id is, so half of the people born before 1985 would fail.
    """
    if end - start < 17:  # the last may be an X, outside the stretch of digits
        return
    for found in _RESIDENT.finditer(text, start, end + 3):
        if is_resident_id(re.sub(r"[ -]", "", found.group())):
            yield found.span()


def is_resident_id(number: str) -> bool:
    """Whether 18 characters are a Chinese resident id."""
    from stdnum.cn import ric

    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    known = 1900 <= born.year <= 2099 and number[:2] in _PROVINCES
    return known and ric.calc_check_digit(number) == number[17].upper()


def find_cards(text: str, start: int, end: int) -> Iterator[Span]:
    """Bank cards that begin in a stretch: an issuer's prefix and length, and the Luhn check."""
    from stdnum import luhn

    if end - start < 14:
        return
    for found in _CARD.finditer(text, start, end + 3):
        digits = re.sub(r"[^0-9]", "", found.group())
        issued = _ISSUERS.get(len(digits), _LONG_ISSUERS).match(digits)
        if issued and luhn.is_valid(digits) and _is_paid_with(text, found, digits):
            yield found.span()


def _is_paid_with(text: str, found: re.Match[str], digits: str) -> bool:
    """Whether nothing says that the number is something else. Fourteen digits in one are more often a time stamp."""
    before = text[max(0, found.start() - 40) : found.start()]
    if _CARD_WORD.search(before):
        return True
    grouped = len(digits) < found.end() - found.start()
    if grouped and _FOUR_BEFORE.search(before):
        return False  # a table of numbers of four digits
    return grouped or (len(digits) > 14 and len(set(digits)) > 2 and not _OTHER_NUMBER.search(before))


def find_iban(text: str, start: int) -> Span | None:
    """The IBAN that begins at a place: a country's length and structure, and the check of ISO 7064 MOD 97-10."""
    from stdnum import iban

    found = _IBAN.match(text, start)
    length = _iban_length(text[start : start + 2]) if found else 0
    if not found or not length:
        return None
    gaps = found.group()[4:5] in (" ", "-")
    end = start + length + (length - 1) // 4 * gaps  # a word in capitals after the number may look like a group of it
    if end > found.end() or _WORD.match(text, end) or not iban.is_valid(text[start:end]):
        return None
    return start, end


@cache
def _iban_length(country: str) -> int:
    """Characters of a country's IBAN, 0 for a country that has none."""
    from stdnum import numdb

    _, properties = numdb.get("iban").info(country + "00")[0]
    plan = re.findall(r"[0-9]+(?=!)", properties.get("bban", ""))
    return 4 + sum(map(int, plan)) if plan else 0
