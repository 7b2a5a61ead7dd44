"""The keys at which statements and sentences of other pages meet that may say the same, or the opposite.

A key is a pair of the rarest content words of a sentence, without their endings; numbers, denials and words that have
an opposite take no part, so that what contradicts a statement meets it too. Of five words ten pairs are made: two
sentences meet where two of the five are the same. Column at a time; only distinct words are looked at one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from synth import polarity, units
from synth.rarity import weight

KEYS = pa.schema([("index", pa.int64()), ("key", pa.uint64())])
_MOST_WORDS = 5  # of a text: ten pairs
_LEAST_WEIGHT = {"en": 0.45, "zh": 0.35}  # of a word that tells anything about what a sentence speaks of
_ENGLISH_WORD = r"[\p{Latin}\p{N}]+(?:['’]\p{Latin}+)?"
_LATIN_WORD = r"[A-Za-z][A-Za-z0-9]*"
_HAN_RUN = r"[㐀-䶿一-鿿]+"
_MIX = np.uint64(0x9E3779B97F4A7C15)
Texts = Sequence[str | None] | pa.Array | pa.ChunkedArray


def meeting_keys(texts: Texts, langs: Texts) -> pa.Table:
    """The keys of each text.

    Args: texts; langs, "zh" or another, of each.
    Returns: KEYS, at most ten rows a text: index, its place; key. None for a text that tells too little.
    """
    frame = pl.DataFrame({"text": _column(texts), "lang": _column(langs)}).with_row_index("index")
    found = [
        _words(frame.filter((pl.col("lang") == "zh") == chinese), "zh" if chinese else "en")
        for chinese in (False, True)
    ]
    return _pairs(pl.concat(found)).to_arrow().cast(KEYS).combine_chunks()


def _column(values: Texts) -> pl.Series:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pl.Series(values, dtype=pl.String)


def _words(frame: pl.DataFrame, language: str) -> pl.DataFrame:
    """index, hash, weight of the rarest words of each text, at most _MOST_WORDS of each."""
    words = frame.select("index", _split(language).alias("word")).explode("word").drop_nulls()
    distinct = words["word"].unique()
    table = pl.DataFrame([distinct, *_described(distinct.to_list(), language)])
    kept = words.join(table, on="word").filter(pl.col("weight") >= _LEAST_WEIGHT[language])
    kept = kept.group_by("index", "hash").agg(pl.col("weight").max())
    # Of equally rare words the hash decides, so that two texts choose alike.
    kept = kept.sort("index", "weight", "hash", descending=[False, True, False])
    return kept.group_by("index", maintain_order=True).head(_MOST_WORDS)


def _split(language: str) -> pl.Expr:
    text = pl.col("text").str.to_lowercase()
    if language != "zh":
        return text.str.extract_all(_ENGLISH_WORD)
    # Longest words first, so that of those which begin at one place the longest is taken.
    known = text.str.extract_many(pl.Series(_chinese_words()).implode(), leftmost=True)
    return pl.concat_list(known, text.str.extract_all(_LATIN_WORD))


@cache
def _chinese_words() -> list[str]:
    """Words of two to four characters that are in use, the longest first."""
    from wordfreq import get_frequency_dict

    found = {
        word for word in get_frequency_dict("zh", "small") if 2 <= len(word) <= 4 and units.HAN_RUN.fullmatch(word)
    }
    return sorted(found, key=lambda word: (-len(word), word))


def _described(words: list[str], language: str) -> tuple[pl.Series, pl.Series]:
    """Of each word a stable hash of its stem, and its weight, 0 of one that takes no part."""
    latin = [language != "zh" or not units.HAN.match(word) for word in words]
    stems = [_stem(word) if is_latin else word for word, is_latin in zip(words, latin, strict=True)]
    hashes = [int.from_bytes(hashlib.blake2b(one.encode(), digest_size=8).digest(), "little") for one in stems]
    weights = [_weight(word, language) for word in words]
    return pl.Series("hash", hashes, dtype=pl.UInt64), pl.Series("weight", weights, dtype=pl.Float64)


def _stem(word: str) -> str:
    """The stem of a word, the same for "install", "installed" and "installation" where it is long enough."""
    stem = units.stem(word)
    return stem[:6] if stem.isalpha() else stem


def _weight(word: str, language: str) -> float:
    if any(char.isdigit() for char in word) and not any(char.isalpha() for char in word):
        return 0.0
    if word in units.STOPWORDS or word in units.NEGATIONS or word in units.NUMBER_WORDS:
        return 0.0
    if (
        word in polarity.opposites(language)
        or polarity.denies_widely(word, language)
        or units.HAN_NUMBERS.fullmatch(word)
    ):
        return 0.0
    return _chinese_weight(word) if language == "zh" and units.HAN.match(word) else weight(word)


@cache
def _chinese_frequencies() -> dict[str, float]:
    from wordfreq import get_frequency_dict

    return get_frequency_dict("zh", "small")


def _chinese_weight(word: str) -> float:
    """By the frequency of the word itself, on the scale of `synth.rarity.weight`."""
    frequency = _chinese_frequencies().get(word, 1e-9)
    return float(np.clip((6.5 - 9 - np.log10(frequency)) / 2.5, 0.0, 1.4))


def _pairs(words: pl.DataFrame) -> pl.DataFrame:
    """index and key of every pair of words of a text."""
    both = words.select("index", "hash").join(words.select("index", pl.col("hash").alias("other")), on="index")
    both = both.filter(pl.col("hash") < pl.col("other"))
    first, second = both["hash"].to_numpy(), both["other"].to_numpy()
    keys = (first * _MIX) ^ (second >> np.uint64(7)) ^ (second << np.uint64(31))
    return pl.DataFrame({"index": both["index"].cast(pl.Int64), "key": keys}).sort("index", "key")
