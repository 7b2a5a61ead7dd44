"""English words as spaCy's blank English pipeline cuts them, in compiled code.

Follows ``spacy.tokenizer.Tokenizer``: cut at white space; take known contractions whole; peel prefixes and suffixes;
keep URLs and e-mail addresses; cut the rest at infixes; join what spells a known word after all. Differences, none of
which moves a page's decision often: "US$" is two symbols; a URL's host is checked for its form, not for reserved
ranges; of two known words that overlap the first wins instead of the longest.
"""

from __future__ import annotations

import numpy as np

from stages.codepoints import DIGIT, LETTER, SPACE
from stages.compiled import compiled
from stages.english_affixes import infix_size, prefix_size, suffix_size
from stages.english_specials import MAX_SPECIAL
from stages.english_urls import is_url
from stages.text_kernels import hash_span


@compiled
def find_special(cps: np.ndarray, start: int, stop: int, keys: np.ndarray, packed: np.ndarray) -> np.uint32:
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
def _emit_middle(
    cps: np.ndarray,
    start: int,
    stop: int,
    flags: np.ndarray,
    keys: np.ndarray,
    packed: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
) -> int:
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
def _is_alphanumeric(cps: np.ndarray, start: int, stop: int, flags: np.ndarray) -> bool:
    for i in range(start, stop):  # noqa: SIM110 - compiled: no generators
        if not flags[cps[i]] & (LETTER | DIGIT):
            return False
    return True


@compiled
def _join_known(
    cps: np.ndarray,
    flags: np.ndarray,
    keys: np.ndarray,
    packed: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    begin: int,
    count: int,
) -> int:
    """Replace neighbouring words of one chunk that together spell a known word with a symbol, such as ":" and ")"."""
    write, i = begin, begin
    while i < count:
        last, pieces = i, np.uint32(0)
        for j in range(min(count - 1, i + MAX_SPECIAL), i, -1):
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
def _emit_chunk(
    cps: np.ndarray,
    start: int,
    stop: int,
    flags: np.ndarray,
    keys: np.ndarray,
    packed: np.ndarray,
    units: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
) -> int:
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
def split_english(
    cps: np.ndarray,
    begin: int,
    end: int,
    flags: np.ndarray,
    keys: np.ndarray,
    packed: np.ndarray,
    units: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
) -> int:
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
