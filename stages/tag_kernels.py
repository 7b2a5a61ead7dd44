"""Names and attributes of tags, read from bytes."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.html_layout import (
    A_CLOSED,
    A_CUES,
    A_MUTES,
    A_NOTED,
    A_ORDER,
    A_TYPE_END,
    A_TYPE_START,
    FNV_BASIS,
    FNV_PRIME,
    MAX_ATTRIBUTE,
)
from stages.html_tags import (
    ATTRIBUTE_KEYS,
    ATTRIBUTE_VALUES,
    CUE_KEYS,
    CUE_NAMES,
    CUE_VALUES,
    CUSTOM,
    END_KEYS,
    END_VALUES,
    HIDES,
    TAG_KEYS,
    TAG_VALUES,
)

_CLASS, _ID, _ROLE, _ITEMPROP, _ITEMTYPE, _STYLE, _HIDDEN, _ARIA_HIDDEN, _REL, _START, _TYPE = range(1, 12)
META_CUE, _TAGS_CUE = (np.int64(1 << CUE_NAMES.index(name)) for name in ("meta", "tags"))
_NO_CUES = np.int64(0)


def words(*texts: bytes) -> tuple[np.ndarray, ...]:
    """Lower-case words as arrays to search for."""
    return tuple(np.frombuffer(text, np.uint8) for text in texts)


_DISPLAY, _VISIBILITY, _NONE, _HIDDEN_WORD, _LICENSE, _AUTHOR, _TRUE, _TAG_WORD = words(
    b"display", b"visibility", b"none", b"hidden", b"licen", b"author", b"true", b"tag"
)
# Where a formula is shown a second time, beside its source; and the numbers beside lines of code.
_KATEX, _MATHJAX, _MJX = words(b"katex-html", b"mathjax", b"mjx-chtml")
_GUTTER, _LINENO = words(b"gutter", b"lineno")


@compiled
def is_space(c):
    """Whether a byte is white space of HTML."""
    return c == 32 or (9 <= c <= 13)


@compiled
def lower(c):
    """A byte of ASCII in lower case."""
    return c | 32 if 65 <= c <= 90 else c


@compiled
def find(data, start, end, word):
    """Where a lower-case word first occurs, whatever its case; -1 if it does not."""
    for i in range(start, end - len(word) + 1):
        if lower(data[i]) == word[0]:
            k = 1
            while k < len(word) and lower(data[i + k]) == word[k]:
                k += 1
            if k == len(word):
                return i
    return -1


@compiled
def lookup(keys, values, digest):
    """Value of a hash in an open table, 0 where it is not."""
    last = len(keys) - 1
    place = np.int64(digest & np.uint64(last))
    while keys[place] != 0:
        if keys[place] == digest:
            return values[place]
        place = (place + 1) & last
    return np.int64(0)


@compiled
def read_name(data, i, n):
    """The number of the element name that starts at i, and where it ends."""
    digest, custom = FNV_BASIS, False
    while i < n and not is_space(data[i]) and data[i] != 47 and data[i] != 62:
        custom |= data[i] == 45
        digest = (digest ^ np.uint64(lower(data[i]))) * FNV_PRIME
        i += 1
    number = lookup(TAG_KEYS, TAG_VALUES, digest)
    return (CUSTOM if number == 0 and custom else number), i


@compiled
def _word_cues(data, start, end):
    """Cues of one word of a class name: of the whole, of how it starts and of how it ends."""
    cues, digest = _NO_CUES, FNV_BASIS
    for i in range(start, end):
        digest = (digest ^ np.uint64(lower(data[i]))) * FNV_PRIME
        if i - start >= 3 or i == end - 1:
            cues |= lookup(CUE_KEYS, CUE_VALUES, digest)
    digest = FNV_BASIS
    for i in range(end - 1, start, -1):
        digest = (digest ^ np.uint64(lower(data[i]))) * FNV_PRIME
        if end - i >= 4:
            cues |= lookup(END_KEYS, END_VALUES, digest)
    return cues


@compiled
def _class_cues(data, start, end):
    """Cues of a class or id: its words end at anything but a letter, and where camelCase turns."""
    end = min(end, start + MAX_ATTRIBUTE)
    cues, first = _NO_CUES, start
    for i in range(start, end + 1):
        letter = i < end and 97 <= lower(data[i]) <= 122
        turns = letter and i > first and 65 <= data[i] <= 90 and 97 <= data[i - 1] <= 122
        if not letter or turns:
            if i - first >= 2:
                cues |= _word_cues(data, first, i)
            first = i if turns else i + 1
    return cues


@compiled
def _hides(data, start, end):
    """Whether a style hides its element."""
    at = find(data, start, end, _DISPLAY)
    if at >= 0 and find(data, at, min(end, at + 14), _NONE) >= 0:
        return True
    at = find(data, start, end, _VISIBILITY)
    return at >= 0 and find(data, at, min(end, at + 20), _HIDDEN_WORD) >= 0


@compiled
def _attribute(data, name, start, end, s):
    """Take note of one attribute of the tag at hand."""
    end = min(end, start + MAX_ATTRIBUTE)
    if name == _CLASS:
        s[A_CUES] |= _class_cues(data, start, end)
        if (
            find(data, start, end, _KATEX) >= 0
            or find(data, start, end, _MJX) >= 0
            or find(data, start, min(end, start + len(_MATHJAX)), _MATHJAX) >= 0
        ):
            s[A_MUTES] = 1
        elif find(data, start, end, _GUTTER) >= 0 or find(data, start, end, _LINENO) >= 0:
            s[A_MUTES] = 2
    elif name in (_ID, _ROLE, _ITEMPROP, _ITEMTYPE):
        s[A_CUES] |= _class_cues(data, start, end)
        if name == _ITEMPROP and find(data, start, end, _LICENSE) >= 0:
            s[A_NOTED] = 1
    elif name == _STYLE:
        if _hides(data, start, end):
            s[A_CUES] |= HIDES
    elif name == _HIDDEN or (name == _ARIA_HIDDEN and find(data, start, end, _TRUE) >= 0):
        s[A_CUES] |= HIDES
    elif name == _REL:
        if find(data, start, end, _LICENSE) >= 0:
            s[A_NOTED] = 1
        elif find(data, start, end, _TAG_WORD) >= 0:
            s[A_CUES] |= _TAGS_CUE
        elif find(data, start, end, _AUTHOR) >= 0:
            s[A_CUES] |= META_CUE
    elif name == _TYPE:
        s[A_TYPE_START], s[A_TYPE_END] = start, end
    elif name == _START and end - start < 7:
        number = 0
        for i in range(start, end):
            number = number * 10 + data[i] - 48 if 48 <= data[i] <= 57 else number
        s[A_ORDER] = number


@compiled
def read_attributes(data, i, n, s):
    """Read the attributes from i to the end of the tag; returns the place after it."""
    s[A_CUES : A_CLOSED + 1] = 0
    while i < n and data[i] != 62:
        if is_space(data[i]) or data[i] == 47:
            s[A_CLOSED] = data[i] == 47
            i += 1
            continue
        s[A_CLOSED] = 0
        digest, first = FNV_BASIS, i
        while i < n and not is_space(data[i]) and data[i] != 47 and data[i] != 62 and (data[i] != 61 or i == first):
            digest = (digest ^ np.uint64(lower(data[i]))) * FNV_PRIME
            i += 1
        name = lookup(ATTRIBUTE_KEYS, ATTRIBUTE_VALUES, digest)
        start, end, i = _value(data, i, n)
        if name:
            _attribute(data, name, start, end, s)
    return min(i + 1, n)


@compiled
def _value(data, i, n):
    """Start and end of the value that may follow an attribute's name at i, and the place after it."""
    at = i
    while at < n and is_space(data[at]):
        at += 1
    if at >= n or data[at] != 61:
        return i, i, i
    at += 1
    while at < n and is_space(data[at]):
        at += 1
    start = at
    if at < n and (data[at] == 34 or data[at] == 39):
        at += 1
        while at < n and data[at] != data[start]:
            at += 1
        return start + 1, at, min(at + 1, n)
    while at < n and not is_space(data[at]) and data[at] != 62:
        at += 1
    return start, at, at
