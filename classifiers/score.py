"""Load a quality classifier and give P(pos) of texts, by the published rule."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from classifiers.fasttext_file import EMPTY, END, LABEL, SOFTMAX, ModelFile, fnv, read_model
from classifiers.normalize import Normalizer, folded, load_normalizer, normalize
from classifiers.static import check_static, is_static, load_static, static_sha256

if TYPE_CHECKING:
    from classifiers.score_kernels import ScoreArrays

POSITIVE, NEGATIVE = "__label__pos", "__label__neg"
BUNDLED = Path(__file__).with_name("models")
# Chinese characters among all that a model saw in training: between these it may be of either language. The bundled
# models have 0.000 and 0.5; a page of English quotes hardly any, and Chinese pages hold code and names.
_MOST_HAN_EN, _LEAST_HAN_ZH = 0.05, 0.15
# Of 3 to 24 windows with the same number of characters, ten kept the order of 498 pages best (Spearman 0.984 at 2,000).
_WINDOWS = 10


class Classifier(Protocol):
    """What gives the probability that a text is of the wanted kind."""

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """P(pos) of each text, float64 (n,), in 0 to 1; NaN for a text of which nothing is left."""
        ...


@dataclass(frozen=True)
class FastTextClassifier:
    """A fastText model of words and word n-grams, computed here from its mapped file."""

    normalizer: Normalizer
    arrays: ScoreArrays
    rows: dict[bytes, int]  # of the model's words

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """See ``Classifier``; a text is encoded once, and its line is never built."""
        from classifiers.score_kernels import probabilities

        ids = [self.normalizer.encode(text) for text in folded(texts)]
        starts = np.cumsum([0, *map(len, ids)])
        found, odd = probabilities(np.concatenate([*ids, np.zeros(0, np.uint32)]), starts, self.arrays)
        for i in np.flatnonzero(odd).tolist():
            found[i] = self._of_line(normalize(self.normalizer, [texts[i]])[0])
        return found

    def _of_line(self, line: str) -> float:
        from classifiers.score_kernels import probability

        words = words_of(line)
        if not words:
            return np.nan
        rows = np.array([self.rows.get(word, EMPTY) for word in (*words, END)], np.int32)
        hashes = np.array([fnv(word) for word in (*words, END)], np.uint32).view(np.int32)
        return probability(rows, hashes, self.arrays, np.empty(self.arrays.vectors.shape[1], np.float32))


@dataclass(frozen=True)
class LibraryClassifier:
    """A fastText model of a kind that only fastText itself computes: subwords, or another loss than softmax."""

    normalizer: Normalizer
    model: Any  # fasttext.FastText._FastText

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """See ``Classifier``."""
        return score_lines(self.model, normalize(self.normalizer, texts))


def score(classifier: Classifier, texts: Sequence[str], window: int = 0) -> np.ndarray:
    """P(pos) of each text, float64 (n,), in 0 to 1; NaN for a text of which normalisation leaves nothing.

    Args: window: characters of each text that are looked at, see ``windowed``; 0 = all, as published.
    """
    if not len(texts):
        return np.empty(0)
    return classifier.probabilities([windowed(text, window) for text in texts] if window else texts)


def windowed(text: str, window: int) -> str:
    """About ``window`` characters of a text, in ten pieces from its start to its end; all where it is no longer."""
    if len(text) <= window:
        return text
    part = max(1, window // _WINDOWS)
    step = (len(text) - part) / (_WINDOWS - 1)
    return "\n".join(text[int(i * step) : int(i * step) + part] for i in range(_WINDOWS))


def score_lines(model: Any, lines: Sequence[str]) -> np.ndarray:
    """P(pos) of normalised lines by fastText itself: the first label's probability, turned round for neg, at most 1.

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


def model_path(language: str, path: str = "bundled") -> Path:
    """Path of a model: the bundled one of the language, or the path given."""
    return BUNDLED / f"{language}.ftz" if path == "bundled" else Path(path)


