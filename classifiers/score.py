"""Load a fastText quality classifier and give P(pos) of texts, by the published rule."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.normalize import Normalizer, load_normalizer, normalize

POSITIVE, NEGATIVE = "__label__pos", "__label__neg"
BUNDLED = Path(__file__).with_name("models")
_MAGIC = (793712314).to_bytes(4, "little")  # how fastText's own files begin


@dataclass(frozen=True)
class Classifier:
    """A fastText model and the normalisation its input needs."""

    model: Any  # fasttext.FastText._FastText
    normalizer: Normalizer


def model_path(language: str, path: str = "bundled") -> Path:
    """Path of a model: the bundled one of the language, or the path given."""
    return BUNDLED / f"{language}.ftz" if path == "bundled" else Path(path)


def load_model(path: Path, normalizer: Normalizer | None = None) -> Classifier:
    """Load a .bin or .ftz; the released Ultra-FineWeb classifiers need about 4 GB of memory each.

    Errors: ValueError when the file is missing, is no fastText model, or has not the two labels pos and neg.
    """
    import fasttext

    check_exists(path)
    try:
        model = fasttext.load_model(str(path))
    except (ValueError, MemoryError) as error:  # MemoryError: a damaged header asks for absurd sizes
        raise ValueError(f"classifier {path} is not a fastText model, or is damaged: {error}") from error
    labels = set(model.get_labels())
    if labels != {POSITIVE, NEGATIVE}:
        raise ValueError(f"classifier {path} has labels {sorted(labels)}: it needs {NEGATIVE} and {POSITIVE}")
    return Classifier(model, normalizer or load_normalizer())


def check_fasttext(path: Path) -> None:
    """Look at the first bytes only: cheap before a run, loading 4 GB is not. Errors: ValueError naming the file."""
    check_exists(path)
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"classifier {path} is not a fastText model")


def check_exists(path: Path) -> None:
    """Errors: ValueError naming a model file that is not there."""
    if not path.is_file():
        raise ValueError(f"classifier {path} does not exist: give the path of a fastText .bin or .ftz, or 'bundled'")


def score(classifier: Classifier, texts: Sequence[str]) -> np.ndarray:
    """P(pos) of each text, float64 (n,), in 0 to 1; NaN for a text of which normalisation leaves nothing."""
    return score_lines(classifier.model, normalize(classifier.normalizer, texts))


def score_lines(model: Any, lines: Sequence[str]) -> np.ndarray:
    """P(pos) of normalised lines: the first label's probability, turned round for neg, clipped to 1.

    fastText answers an empty line with the prior of its training set, which says nothing of the text: NaN instead.
    """
    if not lines:
        return np.empty(0)
    labels, probabilities = model.predict(list(lines))
    first = np.array([float(row[0]) if len(row) else np.nan for row in probabilities])
    first = np.minimum(first, 1.0)  # fastText's softmax sums to a little more than 1
    negative = np.array([len(row) > 0 and row[0] == NEGATIVE for row in labels])
    scores = np.where(negative, 1.0 - first, first)
    return np.where(np.array([line == "" for line in lines]), np.nan, scores)


def model_sha256(path: Path) -> str:
    """Sha256 of the model file, in hex: what the fingerprint of a tier records of it."""
    check_exists(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
