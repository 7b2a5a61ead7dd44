"""What a classifier could have learnt instead of quality: length, language, topic, as AUCs on the same documents."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from classifiers.corpus import han_share
from classifiers.evaluate import auc
from classifiers.language_id import load_language_model
from stages.language import LanguageConfig, language

_FOLDS = 5
_BUCKETS = 1 << 16
# Content words alone: no stop-words, no digits, no punctuation, no order and no counts. Chinese has no spaces; its
# nouns are mostly two characters long, so pairs of characters stand for them, without those that carry the grammar.
_WORD = {"en": re.compile(r"[a-z]{4,}"), "zh": re.compile(r"(?=([\u4e00-\u9fff]{2}))")}
_CODE = re.compile(r"(?s)```.*?```")
_STOP_ZH = frozenset(
    "的了和是在有不这那也就都而及与或被把将对从到为以于之其但则若如可会能要请您你我他它们个些些什么吗呢吧"
)
_STOP_EN = frozenset(
    re.findall(
        r"\w+",
        """
    about above after again against also although always among another because been before being below between
    both cannot could didn does doesn doing don down during each even every few first for from further had has
    have having here hers herself himself however into isn itself just last less like made make many more most
    much must need never next none often only other others otherwise ought ours over own perhaps rather same
    several shall should since some still such than that their theirs them themselves then there therefore these
    they this those though through thus together under until unless upon used using very want wasn well were
    what when where whether which while whom whose will with within without would your yours yourself
    """,
    )
)


def by_length(labels: np.ndarray, texts: Sequence[str]) -> dict[str, float]:
    """AUC of the number of characters and of words."""
    figures = {"characters": [len(text) for text in texts], "words": [len(text.split()) for text in texts]}
    return {name: turned(labels, np.array(values, float)) for name, values in figures.items()}


def by_language(labels: np.ndarray, texts: Sequence[str]) -> dict[str, float]:
    """AUC of lid.176's probability of the text's language, and of the share of Chinese characters."""
    rows = language(pa.table({"content": pa.array(texts, pa.string())}), LanguageConfig(), load_language_model())
    sure = np.nan_to_num(rows["lang_score"].to_numpy())
    return {
        "lid_probability": turned(labels, sure),
        "han_share": turned(labels, np.array([han_share(text) for text in texts])),
    }


def by_topic(labels: np.ndarray, texts: Sequence[str], sources: Sequence[str], name: str) -> dict[str, float]:
    """AUC of a naive Bayes model of content words, trained on the other folds; a source is in one fold whole."""
    words = np.zeros((len(texts), _BUCKETS), bool)
    for row, text in enumerate(texts):
        words[row, [hash_of(word) for word in content_words(text, name)]] = True
    names = sorted(set(sources))
    fold = np.array([names.index(source) % _FOLDS for source in sources])
    scores = np.zeros(len(texts))
    for number in range(_FOLDS):
        held = fold == number
        scores[held] = words[held] @ log_odds(words[~held], labels[~held]) / np.maximum(1, words[held].sum(axis=1))
    return {"content_words": turned(labels, scores)}


def content_words(text: str, name: str) -> set[str]:
    """The words of a text that say what it is about."""
    found = set(_WORD[name].findall(_CODE.sub(" ", text).lower()))
    return {word for word in found if word not in _STOP_EN and not _STOP_ZH & set(word)}


def hash_of(word: str) -> int:
    """FNV-1a, the same in every run, folded to the number of buckets."""
    value = 0x811C9DC5
    for byte in word.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value % _BUCKETS


def log_odds(words: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much oftener a word stands in a positive, as the logarithm of a ratio; words bool (n, _BUCKETS)."""
    shares = [(words[labels == kind].sum(axis=0) + 1.0) / ((labels == kind).sum() + 2.0) for kind in (True, False)]
    return np.log(shares[0]) - np.log(shares[1])


def turned(labels: np.ndarray, values: np.ndarray) -> float:
    """An AUC, turned to be above 0.5: a baseline may as well be right by always being wrong."""
    found = auc(labels, values)
    return round(max(found, 1 - found), 4)
