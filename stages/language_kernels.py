"""lid.176 over UTF-8 text as fastText computes it: the mean of the vectors of words and their n-grams.

Also counts characters of simplified and of traditional Chinese.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from classifiers.language_id import ModelArrays
from stages.compiled import compiled

_BASIS, _PRIME, _LOW32 = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF)
_SIGN = np.uint64(0xFFFFFF00)
_THREE, _SEVEN = np.uint64(3), np.uint64(7)
_OPEN, _CLOSE = 60, 62  # "<" and ">", which fastText puts around a word
_NEWLINE = 10
_LONGEST_PASSAGE = 4  # times the shortest: where lines do not end, words do
SIMPLIFIED, TRADITIONAL = 1, 2  # marks of a character table


class Scratch(NamedTuple):
    """What one row is worked out in."""

    total: np.ndarray  # float32 (dim,), sum of all vectors
    part: np.ndarray  # float32 (dim,), of a passage
    nodes: np.ndarray  # float32 (labels,)
    chances: np.ndarray  # float32 (labels,)
    tally: np.ndarray  # int64 (labels,), bytes of passages by language
    word: np.ndarray  # uint8, one word in its brackets


class Rows(NamedTuple):
    """What is found of each row, (n,): labels by number, -1 for none; shares of the bytes looked at."""

    label: np.ndarray  # int32
    score: np.ndarray  # float32, its probability
    runner_up: np.ndarray  # float32, the next best label's
    share: np.ndarray  # float32, passages that are surely of the label
    second: np.ndarray  # int32, the other language that most passages are surely of
    second_share: np.ndarray  # float32


@compiled
def is_space(byte: int) -> bool:
    """What fastText splits words at: ASCII white space and zero."""
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@compiled
def hash_byte(hashed: np.uint64, byte: int) -> np.uint64:
    """One step of 32-bit FNV-1a; fastText takes bytes as signed."""
    value = np.uint64(byte) | _SIGN if byte >= 0x80 else np.uint64(byte)
    return ((hashed ^ value) * _PRIME) & _LOW32


@compiled
def add_row(vectors: np.ndarray, row: int, total: np.ndarray) -> None:
    """Add one vector."""
    for d in range(len(total)):
        total[d] += vectors[row, d]


@compiled
def find_word(hashed: np.uint64, keys: np.ndarray, rows: np.ndarray) -> int:
    """The row of a word by its hash, -1 for a word that the model does not know."""
    mask = len(keys) - 1
    place = np.int64(hashed) & mask
    while rows[place] >= 0:
        if keys[place] == hashed:
            return rows[place]
        place = (place + 1) & mask
    return -1


@compiled
def add_ngrams(
    word: np.ndarray,
    size: int,
    vectors: np.ndarray,
    rows: np.ndarray,
    bits: np.ndarray,
    shortest: int,
    longest: int,
    total: np.ndarray,
) -> int:
    """Add the vectors of the n-grams of a word in its brackets, ``word[:size]``; returns how many."""
    count = 0
    bucket = np.uint64(len(rows))
    for i in range(size):
        if word[i] & 0xC0 == 0x80:  # within a character
            continue
        hashed = _BASIS
        j = i
        for length in range(1, longest + 1):
            if j >= size:
                break
            hashed = hash_byte(hashed, word[j])
            j += 1
            while j < size and word[j] & 0xC0 == 0x80:
                hashed = hash_byte(hashed, word[j])
                j += 1
            if length < shortest or (length == 1 and (i == 0 or j == size)):
                continue
            place = hashed % bucket
            if bits[place >> _THREE] >> (place & _SEVEN) & 1:
                add_row(vectors, rows[place], total)
                count += 1
    return count


@compiled
def add_words(data: np.ndarray, start: int, stop: int, model: ModelArrays, word: np.ndarray, total: np.ndarray) -> int:
    """Add the vectors of the words of ``data[start:stop]``; returns how many."""
    # Taken out of the tuple once: each look into it counts references, which a word does not pay for.
    vectors, keys, word_rows = model.vectors, model.word_keys, model.word_rows
    rows, bits, shortest, longest = model.ngram_rows, model.ngram_bits, model.shortest, model.longest
    count = 0
    i = start
    while i < stop:
        if is_space(data[i]):
            i += 1
            continue
        hashed = _BASIS
        word[0] = _OPEN
        size = 1
        while i < stop and not is_space(data[i]):
            word[size] = data[i]
            hashed = hash_byte(hashed, data[i])
            size += 1
            i += 1
        word[size] = _CLOSE
        row = find_word(hashed, keys, word_rows)
        if row >= 0:
            add_row(vectors, row, total)
            count += 1
        count += add_ngrams(word, size + 1, vectors, rows, bits, shortest, longest, total)
    return count


@compiled
def end_line(model: ModelArrays, total: np.ndarray) -> int:
    """Add what fastText adds to every line; returns how many vectors."""
    if model.end_row < 0:
        return 0
    add_row(model.vectors, model.end_row, total)
    return 1


@compiled
def logit(output: np.ndarray, row: int, vector: np.ndarray, count: int) -> float:
    """Product of an output row with the mean of ``count`` vectors, given their sum."""
    dot = np.float32(0.0)
    for d in range(len(vector)):
        dot += output[row, d] * vector[d]
    return float(dot) / count


@compiled
def probabilities(vector: np.ndarray, count: int, model: ModelArrays, scratch: Scratch) -> None:
    """Probability of each label, into ``scratch.chances``."""
    output, left, right, chances, nodes = model.output, model.left, model.right, scratch.chances, scratch.nodes
    labels = len(chances)
    if len(left) == 0:
        for label in range(labels):
            chances[label] = logit(output, label, vector, count)
        chances[:] = np.exp(chances - chances.max())
        chances /= chances.sum()
        return
    nodes[labels - 2] = 1.0
    for node in range(labels - 2, -1, -1):
        to_right = 1.0 / (1.0 + np.exp(-logit(output, node, vector, count)))
        for child, chance in ((left[node], nodes[node] * (1.0 - to_right)), (right[node], nodes[node] * to_right)):
            if child < labels:
                chances[child] = chance
            else:
                nodes[child - labels] = chance


@compiled
def sure_label(vector: np.ndarray, count: int, model: ModelArrays, scratch: Scratch, least: float) -> int:
    """The label whose probability is at least ``least``, which is above a half; -1 if there is none."""
    output, left, right = model.output, model.left, model.right
    if len(left) == 0:
        probabilities(vector, count, model, scratch)
        best = int(np.argmax(scratch.chances))
        return best if scratch.chances[best] >= least else -1
    labels = len(left) + 1
    node = labels - 2
    chance = 1.0
    while True:  # one path down the tree: of two branches only one can hold more than a half
        to_right = 1.0 / (1.0 + np.exp(-logit(output, node, vector, count)))
        child = right[node] if to_right >= 0.5 else left[node]
        chance *= max(to_right, 1.0 - to_right)
        if chance < least:
            return -1
        if child < labels:
            return child
        node = child - labels


@compiled
def passage_end(data: np.ndarray, start: int, stop: int, shortest: int) -> int:
    """Where a passage from ``start`` ends: the first line end after ``shortest`` bytes, or white space much later."""
    end = min(start + shortest, stop)
    limit = start + _LONGEST_PASSAGE * shortest
    while end < stop and data[end] != _NEWLINE and not (end > limit and is_space(data[end])):
        end += 1
    return end


@compiled
def read_window(
    data: np.ndarray, start: int, stop: int, model: ModelArrays, scratch: Scratch, shortest: int, least: float
) -> int:
    """Add a window's vectors to ``scratch.total`` and its passages to the tally; returns the number of vectors."""
    total, part, tally = scratch.total, scratch.part, scratch.tally
    count = 0
    while start < stop:
        end = passage_end(data, start, stop, shortest)
        part[:] = 0
        found = add_words(data, start, end, model, scratch.word, part)
        if found:
            total += part
            count += found
            found += end_line(model, part)
            label = sure_label(part, found, model, scratch, least)
            if label >= 0:
                tally[label] += end - start
        start = end
    return count


