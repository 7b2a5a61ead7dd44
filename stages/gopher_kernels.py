"""Gopher's figures in one pass per page, compiled."""

from __future__ import annotations

import numpy as np

from stages.codepoints import BULLET, LETTER, SYMBOL
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import (
    count_duplicates,
    decode,
    hash_span,
    power_table,
    prefix_hashes,
    repeated_gram_chars,
    slot_mask,
    split_lines,
    split_runs,
    strip_span,
    top_gram_chars,
)
from stages.word_kernels import Tables, count_readable_words, split_words

HASH, HYPHEN, PERIOD, BULLET_SIGN, ELLIPSIS = map(ord, "#-.•…")


@compiled
def _ends_with_ellipsis(cps: np.ndarray, start: int, stop: int) -> bool:
    if stop > start and cps[stop - 1] == ELLIPSIS:
        return True
    return stop - start >= 3 and cps[stop - 1] == PERIOD and cps[stop - 2] == PERIOD and cps[stop - 3] == PERIOD


@compiled
def _symbol_counts(cps: np.ndarray, n: int) -> tuple[int, int]:
    """Hashes, and ellipses counted without overlap."""
    hashes, ellipses, dots = 0, 0, 0
    for i in range(n):
        hashes += 1 if cps[i] == HASH else 0
        ellipses += 1 if cps[i] == ELLIPSIS else 0
        dots = dots + 1 if cps[i] == PERIOD else 0
        if dots == 3:
            ellipses += 1
            dots = 0
    return hashes, ellipses


