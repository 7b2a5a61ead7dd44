"""Where personal data may stand: one compiled pass over the bytes of a text column.

The pass is generous. It finds stretches of digits, "@" signs, the word "at" where an address may hide behind it, and
the heads of IPv6 addresses and IBANs; what they are is decided on these few stretches alone (stages/pii_numbers.py,
stages/pii_network.py). Positions are characters of the row, not bytes.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled

NUMBER, AT_SIGN, AT_WORD, COLONS, ACCOUNT = range(5)  # what a place may hold
_MIN_DIGITS = 7  # of a phone number without its area
_MAX_JOIN = 4  # signs between two groups of one number, as in "+49 - (40)"
# Bytes at which nothing can begin: most letters, spaces, punctuation. They are passed over in a loop of their own.
_DULL = np.array([97 < byte < 128 or byte < 48 or 58 <= byte < 64 for byte in range(256)])
_OTHER = 0x10FFFF  # no sign that matters here
_DOT_REACH = 60  # bytes from "at" to its "dot"


@compiled
def folded(code: int) -> int:
    """A code point as the ASCII sign that it stands for: full-width forms, kinds of spaces and of hyphens."""
    if code < 0x80:
        return code
    if 0xFF01 <= code <= 0xFF5E:
        return code - 0xFEE0
    if code == 0xA0 or code == 0x3000 or code == 0x202F or 0x2000 <= code <= 0x200A:
        return 32
    if 0x2010 <= code <= 0x2015 or code == 0x2212:
        return 45
    return code


@compiled
def fold_signs(signs: np.ndarray) -> None:
    """Fold code points in place."""
    for place in range(len(signs)):
        signs[place] = folded(signs[place])


@compiled
def _decode(data: np.ndarray, at: int, end: int) -> tuple[int, int]:
    """Folded code point and number of bytes at a place of valid UTF-8; signs that fold to nothing are all one."""
    first = data[at]
    if first < 0xC0:
        return int(first), 1
    if first < 0xE0:
        return (32 if first == 0xC2 and at + 1 < end and data[at + 1] == 0xA0 else _OTHER), 2
    if first < 0xF0:
        if (first == 0xEF or first == 0xE2 or first == 0xE3) and at + 2 < end:
            return folded((first & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | (data[at + 2] & 0x3F)), 3
        return _OTHER, 3
    return _OTHER, 4


@compiled
def _is_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 70 or 97 <= byte <= 102


@compiled
def _is_word(code: int) -> bool:
    """An ASCII letter, digit or underscore: Chinese characters beside a number do not join it."""
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122 or code == 95


@compiled
def _ends_label(code: int) -> bool:
    """Whether a letter may end a label that a number is glued to: Tel, Phone, Mobile, Fax."""
    return code == 108 or code == 76 or code == 101 or code == 69 or code == 120 or code == 88


@compiled
def _joins(code: int) -> bool:
    """Whether a sign may stand between the groups of one number: space + - . ( ) /."""
    return code == 32 or code == 43 or code == 45 or code == 46 or code == 40 or code == 41 or code == 47


@compiled
def _opens_v6(data: np.ndarray, at: int, end: int) -> bool:
    """Whether four hexadecimal digits of a global address (2000::/3) and a colon begin here."""
    if at + 5 > end or not (data[at] == 50 or data[at] == 51) or data[at + 4] != 58:
        return False
    return _is_hex(data[at + 1]) and _is_hex(data[at + 2]) and _is_hex(data[at + 3])


@compiled
def _opens_account(data: np.ndarray, at: int, end: int) -> bool:
    """Whether two capitals and two digits begin here, then four that may be either, as an IBAN does."""
    if at + 9 > end or not (65 <= data[at] <= 90 and 65 <= data[at + 1] <= 90):
        return False
    return 48 <= data[at + 2] <= 57 and 48 <= data[at + 3] <= 57


@compiled
def _opens_at(data: np.ndarray, at: int, end: int, before: int) -> bool:
    """Whether "at" begins here in brackets, in capitals, or as a word with a "dot" behind it."""
    if (
        at + 6 > end
        or (data[at] | 32) != 97
        or (data[at + 1] | 32) != 116
        or (_is_word(data[at + 2]) and data[at + 2] != 95)
    ):
        return False
    if before == 91 or before == 40 or before == 123 or before == 60:
        return True
    if before != 32 and before != 95:
        return False
    if before == 32 and data[at] == 65 and data[at + 1] == 84:  # "name AT host.org"
        return True
    for place in range(at + 4, min(at + _DOT_REACH, end - 2)):
        if (data[place] | 32) == 100 and (data[place + 1] | 32) == 111 and (data[place + 2] | 32) == 116:
            return True
    return False


@compiled
def places(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, int]:
    """Every place that deserves a look.

    In:     data uint8, the UTF-8 bytes of a column; offsets int64 (rows + 1,)
    Out:    int64 (n, 4): row, first character, end, what it may hold; and n
    """
    found = np.empty((max(64, len(offsets)), 4), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        char, before = 0, 10
        start, last, digits, dots, gap = -1, -1, 0, 0, 0  # of the number that is being read
        while at <= end:
            if start < 0:
                first = at
                while at < end and _DULL[data[at]]:
                    at += 1
                if at > first:
                    char, before = char + at - first, int(data[at - 1])
            code, size = _decode(data, at, end) if at < end else (10, 1)
            is_digit = 48 <= code <= 57
            if count + 3 > len(found):
                found = np.concatenate((found, np.empty_like(found)))
            if is_digit and start < 0 and (not _is_word(before) or _ends_label(before)):
                start, digits, dots = char, 0, 0
            if start >= 0:
                gap = 0 if is_digit else gap + 1
                if is_digit:
                    digits, last = digits + 1, char + 1
                elif code == 46:
                    dots += 1
                if not is_digit and (gap > _MAX_JOIN or not _joins(code)):
                    if digits >= _MIN_DIGITS or (dots >= 3 and digits >= 4):
                        found[count] = (row, start, last, NUMBER)
                        count += 1
                    start = -1
            kind = -1
            if code == 64:
                kind = AT_SIGN
            elif not _is_word(before) or before == 95:
                if is_digit and _opens_v6(data, at, end):
                    kind = COLONS
                elif 65 <= code <= 90 and _opens_account(data, at, end):
                    kind = ACCOUNT
                elif (code == 97 or code == 65) and _opens_at(data, at, end, before):
                    kind = AT_WORD
            if kind >= 0:
                found[count] = (row, char, char + 1, kind)
                count += 1
            before, at, char = code, at + size, char + 1
    return found[:count], count
