"""The words by which topics are told apart and named: English words, Chinese words as a word list knows them."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from synth.rarity import weight
from synth.units import STOPWORDS

DIMENSIONS = 256
_LATIN = r"[A-Za-zÀ-ÖØ-öø-ÿ][A-Za-zÀ-ÖØ-öø-ÿ0-9]*(?:[-.+][A-Za-z0-9]+)*[+#]*"
_HAN_RUN = "[㐀-䶿一-鿿]+"
_LONGEST = 4  # characters of a Chinese word


@cache
def _han_words() -> frozenset[str]:
    """Chinese words of two characters and more, those that hold a sentence together left out.

    Source: wordfreq; a word above 6 on its scale, such as 可以 or 使用, says nothing of a topic.
    """
    from wordfreq import get_frequency_dict

    words = get_frequency_dict("zh", "small").items()
    return frozenset(word for word, often in words if 2 <= len(word) <= _LONGEST and often < 10**-3.3)


def words_of(texts: pa.Array | pa.ChunkedArray) -> pl.DataFrame:
    """The words of each text that say something, every occurrence a row: row, word, han.

    Chinese is cut from the left into the longest words of the list; what the list lacks is left out.
    """
    column = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}).with_row_index("row")
    latin = _exploded(column, _LATIN).with_columns(pl.col("word").str.to_lowercase(), han=pl.lit(False))
    latin = latin.filter((pl.col("word").str.len_chars() > 1) & ~pl.col("word").is_in(list(STOPWORDS)))
    runs = _exploded(column, _HAN_RUN)
    cut = runs.with_columns(pl.col("word").map_elements(_cut, return_dtype=pl.List(pl.String))).explode("word")
    return pl.concat([latin, cut.drop_nulls().with_columns(han=pl.lit(True))])


def _exploded(column: pl.DataFrame, pattern: str) -> pl.DataFrame:
    found = column.select("row", word=pl.col("text").str.extract_all(pattern))
    return found.explode("word").drop_nulls()


def _cut(run: str) -> list[str]:
    words, at, known = [], 0, _han_words()
    while at < len(run) - 1:
        size = next((size for size in range(min(_LONGEST, len(run) - at), 1, -1) if run[at : at + size] in known), 1)
        if size > 1:
            words.append(run[at : at + size])
        at += size
    return words


def word_vectors(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Vectors of the words of texts where no embedder is at hand: float32 (n, 256), the same for any cut into shards.

    Each word has a direction of its own, plus and minus ones by its hash, and weighs by its rarity (``synth.rarity``).
    """
    counts = words_of(texts).group_by("row", "word").agg(pl.len()).sort("row", "word")
    distinct = counts["word"].unique().sort()
    number = pl.DataFrame({"word": distinct, "number": np.arange(len(distinct))})
    at = counts.join(number, on="word", maintain_order="left")
    directions = np.stack([_direction(word) for word in distinct]) if len(distinct) else np.zeros((0, DIMENSIONS))
    from scipy.sparse import csr_array

    often = np.log1p(at["len"].to_numpy())
    matrix = csr_array((often, (at["row"].to_numpy(), at["number"].to_numpy())), shape=(len(texts), len(distinct)))
    return (matrix @ directions).astype(np.float32)


def _direction(word: str) -> np.ndarray:
    import hashlib

    bits = np.unpackbits(np.frombuffer(hashlib.blake2b(word.encode(), digest_size=DIMENSIONS // 8).digest(), np.uint8))
    rarity = weight(word) if not re.match(_HAN_RUN, word) else 1.0
    return (bits * 2.0 - 1.0) * rarity