def load_model(path: Path, normalizer: Normalizer | None = None) -> Classifier:
    """Load a fastText .bin or .ftz, or the folder of a model on static embeddings.

    A .bin is mapped: processes share its pages, and no worker holds the 2 GB of a released classifier for itself.
    Errors: ValueError when it is missing, is no such model, or has not the two labels pos and neg.
    """
    check_exists(path)
    if is_static(path):
        return load_static(path)
    normalizer = normalizer or load_normalizer()
    file = read_model(path)
    check_labels(path, file)
    if file.args["loss"] == SOFTMAX and file.args["maxn"] == 0:
        return FastTextClassifier(normalizer, score_arrays(file, normalizer), rows_of(file))
    import fasttext

    try:
        return LibraryClassifier(normalizer, fasttext.load_model(str(path)))
    except RuntimeError as error:  # as for a loss that it does not know
        raise ValueError(f"{path} is damaged: {error}") from error


def rows_of(file: ModelFile) -> dict[bytes, int]:
    """The row of each word."""
    return {word: row for row, word in enumerate(file.words)}


def score_arrays(file: ModelFile, normalizer: Normalizer) -> ScoreArrays:
    """A model with the words of all token pieces looked up in it."""
    from classifiers.score_kernels import ScoreArrays

    rows = rows_of(file)
    words, hashes, starts, trims = piece_words(normalizer)
    return ScoreArrays(
        piece_starts=starts,
        word_rows=np.array([rows.get(word, EMPTY) for word in words], np.int32),
        word_hashes=hashes,
        trims=trims,
        vectors=file.vectors,
        num_words=len(file.words),
        bucket=file.args["bucket"],
        ngram_rows=np.zeros(0, np.int32) if file.kept is None else file.ngram_rows,
        word_ngrams=file.args["word_ngrams"],
        end_row=rows.get(END, EMPTY),
        end_hash=int(np.array([fnv(END)], np.uint32).view(np.int32)[0]),
        output=file.output,
        positive=file.labels.index(POSITIVE),
    )


@cache
def piece_words(normalizer: Normalizer) -> tuple[list[bytes], np.ndarray, np.ndarray, np.ndarray]:
    """The words of all token pieces with their hashes, where those of a piece begin, and which pieces a line's end
    trims; the same for every model, and made once a process."""
    from classifiers.score_kernels import hash_words

    words = [words_of(piece) for piece in normalizer.pieces]
    flat = [word for of_piece in words for word in of_piece]
    starts = np.cumsum([0, *map(len, flat)])
    hashes = hash_words(np.frombuffer(b"".join(flat), np.uint8), starts)
    trims = np.array([piece.removesuffix(" ") != piece.strip() for piece in normalizer.pieces])
    return flat, hashes, np.cumsum([0, *map(len, words)], dtype=np.int32), trims


def words_of(line: str) -> list[bytes]:
    """The words that fastText reads in a line: cut at ASCII white space and zeros, labels left out."""
    return [word for word in line.encode().replace(b"\0", b" ").split() if not word.startswith(LABEL.encode())]


def check_exists(path: Path) -> None:
    """Errors: ValueError naming a model that is not there."""
    if not path.is_file() and not is_static(path):
        raise ValueError(f"classifier {path} does not exist: give the path of a fastText .bin or .ftz, or 'bundled'")


def check_labels(path: Path, file: ModelFile) -> None:
    """Errors: ValueError for a model of other classes."""
    if set(file.labels) != {POSITIVE, NEGATIVE}:
        raise ValueError(f"classifier {path} has labels {sorted(file.labels)}: it needs {NEGATIVE} and {POSITIVE}")


def check_classifier(path: Path, language: str | None = None) -> None:
    """Look at a model's dictionary and sizes before hours of work: no vectors are read, so 2 GB cost a second.

    Errors: ValueError for a file that is missing, damaged, of other labels, or trained on the other language.
    """
    check_exists(path)
    if is_static(path):
        check_static(path)
        return
    file = read_model(path)
    check_labels(path, file)
    han = han_share(file)
    if (language == "en" and han > _LEAST_HAN_ZH) or (language == "zh" and han < _MOST_HAN_EN):
        raise ValueError(
            f"classifier {path} was trained on another language than {language!r}: {han:.0%} of the words it saw were "
            "Chinese; give the model of that language"
        )


def han_share(file: ModelFile) -> float:
    """Share of the words in training that hold a Chinese character, 0 to 1."""
    han = np.array(
        [any("\u4e00" <= letter <= "\u9fff" for letter in word.decode(errors="replace")) for word in file.words]
    )
    return float(file.word_counts @ han / max(1, file.word_counts.sum())) if len(han) else 0.0


def model_sha256(path: Path) -> str:
    """Sha256 of a model, in hex: what the fingerprint of a tier records of it."""
    check_exists(path)
    if is_static(path):
        return static_sha256(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
