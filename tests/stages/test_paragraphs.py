"""Paragraphs that stand in several rows: what counts as one, which row keeps it, and what is left of the others."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.paragraphs import (
    PAIRS,
    PARAGRAPHS,
    REPEATED,
    ParagraphsConfig,
    first_rows,
    later_rows,
    page_paragraphs,
    paragraphs,
)

SHARED = {
    "en": "Permission is granted to copy this manual as long as the notice below is kept together with each and every "
    "copy of it.",
    "zh": "在遵守以下条款的前提下，任何人都可以复制和分发本手册，但是每一份副本都必须保留这段完整的版权说明。",
}
OWN = {
    "en": "What page {} says, no other page of the whole dump says again.",
    "zh": "第{}页所说的话别的页面都没有说过。",
}
S = SHARED["en"]


def rows_of(texts: list[str | None], first: int = 0) -> pa.Table:
    uids = [f"{row:032x}" for row in range(first, first + len(texts))]
    return pa.table({"uid": pa.array(uids, pa.string()), "content": pa.array(texts, pa.string())})


def pairs_of(rows: pa.Table, cfg: ParagraphsConfig) -> list[tuple[bytes, int]]:
    pairs = later_rows(rows, first_rows([rows], cfg))
    assert pairs.schema == PAIRS
    return sorted((pair["uid"], pair["line"]) for pair in pairs.to_pylist())


def after(batch: pa.Table, **options: Any) -> pa.Table:
    """The rows after the whole pass."""
    cfg = ParagraphsConfig(**options)
    found = defaultdict(list)
    for uid, line in pairs_of(page_paragraphs(batch, cfg), cfg):
        found[uid.hex()].append(line)
    column = pa.array([found.get(uid) for uid in batch["uid"].to_pylist()], pa.list_(pa.uint64()))
    return paragraphs(batch.append_column(REPEATED, column), cfg)


def left(texts: list[str | None], **options: Any) -> list[str | None]:
    return after(rows_of(texts), **options)["content"].to_pylist()


def left_of(text: str, *repeated: str) -> str | None:
    """What is left of a text whose paragraphs ``repeated`` stand in a row before it."""
    return left(["\n\n".join(repeated or [S]), text])[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_smallest_uid_keeps_a_paragraph_and_the_others_lose_it(language: str) -> None:
    own = [OWN[language].format(number) for number in range(3)]
    out = after(rows_of([f"{text}\n\n{SHARED[language]}" for text in own]))
    assert out["content"].to_pylist() == [f"{own[0]}\n\n{SHARED[language]}", own[1], own[2]]
    assert out["paragraphs.dropped"].to_pylist() == [0, 1, 1]
    assert out["paragraphs.chars_dropped"].to_pylist() == [0, len(SHARED[language]) + 2, len(SHARED[language]) + 2]
    assert out["paragraphs.drop"].to_pylist() == [None] * 3


def test_a_paragraph_of_one_row_stays_however_often_that_row_says_it() -> None:
    assert left([f"{S}\n\n{S}", "Something else."]) == [f"{S}\n\n{S}", "Something else."]


def test_a_row_that_loses_a_paragraph_loses_it_everywhere() -> None:
    out = after(rows_of([S, f"{S}\n\nOwn.\n\n{S}"]))
    assert (out["content"][1].as_py(), out["paragraphs.dropped"][1].as_py()) == ("Own.", 2)


def test_a_row_of_nothing_else_is_rejected() -> None:
    out = after(rows_of([f"Own.\n{S}", S, f"\n{S}\n\n{S}\n", "", None, " "]))
    assert out["paragraphs.drop"].to_pylist() == [None, "repeated", "repeated", None, None, None]
    assert out["content"].to_pylist()[1:] == ["", "", "", None, " "]


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (S.upper(), S),
        (f"  {S}\t", S),
        (S.replace(" ", "\u00a0"), S),
        (f"- {S}", f"12. {S}"),
        (f"> {S}", f"> {S}"),
        (S.replace("manual", "*manual*"), S),
        (S.replace(".", "\u3002"), S),
        (f"\ufeff{S}", S),
        ("".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in S), S),
    ],
)
def test_case_space_marks_and_width_are_no_difference(same: str, other: str) -> None:
    assert left([f"Own.\n\n{other}", f"Other.\n\n{same}"])[1] == "Other."


@pytest.mark.parametrize(
    "change", [("copy", "c0py"), ("manual", "manuals"), ("of it", "of 2"), ("copy of", "copy = of")]
)
def test_other_letters_digits_and_symbols_are_a_difference(change: tuple[str, str]) -> None:
    assert left([S, S.replace(*change)]) == [S, S.replace(*change)]


def test_a_short_paragraph_may_be_said_by_anyone() -> None:
    short = "x" * 89
    assert left([short, short]) == [short, short]
    assert left([short, short], min_chars=89) == [short, ""]
    assert left(["x" * 90, "x" * 90]) == ["x" * 90, ""]


def test_a_chinese_character_counts_as_several_letters() -> None:
    text = "说" * 30
    assert left([text, text]) == [text, ""]
    assert left([text[1:], text[1:]]) == [text[1:]] * 2
    assert left([text, text], han_chars=1) == [text, text]


def test_punctuation_makes_no_paragraph_long() -> None:
    line = "a " + "=-. " * 60
    assert left([line, line]) == [line, line]


@pytest.mark.parametrize(
    "block",
    [
        f"```\n{S}\n```",
        f"```text\n\n{S}\n\n\n{S}\n```",
        f"````\n```\n{S}\n```\n{S}\n````",
        f"~~~\n{S}\n```\n{S}\n~~~",
        f"  ```\n  {S}\n  ```",
        f"```\n{S}\n``` not the end\n{S}\n```",
        f"```\n{S}",
        f"$$\n{S}\n$$",
        f"| {S} | {S} |\n| --- | --- |\n| {S} | b |",
        f"{S} | b\n--- | ---\n{S} | c",
        f"# {S}",
        f"###### {S}\n\nmore",
        f"{S}\n====",
        f"{S}\n---",
    ],
)
def test_code_formulas_tables_and_headings_stay(block: str) -> None:
    assert left_of(f"Own.\n\n{block}\n\n") == f"Own.\n\n{block}\n\n"
    assert left_of(f"Own.\n\n{S}\n\n{block}") == f"Own.\n\n{block}"


@pytest.mark.parametrize("opening", ["``` a `b`", "``", "#hashtag", "####### seven", "$$x$$", "$$$"])
def test_what_only_looks_like_a_block_opens_none(opening: str) -> None:
    assert left_of(f"{opening}\n\n{S}\n\nOwn.") == f"{opening}\n\nOwn."


def test_paragraphs_behind_a_closed_block_go() -> None:
    assert (
        left_of(f"```\ncode\n```\n{S}\n\n$$\nx\n$$\n{S}\n\na | b\n-|-\n\n{S}")
        == "```\ncode\n```\n\n$$\nx\n$$\n\na | b\n-|-"
    )


def test_a_heading_whose_section_is_gone_goes_with_it() -> None:
    text = f"# Title\n\nOwn.\n\n## Notice\n\n{S}\n\n### Inner\n\n{S}\n\n## Next\n\nOwn too."
    assert left_of(text) == "# Title\n\nOwn.\n\n## Next\n\nOwn too."
    assert after(rows_of([S, text]))["paragraphs.dropped"].to_pylist() == [0, 2]


def test_a_heading_stays_while_anything_below_it_does() -> None:
    text = f"# Title\n\n{S}\n\n## Notice\n\n{S}\n\n### Inner\n\nOwn.\n\n## Gone\n\n{S}"
    assert left_of(text) == "# Title\n\n## Notice\n\n### Inner\n\nOwn."


def test_a_heading_that_had_nothing_below_stays() -> None:
    assert left_of(f"# Title\n\n## Empty\n\n## Notice\n\n{S}") == "# Title\n\n## Empty"


def test_a_row_of_headings_over_repeated_paragraphs_is_rejected() -> None:
    out = after(rows_of([f"Own.\n{S}", f"# Title\n\n## Notice\n\n{S}\n"]))
    assert (out["content"][1].as_py(), out["paragraphs.drop"][1].as_py()) == ("", "repeated")


def test_items_of_a_list_go_line_by_line() -> None:
    assert left_of(f"Own:\n- one\n- {S}\n- three\n\nOwn.") == "Own:\n- one\n- three\n\nOwn."
    assert left_of(f"1. {S}\n2. two\n3) {S}\n4. four") == "2. two\n4. four"


def test_an_item_stays_while_anything_nested_in_it_does() -> None:
    assert left_of(f"- {S}\n  - nested\n- {S}\n- own") == f"- {S}\n  - nested\n- own"
    assert left_of(f"- {S}\n  - {S}\n    going on\n- own") == f"- {S}\n  - {S}\n    going on\n- own"
    assert left_of(f"- {S}\n\n  ```\n  code\n  ```\n- own") == f"- {S}\n\n  ```\n  code\n  ```\n- own"
    assert left_of(f"- {S}\n  - {S}\n\t- {S}\n- own\n  {S}") == "- own"


def test_empty_lines_that_parted_a_paragraph_go_with_it() -> None:
    assert left_of(f"One.\n\n{S}\n\nTwo.") == "One.\n\nTwo."
    assert left_of(f"One.\n{S}\nTwo.") == "One.\nTwo."
    assert left_of(f"{S}\n\n\nTwo.\n") == "Two.\n"
    assert left_of(f"One.\n\n{S}\n\n{S}\n") == "One."
    assert left_of(f"One.\r\n\r\n{S}\r\n\r\nTwo.") == "One.\r\n\r\nTwo."


def test_rows_without_text_are_left_alone() -> None:
    out = after(rows_of([None, "", "\n", None]))
    assert out["content"].to_pylist() == [None, "", "\n", None]
    assert out["paragraphs.dropped"].to_pylist() == out["paragraphs.chars_dropped"].to_pylist() == [0] * 4


def test_an_empty_shard_has_the_columns() -> None:
    empty, cfg = rows_of([]), ParagraphsConfig()
    assert page_paragraphs(empty, cfg).schema == PARAGRAPHS
    assert first_rows([], cfg) == PARAGRAPHS.empty_table()
    assert after(empty).num_rows == 0


def test_a_sliced_batch_gives_what_the_whole_gives() -> None:
    texts: list[str | None] = ["x", S, f"Own.\n\n{S}", None, f"说\n{S}"]
    assert after(rows_of(texts).slice(1))["content"].to_pylist() == [S, "Own.", None, "说"]


def test_hashes_of_no_paragraph_change_nothing() -> None:
    batch = rows_of(["Own.\n\n\n\nText.", None])
    column = pa.array([[1, 2**64 - 1], [3]], pa.list_(pa.uint64()))
    out = paragraphs(batch.append_column(REPEATED, column), ParagraphsConfig())
    assert out["content"].to_pylist() == ["Own.\n\n\n\nText.", None]


LINE = st.sampled_from(
    [S, f"- {S}", f"  - {S}", SHARED["zh"], "", " ", "# A", "## B", "```", "````", "~~~", "$$", "| a |", "-|-", "---",
     "===", "- own", "  own", "\towned", "文", "\r", "`" * 3 + "py"]
)  # fmt: skip


@given(st.lists(st.lists(LINE, max_size=12), max_size=6), st.randoms())
def test_order_and_grouping_change_nothing_and_only_whole_lines_go(
    pages: list[list[str]], chance: random.Random
) -> None:
    texts = ["\n".join(page) for page in pages]
    cfg = ParagraphsConfig()
    rows = page_paragraphs(rows_of([*texts]), cfg)
    order = list(range(rows.num_rows))
    chance.shuffle(order)
    shuffled = rows.take(pa.array(order, pa.int64()))
    assert pairs_of(shuffled, cfg) == pairs_of(rows, cfg)
    cut = chance.randint(0, len(order))
    kept = first_rows([shuffled.slice(0, cut), shuffled.slice(cut)], cfg)
    assert kept.sort_by("line") == first_rows([rows], cfg).sort_by("line")
    out = after(rows_of([*texts]))
    for before, row in zip(texts, out.to_pylist(), strict=True):
        remaining = iter(before.split("\n"))
        kept_lines = row["content"].split("\n")
        assert row["content"] == "" or all(line in remaining for line in kept_lines)
        for fixed in ("```", "````", "~~~", "$$", "| a |", "```py"):
            assert kept_lines.count(fixed) == before.split("\n").count(fixed)
        assert (row["paragraphs.drop"] is not None) == (row["paragraphs.dropped"] > 0 and row["content"] == "")
        assert row["paragraphs.dropped"] > 0 or row["content"] == before


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), max_size=5))
def test_any_text_passes_and_what_no_other_row_says_stays(texts: list[str]) -> None:
    out = after(rows_of([*texts]), min_chars=1)["content"].to_pylist()
    assert len(out) == len(texts)
    for before, text in islice(zip(texts, out, strict=True), 1):
        assert text == before


def test_many_rows_are_folded_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = page_paragraphs(rows_of([f"{S}\n\n{S} {number % 3}" for number in range(20)]), ParagraphsConfig())
    expected = first_rows([rows], ParagraphsConfig()).sort_by("line")
    assert expected.num_rows == 4
    monkeypatch.setattr("stages.paragraphs._ROWS_AT_ONCE", 3)
    pieces = [rows.slice(start, 2) for start in range(0, rows.num_rows, 2)]
    assert first_rows(reversed(pieces), ParagraphsConfig()).sort_by("line") == expected