@compiled
def identify(
    data: np.ndarray,
    offsets: np.ndarray,
    model: ModelArrays,
    scratch: Scratch,
    rows: Rows,
    window: int,
    num_windows: int,
    shortest: int,
    least: float,
) -> None:
    """Fill ``rows``. A text up to ``window * num_windows`` bytes is read whole, a longer one in so many windows."""
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        whole = stop - start <= window * num_windows
        pieces, size = (1, stop - start) if whole else (num_windows, window)
        step = (stop - start - size) / max(1, pieces - 1)
        scratch.total[:] = 0
        scratch.tally[:] = 0
        count = looked = 0
        for piece in range(pieces):
            begin = start + np.int64(step * piece)
            end = begin + size
            while begin < end and data[begin] & 0xC0 == 0x80:
                begin += 1
            looked += end - begin
            count += read_window(data, begin, end, model, scratch, shortest, least)
        summarise(row, count, looked, model, scratch, rows)


@compiled
def summarise(row: int, count: int, looked: int, model: ModelArrays, scratch: Scratch, rows: Rows) -> None:
    """From the sum and the tally of a row to its figures; without a vector of its own it has no label."""
    if count == 0:
        rows.label[row] = rows.second[row] = -1
        rows.score[row] = rows.runner_up[row] = rows.share[row] = rows.second_share[row] = 0.0
        return
    count += end_line(model, scratch.total)
    probabilities(scratch.total, count, model, scratch)
    chances, tally = scratch.chances, scratch.tally
    best = np.argmax(chances)
    rows.label[row], rows.score[row], rows.share[row] = best, chances[best], tally[best] / looked
    chances[best] = 0.0
    tally[best] = 0
    rows.runner_up[row] = chances.max()
    second = np.argmax(tally)
    rows.second[row] = second if tally[second] > 0 else -1
    rows.second_share[row] = tally[second] / looked


@compiled
def count_marks(data: np.ndarray, start: int, stop: int, marks: np.ndarray) -> tuple[int, int]:
    """Characters of UTF-8 text that ``marks`` (by code point) calls SIMPLIFIED, and TRADITIONAL."""
    simplified = traditional = 0
    i = start
    while i < stop:
        byte = data[i]
        if byte < 0xE0:  # Chinese characters take three bytes or four
            i += 1
            continue
        size = 3 if byte < 0xF0 else 4
        code = np.int64(byte & (0x0F if size == 3 else 0x07))
        for j in range(i + 1, min(i + size, stop)):
            code = code << 6 | (data[j] & 0x3F)
        if code < len(marks):
            simplified += marks[code] == SIMPLIFIED
            traditional += marks[code] == TRADITIONAL
        i += size
    return simplified, traditional


@compiled
def count_scripts(
    data: np.ndarray, offsets: np.ndarray, chosen: np.ndarray, marks: np.ndarray, out: np.ndarray
) -> None:
    """``out`` (n, 2): simplified and traditional characters of each chosen row, 0 for the others."""
    for row in range(len(offsets) - 1):
        if chosen[row]:
            out[row, 0], out[row, 1] = count_marks(data, offsets[row], offsets[row + 1], marks)
