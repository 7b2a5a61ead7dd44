"""What every rule stage shares: which rows it reads, the first broken rule, and its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ENGLISH = 1
CHINESE = 2


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


def append_columns(
    batch: pa.Table, stage: str, figures: Mapping[str, np.ndarray], reasons: np.ndarray, codes: np.ndarray
) -> pa.Table:
    """Append "<stage>.<figure>" columns and "<stage>.drop"; rows without rules get nulls."""
    skipped = codes == 0
    for name, values in figures.items():
        batch = batch.append_column(f"{stage}.{name}", pa.array(values, mask=skipped | np.isnan(values)))
    drop = pa.array(reasons, pa.string(), mask=reasons == "")
    return batch.append_column(f"{stage}.drop", drop)
