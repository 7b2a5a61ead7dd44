"""Near-duplicates: shingles are those of a plain statement, and groups are the pairs above the similarity."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.similar import NGRAM, digest, groups, shingles, signature_table

TEXT = st.text(st.sampled_from("aB1 é\n_-.热空気가ー\U00020000\u0301İ"), max_size=60)


def words(text: str) -> list[str]:
    """Runs of letters and digits; a Han character, kana or hangul alone."""
    alone = "\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
    found = re.findall(f"[{alone}]|[^{alone}]+", text.lower())
    runs = (re.findall(r"[^\W_]+", part) if not re.match(f"[{alone}]", part) else [part] for part in found)
    return [word for run in runs for word in run if word.isalnum()]


def plain(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[i : i + NGRAM]) for i in range(len(found) - NGRAM + 1)]


@settings(deadline=None)
@given(st.lists(TEXT, max_size=8))
def test_shingles_are_runs_of_five_words_of_one_text(texts: list[str]) -> None:
    hashes, owner = shingles(texts)
    expected = [(number, run) for number, text in enumerate(texts) for run in plain(text)]
    assert owner.tolist() == [number for number, _ in expected]
    hash_of = {run: hashed for hashed, (_, run) in zip(hashes.tolist(), expected, strict=True)}
    assert [hash_of[run] for _, run in expected] == hashes.tolist()
    assert len(set(hash_of.values())) == len(hash_of)


@settings(deadline=None, max_examples=25)
@given(st.lists(TEXT, min_size=1, max_size=8), TEXT)
def test_a_signature_does_not_depend_on_the_texts_beside_it(texts: list[str], more: str) -> None:
    alone, together = signature_table(texts), signature_table([*texts, more])
    np.testing.assert_array_equal(alone[0], together[0][:-1])
    np.testing.assert_array_equal(alone[1], together[1][:-1])


def varied(seed: int, edits: int) -> str:
    """Two hundred words of which the last are others."""
    draw = np.random.default_rng(seed).integers(0, 10**6, 200)
    draw[len(draw) - edits :] = np.random.default_rng(99).integers(0, 10**6, edits)
    return " ".join(map(str, draw))


def test_groups_join_what_is_similar_and_nothing_else() -> None:
    texts = [varied(1, 0), varied(1, 5), varied(2, 0), varied(2, 150), "short", "短", ""]
    found = groups(texts, 0.75).tolist()
    assert found[0] == found[1]
    assert len(set(found)) == len(texts) - 1
    assert len(set(groups(texts, 0.99).tolist())) == len(texts)


def test_chinese_texts_with_few_characters_changed_are_one() -> None:
    text = "因为热空气上升所以山谷里的水在夜里慢慢地变冷而风把水汽带到了更高的森林里去" * 3
    rng = np.random.default_rng(3)
    other = "".join(chr(c) for c in rng.integers(0x4E00, 0x9FA5, len(text)))
    found = groups([text + other, text + other + "。再见了朋友们", other[::-1]], 0.75).tolist()
    assert found[0] == found[1] != found[2]


def test_no_texts_have_no_groups() -> None:
    assert groups([], 0.75).tolist() == []


def test_a_digest_is_blind_to_case_and_white_space_only() -> None:
    assert digest(" A  b\n") == digest("a B")
    assert digest("a b") != digest("a, b")
    assert digest(" \n\t") == b""
