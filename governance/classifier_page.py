"""The evaluation as files and on the terminal: evaluation.json, one page that needs nothing else, and its plots."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from governance.classifier_plots import draw

TEMPLATES = Path(__file__).with_name("templates")
# What each plot shows, and what a good one looks like: beside it on the page.
CAPTIONS = {
    "precision_recall": (
        "Precision and recall",
        "Every point is a threshold: how much of the good text is kept (to the right) and how clean the kept text is "
        "(upwards). The band is where 95 of 100 such test sets would put the curve.",
        "It stays near the top edge until far to the right. The dotted line is what keeping texts blindly would give.",
    ),
    "roc": (
        "ROC",
        "The share of good texts kept against the share of bad texts that slip in with them, for every threshold. The "
        "area under it, AUC, is the chance that a good text scores higher than a bad one.",
        "It climbs steeply along the left edge. A curve near the diagonal knows nothing.",
    ),
    "reliability": (
        "Is the score a probability?",
        "Texts sorted into bins by score: the height is the share of them that is good. Below, how many there are.",
        "The points lie on the dotted diagonal. Points below it: the model promises too much. It can still rank well; "
        "then choose thresholds by keep share. The shares hold for this set's mix of good and bad.",
    ),
    "keep_share": (
        "What a threshold keeps",
        "The share of texts kept as the threshold rises and, with labels, recall and precision.",
        "A gentle slope around the threshold: a small change of it changes little. A cliff means that many texts sit "
        "there, and that the threshold decides by chance.",
    ),
    "histograms": (
        "Scores of each source",
        "How the scores of each source are spread; the line is the threshold.",
        "Blue (good) heaps up at the right, orange (bad) at the left, within one source too. A source whose good and "
        "bad texts lie over each other is one the model does not understand.",
    ),
    "agreement": (
        "Two models on the same texts",
        "Every dot is a text: its score by this model and by the other. The lines are their thresholds.",
        "Models of one purpose lie along a rising line. Dots in the upper left and lower right corners are texts "
        "that only one of them keeps: read some below.",
    ),
}


def write(report: dict[str, Any], scores: list[np.ndarray], folder: Path) -> Path:
    """Write evaluation.json, evaluation.html and the plots into a folder; the same report gives the same bytes.

    Out: the path of the page. Errors: OSError.
    """
    plots = draw(report, scores[0], scores[1] if len(scores) > 1 else None)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in plots.items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "evaluation.html"
    page.write_text(render(report, plots), encoding="utf-8")
    return page


def render(report: dict[str, Any], plots: dict[str, str]) -> str:
    """The page as HTML. Plots go in as images: a browser runs no script of an image and shares no names with it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"percent": percent, "figure": figure, "whole": whole, "excerpt": excerpt}
    images = [
        {"name": name, "title": title, "shows": shows, "good": good, "data": data_url(plots[name])}
        for name, (title, shows, good) in CAPTIONS.items()
        if name in plots
    ]
    return environment.get_template("evaluation.html").render(report=report, images=images)


def data_url(svg: str) -> str:
    """An SVG as the address of an image."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def percent(share: float | None) -> str:
    """A share for people, with a digit more where it is small."""
    if share is None:
        return "–"
    return f"{share:.1%}" if share >= 0.0995 or share == 0 else f"{share:.2%}"


def figure(value: float | None) -> str:
    """A figure from 0 to 1 with three digits, a dash where it is not defined."""
    return "–" if value is None else f"{value:.3f}"


def whole(count: int) -> str:
    """A count for people."""
    return f"{count:,}"


def excerpt(text: str, length: int = 90) -> str:
    """The first characters on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length].rstrip()}…"


def show(report: dict[str, Any], page: Path) -> None:
    """Print a compact table, what must not be overlooked, and where the page is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=Text(f"{report['name']} on {report['documents']:,} documents"), title_justify="left")
    table.add_column("")
    columns = [part for part in (report, report["against"]) if part]
    for part in columns:
        table.add_column(Text(part["name"]), justify="right")
    for name, cells in _rows(columns, report["sets"]):
        table.add_row(Text(name), *cells)
    console.print(table)
    if report["agreement"]:
        console.print(_agreement(report["agreement"]), highlight=False)
    for sentence in report["warnings"]:
        console.print(Text(f"! {sentence}"))
    console.print(Text(f"Page: {page}"), soft_wrap=True)


def _rows(columns: list[dict[str, Any]], sets: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The rows of the terminal's table, a cell for each model."""
    rows = []
    if columns[0]["figures"]:
        found = [part["figures"] for part in columns]
        rows += [
            ("AUC (95 %)", [_with_interval(row, "auc") for row in found]),
            ("AUC of the length alone", [figure(row["auc_of_length"]) for row in found]),
            ("average precision (95 %)", [_with_interval(row, "average_precision") for row in found]),
            ("calibration error", [figure(row["calibration"]["ece"]) for row in found]),
        ]
    for part in sets:
        found = [_with_interval(row, "auc") for row in part["models"]]
        rows.append((f"AUC, {part['name']} ({part['documents']:,})", found))
    limits = [part["threshold"] for part in columns]
    rows.append(("threshold", [f"{limit['threshold']:.4g} ({limit['from']})" for limit in limits]))
    rows.append(("share kept", [percent(limit["keep_share"]) for limit in limits]))
    if columns[0]["figures"]:
        rows += [(name, [figure(limit[name]) for limit in limits]) for name in ("precision", "recall")]
    rows.append(("nothing left to score", [whole(part["nothing_left"]) for part in columns]))
    return rows


def _with_interval(found: dict[str, Any], name: str) -> str:
    low, high = found[f"{name}_interval"]
    return f"{found[name]:.3f} ({low:.3f}–{high:.3f})"


def _agreement(found: dict[str, Any]) -> str:
    words = (
        f"Agreement on {found['documents']:,} texts: Spearman {figure(found['spearman'])}, "
        f"kappa {figure(found['kappa'])}, equal verdicts {percent(found['equal_share'])}"
    )
    if found["difference"]:
        low, high = found["difference"]["auc_interval"]
        words += f"; AUC differs by {found['difference']['auc']:+.3f} ({low:+.3f} to {high:+.3f})"
    return words
