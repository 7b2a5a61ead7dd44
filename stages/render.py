"""The kept blocks of a page as light Markdown: headings, lists, tables, fenced code, formulas as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from itertools import groupby

import numpy as np

from stages.blocks import Page
from stages.formulas import latex_of_image, script_math, to_latex
from stages.html_layout import B_END, B_START, FORMULA_MARK, S_MATH, S_SCRIPT_MATH
from stages.role_kernels import CELL, CODE, ITEM, R_CELL, R_LEVEL, R_OPENS, R_ORDER, R_ROLE, R_ROW, R_TABLE, TITLE

_MARK = chr(FORMULA_MARK)
_FORMULA = re.compile(f"{_MARK}([0-9]{{4}}){_MARK}")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_FENCES = re.compile(r"`{3,}")
_MAX_INDENT = 6  # levels of nested lists that are shown


def render(page: Page, kept: np.ndarray, roles: np.ndarray) -> str:
    """Text of the kept blocks.

    Args: kept bool (n,); roles int32 (n, NUM_ROLE), of all blocks of the page.
    Blocks are parted by an empty line, items of a list and rows of a table by a line feed.
    """
    numbers = np.flatnonzero(kept)
    ends = page.blocks[numbers][:, [B_START, B_END]].tolist()
    texts = _texts(page, ends)
    parts: list[tuple[bool, str]] = []  # whether the part follows the one before without an empty line, and its text
    for table, run in groupby(zip(texts, roles[numbers].tolist(), strict=True), key=_table_of):
        if table:
            parts.append((False, _table(list(run))))
            continue
        parts += (part for text, role in run for part in _block(text, role))
    return "".join(f"{chr(10) if close else chr(10) * 2}{text}" for close, text in parts).lstrip("\n")


def _table_of(block: tuple[str, Sequence[int]]) -> int:
    role = block[1]
    return role[R_TABLE] if role[R_ROLE] == CELL else 0


def _texts(page: Page, ends: Sequence[Sequence[int]]) -> list[str]:
    """Texts of blocks, entities decoded and formulas put in."""
    whole = page.text.tobytes() if ends else b""
    texts = [whole[start:end].decode("utf-8", "replace") for start, end in ends]
    texts = [unescape(text) if "&" in text else text for text in texts]
    return [_with_formulas(text, page) if _MARK in text else text for text in texts] if len(page.formulas) else texts


def _with_formulas(text: str, page: Page) -> str:
    return _FORMULA.sub(lambda found: _formula(page, int(found[1])), text).replace(_MARK, "")


def _formula(page: Page, number: int) -> str:
    """A formula as LaTeX between dollar signs, nothing where it cannot be read."""
    if number >= len(page.formulas):
        return ""
    kind, start, end = page.formulas[number].tolist()
    markup = page.html[start:end]
    if kind == S_MATH:
        return to_latex(markup + b"</math>") or ""
    if kind == S_SCRIPT_MATH:
        tag, _, content = markup.partition(b">")
        return script_math(tag + b">", content) or ""
    return latex_of_image(markup) or ""


def _block(text: str, role: Sequence[int]) -> Iterator[tuple[bool, str]]:
    """A block outside of tables."""
    if role[R_ROLE] == CODE:
        code = _BLANK_LINES.sub("", text).rstrip()
        if code:
            fence = "`" * max(3, 1 + max(map(len, _FENCES.findall(code)), default=0))
            yield False, f"{fence}\n{code}\n{fence}"
        return
    text = text.strip()
    if not text:
        return
    if role[R_ROLE] == TITLE:
        yield False, f"{'#' * role[R_LEVEL]} {' '.join(text.split()).removesuffix('¶').rstrip()}"
    elif role[R_ROLE] == ITEM:
        indent = "  " * min(max(role[R_LEVEL] - 1, 0), _MAX_INDENT)
        marker = (f"{role[R_ORDER]}. " if role[R_ORDER] else "- ") if role[R_OPENS] else "  "
        yield True, indent + marker + text.replace("\n", "\n" + indent + "  ")
    else:
        yield False, text


def _table(cells: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Cells as rows of a Markdown table, the first row as its head; of a single column, as lines."""
    rows = [
        [" ".join(" ".join(text.split()) for text, _ in cell) for _, cell in groupby(row, key=_key(R_CELL))]
        for _, row in groupby(cells, key=_key(R_ROW))
    ]
    width = max(map(len, rows))
    if width == 1:
        return "\n".join(row[0] for row in rows)
    lines = [_row(row, width) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _key(column: int) -> Callable[[tuple[str, Sequence[int]]], int]:
    return lambda block: block[1][column]


def _row(cells: Sequence[str], width: int) -> str:
    """One row; cells that are missing at its end are empty."""
    filled = [*(cell.replace("|", "\\|") for cell in cells), *[""] * (width - len(cells))]
    return f"| {' | '.join(filled)} |"
