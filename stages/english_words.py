"""English words as spaCy's blank English pipeline cuts them, in compiled code.

Follows ``spacy.tokenizer.Tokenizer``: cut at white space; take known contractions whole; peel prefixes and suffixes;
keep URLs and e-mail addresses; cut the rest at infixes; join what spells a known word after all. Differences, none of
which moves a page's decision often: "US$" is two symbols; a URL's host is checked for its form, not for reserved
ranges; of two known words that overlap the first wins instead of the longest.
"""

from __future__ import annotations

import numpy as np

from stages.codepoints import (
    BEFORE_PERIOD,
    CURRENCY,
    DIGIT,
    ICON,
    LETTER,
    LOWER,
    PREFIX,
    QUOTE,
    SPACE,
    SUFFIX,
    UPPER,
    WORD,
)
from stages.compiled import compiled
from stages.english_specials import MAX_SPECIAL
from stages.text_kernels import hash_span


@compiled
def find_special(cps, start, stop, keys, packed):
    """Packed piece lengths of a known word, 0 if it is none."""
    if stop - start > MAX_SPECIAL or stop <= start:
        return np.uint32(0)
    key = hash_span(cps, start, stop)
    slot = np.int64(key & np.uint64(4095))
    while packed[slot]:
        if keys[slot] == key:
            return packed[slot]
        slot = (slot + 1) & 4095
    return np.uint32(0)


@compiled
def prefix_size(cps, start, stop, flags):
    """Code points that spaCy peels off the front."""
    if start >= stop:
        return 0
    c = cps[start]
    if flags[c] & PREFIX:
        return 1
    if c == 43:  # "+" unless a number follows
        return 0 if start + 1 < stop and flags[cps[start + 1]] & DIGIT else 1
    dots = start
    while dots < stop and cps[dots] == 46:
        dots += 1
    return dots - start if dots - start >= 2 else 0


@compiled
def _unit_size(cps, start, stop, flags, units):
    """Code points of a unit of measure behind a number at the end of a span."""
    for size in range(min(4, stop - start - 1), 0, -1):
        if flags[cps[stop - size - 1]] & DIGIT:
            key = hash_span(cps, stop - size, stop)
            at = np.searchsorted(units, key)
            if at < units.shape[0] and units[at] == key:
                return size
    return 0


@compiled
def _period_size(cps, start, stop, flags):
    """Code points of final periods that are words of their own."""
    dots = stop
    while dots > start and cps[dots - 1] == 46:
        dots -= 1
    if stop - dots >= 2:
        return stop - dots
    if dots == start:
        return 0
    before = flags[cps[dots - 1]]
    if before & BEFORE_PERIOD:
        return 1
    return 1 if dots - 2 >= start and before & UPPER and flags[cps[dots - 2]] & UPPER else 0


@compiled
def suffix_size(cps, start, stop, flags, units):
    """Code points that spaCy peels off the back."""
    if start >= stop:
        return 0
    c = cps[stop - 1]
    if c == 46:
        return _period_size(cps, start, stop, flags)
    if flags[c] & SUFFIX:
        return 2 if c == 0x2026 and stop - 2 >= start and cps[stop - 2] == 0x2026 else 1
    if stop - start < 2:
        return 0
    before = cps[stop - 2]
    if (c == 115 or c == 83) and (before == 39 or before == 0x2019):
        return 2
    if flags[before] & DIGIT and (c == 43 or flags[c] & CURRENCY):
        return 1
    if flags[c] & DIGIT:
        return 0
    return _unit_size(cps, start, stop, flags, units)


@compiled
def _is_host(c):
    return (48 <= c <= 57) or (65 <= c <= 90) or (97 <= c <= 122) or 0xA1 <= c <= 0xFFFF


