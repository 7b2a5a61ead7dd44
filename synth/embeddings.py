"""Static embeddings of words and sentences: a table of token vectors, averaged. No network, no model to run.

The table is that of WordLlama (256 dimensions, 16 MB, MIT), which its package carries: token embeddings of large
models, distilled. English only: its vocabulary breaks Chinese into bytes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

TABLE = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_CACHED_WORDS = 100_000


class EmbeddingsNotFound(ValueError):
    """The package that carries the table is not installed."""


class Embedder:
    """Unit vectors of texts. Not thread-safe."""

    def __init__(self, table: np.ndarray, tokenizer: Any) -> None:
        self._table, self._tokenizer = table, tokenizer
        self._words: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (n, 256), of length 1 each; zeros for a text without tokens."""
        if not texts:
            return np.zeros((0, self._table.shape[1]), np.float32)
        found = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        sums = np.stack([self._table[ids].sum(axis=0) for ids in found])
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)

    def words(self, words: Sequence[str]) -> np.ndarray:
        """The same of single words, remembered: a corpus repeats them."""
        fresh = [word for word in dict.fromkeys(words) if word not in self._words]
        if len(self._words) + len(fresh) > _CACHED_WORDS:
            self._words.clear()
            fresh = list(dict.fromkeys(words))
        self._words |= zip(fresh, self.embed(fresh), strict=True)
        return np.stack([self._words[word] for word in words]) if words else self.embed([])


@lru_cache(maxsize=1)
def load_embedder() -> Embedder:
    """The bundled table. Errors: EmbeddingsNotFound, with the remedy."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    spec = importlib.util.find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise EmbeddingsNotFound(
            "the embeddings of the checks are missing; run: pip install --no-deps wordllama==0.4.0.post1, or set "
            "l3.synthesize.checks.embeddings=false"
        )
    folder = Path(spec.origin).parent
    (table,) = load_file(folder / TABLE).values()
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Embedder(table.astype(np.float32), tokenizer)
