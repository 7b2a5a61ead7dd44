"""A question and its answer become one sentence where a rule fits, and none where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sentences_of_pairs import sentence_of_pair


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is PostgreSQL?", "A relational database.", "PostgreSQL is a relational database."),
        ("What's a gateway?", "a system linking several networks", "A gateway is a system linking several networks."),
        ("What is createuser?", "It is a wrapper around CREATE ROLE.", "createuser is a wrapper around CREATE ROLE."),
        ("Which command adds a user?", "createuser", "createuser adds a user."),
        ("Who maintains Debian?", "The Debian Project", "The Debian Project maintains Debian."),
        ("When was Python released?", "in 1991", "Python was released in 1991."),
        ("What does ls do?", "It lists files.", "ls lists files."),
        ("Is it free software?", "Yes, Debian is free software.", "Debian is free software."),
    ],
)
def test_english_pairs_become_sentences(question: str, answer: str, expected: str) -> None:
    assert sentence_of_pair(question, answer, "en") == expected


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("什么是PostgreSQL？", "一个关系数据库", "PostgreSQL是一个关系数据库。"),
        ("createuser是什么?", "它是CREATE ROLE的包装程序。", "createuser是CREATE ROLE的包装程序。"),
        ("哪个命令用于添加用户？", "createuser", "createuser用于添加用户。"),
        ("软件包如何安装？", "软件包可以用apt命令安装。", "软件包可以用apt命令安装。"),
    ],
)
def test_chinese_pairs_become_sentences(question: str, answer: str, expected: str) -> None:
    assert sentence_of_pair(question, answer, "zh") == expected


@pytest.mark.parametrize(
    ("question", "answer", "language"),
    [
        ("Why does it fail?", "bad permissions", "en"),
        ("When was Python released?", "1991", "en"),  # "released 1991" is no English
        ("How many files are there?", "12", "en"),
        ("What should you do if it fails?", "It prints a message.", "en"),
        ("为什么失败？", "权限不足", "zh"),
        ("What is it?", "", "en"),
    ],
)
def test_where_no_rule_fits_there_is_no_sentence(question: str, answer: str, language: str) -> None:
    assert sentence_of_pair(question, answer, language) is None


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["en", "zh"]))
def test_a_sentence_holds_the_words_of_its_answer_and_ends_with_a_stop(question: str, answer: str, lang: str) -> None:
    made = sentence_of_pair(question, answer, lang)
    assert made is None or made.endswith((".", "。"))
