"""Documents drawn from a pool: disjoint by round, apart from what measures, and spread over sites."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.pool_sample import balanced, draw, near_keys, screen

WORDS = [f"word{i}" for i in range(500)]


def table(texts: Sequence[str | None], sites: Sequence[str | None] | None = None, file: str = "a.jsonl") -> pa.Table:
    n = len(texts)
    columns = {"content": texts, "site": sites or [None] * n, "file": [file] * n}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def prose(seed: int, words: int = 120) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, words))


def test_samples_are_disjoint_and_do_not_depend_on_the_order_of_the_pool() -> None:
    texts = [f"text {i}" for i in range(1_000)]
    one = draw([table(texts)], 3, 100)
    other = draw([table(texts[i : i + 70][::-1]) for i in reversed(range(0, 1_000, 70))], 3, 100)
    assert [len(sample) for sample in one] == [100, 100, 100]
    assert all(a.equals(b) for a, b in zip(one, other, strict=True))
    found = [text for sample in one for text in sample["content"].to_pylist()]
    assert len(set(found)) == 300


def test_more_rounds_keep_the_samples_of_the_first_ones_and_a_seed_changes_them() -> None:
    texts = table([f"text {i}" for i in range(500)])
    assert draw([texts], 5, 50)[1].equals(draw([texts], 2, 50)[1])
    assert not draw([texts], 2, 50, seed=1)[1].equals(draw([texts], 2, 50)[1])


def test_blank_texts_and_doubles_are_not_drawn_and_a_small_pool_gives_short_samples() -> None:
    pool = table(["a", None, "", " \n\t ", "a", "b"], ["z.org", None, None, None, "b.org", None])
    first, second = draw([pool], 2, 10)
    assert sorted(first["content"].to_pylist()) == ["a", "b"]
    assert first.filter(pa.array([text == "a" for text in first["content"].to_pylist()]))["site"].to_pylist() == [
        "b.org"
    ]
    assert len(second) == 0
    assert [len(sample) for sample in draw([], 2, 10)] == [0, 0]


@given(st.lists(st.text(max_size=5) | st.none(), max_size=60), st.integers(1, 4), st.integers(1, 8), st.integers(1, 9))
def test_a_draw_is_the_distinct_texts_in_one_order(texts: list[str | None], samples: int, size: int, step: int) -> None:
    found = draw([table(texts[i : i + step]) for i in range(0, len(texts), step)], samples, size)
    drawn = [text for sample in found for text in sample["content"].to_pylist()]
    distinct = {text for text in texts if text is not None and text.strip()}
    assert len(drawn) == len(set(drawn)) == min(len(distinct), samples * size)
    assert set(drawn) <= distinct


def test_no_site_and_no_near_duplicate_of_what_measures_comes_in() -> None:
    held_out, trained = prose(1), prose(2)
    nearly = held_out.replace(held_out.split()[7], "other", 1)
    sample = table(
        [prose(3), nearly, held_out.upper(), trained, prose(4), prose(5), prose(4) + " end"],
        ["new.org", "new.org", None, "new.org", "test.org", None, "new.org"],
    )
    measured = table([held_out, "short"], ["test.org", None])
    kept, left_out = screen(sample, measured, [table([trained])], "en")
    assert kept["content"].to_pylist() == [prose(3), prose(5)]
    assert left_out == {"site_of_measured": 1, "near_measured": 2, "near_known": 2}


def test_chinese_near_duplicates_are_found_by_their_characters() -> None:
    text = "".join(chr(0x4E00 + int(i)) for i in np.random.default_rng(0).integers(0, 3_000, 300))
    kept, left_out = screen(table([text[:290], text[::-1]]), table([text]), [], "zh")
    assert kept["content"].to_pylist() == [text[::-1]]
    assert left_out["near_measured"] == 1


def test_texts_without_shingles_are_compared_whole_and_nothing_is_no_duplicate() -> None:
    keys = near_keys(pa.chunked_array([["", "two words", "Two  Words", "!!"]]), "en")
    assert (keys[0] == 0).all()
    assert keys[1, 0] == keys[2, 0] != 0
    assert (keys[1, 1:] == 0).all()
    kept, _ = screen(table(["two words", "alone"]), table(["TWO words"]), [table([])], "en")
    assert kept["content"].to_pylist() == ["alone"]


def test_an_empty_sample_is_screened() -> None:
    kept, left_out = screen(table([]), table(["a"]), [], "en")
    assert len(kept) == 0
    assert sum(left_out.values()) == 0


def test_one_site_cannot_dominate_a_side() -> None:
    good = table([f"g{i}" for i in range(100)], ["big.org"] * 80 + [f"s{i}.org" for i in range(20)])
    bad = table([f"b{i}" for i in range(100)], [f"n{i % 50}.org" for i in range(100)])
    chosen = balanced([good, bad], 1_000, 0.1)
    assert len(chosen[0]) == len(chosen[1])
    for side in chosen:
        assert max(Counter(side["site"].to_pylist()).values()) <= math.ceil(0.1 * len(side))
    assert len(balanced([good, bad], 1_000, 1.0)[0]) == 100
    assert len(balanced([good, bad], 7, 1.0)[0]) == 7


def test_documents_without_a_site_have_no_limit() -> None:
    chosen = balanced([table(list("abcdef")), table(list("ghijkl"), ["one.org"] * 6)], 100, 0.5)
    assert [len(side) for side in chosen] == [1, 1], "one site cannot be half of two"
    assert [len(side) for side in balanced([table(list("abc")), table(list("defg"))], 100, 0.01)] == [3, 3]


@pytest.mark.parametrize("sides", [([], ["a"]), ([], [])])
def test_an_empty_side_leaves_nothing(sides: tuple[list[str], list[str]]) -> None:
    assert [len(side) for side in balanced([table(side) for side in sides], 10, 0.5)] == [0, 0]


SITES = st.lists(st.sampled_from(["a.org", "b.org", "c.org", "d.org", None]), max_size=40)


@given(SITES, SITES, st.integers(0, 30), st.floats(0.01, 1))
def test_balance_and_limits_hold_and_no_larger_number_would(
    one: list[str | None], two: list[str | None], most: int, share: float
) -> None:
    sides = [table([str(i) for i in range(len(sites))], sites) for sites in (one, two)]
    chosen = balanced(sides, most, share)
    number = len(chosen[0])
    assert number == len(chosen[1]) <= most
    for side in chosen:
        counts = Counter(site for site in side["site"].to_pylist() if site is not None)
        assert max(counts.values(), default=0) <= math.ceil(share * number)
        assert side["content"].to_pylist() == sorted(side["content"].to_pylist(), key=int), "in the order of the sample"

    def reach(sites: list[str | None], n: int) -> int:
        counts = Counter(sites)
        return counts.pop(None, 0) + sum(min(count, math.ceil(share * n)) for count in counts.values())

    assert not any(min(reach(one, n), reach(two, n)) >= n for n in range(number + 1, most + 1))