@compiled
def _is_host_span(cps, start, stop, flags):
    """Dotted labels with a lower-case top level, then perhaps a port and a path."""
    end = start
    last_dot = -1
    label = start
    while end < stop and (_is_host(cps[end]) or cps[end] == 45 or cps[end] == 95 or cps[end] == 46):
        if cps[end] == 46:
            if end == label or not _is_host(cps[label]) or not _is_host(cps[end - 1]):
                return False
            last_dot = end
            label = end + 1
        end += 1
    if last_dot < 0 or end - label < 2:
        return False
    top_level, number = True, True
    for i in range(label, end):
        top_level = top_level and flags[cps[i]] & LOWER != 0
        number = number and flags[cps[i]] & DIGIT != 0
    if not top_level and not number:
        return False
    if end < stop and cps[end] == 58:
        port = end + 1
        while port < stop and flags[cps[port]] & DIGIT:
            port += 1
        if port - end < 3 or port - end > 6:
            return False
        end = port
    return end == stop or cps[end] == 47 or cps[end] == 63 or cps[end] == 35


@compiled
def is_url(cps, start, stop, flags):
    """Whether a word is a URL, a bare host with its path, or an e-mail address."""
    dotted = False
    for i in range(start, stop):
        dotted = dotted or cps[i] == 46
    if not dotted:
        return False
    if _is_host_span(cps, start, stop, flags):
        return True
    scheme = start
    while scheme < stop and (flags[cps[scheme]] & WORD or cps[scheme] in (43, 45, 46, 95)):
        scheme += 1
    if scheme - start >= 2 and stop - scheme > 3 and cps[scheme] == 58 and cps[scheme + 1] == 47 == cps[scheme + 2]:
        return _is_host_span(cps, scheme + 3, stop, flags) or _has_user(cps, scheme + 3, stop, flags)
    return _has_user(cps, start, stop, flags)


@compiled
def _has_user(cps, start, stop, flags):
    """Whether a host stands behind an "@"."""
    for i in range(start + 1, stop):  # noqa: SIM110 - compiled: no generators
        if cps[i] == 64 and _is_host_span(cps, i + 1, stop, flags):
            return True
    return False


@compiled
def _hyphen_size(cps, i, stop, flags):
    """Code points of a hyphen at i that stands before a letter; 0 if there is none."""
    c = cps[i]
    if not (c == 45 or c == 0x2013 or c == 0x2014 or c == 126):
        return 0
    run = i
    while run < stop and cps[run] == c:
        run += 1
    size = run - i
    longest = 3 if c == 45 else (2 if c == 0x2014 else 1)
    return size if size <= longest and run < stop and flags[cps[run]] & LETTER else 0


@compiled
def infix_size(cps, i, start, stop, flags):
    """Code points of the infix at i, 0 if there is none; lookarounds see only the span."""
    c = cps[i]
    f = flags[c]
    if f & LETTER or f & DIGIT:
        return 0
    if f & ICON or c == 0x2026:
        return 1
    after = flags[cps[i + 1]] if i + 1 < stop else np.uint32(0)
    before = flags[cps[i - 1]] if i > start else np.uint32(0)
    if c == 46:
        run = i
        while run < stop and cps[run] == 46:
            run += 1
        if run - i >= 2:
            return run - i
        return 1 if before & (LOWER | QUOTE) and after & (UPPER | QUOTE) else 0
    operator = c == 43 or c == 45 or c == 42 or c == 94
    if operator and before & DIGIT and i + 1 < stop and (after & DIGIT or cps[i + 1] == 45):
        return 1
    if c == 44:
        return 1 if before & LETTER and after & LETTER else 0
    if not before & (LETTER | DIGIT):
        return 0
    if c == 58 or c == 60 or c == 62 or c == 61 or c == 47:
        return 1 if after & LETTER else 0
    return _hyphen_size(cps, i, stop, flags)


