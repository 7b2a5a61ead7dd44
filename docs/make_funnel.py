"""Draws docs/images/funnel.svg from an output: ``python -m docs.make_funnel OUT``, by the same layout as the report's.

Letters and bands have colours between black and white, so that the picture is read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent / "images" / "funnel.svg"
_COLOURS = {"trunk": "#6c9bd1", "node": "#2f6fb0", "left": "#d08770", "broken": "#b48ead", "waiting": "#8a949e"}
_INK, _MARGIN = "#76808a", 8.0


def steps_of(output: str) -> list[Any]:
    """The steps of an output's documents, as the report draws them."""
    from governance.report_data import gather
    from governance.report_draw import Draw
    from governance.report_funnel import funnel
    from governance.report_sankey import document_steps
    from governance.report_tiers import read_tiers
    from manifests.store import Store

    store = Store(output)
    tiers = read_tiers(store, None)
    levels = funnel(tiers)
    selected = sum(level["rows"] for level in levels if level["tier"] == "L2")
    refined = any(level["tier"] == "L3" for level in levels)
    documents = gather(store, tiers, Draw(0)).told()["documents"]
    return document_steps(levels, documents, selected if refined else None)


def drawing(steps: list[Any]) -> str:
    """The SVG. Errors: ValueError where there is nothing to draw."""
    from governance.report_sankey import layout

    laid = layout(steps)
    if laid is None:
        raise ValueError("the output holds no rows")
    box = f"{-_MARGIN} 0 {laid['width'] + 2 * _MARGIN} {laid['height']:.0f}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="560" role="img" '
        'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="11">',
        "<title>What became of each record of the bundled crawl, tier by tier</title>",
        *_shapes(laid), *_letters(laid), "</svg>", "",
    ])  # fmt: skip


def _shapes(laid: dict[str, Any]) -> Iterator[str]:
    for band in laid["bands"]:
        yield f'<path d="{band["path"]}" fill="{_COLOURS[band["kind"]]}" fill-opacity="0.75"/>'
    yield f'<path d="{laid["trunk"]}" fill="{_COLOURS["trunk"]}" fill-opacity="0.75"/>'
    for node in laid["nodes"]:
        yield f'<rect x="0" y="{node["y"]:.1f}" width="{node["width"]:.1f}" height="3" fill="{_COLOURS["node"]}"/>'


def _letters(laid: dict[str, Any]) -> Iterator[str]:
    for label in laid["labels"]:
        weight = ' font-weight="700"' if label["node"] else ""
        text = f"{label['text']}  {label['rows']:,}"
        yield f'<text x="{laid["x"]:.0f}" y="{label["y"]:.1f}" fill="{_INK}"{weight}>{escape(text)}</text>'


if __name__ == "__main__":
    TARGET.write_text(drawing(steps_of(sys.argv[1] if len(sys.argv) > 1 else "output")), encoding="utf-8")
    print(TARGET)
