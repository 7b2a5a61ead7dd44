"""Normalisation against the published steps, written down plainly."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from classifiers.normalize import (
    Normalizer,
    bundled_tokenizer,
    folded,
    load_normalizer,
    normalize,
    tokenizer_sha256,
)

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
    "\n\n\u0301\n\n\n\u0301",
    "a <｜end▁of▁sentence｜> b",
    "\u302e\u0327\u302a a\u0301\u302e 각 한국어 \u1100\u1161\u11a8",
    "\u2028 line \x85\x1c",
    "ϓ ﬃ ẛ̣ Ⅷ ㎢ ㈱ ⑳ ﾊﾟ",
]
# What DeepSeek-V2 cuts words by, where the bundled tokenizer has V3's: the released classifiers were trained with it.
V2_SPLITS = [
    r"[\r\n]",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕ]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    r"[一-龥ࠀ-一가-퟿]+",
]


@cache
def normalizer() -> Normalizer:
    return load_normalizer()


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(bundled_tokenizer()))


@pytest.fixture(scope="module")
def v2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled vocabulary with the pre-tokenizer of DeepSeek-V2."""
    body = json.loads(bundled_tokenizer().read_text(encoding="utf-8"))
    splits = [
        {"type": "Split", "pattern": {"Regex": one}, "behavior": "Isolated", "invert": False} for one in V2_SPLITS
    ]
    byte_level = body["pre_tokenizer"]["pretokenizers"][-1]
    digits = {"type": "Digits", "individual_digits": True}
    body["pre_tokenizer"]["pretokenizers"] = [*splits, digits, byte_level]
    path = tmp_path_factory.mktemp("v2") / "tokenizer.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


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
    assert normalize(normalizer(), pages) == [published(page, tokenizer()) for page in pages]


def test_odd_characters_give_the_published_lines() -> None:
    assert normalize(normalizer(), NASTY) == [published(text, tokenizer()) for text in NASTY]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_gives_the_published_line(text: str) -> None:
    assert normalize(normalizer(), [text]) == [published(text, tokenizer())]


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


def test_every_character_alone_and_between_others_is_folded_as_published() -> None:
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    blocks = ["".join(f"a{one}\n\n\n" for one in characters[i : i + 997]) for i in range(0, len(characters), 997)]
    assert folded(blocks) == [folded_as_published(block) for block in blocks]
    assert folded(characters[:0x3000]) == [folded_as_published(one) for one in characters[:0x3000]]


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.sampled_from([*"aΣσΑİ\n ", "\u0301", "\u0327", "\u302e", "\U0001d165", "\U0001d16d", "각", "ﷺ", "½"]),
        max_size=12,
    )
)
def test_characters_that_act_on_each_other_are_folded_as_published(text: str) -> None:
    assert folded([text, "b", text]) == [folded_as_published(text), "b", folded_as_published(text)]


def folded_as_published(text: str) -> str:
    text = unicodedata.normalize("NFKD", re.sub(r"\n{3,}", "\n\n", text).lower())
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def test_a_tokenizer_given_by_path_is_used_and_makes_its_own_lines(v2: Path) -> None:
    texts = [*NASTY, *real_pages("en", 10), *real_pages("zh", 10)]
    lines, complete = normalize(load_normalizer(v2), texts), Tokenizer.from_file(str(v2))
    assert lines == [published(text, complete) for text in texts]
    assert lines != normalize(normalizer(), texts)


def test_the_hash_of_a_normalizer_is_that_of_its_tokenizer(v2: Path) -> None:
    assert load_normalizer(v2).sha256 == tokenizer_sha256(v2) != normalizer().sha256 == tokenizer_sha256()


def test_a_tokenizer_of_another_kind_is_read_by_the_complete_library(tmp_path: Path) -> None:
    words = Tokenizer(WordLevel({"water": 0, "moves": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.save(str(tmp_path / "words.json"))
    normalizer = load_normalizer(tmp_path / "words.json")
    assert normalize(normalizer, ["Water moves", "", "moves\tit"]) == ["water moves", "", "moves [UNK]"]
    np.testing.assert_array_equal(normalizer.encode("moves water"), [1, 0])


def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        load_normalizer(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"bad\.json cannot be read"):
        load_normalizer(tmp_path / "bad.json")
