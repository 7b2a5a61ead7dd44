"""The plots of a report, as SVG whose bytes repeat, in the colours and style of the evaluation's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from governance.classifier_plots import MARK, NEGATIVE, OTHER, POSITIVE, STYLE, blank, svg

KEPT, REJECTED = POSITIVE, NEGATIVE
_MAX_BARS = 25
_NAME_CHARS = 34
CAPTIONS = {
    "lengths": ("Length", "Words of a page (in Chinese, characters), on a scale of powers of ten. Blue passed the "
                "rules of L1, orange did not; duplicates are counted among what passed."),
    "languages": ("Language", "Rows of L1 by the language found. Blue passed the rules of L1, orange did not."),
    "scores": ("Score", "Scores of the quality classifier at L2, and the threshold of each language."),
    "hosts": ("Top hosts", "The hosts with most rows: what came to the lowest tier, and what of it is left."),
    "clusters": ("Duplicates", "How many rows of L1 stand for how many: 1 is a row without a duplicate."),
    "pass_rates": ("Pass rate of L3", "The share of outputs that passed every check, by task and language."),
    "times": ("Time", "Seconds of each step in the last run that built something."),
}  # fmt: skip


def draw(body: Mapping[str, Any]) -> dict[str, str]:
    """SVG by name of plot, of those that have something to show. In: a report as ``report.build`` makes it."""
    from matplotlib import rc_context

    plots: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "lengths": lengths, "languages": languages, "scores": scores, "hosts": hosts, "clusters": clusters,
        "pass_rates": pass_rates, "times": times,
    }  # fmt: skip
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figures = {name: plot(body) for name, plot in plots.items()}
        return {name: svg(figure) for name, figure in figures.items() if figure is not None}


def lengths(body: Mapping[str, Any]) -> Any:
    """Words of the rows of each language that has rules, kept over rejected."""
    found = {(row["lang"], row["fate"]): np.array(row["counts"]) for row in body["figures"]["lengths"]["rows"]}
    names = sorted({lang for lang, _ in found})
    if not names:
        return None
    edges = np.array(body["figures"]["lengths"]["edges"])
    figure = blank(5.2, 0.9 + 1.9 * len(names))
    zero = np.zeros(len(edges) - 1, int)
    for axes, lang in zip(figure.subplots(len(names), 1, squeeze=False).ravel(), names, strict=True):
        kept, rejected = found.get((lang, "kept"), zero), found.get((lang, "rejected"), zero)
        bars = {"width": np.diff(edges), "align": "edge", "linewidth": 0.4, "edgecolor": "white"}
        axes.bar(edges[:-1], kept, color=KEPT, label="passed the rules", **bars)
        axes.bar(edges[:-1], rejected, bottom=kept, color=REJECTED, label="rejected", **bars)
        filled = np.flatnonzero(kept + rejected)
        axes.set(xscale="log", xlim=(edges[filled[0]], edges[filled[-1] + 1]), ylabel="rows")
        axes.set_title(f"{lang}, {'characters' if lang == 'zh' else 'words'}", fontsize=9, loc="left", parse_math=False)
        axes.locator_params(axis="y", nbins=4, integer=True)
    return _legend(figure, axes)


def languages(body: Mapping[str, Any]) -> Any:
    """Rows by language, the most frequent on top."""
    rows = body["figures"]["languages"][:12]
    return (
        _bars(rows, "lang", (("kept", KEPT, "passed the rules"), ("rejected", REJECTED, "rejected"))) if rows else None
    )


def scores(body: Mapping[str, Any]) -> Any:
    """The scores of each language with its threshold."""
    found = body["figures"]["scores"]
    if not found:
        return None
    figure = blank(5.2, 0.7 + 1.7 * len(found))
    for axes, (lang, counts) in zip(figure.subplots(len(found), 1, squeeze=False).ravel(), found.items(), strict=True):
        left = np.arange(len(counts)) / len(counts)
        axes.bar(left, counts, width=1 / len(counts), align="edge", color=KEPT, edgecolor="white", linewidth=0.4)
        threshold = body["thresholds"].get(lang)
        if threshold is not None:
            axes.axvline(threshold, color=MARK, linewidth=1.4)
            place = {"xy": (threshold, 1), "xycoords": ("data", "axes fraction"), "xytext": (4, -2)}
            axes.annotate(f"threshold {threshold:.3g}", textcoords="offset points", color=MARK, fontsize=8, va="top",
                          **place)  # fmt: skip
        axes.set_title(lang, fontsize=9, loc="left", parse_math=False)
        axes.set(xlim=(0, 1), ylabel="rows")
        axes.locator_params(axis="y", nbins=4, integer=True)
    figure.supxlabel("score", fontsize=9)
    return figure


def hosts(body: Mapping[str, Any]) -> Any:
    """Rows of the top hosts, those of a higher tier drawn over those of the lower."""
    rows = body["figures"]["hosts"][:_MAX_BARS]
    if not rows:
        return None
    figure = blank(5.2, 0.9 + 0.27 * len(rows))
    axes, places = figure.subplots(), np.arange(len(rows))[::-1]
    levels = [level for level in ("L0", "L1", "L2") if level in rows[0]]
    colours = dict(zip(levels, ("#cfd6de", "#8fb3dc", POSITIVE)[-len(levels) :], strict=True))
    for level in levels:
        axes.barh(places, [row.get(level, 0) for row in rows], height=0.72, color=colours[level], label=level)
    return _named(figure, axes, places, [row["host"] for row in rows])


def clusters(body: Mapping[str, Any]) -> Any:
    """How many rows stand for how many, on scales of powers of ten where sizes are many."""
    found = {int(size): rows for size, rows in body["figures"]["clusters"].items()}
    if not found:
        return None
    figure = blank(5.2, 3.0)
    axes = figure.subplots()
    if max(found) <= 12:
        axes.bar([str(size) for size in found], list(found.values()), color=KEPT, width=0.6)
        for place, rows in enumerate(found.values()):
            axes.text(place, rows, f"{rows:,}", ha="center", va="bottom", fontsize=9)
    else:
        axes.plot(list(found), list(found.values()), "o", color=KEPT, markersize=4)
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel="rows of the cluster", ylabel="clusters")
    return figure


def pass_rates(body: Mapping[str, Any]) -> Any:
    """The share of outputs that passed, by task and language."""
    told = body["synthesis"] and body["synthesis"]["pass_rates"]
    rows = [
        {"name": name, "rate": 100 * counts["pass_rate"]}
        for group in ("task", "language")
        for name, counts in (told[group].items() if told else ())
        if counts["pass_rate"] is not None
    ]
    if not rows:
        return None
    figure = _bars(rows, "name", (("rate", KEPT, "passed, %"),))
    figure.axes[0].set_xlabel("outputs that passed, %", fontsize=9)
    return figure


def times(body: Mapping[str, Any]) -> Any:
    """Seconds by step."""
    rows = body["times"] and [row for row in body["times"]["steps"] if row["seconds"] > 0]
    return _bars(rows, "step", (("seconds", OTHER, "seconds"),)) if rows else None


def _bars(rows: Sequence[Mapping[str, Any]], name: str, parts: Sequence[tuple[str, str, str]]) -> Any:
    """Rows as stacked bars from left to right, with their sums."""
    figure = blank(5.2, 1.0 + 0.3 * len(rows))
    axes, places, left = figure.subplots(), np.arange(len(rows))[::-1], np.zeros(len(rows))
    for column, colour, label in parts:
        values = np.array([row[column] for row in rows], float)
        axes.barh(places, values, left=left, height=0.66, color=colour, label=label)
        left += values
    for place, total in zip(places, left, strict=True):
        told = f"{total:,.4g}" if total < 1000 else f"{total:,.0f}"
        axes.annotate(told, (total, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xlim(0, max(left.max(), 1e-9) * 1.16)
    return _named(figure, axes, places, [str(row[name]) for row in rows], len(parts) > 1)


def _named(figure: Any, axes: Any, places: np.ndarray, names: Sequence[str], legend: bool = True) -> Any:
    shown = [name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 1]}…" for name in names]
    axes.set_yticks(places, shown, fontsize=9)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.grid(axis="y", visible=False)
    axes.locator_params(axis="x", nbins=5)
    return _legend(figure, axes) if legend else figure


def _legend(figure: Any, axes: Any) -> Any:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
