"""Names of topics: the few words that set a cluster apart from the others, by c-TF-IDF (Grootendorst 2022)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from stages.topic_words import words_of

_WORDS = 3  # of a name in one language
_MIN_SHARE = 0.2  # of a cluster's statements in a language, below which its words are not in the name
_MOST = 24  # words looked at for a name


def name_topics(
    texts: pa.Array | pa.ChunkedArray, langs: pa.Array | pa.ChunkedArray, label: np.ndarray, k: int
) -> Iterator[str]:
    """A distinct name for each of the clusters 0 to k-1, such as "server, database, index / 服务器、数据库".

    Args: label, the cluster of each text, int (n,).
    """
    words = words_of(texts).join(pl.DataFrame({"label": label}).with_row_index("row"), on="row")
    # Once a statement: a word that one statement repeats is no word of its topic.
    counts = words.unique(["row", "word"]).group_by("label", "word", "han").agg(often=pl.len())
    total = counts.group_by("word").agg(total=pl.col("often").sum())
    size = counts.group_by("label").agg(size=pl.col("often").sum())
    mean = counts["often"].sum() / k
    scored = counts.join(total, on="word").join(size, on="label")
    scored = scored.with_columns(score=pl.col("often") / pl.col("size") * (1 + mean / pl.col("total")).log())
    scored = scored.sort("label", pl.col("score") * -1, "word")
    shares = _shares(langs, label, k)
    ranked = {key: found["word"].to_list() for key, found in scored.group_by("label", "han", maintain_order=True)}
    taken: set[str] = set()
    for topic in range(k):
        names = _names(ranked.get((topic, False), []), ranked.get((topic, True), []), shares[topic])
        name = next(name for name in names if name not in taken)
        taken.add(name)
        yield name.removeprefix(" ")


def _shares(langs: pa.Array | pa.ChunkedArray, label: np.ndarray, k: int) -> np.ndarray:
    """The share of each cluster that is Chinese."""
    chinese = np.array([lang == "zh" for lang in langs.to_pylist()], np.float64)
    return np.bincount(label, chinese, k) / np.maximum(np.bincount(label, minlength=k), 1)


def _names(english: list[str], chinese: list[str], share: float) -> Iterator[str]:
    """Names of a cluster, the best first; the later ones are for when a cluster before it has that name."""
    latin = _apart(english[:_MOST]) if share < 1 - _MIN_SHARE or not chinese else []
    han = _apart(chinese[:_MOST]) if share > _MIN_SHARE or not english else []
    for more in range(_MOST):
        parts = [", ".join(latin[: _WORDS + more]), "、".join(han[: _WORDS + more])]
        yield " / ".join(part for part in parts if part)
    base = " / ".join(part for part in (", ".join(latin[:_WORDS]), "、".join(han[:_WORDS])) if part) or "other"
    number = 2
    yield base
    while True:
        yield f"{base} ({number})"
        number += 1


def _apart(words: list[str]) -> list[str]:
    """Words without those that only vary one before them: servers after server."""
    kept: list[str] = []
    for word in words:
        if not any(word.startswith(one) or one.startswith(word) for one in kept):
            kept.append(word)
    return kept
