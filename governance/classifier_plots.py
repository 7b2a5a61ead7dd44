"""The plots of an evaluation, as SVG whose bytes repeat."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from classifiers.evaluate import HISTOGRAM_BINS

# Told apart by every kind of colour blindness, and in print by their lightness.
POSITIVE, NEGATIVE, OTHER, MARK = "#1f5fa8", "#e08a3c", "#7a7a7a", "#b3261e"
BAND = {"color": POSITIVE, "alpha": 0.18, "linewidth": 0, "label": "95 % interval"}
MAX_SOURCES = 24  # small multiples; evaluation.json has all
MAX_DOTS = 1500
STYLE: Any = {
    "svg.hashsalt": "governance",
    "svg.fonttype": "none",  # text stays text: small, searchable, and Chinese names need no font here
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def draw(report: dict[str, Any], scores: np.ndarray, other: np.ndarray | None) -> dict[str, str]:
    """SVG by name of plot: keep_share and histograms always, the curves with labels, agreement with a second model.

    Args: report as `classifier_evaluate.build` makes it; scores, other: of all documents, NaN where nothing is left.
    """
    from matplotlib import rc_context

    with rc_context(STYLE), warnings.catch_warnings():
        # The width of a Chinese name is measured with a font that lacks it; the reader's own font draws it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        plots = {"keep_share": keep_share(report, scores), "histograms": histograms(report)}
        if report["figures"]:
            plots |= {"precision_recall": precision_recall(report), "roc": roc(report)}
            plots["reliability"] = reliability(report["figures"]["calibration"])
        if other is not None:
            plots["agreement"] = agreement(report, scores, other)
        return {name: svg(figure) for name, figure in sorted(plots.items())}


def svg(figure: Any) -> str:
    """A figure as the text of an SVG, without a date."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().decode("utf-8")


