"""The plots of a trial, as SVG whose bytes repeat: curves of the loss, differences with intervals, figures by arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from governance.classifier_plots import MARK, OTHER, STYLE, blank, svg

# Told apart by every kind of colour blindness (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
_SMOOTH = 0.05  # of a curve: steps that a point of the drawn line is the mean of


def draw(body: dict[str, Any]) -> dict[str, str]:
    """SVG by name of plot."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        plots = {"curves": curves(body["arms"])}
        plots |= {f"difference-{number}": differences(pair) for number, pair in enumerate(body["pairs"])}
        return {name: svg(figure) for name, figure in plots.items()}


def curves(arms: list[dict[str, Any]]) -> Any:
    """Training loss by tokens, a line a run, smoothed; an arm's seeds have one colour."""
    figure = blank(5.2, 3.6)
    axes = figure.subplots()
    for number, arm in enumerate(arms):
        for run in arm["runs"]:
            tokens, loss = (np.array(run["curve"][name]) for name in ("tokens", "loss"))
            label = arm["name"] if run is arm["runs"][0] else None
            axes.plot(
                tokens, smooth(loss), color=COLOURS[number % len(COLOURS)], linewidth=1.3, alpha=0.85, label=label
            )
    axes.set(xlabel="tokens trained", ylabel="training loss, nats a token")
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.xaxis.set_major_locator(_few())
    figure.legend(loc="outside lower center", ncols=min(5, len(arms)))
    return figure


def course(path: Path) -> str:
    """A run's metrics.csv as SVG: the loss above, the learning rate below, with the phases told apart."""
    import polars as pl
    from matplotlib import rc_context

    table = pl.read_csv(path)
    with rc_context(STYLE):
        figure = blank(6.4, 4.0)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        for number, phase in enumerate(table["phase"].unique(maintain_order=True)):
            part = table.filter(pl.col("phase") == phase)
            colour = COLOURS[number % len(COLOURS)]
            above.plot(part["tokens"], part["loss"], color=colour, linewidth=0.6, alpha=0.35)
            above.plot(part["tokens"], smooth(part["loss"].to_numpy()), color=colour, linewidth=1.5, label=phase)
            below.plot(part["tokens"], part["lr"], color=colour, linewidth=1.5)
        above.set(ylabel="training loss, nats a token")
        below.set(xlabel="tokens trained", ylabel="learning rate", ylim=(0, None))
        below.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
        below.xaxis.set_major_locator(_few())
        figure.legend(loc="outside lower center", ncols=4)
        return svg(figure)


def smooth(values: np.ndarray) -> np.ndarray:
    """The running mean over a twentieth of the curve, shorter at its ends; float (n,) -> (n,)."""
    half = max(0, int(len(values) * _SMOOTH / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    start, stop = (
        np.maximum(np.arange(len(values)) - half, 0),
        np.minimum(np.arange(len(values)) + half + 1, len(values)),
    )
    return (sums[stop] - sums[start]) / (stop - start)


def differences(pair: dict[str, Any]) -> Any:
    """Each figure's difference with its interval and seeds: bits per byte, where left is better, beside accuracy."""
    parts = [
        (title, rows)
        for title, metric in (
            ("bits per byte: left is better", "bits_per_byte"),
            ("accuracy: right is better", "accuracy"),
        )
        if (rows := [row for row in pair["figures"] if row["metric"] == metric])
    ]
    tall = sum(len(rows) for _, rows in parts)
    figure = blank(5.2, 1.0 + 0.24 * tall + 0.5 * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False, height_ratios=[len(rows) for _, rows in parts]).ravel()
    for axes, (title, rows) in zip(panels, parts, strict=True):
        at = np.arange(len(rows))[::-1]
        values = np.array([row["value"] for row in rows])
        reach = np.abs([[row[end] for row in rows] - values for end in ("low", "high")])
        axes.axvline(0, color=OTHER, linewidth=1)
        axes.errorbar(values, at, xerr=reach, fmt="o", color=COLOURS[0], markersize=4, elinewidth=1.2, capsize=2)
        for place, row in zip(at, rows, strict=True):
            axes.plot(row["by_seed"], [place] * len(row["by_seed"]), "|", color=MARK, markersize=7)
        axes.set_yticks(at, [row["name"] for row in rows], fontsize=8, parse_math=False)
        axes.set_title(title, fontsize=9, loc="left")
        axes.xaxis.set_major_locator(_few())
    return figure


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)