@compiled
def _emit_middle(cps, start, stop, flags, keys, packed, starts, stops, count):
    """Write the words of what is left between prefixes and suffixes; returns the new count."""
    if start >= stop:
        return count
    pieces = find_special(cps, start, stop, keys, packed)
    if pieces:
        while pieces:
            starts[count] = start
            start += pieces & np.uint32(255)
            stops[count] = start
            count += 1
            pieces >>= np.uint32(8)
        return count
    if _is_alphanumeric(cps, start, stop, flags) or is_url(cps, start, stop, flags):
        starts[count] = start
        stops[count] = stop
        return count + 1
    begin, i = start, start
    while i < stop:
        size = infix_size(cps, i, start, stop, flags)
        if size == 0 or i == start:
            i += max(size, 1)
            continue
        if i > begin:
            starts[count] = begin
            stops[count] = i
            count += 1
        starts[count] = i
        stops[count] = i + size
        count += 1
        i += size
        begin = i
    if begin < stop:
        starts[count] = begin
        stops[count] = stop
        count += 1
    return count


@compiled
def _is_alphanumeric(cps, start, stop, flags):
    for i in range(start, stop):  # noqa: SIM110 - compiled: no generators
        if not flags[cps[i]] & (LETTER | DIGIT):
            return False
    return True


@compiled
def _join_known(cps, flags, keys, packed, starts, stops, begin, count):
    """Replace neighbouring words of one chunk that together spell a known word with a symbol, such as ":" and ")"."""
    write, i = begin, begin
    while i < count:
        last, pieces = i, np.uint32(0)
        for j in range(count - 1, i, -1):
            pieces = find_special(cps, starts[i], stops[j], keys, packed)
            if pieces and not _is_alphanumeric(cps, starts[i], stops[j], flags):
                last = j
                break
            pieces = np.uint32(0)
        start, end = starts[i], stops[last]
        while pieces and write < last:
            starts[write] = start
            start += pieces & np.uint32(255)
            stops[write] = start
            write += 1
            pieces >>= np.uint32(8)
        if start < end:
            starts[write], stops[write] = start, end
            write += 1
        i = last + 1
    return write


@compiled
def _emit_chunk(cps, start, stop, flags, keys, packed, units, starts, stops, count):
    """Write the words of one chunk without white space; returns the new count."""
    suffixes_from, begin = stop, count
    last = -1
    cuts = starts.shape[0]  # suffix boundaries wait at the end of the array, from the back
    while start < stop and stop - start != last:
        if find_special(cps, start, stop, keys, packed):
            break
        last = stop - start
        pre = prefix_size(cps, start, stop, flags)
        if pre and find_special(cps, start + pre, stop, keys, packed):
            starts[count] = start
            stops[count] = start + pre
            count += 1
            start += pre
            break
        suf = suffix_size(cps, start + pre, stop, flags, units)
        if suf and find_special(cps, start, stop - suf, keys, packed):
            stop -= suf
            cuts -= 1
            starts[cuts] = stop
            break
        if pre:
            starts[count] = start
            stops[count] = start + pre
            count += 1
            start += pre
        if suf:
            stop -= suf
            cuts -= 1
            starts[cuts] = stop
    count = _emit_middle(cps, start, stop, flags, keys, packed, starts, stops, count)
    while cuts < starts.shape[0]:
        first = starts[cuts]
        cuts += 1
        starts[count] = first
        stops[count] = starts[cuts] if cuts < starts.shape[0] else suffixes_from
        count += 1
    return _join_known(cps, flags, keys, packed, starts, stops, begin, count) if count - begin > 1 else count


@compiled
def split_english(cps, begin, end, flags, keys, packed, units, starts, stops):
    """Cut ``cps[begin:end]`` into spaCy's words, white space excluded.

    starts, stops: room for twice the code points (suffixes of a chunk wait at the back).
    Returns the number of words.
    """
    count = 0
    i = begin
    while i < end:
        while i < end and flags[cps[i]] & SPACE:
            i += 1
        chunk = i
        while i < end and not flags[cps[i]] & SPACE:
            i += 1
        if i > chunk:
            count = _emit_chunk(cps, chunk, i, flags, keys, packed, units, starts, stops, count)
    return count
