"""How documentation is sorted into prose and the rest."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import pytest

from classifiers import corpus

LIMITS = {"lengths": [50, 400], "min_chars": 20, "min_han": 0.0, "positive_share": 0.7, "negative_share": 0.25}
SENTENCE = "The package manager keeps a list of every file that a package has installed, so it can remove them again."
SENTENCE_ZH = "软件包管理系统会记录每个软件包安装了哪些文件，因此删除时可以准确地清理它们。"
OPTIONS = "--help\n--version\nfoo | bar | baz\n1.2.3 Index\nNext: Up: Previous:"


@pytest.mark.parametrize(("line", "language"), [(SENTENCE, "en"), (SENTENCE_ZH, "zh")])
def test_a_long_closed_line_is_a_sentence(line: str, language: str) -> None:
    assert corpus.is_sentence(line, language)
    assert not corpus.is_sentence(line[:20], language)
    assert not corpus.is_sentence(line[:-1], language)
    assert not corpus.is_sentence(f"if (x) {{ {line}", language)


def test_prose_share_counts_the_characters_of_sentence_lines() -> None:
    assert corpus.prose_share("", "en") == 0
    assert corpus.prose_share(SENTENCE, "en") == 1
    assert corpus.prose_share(f"{SENTENCE}\n{'x' * len(SENTENCE)}", "en") == 0.5


def test_a_page_of_sentences_is_a_positive_and_its_other_lines_a_negative() -> None:
    page = f"{SENTENCE}\n{SENTENCE}\n{OPTIONS}\n{SENTENCE}"
    assert list(corpus.label(page, "prose", "en", LIMITS)) == [(True, page), (False, OPTIONS)]


def test_a_page_of_options_is_a_negative_and_a_mixed_one_is_left_out() -> None:
    assert list(corpus.label(OPTIONS, "prose", "en", LIMITS)) == [(False, OPTIONS)]
    assert list(corpus.label(f"{SENTENCE}\n{'x' * len(SENTENCE)}", "prose", "en", LIMITS)) == []


def test_noise_is_a_negative_however_well_it_reads() -> None:
    assert list(corpus.label(SENTENCE, "noise", "en", LIMITS)) == [(False, SENTENCE)]


def test_pieces_are_whole_lines_of_bounded_length_and_always_the_same() -> None:
    text = "\n".join(f"line {i} of a long text" for i in range(200))
    cut = list(corpus.pieces(text, LIMITS, 8))
    assert cut == list(corpus.pieces(text, LIMITS, 8))
    assert len({len(piece) for piece in cut}) > 3
    assert all(len(piece) <= 400 and piece in text for piece in cut)
    assert list(corpus.pieces("", LIMITS, 3)) == []


def test_a_source_is_read_capped_and_without_excluded_files(tmp_path: Path) -> None:
    for i in range(5):
        body = "".join(f"<p>{SENTENCE} Number {i} {j}.</p>" for j in range(4))
        (tmp_path / f"page{i}.html").write_text(f"<html><body><main>{body}</main></body></html>")
    source = {"globs": ["*.html"], "not": ["page0*"], "role": "prose", "cap": 3}
    excluded = frozenset({hashlib.sha256((tmp_path / "page1.html").read_bytes()).hexdigest()})
    positives, negatives = corpus.sorted_texts(source, "en", LIMITS, tmp_path, excluded)
    assert len(positives) == 3
    assert negatives == []
    assert not any("Number 0" in text or "Number 1 " in text for text in positives)


def test_texts_with_too_few_chinese_characters_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{OPTIONS}\n{OPTIONS}", encoding="utf-8")
    source = {"globs": ["*.txt"], "role": "noise", "reader": "text", "cap": 3}
    limits = LIMITS | {"min_han": 0.3}
    assert corpus.sorted_texts(source, "zh", limits, tmp_path, frozenset()) == ([], [])
    assert corpus.han_share("中文 ab") == 0.5
    assert corpus.han_share(" ") == 0


def test_readers_give_the_text_of_their_format() -> None:
    assert corpus.read_text(gzip.compress("变更 log".encode())) == "变更 log"
    mail = b"Subject: Buy\nContent-Type: text/html\n\n<html><body><p>Cheap watches</p></body></html>"
    assert corpus.read_mail(mail) == "Buy\nCheap watches"
    assert corpus.read_man(gzip.compress(b'.SH NAME\nls \\fB\\-a\\fR\n.\\" comment')) == "NAME\nls a\ncomment"
    assert corpus.read_mo(mo_file({"": "Content-Type: text/plain; charset=UTF-8\n", "Open": "打开"})) == "打开"


def mo_file(messages: dict[str, str]) -> bytes:
    """A GNU message catalogue: header, two tables of (length, offset), strings."""
    pairs = [(key.encode(), value.encode()) for key, value in sorted(messages.items())]
    offset, tables, blob = 28 + 16 * len(pairs), [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), offset + len(blob))
            blob += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + tables[0] + tables[1] + blob
