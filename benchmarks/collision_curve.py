"""The curves of docs/dedup.md, drawn: ``python -m benchmarks.collision_curve [FILE.svg]``. Nothing is measured here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.stats import binom

from governance.confirm import DOUBT
from stages.minhash import DedupConfig, collision_probability

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "collision-curve.svg"
# What datasketch calls best for 0.75 and 112 hashes where both errors weigh the same, and a wide net.
OTHERS = ((11, 10, "11 × 10, datasketch's optimum"), (20, 5, "20 × 5"))


def found_and_equal(similarity: float, bands: int, rows: int) -> np.ndarray:
    """Probability that pages share a band and so many of their hashes, for each number of hashes 0..bands * rows.

    All pages, less those without a whole band: there every band holds 0..rows - 1 equal hashes.
    """
    without = np.ones(1)
    one = binom.pmf(np.arange(rows + 1), rows, similarity)
    one[rows] = 0
    for _ in range(bands):
        without = np.convolve(without, one)
    every = binom.pmf(np.arange(bands * rows + 1), bands * rows, similarity)
    return np.clip(every - without, 0, 1)


def confirmed(similarity: np.ndarray, config: DedupConfig) -> np.ndarray:
    """Probability that two pages of this similarity are called duplicates of each other."""
    margin = DOUBT * np.sqrt(config.threshold * (1 - config.threshold) / config.num_hashes)
    estimate = np.arange(config.num_hashes + 1) / config.num_hashes
    sure = estimate >= config.threshold + (margin if config.confirm == "shingles" else 0)
    doubtful = (estimate >= config.threshold - margin) & ~sure & (config.confirm == "shingles")
    chances = []
    for s in similarity:
        found = found_and_equal(float(s), *config.banding)
        chances.append(found[sure].sum() + (found[doubtful].sum() if s >= config.threshold else 0))
    return np.array(chances)


def draw(target: Path) -> None:
    """Write the plot as SVG, the same bytes at every call."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "governance", "svg.fonttype": "none", "font.family": "sans-serif"}
    config = DedupConfig()
    s = np.linspace(0.3, 1, 1401)
    figure, axes = plt.subplots(figsize=(8, 5.2), layout="constrained")
    bands, rows = config.banding
    axes.plot(s, collision_probability(s, bands, rows), "C0--", label=f"{bands} × {rows}: candidates")
    for number, (b, r, name) in enumerate(OTHERS):
        axes.plot(s, collision_probability(s, b, r), f"C{number + 1}:", label=f"{name}: candidates")
    by_signatures = confirmed(s, config.model_copy(update={"confirm": "signatures"}))
    axes.plot(s, by_signatures, "C4-.", label=f"{bands} × {rows}, confirmed by signatures alone")
    axes.plot(s, confirmed(s, config), "C3-", linewidth=2, label=f"{bands} × {rows}, confirmed with shingles (default)")
    axes.axvline(config.threshold, color="0.6", linewidth=0.8)
    axes.set(xlabel="true Jaccard similarity of the shingles", ylabel="probability to be found", xlim=(0.3, 1))
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=9)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
