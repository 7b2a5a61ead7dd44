"""English words as spaCy's blank English pipeline cuts them, in compiled code.

Follows ``spacy.tokenizer.Tokenizer``: cut at white space; take known contractions whole; peel prefixes and suffixes;
keep URLs and e-mail addresses; cut the rest at infixes; join what spells a known word after all. Differences, none of
which moves a page's decision often: "US$" is two symbols; a URL's host is checked for its form, not for reserved
ranges; of two known words that overlap the first wins instead of the longest.
"""

from __future__ import annotations

import numpy as np

from stages.codepoints import BEFORE_PERIOD, DIGIT, LETTER, SPACE, SUFFIX
from stages.compiled import compiled
from stages.english_affixes import PERIOD, infix_size, prefix_size, suffix_size
from stages.english_specials import MAX_SPECIAL, special_slot
from stages.english_urls import is_url
from stages.text_kernels import BASE, hash_span


@compiled
def _look_up(key: np.uint64, keys: np.ndarray, packed: np.ndarray) -> np.uint32:
    """Packed piece lengths of the word with this hash, 0 if it is not known."""
    slot = special_slot(key)
    while packed[slot]:
        if keys[slot] == key:
            return packed[slot]
        slot = (slot + 1) & 4095
    return np.uint32(0)


@compiled
def _may_be_special(cps: np.ndarray, start: int, stop: int, keys: np.ndarray) -> bool:
    """Whether some known word of this length begins and ends with these characters, or ones of the same low byte."""
    if stop - start > MAX_SPECIAL:
        return False
    lengths = keys[4096 + (cps[start] & 255)] & keys[4352 + (cps[stop - 1] & 255)]
    return (lengths >> np.uint64(stop - start)) & np.uint64(1) != 0


@compiled
def find_special(cps: np.ndarray, start: int, stop: int, keys: np.ndarray, packed: np.ndarray) -> np.uint32:
    """Packed piece lengths of a known word, 0 if it is none."""
    if stop <= start or not _may_be_special(cps, start, stop, keys):
        return np.uint32(0)
    return _look_up(hash_span(cps, start, stop), keys, packed)


@compiled
def _emit_middle(
    cps: np.ndarray,
    start: int,
    stop: int,
    kinds: np.ndarray,
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
    if _is_alphanumeric(cps, start, stop, kinds) or is_url(cps, start, stop, kinds):
        starts[count] = start
        stops[count] = stop
        return count + 1
    begin, i = start, start
    while i < stop:
        size = infix_size(cps, i, start, stop, kinds)
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
def _is_alphanumeric(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> bool:
    for i in range(start, stop):  # noqa: SIM110 - compiled: no generators
        if not kinds[i] & (LETTER | DIGIT):
            return False
    return True


@compiled
def _join_known(
    cps: np.ndarray,
    kinds: np.ndarray,
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
            if pieces and not _is_alphanumeric(cps, starts[i], stops[j], kinds):
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
    kinds: np.ndarray,
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
        pre = prefix_size(cps, start, stop, kinds)
        if pre and find_special(cps, start + pre, stop, keys, packed):
            starts[count] = start
            stops[count] = start + pre
            count += 1
            start += pre
            break
        suf = suffix_size(cps, start + pre, stop, kinds, units)
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
    count = _emit_middle(cps, start, stop, kinds, keys, packed, starts, stops, count)
    while cuts < starts.shape[0]:
        first = starts[cuts]
        cuts += 1
        starts[count] = first
        stops[count] = starts[cuts] if cuts < starts.shape[0] else suffixes_from
        count += 1
    return _join_known(cps, kinds, keys, packed, starts, stops, begin, count) if count - begin > 1 else count


@compiled
def split_english(
    cps: np.ndarray,
    kinds: np.ndarray,
    begin: int,
    end: int,
    keys: np.ndarray,
    packed: np.ndarray,
    units: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    hashes: np.ndarray,
    count: int,
) -> tuple[int, int]:
    """Cut ``cps[begin:end]``, behind which stands a space, into spaCy's words, white space excluded.

    starts, stops: room for more words than there are code points (suffixes of a chunk wait at the back); hashes: of
    each word. count: words that are there already. Returns their new number, and that of chunks between white space.
    """
    chunks, i = 0, begin
    while i < end:
        if kinds[i] & SPACE:
            i += 1
            continue
        start, h = i, np.uint64(0)
        while kinds[i] & kinds[start] & (LETTER | DIGIT):
            h = h * BASE + np.uint64(cps[i]) + np.uint64(1)
            i += 1
        run = i
        while not kinds[i] & SPACE:
            i += 1
        chunks += 1
        # Nearly all chunks are letters or digits with at most one sign behind them, and few of those are known words.
        if _is_plain(cps, kinds, start, run, i) and not _is_known(h, cps, start, run, i, keys, packed):
            starts[count], stops[count], hashes[count] = start, run, h
            count += 1
            if run < i:
                starts[count], stops[count], hashes[count] = run, i, np.uint64(cps[run]) + np.uint64(1)
                count += 1
            continue
        first = count
        count = _emit_chunk(cps, start, i, kinds, keys, packed, units, starts, stops, count)
        for w in range(first, count):
            hashes[w] = hash_span(cps, starts[w], stops[w])
    return count, chunks


@compiled
def _is_plain(cps: np.ndarray, kinds: np.ndarray, start: int, run: int, stop: int) -> bool:
    """Whether a chunk is a run of letters or of digits, perhaps with one sign behind it that is always peeled off."""
    if run == start or run + 1 < stop:
        return False
    if run == stop:
        return True
    if cps[run] == PERIOD:
        return kinds[run - 1] & BEFORE_PERIOD != 0
    return kinds[run] & SUFFIX != 0


@compiled
def _is_known(
    h: np.uint64, cps: np.ndarray, start: int, run: int, stop: int, keys: np.ndarray, packed: np.ndarray
) -> bool:
    """Whether the run, whose hash is h, or it with the sign behind it is a known word."""
    if _may_be_special(cps, start, run, keys) and _look_up(h, keys, packed):
        return True
    if run == stop or not _may_be_special(cps, start, stop, keys):
        return False
    return _look_up(h * BASE + np.uint64(cps[run]) + np.uint64(1), keys, packed) != 0
