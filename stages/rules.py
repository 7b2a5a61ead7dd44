"""What every rule stage shares: which rows it judges, their figures, and the first broken rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ENGLISH = 1
CHINESE = 2
_NARROW = {0x3000: 0x20} | {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}


def language_codes(batch: pa.Table) -> np.ndarray:
    """1 for English rows, 2 for Chinese, 0 for rows without rules (another language, or no text); int8 (n,)."""
    codes = np.zeros(batch.num_rows, np.int8)
    has_text = pc.is_valid(batch["content"]).to_numpy(zero_copy_only=False)
    for code, lang in ((ENGLISH, "en"), (CHINESE, "zh")):
        codes[pc.fill_null(pc.equal(batch["lang"], lang), False).to_numpy(zero_copy_only=False) & has_text] = code
    return codes


def first_broken(rules: Sequence[tuple[str, np.ndarray]], rows: np.ndarray) -> np.ndarray:
    """The first broken rule of each row of ``rows`` (a mask), "" where all hold.

    rules: (reason, mask of the rows that break it), in the order in which they decide.
    """
    reasons = np.full(len(rows), "", dtype=object)
    for reason, broken in reversed(rules):
        reasons[broken & rows] = reason
    return reasons


def read_figures(batch: pa.Table, stage: str, names: Sequence[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The columns "<stage>.<name>" as float64, NaN for null, and the language code of each row that has figures."""
    figures = {name: batch[f"{stage}.{name}"].to_numpy() for name in names}
    codes = np.zeros(batch.num_rows, np.int8)
    measured = ~np.isnan(figures[names[0]])
    for code, lang in ((ENGLISH, "en"), (CHINESE, "zh")):
        codes[pc.fill_null(pc.equal(batch["lang"], lang), False).to_numpy(zero_copy_only=False) & measured] = code
    return figures, codes


def append_verdict(batch: pa.Table, stage: str, reasons: np.ndarray) -> pa.Table:
    """Append "<stage>.drop": the reason, null where it is empty."""
    return batch.append_column(f"{stage}.drop", pa.array(reasons, pa.string(), mask=reasons == ""))


def narrow(text: str) -> str:
    """Full-width forms as the ASCII signs they are forms of, as Chinese pages are read."""
    return text.translate(_NARROW)