def blank(width: float = 5.2, height: float = 4.0) -> Any:
    """An empty figure, in inches; drawn small, so that it is readable on a phone."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def precision_recall(report: dict[str, Any]) -> Any:
    """Precision over recall with its band, beside the share of positives."""
    found, figure = report["figures"], blank()
    axes, curve, bands = figure.subplots(), found["curves"], found["bands"]
    axes.fill_between(
        bands["grid"], *bands["precision"], color=POSITIVE, alpha=0.18, linewidth=0, label="95 % interval"
    )
    axes.plot(curve["recall"], curve["precision"], color=POSITIVE, linewidth=1.8, label=report["model"]["name"])
    _second(axes, report, "recall", "precision")
    share = found["positives"] / found["documents"]
    axes.axhline(share, color=OTHER, linewidth=1, linestyle=":", label="chance: the share of positives")
    at = report["threshold"]
    axes.plot(at["recall"], at["precision"], "o", color=MARK, label=f"threshold {at['threshold']:.3g}")
    _unit(axes, "recall: share of the positives that is kept", "precision: positives among what is kept")
    return _legend(figure)


def roc(report: dict[str, Any]) -> Any:
    """Recall over the false positive rate with its band."""
    found, figure = report["figures"], blank()
    axes, curve, bands = figure.subplots(), found["curves"], found["bands"]
    axes.fill_between(bands["grid"], *bands["recall"], **BAND)
    rate, recall = ([0.0, *curve[name]] for name in ("false_positive_rate", "recall"))
    axes.plot(rate, recall, color=POSITIVE, linewidth=1.8, label=report["model"]["name"])
    _second(axes, report, "false_positive_rate", "recall")
    axes.plot([0, 1], [0, 1], color=OTHER, linewidth=1, linestyle=":", label="chance")
    axes.plot(report["threshold"]["false_positive_rate"], report["threshold"]["recall"], "o", color=MARK,
              label=f"threshold {report['threshold']['threshold']:.3g}")  # fmt: skip
    _unit(axes, "share of the negatives that is kept", "share of the positives that is kept")
    return _legend(figure)


def reliability(calibration: dict[str, Any]) -> Any:
    """Share of positives over the mean score of each bin, above the number of documents of the bins."""
    figure = blank()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = [row for row in calibration["bins"] if row["documents"]]
    count = np.array([row["documents"] for row in bins], float)
    share = np.array([row["positive_share"] for row in bins])
    low, high = wilson(share, count)
    above.plot([0, 1], [0, 1], color=OTHER, linewidth=1, linestyle=":", label="the score is the chance")
    above.errorbar([row["mean_score"] for row in bins], share, [share - low, high - share], fmt="o-", color=POSITIVE,
                   linewidth=1.4, markersize=4, elinewidth=1, label="this model, 95 % interval")  # fmt: skip
    _unit(above, "", "share of positives")
    below.bar([row["low"] for row in bins], count, width=1 / len(calibration["bins"]), align="edge", color=POSITIVE,
              edgecolor="white", linewidth=0.6)  # fmt: skip
    below.set(xlabel="score", ylabel="documents", xlim=(-0.02, 1.02))
    return _legend(figure)


def wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of 95 % of a share (Wilson 1927), which holds for few documents and for shares of 0 and 1."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # At shares of 0 and 1 the rounding of the sums may pass the share itself, or stop short of it.
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def histograms(report: dict[str, Any]) -> Any:
    """The scores of each source, the largest first, positives over negatives."""
    largest = sorted(report["sources"], key=lambda row: (-row["documents"], row["name"]))[:MAX_SOURCES]
    rows = -(-len(largest) // 2)
    figure = blank(5.2, 0.7 + 1.35 * rows)
    panels = figure.subplots(rows, 2, squeeze=False, sharex=True).ravel()
    left = np.arange(HISTOGRAM_BINS) / HISTOGRAM_BINS
    for axes, source in zip(panels, largest, strict=False):
        total = np.array(source["histogram"])
        positive = np.array(source.get("histogram_of_positives", [0] * HISTOGRAM_BINS))
        bars = {"width": 1 / HISTOGRAM_BINS, "align": "edge", "linewidth": 0}
        label = "negatives" if "positives" in source else "no label"
        axes.bar(left, total - positive, color=NEGATIVE if "positives" in source else OTHER, label=label, **bars)
        axes.bar(left, positive, bottom=total - positive, color=POSITIVE, label="positives", **bars)
        axes.axvline(report["threshold"]["threshold"], color=MARK, linewidth=1)
        title = source["name"] if len(source["name"]) <= 30 else f"{source['name'][:29]}…"
        axes.set_title(title, fontsize=9, loc="left", parse_math=False)
        axes.set(xlim=(0, 1), xticks=(0, 0.5, 1))
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="y", nbins=3, integer=True)
    for axes in panels[len(largest) :]:
        axes.set_visible(False)
    figure.supxlabel("score", fontsize=9)
    figure.supylabel("documents", fontsize=9)
    return figure


def keep_share(report: dict[str, Any], scores: np.ndarray) -> Any:
    """What is kept over the threshold, and how right it is."""
    figure = blank()
    axes = figure.subplots()
    known = np.sort(scores[~np.isnan(scores)])
    thresholds = np.linspace(0, 1, 201)
    kept = 1 - np.searchsorted(known, thresholds, side="left") / len(known)
    axes.plot(thresholds, kept, color="black", linewidth=1.8, label="share kept")
    if report["figures"]:
        curve = report["figures"]["curves"]
        axes.plot(curve["threshold"], curve["recall"], color=POSITIVE, linewidth=1.2, label="recall")
        axes.plot(curve["threshold"], curve["precision"], color=NEGATIVE, linewidth=1.2, label="precision")
    at = report["threshold"]["threshold"]
    axes.axvline(at, color=MARK, linewidth=1, label=f"threshold {at:.3g}")
    _unit(axes, "threshold: texts with this score or more are kept", "share")
    return _legend(figure)


def agreement(report: dict[str, Any], scores: np.ndarray, other: np.ndarray) -> Any:
    """The scores of both models for the same texts, and the counts of the four corners of their thresholds."""
    figure = blank(5.2, 4.6)
    axes = figure.subplots()
    rows = np.flatnonzero(~np.isnan(scores) & ~np.isnan(other))
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_DOTS])
    axes.plot(scores[rows], other[rows], "o", color=POSITIVE, alpha=0.35, markersize=3, markeredgewidth=0)
    axes.axvline(report["threshold"]["threshold"], color=MARK, linewidth=1)
    axes.axhline(report["against"]["threshold"]["threshold"], color=MARK, linewidth=1)
    table = report["agreement"]["table"]
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "#cccccc"}
    for x, y, name, words in (
        (1, 1, "both", "both keep"),
        (0, 1, "second", "only the second"),
        (1, 0, "first", "only the first"),
        (0, 0, "neither", "neither"),
    ):
        place = {"ha": ("left", "right")[x], "va": ("bottom", "top")[y], "transform": axes.transAxes}
        axes.text(0.02 + 0.96 * x, 0.02 + 0.96 * y, f"{words}: {table[name]:,}", fontsize=9, bbox=box, **place)
    _unit(axes, "score by the first model", "score by the second model")
    return figure


def _second(axes: Any, report: dict[str, Any], x: str, y: str) -> None:
    """The curve of the second model, where there is one."""
    if report["against"] and report["against"]["figures"]:
        curve = report["against"]["figures"]["curves"]
        axes.plot(curve[x], curve[y], color=OTHER, linewidth=1.4, linestyle="--", label=report["against"]["name"])


def _unit(axes: Any, x: str, y: str) -> None:
    """Both axes from 0 to 1, with a little room for a curve that runs along the edge."""
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))


def _legend(figure: Any) -> Any:
    """A legend below the plot, where it hides nothing; names of models are no formulas."""
    legend = figure.legend(loc="outside lower center", ncols=2)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure
