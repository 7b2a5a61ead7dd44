"""Finding the texts of an index in documents, compiled: fold to letters, probe by rolling hash, compare, measure runs.

A window of letters that hashes to a known one is compared letter by letter and extended to both sides; a run goes on
behind a small difference (a label, a footnote mark, one word changed) where the letters agree again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.compiled import compiled
from stages.letter_kernels import finish, fold, is_character
from stages.text_kernels import BASE, raise_base

_ONE = np.uint64(1)
MAX_GAP = 21  # letters that may be skipped at one difference, in the document and the text together
MIN_RESUME = 12  # letters that must agree behind it; half of them behind a small gap, such as a label
SMALL_GAP = 2
MIN_REST = 4  # the same at the end of a text
CHARACTER_WEIGHT = 3  # letters that one of a script without spaces counts as
_PIECES = 128  # pieces of one run; a longer one ends there and begins again


class Index(NamedTuple):
    """Texts to find, as arrays. Text ``t`` has letters ``bounds[t]:bounds[t + 1]`` and words likewise."""

    letters: np.ndarray  # uint16, of all texts
    bounds: np.ndarray  # int64 (texts + 1,)
    words: np.ndarray  # int32 (words + 1,), the letter at which each word starts
    word_bounds: np.ndarray  # int64 (texts + 1,)
    own: np.ndarray  # bool (words,), false for words of commonplaces
    num_own: np.ndarray  # int32 (texts,)
    need: np.ndarray  # int32 (texts,), words of a run that counts
    short: np.ndarray  # bool (texts,): has no more words than a run needs, so all of it must be there
    must: np.ndarray  # int32 (texts, 2), letters of the text that must be somewhere in the document
    seeds: np.ndarray  # uint64, sorted hashes of windows
    first: np.ndarray  # int32 (seeds + 1,)
    places: np.ndarray  # int32, letters at which the windows of a seed start
    owners: np.ndarray  # int32, their texts
    slots: np.ndarray  # int32, place of a seed by hash, -1 free
    bits: np.ndarray  # uint64, one bit set for each seed
    windows: np.ndarray  # int32 (2,), letters of a window in scripts with spaces and without


class Found(NamedTuple):
    """What was found in each document; ``text`` is -1 where nothing was."""

    text: np.ndarray  # int32 (documents,)
    share: np.ndarray  # float64, of the text's own words
    run: np.ndarray  # int32, words of its longest run
    start: np.ndarray  # int32, code points of the document
    end: np.ndarray
    hit: np.ndarray  # bool
    documents: np.ndarray  # int64 (texts,), documents in which each text is a hit


class Scratch(NamedTuple):
    """What is used over and over for documents."""

    letters: np.ndarray  # uint16
    places: np.ndarray  # int32
    seen: np.ndarray  # int32 (words,), the document in which a word was last found
    met: np.ndarray  # int32 (texts,), the document in which a text was last met
    upto: np.ndarray  # int32 (texts,), letters of the document that its runs reach to
    covered: np.ndarray  # int32 (texts,), own words found
    longest: np.ndarray  # int32 (texts, 3): words, first and last letter of the document
    touched: np.ndarray  # int32 (texts,)
    pieces: np.ndarray  # int64 (_PIECES, 2), letters of the index
    ends: np.ndarray  # int64 (4,), of the run: document start, end; number of pieces; words


@compiled
def fill_slots(seeds: np.ndarray, slots: np.ndarray, bits: np.ndarray) -> None:
    """Enter seeds into an open hash table and a bitmap of their own highest bits."""
    mask = np.uint64(slots.shape[0] - 1)
    shift = np.uint64(64)
    size = bits.shape[0] * 64
    while size > 1:
        size >>= 1
        shift -= _ONE
    for k in range(seeds.shape[0]):
        bit = seeds[k] >> shift
        bits[bit >> np.uint64(6)] |= _ONE << (bit & np.uint64(63))
        slot = seeds[k] & mask
        while slots[slot] >= 0:
            slot = (slot + _ONE) & mask
        slots[slot] = k


@compiled
def find_seed(index: Index, key: np.uint64) -> int:
    """The number of a seed, -1 where there is none of this hash."""
    mask = np.uint64(index.slots.shape[0] - 1)
    slot = key & mask
    while index.slots[slot] >= 0:
        if index.seeds[index.slots[slot]] == key:
            return index.slots[slot]
        slot = (slot + _ONE) & mask
    return -1


@compiled
def _agreeing(a: np.ndarray, i: int, i_end: int, b: np.ndarray, j: int, j_end: int, step: int, enough: int) -> bool:
    """Whether enough letters agree from i and j on, to the right or (step -1) to the left, or all that are left of the
    text; ``i_end``, ``j_end``: where they stop."""
    agreed = 0
    while i != i_end and j != j_end and a[i] == b[j]:
        agreed += CHARACTER_WEIGHT if is_character(a[i]) else 1
        if agreed >= enough:
            return True
        i += step
        j += step
    return j == j_end and agreed >= MIN_REST


@compiled
def _resume(a: np.ndarray, i: int, i_end: int, b: np.ndarray, j: int, j_end: int, step: int) -> tuple[int, int]:
    """How many letters of the document and of the text to pass over until they agree again; (-1, -1): they do not."""
    limit = MAX_GAP // CHARACTER_WEIGHT if is_character(b[j]) else MAX_GAP
    for gap in range(1, limit + 1):
        for skip in range(gap + 1):
            in_a, in_b = gap - skip, skip
            p, q = i + step * in_a, j + step * in_b
            if (i_end - p) * step <= 0 or (j_end - q) * step <= 0:
                continue
            enough = MIN_RESUME // 2 if gap <= SMALL_GAP else MIN_RESUME
            if a[p] == b[q] and _agreeing(a, p, i_end, b, q, j_end, step, enough):
                return in_a, in_b
    return -1, -1


@compiled
def _extend(
    a: np.ndarray, i: int, i_end: int, b: np.ndarray, j: int, j_end: int, step: int, pieces: np.ndarray, count: int
) -> tuple[int, int]:
    """Follow a run to one side. Its pieces, letters of the index, are noted; returns where the document's part ends and
    the number of pieces."""
    while True:
        begin = j
        while i != i_end and j != j_end and a[i] == b[j]:
            i += step
            j += step
        if count == _PIECES:
            return i, count
        if step > 0:
            pieces[count, 0], pieces[count, 1] = begin, j
        else:
            pieces[count, 0], pieces[count, 1] = j + 1, begin + 1
        count += 1
        if i == i_end or j == j_end:
            return i, count
        in_a, in_b = _resume(a, i, i_end, b, j, j_end, step)
        if in_a < 0:
            return i, count
        i += step * in_a
        j += step * in_b


@compiled
def _words_within(index: Index, text: int, start: int, stop: int) -> tuple[int, int]:
    """The words of a text that lie wholly within letters ``start:stop``."""
    low, high = index.word_bounds[text], index.word_bounds[text + 1]
    last = high
    while low < high:  # the first word that starts at start or behind
        middle = (low + high) // 2
        if index.words[middle] < start:
            low = middle + 1
        else:
            high = middle
    first, high = low, last
    while low < high:  # the first word that ends behind stop
        middle = (low + high) // 2
        if index.words[middle + 1] <= stop:
            low = middle + 1
        else:
            high = middle
    return first, low


@compiled
def _follow(index: Index, scratch: Scratch, n: int, text: int, d: int, p: int, size: int) -> None:
    """The whole run around equal windows at ``d`` of the document and ``p`` of the index, into ``scratch.ends``."""
    low, high = index.bounds[text], index.bounds[text + 1]
    a, b, pieces = scratch.letters, index.letters, scratch.pieces
    stop, count = _extend(a, d, n, b, p, high, 1, pieces, 0)
    start, both = _extend(a, d - 1, -1, b, p - 1, low - 1, -1, pieces, count)
    if both > count:  # the first piece to the left continues the first to the right
        pieces[0, 0] = pieces[count, 0]
        pieces[count, 1] = pieces[count, 0]
    words = 0
    for k in range(both):
        first, last = _words_within(index, text, pieces[k, 0], pieces[k, 1])
        words += last - first
    scratch.ends[0], scratch.ends[1], scratch.ends[2], scratch.ends[3] = start + 1, stop, both, words


@compiled
def _note(index: Index, scratch: Scratch, document: int, text: int) -> None:
    """Count the words of the run in ``scratch.ends`` for its text."""
    start, stop, count, words = scratch.ends[0], scratch.ends[1], scratch.ends[2], scratch.ends[3]
    if words > scratch.longest[text, 0]:
        scratch.longest[text, 0], scratch.longest[text, 1], scratch.longest[text, 2] = words, start, stop
    for k in range(count):
        first, last = _words_within(index, text, scratch.pieces[k, 0], scratch.pieces[k, 1])
        for w in range(first, last):
            if scratch.seen[w] != document:
                scratch.seen[w] = document
                scratch.covered[text] += index.own[w]


@compiled
def _probe(index: Index, scratch: Scratch, n: int, size: int, document: int, touched: int) -> int:
    """Look every window of the document up; returns the number of texts met."""
    letters, bits = scratch.letters, index.bits
    shift = np.uint64(64)
    room = bits.shape[0] * 64
    while room > 1:
        room >>= 1
        shift -= _ONE
    drop = raise_base(size, np.empty(0, np.uint64))
    salt = np.uint64(size) * drop  # the size stands before every window's letters
    h = np.uint64(0)
    for i in range(n):
        h = h * BASE + np.uint64(letters[i]) + _ONE
        if i >= size:
            h -= (np.uint64(letters[i - size]) + _ONE) * drop
        if i < size - 1:
            continue
        key = finish(h + salt)
        bit = key >> shift
        if not (bits[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & _ONE:
            continue
        seed = find_seed(index, key)
        if seed >= 0:
            touched = _meet(index, scratch, n, seed, i - size + 1, size, document, touched)
    return touched


@compiled
def _meet(index: Index, scratch: Scratch, n: int, seed: int, d: int, size: int, document: int, touched: int) -> int:
    """Follow a window of the document into every text that holds it and is not being followed already."""
    for k in range(index.first[seed], index.first[seed + 1]):
        text, p = index.owners[k], index.places[k]
        if scratch.met[text] == document and d < scratch.upto[text]:
            continue
        same = True
        for i in range(size):
            if scratch.letters[d + i] != index.letters[p + i]:
                same = False
                break
        if not same:
            continue
        if scratch.met[text] != document:
            scratch.met[text] = document
            scratch.covered[text] = scratch.longest[text, 0] = 0
            scratch.touched[touched] = text
            touched += 1
        _follow(index, scratch, n, text, d, p, size)
        scratch.upto[text] = scratch.ends[1]
        if scratch.ends[3] >= index.need[text]:
            _note(index, scratch, document, text)
    return touched


@compiled
def _holds(scratch: Scratch, n: int, index: Index, start: int, stop: int) -> bool:
    """Whether letters ``start:stop`` of the index stand anywhere in the document."""
    size = stop - start
    for i in range(n - size + 1):
        k = 0
        while k < size and scratch.letters[i + k] == index.letters[start + k]:
            k += 1
        if k == size:
            return True
    return False


@compiled
def _judge(index: Index, scratch: Scratch, n: int, touched: int, min_share: float, row: int, found: Found) -> None:
    """Choose the text that the document holds most of: a hit before others, then share, then run, then the first."""
    for k in range(touched):
        text = scratch.touched[k]
        if scratch.longest[text, 0] == 0:
            continue
        share = scratch.covered[text] / index.num_own[text]
        run = scratch.longest[text, 0]
        enough = share >= 1.0 if index.short[text] else share >= min_share
        start, stop = index.must[text, 0], index.must[text, 1]
        hit = enough and (start == stop or _holds(scratch, n, index, start, stop))
        found.documents[text] += hit
        best = found.text[row]
        better = best < 0 or (hit and not found.hit[row])
        if not better and hit == found.hit[row]:
            better = share > found.share[row]
            if share == found.share[row]:
                better = run > found.run[row] or (run == found.run[row] and text < best)
        if better:
            found.text[row], found.share[row], found.run[row], found.hit[row] = text, share, run, hit
            found.start[row] = scratch.places[scratch.longest[text, 1]]
            found.end[row] = scratch.places[scratch.longest[text, 2] - 1] + 1


@compiled
def find_texts(
    index: Index,
    data: np.ndarray,
    offsets: np.ndarray,
    first: np.ndarray,
    table: np.ndarray,
    min_share: float,
    room: int,
    found: Found,
) -> None:
    """Look for all texts in each row ``data[offsets[i]:offsets[i + 1]]``; ``room``: letters of the longest."""
    texts = index.bounds.shape[0] - 1
    scratch = Scratch(
        np.empty(room, np.uint16),
        np.empty(room, np.int32),
        np.zeros(index.own.shape[0], np.int32),
        np.zeros(texts, np.int32),
        np.zeros(texts, np.int32),
        np.zeros(texts, np.int32),
        np.zeros((texts, 3), np.int32),
        np.empty(texts, np.int32),
        np.empty((_PIECES, 2), np.int64),
        np.empty(4, np.int64),
    )
    for row in range(offsets.shape[0] - 1):
        found.text[row] = -1
        n, characters = fold(data, offsets[row], offsets[row + 1], first, table, scratch.letters, scratch.places)
        touched = 0
        if n - characters >= index.windows[0]:
            touched = _probe(index, scratch, n, index.windows[0], row + 1, touched)
        if characters >= index.windows[1]:
            touched = _probe(index, scratch, n, index.windows[1], row + 1, touched)
        _judge(index, scratch, n, touched, min_share, row, found)