@compiled
def _line_shares(
    code: int, cps: np.ndarray, n: int, flags: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> tuple[float, float]:
    """Shares of lines that start with a bullet and that end in an ellipsis."""
    count = split_lines(cps, n, flags, starts, stops)
    bullets, ellipses = 0, 0
    for k in range(count):
        start, stop = strip_span(cps, starts[k], stops[k], flags)
        if start == stop:
            continue
        if code == CHINESE:
            bullets += 1 if flags[cps[start]] & BULLET else 0
        else:
            bullets += 1 if cps[start] == BULLET_SIGN or cps[start] == HYPHEN else 0
        ellipses += 1 if _ends_with_ellipsis(cps, start, stop) else 0
    return bullets / max(count, 1), ellipses / max(count, 1)


@compiled
def _word_figures(
    cps: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
    flags: np.ndarray,
    stop_hashes: np.ndarray,
    longest_stop: int,
    seen: np.ndarray,
    out: np.ndarray,
) -> None:
    """Symbol-free words, their mean length, the share of words with a letter, and stop words."""
    words, chars, alpha, stops_found = 0, 0, 0, 0
    seen[:] = False
    for w in range(count):
        plain, letter = False, False
        for i in range(starts[w], stops[w]):
            plain = plain or flags[cps[i]] & SYMBOL == 0
            letter = letter or flags[cps[i]] & LETTER != 0
        words += 1 if plain else 0
        chars += stops[w] - starts[w] if plain else 0
        alpha += 1 if letter else 0
        if stops[w] - starts[w] <= longest_stop:
            key = hash_span(cps, starts[w], stops[w])
            for k in range(stop_hashes.shape[0]):
                if stop_hashes[k] == key:
                    stops_found += 1
                    seen[k] = True
    out[0] = words
    out[1] = chars / max(words, 1)
    out[6] = alpha / max(count, 1)
    out[7] = seen.sum()
    out[8] = stops_found / max(words, 1)


@compiled
def quality_figures(
    data: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    tables: Tables,
    stops_en: np.ndarray,
    stops_zh: np.ndarray,
    longest_stop: int,
    room: int,
) -> np.ndarray:
    """Figures of every row with rules, float64 (n, 10), NaN elsewhere.

    stops_en, stops_zh: hashes of the stop words; longest_stop: code points of the longest.
    room: bytes of the longest row.
    Figures: words, their mean length, hash and ellipsis ratios, bullet and ellipsis lines ratios, alpha words ratio,
    distinct stop words, stop ratio, readable words.
    """
    out = np.full((codes.shape[0], 10), np.nan)
    cps = np.empty(room + 1, np.uint32)
    starts, stops = np.empty(2 * room + 2, np.int64), np.empty(2 * room + 2, np.int64)
    seen = np.zeros(max(stops_en.shape[0], stops_zh.shape[0]), np.bool_)
    for r in range(codes.shape[0]):
        code = codes[r]
        if code == 0:
            continue
        n = decode(data, offsets[r], offsets[r + 1], cps)
        out[r, 4], out[r, 5] = _line_shares(code, cps, n, tables.flags, starts, stops)
        count = split_words(code, cps, 0, n, tables, starts, stops)
        stop_hashes = stops_zh if code == CHINESE else stops_en
        _word_figures(cps, starts, stops, count, tables.flags, stop_hashes, longest_stop, seen, out[r])
        hashes, ellipses = _symbol_counts(cps, n)
        out[r, 2] = hashes / max(count, 1)
        out[r, 3] = ellipses / max(count, 1)
        out[r, 9] = count_readable_words(code, cps, n, tables.flags)
    return out


@compiled
def _drop_blank(cps: np.ndarray, starts: np.ndarray, stops: np.ndarray, count: int, flags: np.ndarray) -> int:
    """Keep the pieces that hold more than white space, in place; returns their number."""
    kept = 0
    for k in range(count):
        start, stop = strip_span(cps, starts[k], stops[k], flags)
        if stop > start:
            starts[kept], stops[kept] = starts[k], stops[k]
            kept += 1
    return kept


@compiled
def _line_repetition(
    code: int,
    cps: np.ndarray,
    n: int,
    flags: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    table: np.ndarray,
    epochs: np.ndarray,
    epoch: int,
    out: np.ndarray,
) -> int:
    """Shares of paragraphs and lines, and of their code points, that repeat earlier ones; returns the next epoch."""
    start, stop = strip_span(cps, 0, n, flags)
    count = split_runs(cps, start, stop, 2, starts, stops)
    count = _drop_blank(cps, starts, stops, count, flags) if code == CHINESE else count
    repeated, chars = count_duplicates(cps, starts, stops, count, table, epochs, epoch + 1)
    out[0], out[1] = repeated / max(count, 1), chars / max(n, 1)
    count = split_runs(cps, 0, n, 1, starts, stops)
    count = _drop_blank(cps, starts, stops, count, flags) if code == CHINESE else count
    repeated, chars = count_duplicates(cps, starts, stops, count, table, epochs, epoch + 2)
    out[2], out[3] = repeated / max(count, 1), chars / max(n, 1)
    return epoch + 2


@compiled
def _gram_repetition(
    code: int,
    hashes: np.ndarray,
    lengths: np.ndarray,
    powers: np.ndarray,
    tops: np.ndarray,
    dups: np.ndarray,
    cps: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
    n: int,
    slots: tuple[np.ndarray, ...],
    epoch: int,
    out: np.ndarray,
) -> int:
    """Shares of code points in the most frequent and in all repeated n-grams; returns the next epoch."""
    table, epochs, counts, firsts = slots
    # datatrove joins the words of a frequent n-gram with spaces and those of a repeated one without.
    separator = 0 if code == CHINESE else 1
    prefix_hashes(cps, starts, stops, count, separator, hashes, lengths)
    for k in range(tops.shape[0]):
        epoch += 1
        chars = top_gram_chars(hashes, lengths, powers, count, tops[k], separator, table, epochs, epoch, counts, firsts)
        out[4 + k] = chars / max(n, 1)
    prefix_hashes(cps, starts, stops, count, 0, hashes, lengths)
    for k in range(dups.shape[0]):
        epoch += 1
        chars = repeated_gram_chars(hashes, lengths, powers, count, dups[k], table, epochs, epoch)
        out[4 + tops.shape[0] + k] = chars / max(n, 1)
    return epoch


@compiled
def repetition_figures(
    data: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    tables: Tables,
    code: int,
    tops: np.ndarray,
    dups: np.ndarray,
    room: int,
) -> np.ndarray:
    """Shares of repeated paragraphs, lines and n-grams of the rows with this code; NaN elsewhere.

    Paragraphs, their characters, lines, their characters, then one share for each n of tops and of dups.
    Returns float64 (n, 4 + len(tops) + len(dups)).
    """
    out = np.full((codes.shape[0], 4 + tops.shape[0] + dups.shape[0]), np.nan)
    cps = np.empty(room + 1, np.uint32)
    starts, stops = np.empty(2 * room + 2, np.int64), np.empty(2 * room + 2, np.int64)
    hashes, lengths = np.empty(room + 2, np.uint64), np.empty(room + 2, np.int64)
    powers = power_table(1024)
    size = np.int64(slot_mask(room + 1)) + 1
    # Untouched parts of these tables cost no memory, and a page touches only what its words need.
    counts, firsts = np.empty(size, np.int32), np.empty(size, np.int32)
    slots = (np.empty(size, np.uint64), np.zeros(size, np.int32), counts, firsts)
    epoch = 0
    for r in range(codes.shape[0]):
        if codes[r] != code:
            continue
        n = decode(data, offsets[r], offsets[r + 1], cps)
        epoch = _line_repetition(code, cps, n, tables.flags, starts, stops, slots[0], slots[1], epoch, out[r])
        count = split_words(code, cps, 0, n, tables, starts, stops)
        epoch = _gram_repetition(
            code, hashes, lengths, powers, tops, dups, cps, starts, stops, count, n, slots, epoch, out[r]
        )
    return out
