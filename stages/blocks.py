"""A page's bytes to its blocks, and how likely each block is main text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from stages.block_features import F_CHARS, FEATURES
from stages.block_kernels import block_features
from stages.forest_kernels import predict
from stages.html_kernels import scan
from stages.html_layout import BLOCKS, FORMULAS, MAX_FORMULAS, MAX_SPANS, NODES, NUM_BLOCK, NUM_NODE, S_TITLE, SPANS
from stages.html_layout import TOO_DEEP as TOO_DEEP_FIELD
from stages.role_kernels import CELL, R_ROLE, R_TABLE

MODEL = Path(__file__).parent / "models" / "extractor.npz"
_FIELDS = ("feature", "threshold", "left", "value", "roots", "depths")
_TINY_CHARS = 250  # a page with less text than this has no room for menus: all of it that is not surely one is kept
_LITTLE_CHARS = 100  # main text shorter than this is not believed, and the likeliest blocks are kept


class TooDeep(Exception):
    """Elements nest deeper than the limit."""


@dataclass(frozen=True)
class Page:
    """A page as the tokenizer leaves it.

    ``text`` uint8, each block ``text[blocks[i, B_START]:blocks[i, B_END]]``, entities not yet decoded; ``blocks`` int32
    (n, NUM_BLOCK); ``inner`` int64 (n,); ``nodes`` int32 (m, NUM_NODE) and ``masks`` int64 (m,); ``spans`` and
    ``formulas`` int32 (k, 3): kind, start and end in ``html``.
    """

    html: bytes
    text: np.ndarray
    blocks: np.ndarray
    inner: np.ndarray
    nodes: np.ndarray
    masks: np.ndarray
    spans: np.ndarray
    formulas: np.ndarray

    def title(self) -> bytes | None:
        """The raw content of <title>, None where there is none."""
        return next((self.html[start:end] for kind, start, end in self.spans.tolist() if kind == S_TITLE), None)


def read_blocks(html: bytes, max_depth: int) -> Page:
    """Tokenize a page, UTF-8. Errors: TooDeep."""
    data, tags = np.frombuffer(html, np.uint8), html.count(b"<") + 1
    text = np.empty(len(html) + 64, np.uint8)
    blocks, inner = np.empty((tags, NUM_BLOCK), np.int32), np.empty(tags, np.int64)
    nodes, masks = np.empty((tags, NUM_NODE), np.int32), np.empty(tags, np.int64)
    spans, formulas = np.empty((MAX_SPANS, 3), np.int32), np.empty((MAX_FORMULAS, 3), np.int32)
    state = scan(data, text, blocks, inner, nodes, masks, spans, formulas, max_depth)
    if state[TOO_DEEP_FIELD]:
        raise TooDeep
    n, m = int(state[BLOCKS]), int(state[NODES])
    return Page(
        html, text, blocks[:n], inner[:n], nodes[:m], masks[:m], spans[: state[SPANS]], formulas[: state[FORMULAS]]
    )


def features_of(page: Page) -> np.ndarray:
    """Figures of each block, float32 (n, NUM_FEATURES)."""
    title = np.frombuffer(page.title() or b"", np.uint8)
    return block_features(page.text, page.blocks, page.inner, page.nodes, page.masks, len(page.nodes), title)


@dataclass(frozen=True)
class Model:
    """A forest, as the arrays that ``forest_kernels.predict`` reads."""

    arrays: tuple[np.ndarray, ...]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """How likely each block is main text, float32 (n,)."""
        return predict(features, *self.arrays)


@cache
def load_model(path: Path = MODEL) -> Model:
    """The bundled model. Errors: ValueError for a model of other figures than this version computes."""
    with np.load(path) as arrays:
        if arrays["names"].tolist() != list(FEATURES):
            raise ValueError(f"{path.name} was trained on other figures: run python -m benchmarks.extraction_train")
        return Model(tuple(arrays[field] for field in _FIELDS))


def save_model(forest: dict[str, Any], path: Path = MODEL) -> None:
    """Write a forest, the arrays that ``forest_kernels.predict`` reads, with the names of its figures."""
    np.savez_compressed(path, names=np.array(FEATURES), **{field: forest[field] for field in _FIELDS})


def choose(probability: np.ndarray, features: np.ndarray, roles: np.ndarray, threshold: float) -> np.ndarray:
    """Which blocks are kept, bool (n,): those above the threshold, and on small or odd pages the likeliest.

    A table of data is kept or dropped as a whole, by the mean of its cells.
    """
    sizes = features[:, F_CHARS]
    tables = np.where(roles[:, R_ROLE] == CELL, roles[:, R_TABLE], 0)
    if tables.any():
        weights = sizes.astype(np.float64) + 1
        means = np.bincount(tables, probability * weights) / np.maximum(np.bincount(tables, weights), 1e-9)
        probability = np.where(tables > 0, means[tables], probability)
    kept = probability > threshold
    if sizes.sum() < _TINY_CHARS:
        return probability > 0.02
    if sizes[kept].sum() < _LITTLE_CHARS and len(kept):
        return probability > min(threshold, 0.5 * float(probability.max()))
    return kept
