"""Answers of the kind their question asks for."""

from __future__ import annotations

import pytest

from synth.kinds import answers_kind, is_definition


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        ("How many fields has the table?", "The table has five fields.", "The table has fields."),
        ("Why was anacron written?", "Anacron was written because jobs were lost.", "Anacron was written in C."),
        ("How does cron start jobs?", "Cron starts jobs by reading a table.", "Cron starts jobs."),
        ("When was cron written?", "Cron was written in 1975.", "Cron was written by Brian."),
        ("Where does cron store tables?", "Cron stores tables in a spool.", "Cron stores tables."),
        ("Is cron a daemon?", "Yes, cron is a daemon.", "Cron runs jobs."),
        ("What is the cron daemon?", "The cron daemon is a program.", "Linux needs the cron daemon."),
        ("What is cron?", "Cron is a daemon.", "Cron runs jobs at night."),
        ("What was the old port discontinued?", "", "The old port was discontinued in 2015."),
    ],
)
def test_the_question_word_asks_for_something_in_english(question: str, good: str, bad: str) -> None:
    assert not good or answers_kind(question, good, "en")
    assert not answers_kind(question, bad, "en")


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        ("珊瑚礁有多少物种？", "珊瑚礁有三百种物种。", "珊瑚礁的物种丰富。"),
        ("为什么要编写这个程序？", "因为任务会丢失。", "这个程序很小。"),
        ("服务器如何启动任务？", "服务器通过读取表格启动任务。", "服务器启动任务。"),
        ("程序是何时发布的？", "程序是 1996 年发布的。", "程序是开源的。"),
        ("程序存放在何处？", "程序存放在磁盘上。", "程序很小。"),
        ("它支持事务吗？", "是的，支持事务。", "事务很小。"),
    ],
)
def test_the_question_word_asks_for_something_in_chinese(question: str, good: str, bad: str) -> None:
    assert answers_kind(question, good, "zh")
    assert not answers_kind(question, bad, "zh")


def test_a_question_of_another_kind_asks_for_nothing_that_is_seen() -> None:
    assert answers_kind("Which command edits the table?", "The crontab command edits it.", "en")
    assert answers_kind("哪个命令编辑表格？", "crontab 命令编辑表格。", "zh")


def test_a_definition_says_what_its_thing_is() -> None:
    assert is_definition("What is cron?", "Cron is a daemon.", "en")
    assert is_definition("什么是珊瑚礁？", "珊瑚礁是珊瑚虫的群体建造的结构。", "zh")
    assert not is_definition("What is cron?", "Cron runs jobs.", "en")
    assert not is_definition("Which daemon is cron?", "Cron is a daemon.", "en")
