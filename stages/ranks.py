"""The score that has a given rank among any number of scores, exactly, from counts alone.

A score in 0 to 1 is a float32 whose 30 low bits grow with it. Three passes count its digits of 10 bits, from the top:
each says in which of 1,024 ranges the score of a rank lies. Counts of any parts of the scores add up, in any order, so
memory is set by the ranks that are asked for and never by the scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

PASSES = 3
_BITS = 10
DIGITS = 1 << _BITS

Counts = dict[int, np.ndarray]  # prefix -> number of scores by their next digit, int64 (1024,)


@dataclass(frozen=True)
class Target:
    """A rank on its way: the scores it may have begin with ``prefix``, and ``rank`` of those are smaller."""

    prefix: int
    rank: int


def count_digits(scores: np.ndarray, prefixes: Iterable[int], level: int) -> Counts:
    """How often each digit follows a prefix.

    Args: scores float32 (n,), in 0 to 1, no NaN; prefixes of the digits before; level 0 to PASSES - 1.
    """
    shift = np.uint32(_BITS * (PASSES - 1 - level))
    digits = np.abs(scores).view(np.uint32) >> shift  # abs: minus zero is zero
    heads, last = digits >> np.uint32(_BITS), digits & np.uint32(DIGITS - 1)
    return {prefix: np.bincount(last[heads == prefix], minlength=DIGITS) for prefix in prefixes}


def narrow(targets: Sequence[Target], counts: Counts) -> list[Target]:
    """The targets one digit further."""
    found = []
    for target in targets:
        ends = np.cumsum(counts[target.prefix])
        digit = int(np.searchsorted(ends, target.rank, side="right"))
        smaller = int(ends[digit - 1]) if digit else 0
        found.append(Target(target.prefix << _BITS | digit, target.rank - smaller))
    return found


def score_of(target: Target) -> float:
    """The score of a target after all passes."""
    return float(np.uint32(target.prefix).view(np.float32))
