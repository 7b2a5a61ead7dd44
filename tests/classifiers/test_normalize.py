"""Normalisation against the published steps, written down plainly."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text

from classifiers.normalize import Normalizer, bundled_tokenizer, load_normalizer, normalize

CRAWL = Path(__file__).parents[2] / "examples" / "crawl"
NASTY = [
    "",
    "   ",
    "\n\n\n\n\n",
    "a\tb\r\nc \x0b d",
    "\x0c x \u2028",
    "CAFÉ Ａ　Ｂ ﬁ é e\u0301 ½ ﷽",
    "😀😀 𠀀𪚥 龘 ꙮ",
    "two  spaces   three\n\n\n\nfour newlines",
    "literal \\n and \\t stay",
    "ΣΟΦΟΣ İstanbul ß",
    "a\x00b\ufffdc",
    "中文，English混排。\n\n\n下一段　　空格",
]


@cache
def normalizer() -> Normalizer:
    return load_normalizer()


def published(text: str, tokenizer: Any) -> str:
    """The steps one by one, as slowly as they read."""
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = text.lower()
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    text = " ".join([tokenizer.decode([i], skip_special_tokens=False) for i in ids])
    text = re.sub(r"\n", "\\\\n", text)
    text = re.sub(r"\r", "\\\\r", text)
    text = re.sub(r"\t", "\\\\t", text)
    text = re.sub(r" +", " ", text)
    return text.strip()


def real_pages(archive: str, number: int) -> list[str]:
    """Main text of every few pages of the bundled crawl."""
    with (CRAWL / f"{archive}.warc.gz").open("rb") as stream:
        bodies = [record.reader.read() for record in ArchiveIterator(stream, record_types=WarcRecordType.response)]
    step = len(bodies) // number
    return [extract_plain_text(body.decode("utf-8", "replace"), main_content=True) for body in bodies[::step]]


@pytest.mark.parametrize("archive", ["en", "zh"])
def test_real_pages_give_the_published_lines(archive: str) -> None:
    pages = real_pages(archive, 30)
    assert sum(len(page) > 1000 for page in pages) > 10
    assert normalize(normalizer(), pages) == [published(page, normalizer().tokenizer) for page in pages]


def test_odd_characters_give_the_published_lines() -> None:
    assert normalize(normalizer(), NASTY) == [published(text, normalizer().tokenizer) for text in NASTY]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_gives_the_published_line(text: str) -> None:
    assert normalize(normalizer(), [text]) == [published(text, normalizer().tokenizer)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="aé中 \n\t\r😀", max_size=40), max_size=5))
def test_a_line_never_breaks_and_the_batch_does_not_matter(texts: list[str]) -> None:
    lines = normalize(normalizer(), texts)
    assert lines == [normalize(normalizer(), [text])[0] for text in texts]
    assert not any(set(line) & set("\n\r\t") for line in lines)


def test_a_character_split_over_pieces_becomes_replacement_characters() -> None:
    line = normalize(normalizer(), ["𪚥"])[0]
    assert set(line.split()) == {"\ufffd"}


def test_no_texts_give_no_lines() -> None:
    assert normalize(normalizer(), []) == []


def test_a_tokenizer_given_by_path_is_used() -> None:
    assert load_normalizer(bundled_tokenizer()).pieces == normalizer().pieces


def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        load_normalizer(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"bad\.json cannot be read"):
        load_normalizer(tmp_path / "bad.json")
