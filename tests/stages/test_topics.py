"""Topics: the same for the same seed and any cut into shards, with distinct names that can be read."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.topic_words import word_vectors, words_of
from stages.topics import find_topics, sample_of, topic_names_of, topics_of

TEXTS = pa.array(
    [f"The database server stores rows in table {n}." for n in range(20)]
    + [f"The orchestra plays a slow melody on violins {n}." for n in range(20)]
    + [f"数据库服务器在表格中存储数据{n}。" for n in range(20)]
)
LANGS = pa.array(["en"] * 40 + ["zh"] * 20)
# As a multilingual embedder has it: databases of both languages point one way, music another.
DIRECTIONS = np.repeat([[1.0, 0.1, 0.0], [0.0, 0.1, 1.0], [1.0, 0.2, 0.0]], 20, axis=0)


def _noisy(seed: int) -> np.ndarray:
    return (DIRECTIONS + 0.05 * np.random.default_rng(seed).standard_normal(DIRECTIONS.shape)).astype(np.float32)


def test_clusters_are_those_of_the_vectors_and_names_are_of_both_languages() -> None:
    names = topics_of(_noisy(0), TEXTS, LANGS, seed=0, k=2).to_pylist()
    first, second = set(names[:20] + names[40:]), set(names[20:40])
    assert len(first) == len(second) == 1 and first != second
    english, _, chinese = first.pop().partition(" / ")
    assert "database" in english.split(", ") and "数据" in chinese.split("、")
    assert "melody" in second.pop() and " / " not in names[20]


def test_without_vectors_words_make_topics() -> None:
    names = topics_of(None, TEXTS, LANGS, seed=0, k=3).to_pylist()
    assert [len(set(names[a : a + 20])) for a in (0, 20, 40)] == [1, 1, 1] and len(set(names)) == 3


def test_a_seed_gives_one_result() -> None:
    one, two = (find_topics(_noisy(0), TEXTS, LANGS, seed=7, k=4) for _ in range(2))
    assert one.names == two.names and np.array_equal(one.centroids, two.centroids)


@given(st.lists(st.integers(0, 60), max_size=4), st.integers(0, 3))
@settings(max_examples=20)
def test_any_cut_into_shards_gives_the_same_topics(cuts: list[int], seed: int) -> None:
    vectors = _noisy(seed)
    topics = find_topics(vectors, TEXTS, LANGS, seed=0, k=5)
    whole = topic_names_of(topics, vectors, TEXTS)
    bounds = [0, *sorted(cuts), len(TEXTS)]
    for a, b in itertools.pairwise(bounds):
        assert topic_names_of(topics, vectors[a:b], TEXTS[a:b]).equals(whole[a:b])
        assert np.array_equal(word_vectors(TEXTS[a:b]), word_vectors(TEXTS)[a:b])


@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), unique=True, max_size=40), st.integers(0, 10))
def test_the_sample_of_a_union_is_that_of_the_samples(uids: list[str], rows: int) -> None:
    def sampled(some: list[str]) -> list[str]:
        return [some[at] for at in sample_of(pa.array(some, pa.string()), rows)]

    assert sampled(sampled(uids[:15]) + sampled(uids[15:])) == sampled(uids)


@given(st.integers(1, 60), st.integers(1, 12))
@settings(max_examples=20)
def test_names_are_distinct_and_no_more_than_asked_for(rows: int, k: int) -> None:
    texts = pa.array(["The same words again."] * rows)
    vectors = np.random.default_rng(rows).standard_normal((rows, 8))
    topics = find_topics(vectors, texts, pa.array(["en"] * rows), seed=0, k=k)
    assert 1 <= len(set(topics.names)) == len(topics.names) <= k and all(topics.names)


def test_a_text_without_words_has_no_topic() -> None:
    texts = pa.array([*TEXTS.to_pylist(), "0 + 1", ""])
    langs = pa.array([*LANGS.to_pylist(), "en", "zh"])
    assert topics_of(None, texts, langs, seed=0, k=3).to_pylist()[-2:] == [None, None]


def test_nothing_has_no_topics() -> None:
    none = pa.array([], pa.string())
    assert find_topics(None, none, none, seed=0).names == ()
    assert topics_of(None, none, none, seed=0).to_pylist() == []


def test_vectors_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="one vector a text"):
        find_topics(np.ones((2, 3)), TEXTS, LANGS, seed=0)
    with pytest.raises(ValueError, match="finite"):
        find_topics(np.full((60, 3), np.nan), TEXTS, LANGS, seed=0)


def test_words_are_those_that_say_something() -> None:
    found = words_of(pa.array(["The server of Debian", "数据库服务器可以使用"]))
    words = found.sort("row", "word")["word"].to_list()
    assert words == ["debian", "server", "数据库", "服务器"] or words[:2] == ["debian", "server"]
    assert "可以" not in words and "the" not in words
