"""The second opinion: trafilatura, asked about the few pages on which the model is unsure."""

from __future__ import annotations

import re
from html import unescape

import numpy as np

from stages.block_features import F_CHARS, F_WIDE
from stages.blocks import Page
from stages.html_layout import B_END, B_START

_NOT_WORD = re.compile(r"[\W_]+")
_WEIGHT = 0.4  # of trafilatura's vote on a block; 0.3 to 0.6 do alike on the dev split
_MIN_LETTERS = 20  # of a block on which it has a vote
_MAX_WIDE_RATIO = 0.15  # of Chinese, Japanese and Korean characters: on Chinese articles of dev 0.82, the model 0.88


def doubt_of(probability: np.ndarray, features: np.ndarray) -> float:
    """How unsure the model is: characters likely on the wrong side, as a share of those it keeps, at most 9."""
    sizes = features[:, F_CHARS]
    wrong = float((np.minimum(probability, 1 - probability) * sizes).sum())
    return min(9.0, wrong / max(1.0, float(sizes[probability > 0.5].sum())))


def vote(page: Page, html: str, probability: np.ndarray, features: np.ndarray) -> np.ndarray | None:
    """The probabilities moved towards trafilatura's choice of blocks.

    None where it has no text for the page, or the page is in a script that it reads badly.
    """
    sizes = features[:, F_CHARS]
    if float((features[:, F_WIDE] * sizes).sum()) > _MAX_WIDE_RATIO * float(sizes.sum()):
        return None
    import trafilatura

    chosen = _words(trafilatura.extract(html, fast=True, include_comments=False) or "")
    if not chosen:
        return None
    whole = page.text.tobytes()
    texts = (whole[start:end].decode("utf-8", "replace") for start, end in page.blocks[:, [B_START, B_END]].tolist())
    words = [_words(unescape(text)) for text in texts]
    votes = np.fromiter((bool(word) and word in chosen for word in words), np.bool_)
    # A short block may stand in its text by chance, "(C++11)" or "Edit": there the model's word stands.
    heard = np.fromiter((len(word) >= _MIN_LETTERS for word in words), np.bool_)
    if not (votes & heard).any():
        return None
    return np.where(heard, (1 - _WEIGHT) * probability + _WEIGHT * votes, probability).astype(np.float32)


def _words(text: str) -> str:
    """Letters and digits alone, so that spacing and markup do not tell the sides apart."""
    return _NOT_WORD.sub("", text)
