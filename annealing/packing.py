"""Documents laid out in rows of their own: none is cut unless it is longer than a row, and no token is left out.

Best-fit decreasing: the longest piece first, each into the row where it leaves the least room (arXiv:2404.10830). What
is left of a row is filled up, and counts for nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np

from annealing.head import IGNORED


@dataclass(frozen=True)
class Rows:
    """Whole rows one after the other."""

    ids: np.ndarray  # uint32 (positions,); 0 where a row is filled up
    targets: np.ndarray  # int64 (positions,), the token behind each in its document; IGNORED behind the last
    starts: np.ndarray  # int64 (pieces + 1,), where pieces and fillings begin, and the end
    real: np.ndarray  # int64 (positions + 1,), tokens before each position, the filled up ones not counted


def pieces(lengths: np.ndarray, seq_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pieces of documents begin and how long they are: a document longer than a row is cut into whole rows
    and a rest."""
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64) if len(lengths) else np.zeros(0, np.int64)
    counts = -(-lengths // seq_len)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(begins, counts) + place * seq_len
    return starts, np.minimum(np.repeat(begins + lengths, counts) - starts, seq_len)


def best_fit(lengths: np.ndarray, seq_len: int) -> list[list[int]]:
    """The numbers of the pieces of each row; no length is above ``seq_len``."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []  # what is left of a row and its number, sorted
    for number in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[number])
        at = bisect_left(room, (length, -1))
        if at == len(room):
            rows.append([number])
            left, row = seq_len - length, len(rows) - 1
        else:
            left, row = room.pop(at)
            rows[row].append(number)
            left -= length
        if left:
            insort(room, (left, row))
    return rows


def lay_out(ids: np.ndarray, starts: np.ndarray, seq_len: int, chance: np.random.Generator) -> Rows:
    """Documents in rows, the rows shuffled. Args: ids uint32 (tokens,), starts int64 (documents + 1,)."""
    following = np.full(len(ids), IGNORED, np.int64)
    following[:-1] = ids[1:]
    following[starts[1:] - 1] = IGNORED
    begins, lengths = pieces(np.diff(starts), seq_len)
    rows = best_fit(lengths, seq_len)
    rows = [rows[number] for number in chance.permutation(len(rows))]
    size = len(rows) * seq_len
    order = np.array([piece for row in rows for piece in row], np.int64)
    # Where each piece lies: behind those before it in its row, whose number counts whole rows.
    row = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    behind = np.cumsum(lengths[order]) - lengths[order]
    used = np.array([lengths[one].sum() for one in rows], np.int64)
    at = behind + row * seq_len - (np.cumsum(used) - used)[row]
    places = np.repeat(at - behind, lengths[order]) + np.arange(len(ids))
    whence = places + np.repeat(begins[order] - at, lengths[order])
    out, targets = np.zeros(size, np.uint32), np.full(size, IGNORED, np.int64)
    out[places], targets[places] = ids[whence], following[whence]
    filled = np.zeros(size + 1, np.int64)
    filled[places + 1] = 1
    ends = np.arange(len(rows)) * seq_len + used
    return Rows(out, targets, np.unique(np.concatenate((at, ends, [size]))), np.cumsum(filled))
