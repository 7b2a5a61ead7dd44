"""Lines that repeat on many pages of one host: which are found, which stay, and what is left of a page."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.host_lines import (
    LINES,
    PAIRS,
    REPEATED,
    HostLinesConfig,
    host_lines,
    page_lines,
    pages_with,
    repeated_lines,
)

MENU = {"en": ["Home", "About us | Contact"], "zh": ["首页", "关于我们 联系方式"]}
OWN = {
    "en": "Page {} tells of something that no other page of this host tells of.",
    "zh": "第{}页说的是这个网站别的页面都没有说过的事情。",
}


def pages(texts: list[str | None], host: str = "a.com", first: int = 0) -> pa.Table:
    rows = range(first, first + len(texts))
    return pa.table(
        {
            "uid": [f"{row:032x}" for row in rows],
            "url": [f"http://{host}/{row}" for row in rows],
            "content": pa.array(texts, pa.string()),
        }
    )


def pairs_of(rows: pa.Table, cfg: HostLinesConfig) -> set[tuple[bytes, int]]:
    pairs = pages_with(rows, repeated_lines([rows], cfg))
    assert pairs.schema == PAIRS
    return {(pair["uid"], pair["line"]) for pair in pairs.to_pylist()}


def dropped(batch: pa.Table, **options: Any) -> tuple[list[str | None], list[int]]:
    """The texts after the whole pass, and the numbers of lines dropped."""
    cfg = HostLinesConfig(**options)
    found = defaultdict(list)
    for uid, line in pairs_of(page_lines(batch, cfg), cfg):
        found[uid.hex()].append(line)
    column = pa.array([found.get(uid) for uid in batch["uid"].to_pylist()], pa.list_(pa.uint64()))
    out = host_lines(batch.append_column(REPEATED, column), cfg)
    return out["content"].to_pylist(), out["host_lines.dropped"].to_pylist()


def host_of(language: str, count: int) -> list[str]:
    above, below = MENU[language]
    return [f"{above}\n{OWN[language].format(number)}\n{below}" for number in range(count)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_menus_go_and_the_text_of_each_page_stays(language: str) -> None:
    texts, counts = dropped(pages(host_of(language, 6)))
    assert texts == [OWN[language].format(number) for number in range(6)]
    assert counts == [2] * 6


def test_a_host_with_few_pages_keeps_everything() -> None:
    texts = host_of("en", 4)
    assert dropped(pages(texts)) == (texts, [0] * 4)
    assert dropped(pages(texts), min_pages=4)[1] == [2] * 4


def test_a_line_counts_on_its_own_host_only() -> None:
    batch = pa.concat_tables([pages(host_of("en", 3)), pages(host_of("en", 3), "b.com", 3)])
    assert dropped(batch)[1] == [0] * 6


def test_the_share_of_pages_that_hold_the_line_decides() -> None:
    texts = [
        f"{'Shared line' if number < 3 else 'Other'} x{number % 3}\n{OWN['en'].format(number)}" for number in range(6)
    ]
    texts = [
        text.replace(" x0", "").replace(" x1", "").replace(" x2", "") if number < 3 else text
        for number, text in enumerate(texts)
    ]
    assert dropped(pages(texts), min_ratio=0.5)[1] == [1, 1, 1, 0, 0, 0]
    assert dropped(pages(texts), min_ratio=0.51)[1] == [0] * 6


def test_a_line_on_one_page_never_repeats_however_small_the_share() -> None:
    texts = [OWN["en"].format(number) for number in range(5)]
    assert dropped(pages(texts), min_ratio=0.01)[1] == [0] * 5


def test_a_line_that_repeats_within_one_page_is_no_line_of_the_host() -> None:
    texts = [OWN["en"].format(number) for number in range(5)]
    texts[0] = "\n".join(["Again and again"] * 9)
    assert dropped(pages(texts))[1] == [0] * 5


def test_long_lines_stay() -> None:
    notice = "This notice is a long one. " * 10
    texts = [f"{notice}\n{OWN['en'].format(number)}" for number in range(5)]
    assert dropped(pages(texts))[1] == [0] * 5
    assert dropped(pages(texts), max_chars=300)[1] == [1] * 5


def test_lines_without_letters_and_lines_of_code_stay() -> None:
    code = "}\n---\n```c\nreturn value;\n}\n```"
    texts = [f"{code}\n{OWN['en'].format(number)}\nreturn home" for number in range(5)]
    assert dropped(pages(texts))[0] == [f"{code}\n{OWN['en'].format(number)}" for number in range(5)]


def test_copies_of_one_article_are_one_page() -> None:
    article = "\n".join(f"Line {number} of the article." for number in range(9))
    others = [OWN["en"].format(number) for number in range(4)]
    assert dropped(pages([article] * 8 + others))[1] == [0] * 12


def test_white_space_at_the_ends_of_a_line_is_no_difference() -> None:
    texts = [f"{' ' * number}Home\t\n{OWN['en'].format(number)}" for number in range(5)]
    assert dropped(pages(texts))[1] == [1] * 5


def test_a_page_of_nothing_but_menu_is_left_empty() -> None:
    texts, counts = dropped(pages([*host_of("en", 5), "Home\nAbout us | Contact"]))
    assert (texts[-1], counts[-1]) == ("", 2)


def test_pages_without_text_or_address_are_left_alone() -> None:
    batch = pages([*host_of("en", 5), None, "", "Home"])
    urls = batch["url"].to_pylist()
    urls[-1] = None
    batch = batch.set_column(1, "url", pa.array(urls))
    texts, counts = dropped(batch)
    assert texts[-3:] == [None, "", "Home"]
    assert counts == [2] * 5 + [0] * 3
    for url in ("http://[", "", "no address"):
        odd = batch.set_column(1, "url", pa.array([url] * len(batch)))
        assert dropped(odd)[1] == [0] * 8


def test_an_empty_shard_has_the_columns() -> None:
    empty = pages([])
    cfg = HostLinesConfig()
    assert page_lines(empty, cfg).schema == LINES
    assert pairs_of(LINES.empty_table(), cfg) == set()
    assert repeated_lines([], cfg).num_rows == 0
    assert dropped(empty) == ([], [])


def test_a_sliced_batch_gives_what_the_whole_gives() -> None:
    batch = pages(["x", *host_of("zh", 6)])
    assert dropped(batch.slice(1))[1] == [2] * 6


@given(
    st.lists(st.lists(st.sampled_from(["Home", "首页", "A", "b c", "", " ", "```", "12"]), max_size=6), max_size=12),
    st.randoms(),
)
def test_the_order_of_rows_changes_nothing_and_only_whole_lines_go(
    lines: list[list[str]], chance: random.Random
) -> None:
    texts = ["\n".join(page) for page in lines]
    cfg = HostLinesConfig(min_pages=3)
    rows = page_lines(pages(texts), cfg)
    order = list(range(rows.num_rows))
    chance.shuffle(order)
    assert pairs_of(rows.take(pa.array(order, pa.int64())), cfg) == pairs_of(rows, cfg)
    assert len(pairs_of(rows, cfg)) == pages_with(rows, repeated_lines([rows], cfg)).num_rows
    after, counts = dropped(pages(texts), min_pages=3)
    for before, text, count in zip(texts, after, counts, strict=True):
        assert text is not None
        kept = text.split("\n") if count < len(before.split("\n")) else []
        assert len(before.split("\n")) - len(kept) == count
        remaining = iter(before.split("\n"))
        assert all(line in remaining for line in kept)
