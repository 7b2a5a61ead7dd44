"""How documentation is sorted into prose and the rest."""

from __future__ import annotations

import gzip
import struct

import pytest

from classifiers import corpus, readers

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


def test_a_page_of_sentences_is_a_positive_one_of_options_a_negative_and_between_neither() -> None:
    assert corpus.label(f"{SENTENCE}\n{SENTENCE}\n{SENTENCE}\n{OPTIONS}", "prose", "en", LIMITS) is True
    assert corpus.label(OPTIONS, "prose", "en", LIMITS) is False
    assert corpus.label(f"{SENTENCE}\n{'x' * len(SENTENCE)}", "prose", "en", LIMITS) is None


def test_the_role_of_a_source_decides_before_its_lines_do() -> None:
    assert corpus.label(SENTENCE, "noise", "en", LIMITS) is False
    assert corpus.label(OPTIONS, "essay", "en", LIMITS) is True


def test_what_is_left_of_a_page_without_its_sentences_is_the_rest_of_its_lines() -> None:
    page = f"{SENTENCE}\n{OPTIONS}\nIt is the end.\n{SENTENCE_ZH}"
    assert corpus.without_sentences(page, "en") == f"{OPTIONS}\nIt is the end.\n{SENTENCE_ZH}"
    assert corpus.without_sentences(f"{OPTIONS}\nThis is the very end.", "en") == OPTIONS
    assert corpus.without_sentences(f"{OPTIONS}\n{SENTENCE_ZH}", "zh") == OPTIONS


@pytest.mark.parametrize(("text", "language"), [(SENTENCE, "en"), (SENTENCE_ZH, "zh")])
def test_a_spoiled_text_is_no_longer_prose_and_the_same_every_time(text: str, language: str) -> None:
    texts = ["\n".join([text] * 6 + [f"{number}"]) for number in range(60)]
    bad = list(corpus.spoiled(texts, language, 1.0))
    assert bad == list(corpus.spoiled(texts, language, 1.0))
    assert len(bad) == len(texts)
    assert not set(bad) & set(texts)
    assert list(corpus.spoiled(texts, language, 0.0)) == []
    assert 0 < len(list(corpus.spoiled(texts, language, 0.5))) < len(texts)
    for kind in (corpus.stuffed, corpus.snippets, corpus.outline):
        assert corpus.prose_share(kind(texts[0], language), language) < 0.8 < corpus.prose_share(texts[0], language)
    words = corpus.shuffled(texts[0], language).split()
    assert sorted("".join(words)) == sorted("".join(texts[0].split()))


def test_leftovers_are_joined_until_they_are_as_long_as_documents() -> None:
    joined = list(corpus.stretches([f"entry {i}" for i in range(200)], LIMITS))
    assert len(joined) > 3
    assert all(40 <= len(text) <= 400 for text in joined)


def test_pieces_are_whole_lines_of_bounded_length_and_always_the_same() -> None:
    text = "\n".join(f"line {i} of a long text" for i in range(200))
    cut = list(corpus.pieces(text, LIMITS, 8))
    assert cut == list(corpus.pieces(text, LIMITS, 8))
    assert len({len(piece) for piece in cut}) > 3
    assert all(len(piece) <= 400 and piece in text for piece in cut)
    assert list(corpus.pieces("", LIMITS, 3)) == []


def test_at_most_so_many_different_texts_are_taken_whatever_their_order() -> None:
    texts = [f"text {i % 7}" for i in range(20)]
    assert corpus.capped(texts, 3) == corpus.capped(texts[::-1], 3)
    assert len(corpus.capped(texts, 100)) == 7


def test_han_share_counts_characters_that_are_no_space() -> None:
    assert corpus.han_share("中文 ab") == 0.5
    assert corpus.han_share(" ") == 0


def test_readers_give_the_text_of_their_format() -> None:
    assert readers.read_text(gzip.compress("变更 log".encode())) == "变更 log"
    mail = b"Subject: Buy\nContent-Type: text/html\n\n<html><body><p>Cheap watches</p></body></html>"
    assert readers.read_mail(mail) == "Buy\nCheap watches"
    assert readers.read_man(gzip.compress(b'.SH NAME\nls \\fB\\-a\\fR\n.\\" comment')) == "NAME\nls a\ncomment"
    assert readers.read_mo(mo_file({"": "Content-Type: text/plain; charset=UTF-8\n", "Open": "打开"})) == "打开"
    assert readers.read_markdown(b"---\ntitle: a\n---\n# Head\n") == "# Head\n"
    assert readers.read_messages(b'{"@a": "no", "b": "two\\nlines", "c": 1}') == "two lines"
    assert readers.read_strings(b'["a  b", "c"]') == "a b\nc"
    assert readers.read_dialogue(b"categories:\n- - Hello\n  - Hi there\n") == "Hello\nHi there"
    assert readers.read_tagged(b"The/at dog/nn ran/vbd ./.\n") == "The dog ran."
    assert readers.read_tagged("我们/r 学习/v 。/w\n".encode()) == "我们学习。"
    entry = "word\n   " + "meaning of it " * 30
    assert readers.read_dictionary(f"short\n   one\n{entry}\n".encode()).startswith("## word\n\nmeaning of it")
    assert readers.read_hex(b"ab").startswith("00000000  61 62")
    assert readers.read_base64(b"ab") == "YWI=\n"


def test_documentation_in_xml_becomes_a_page_with_its_paragraphs_and_headings() -> None:
    page = readers.read_xml(b"<page><info><desc>no</desc></info><title>Head</title><para>One &app; word</para></page>")
    assert b"<h2>Head</h2><p>One app word</p>" in page
    assert b"no" not in page


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


@pytest.mark.parametrize(("line", "language", "joint"), [(SENTENCE, "en", " "), (SENTENCE_ZH, "zh", "")])
def test_a_wrapped_text_has_the_same_words_on_shorter_lines(line: str, language: str, joint: str) -> None:
    text = f"{line}\n\n{joint.join([line] * 3)}"
    broken = corpus.wrapped(text, language, 1.0)
    assert broken == corpus.wrapped(text, language, 1.0)
    assert max(map(len, broken.splitlines())) <= 85
    assert broken.count("\n") > text.count("\n")
    assert "".join(broken.split()) == "".join(text.split())
    assert corpus.wrapped(text, language, 0.0) == text
    assert corpus.wrapped("", language, 1.0) == ""
