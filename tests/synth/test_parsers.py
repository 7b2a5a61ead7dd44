"""Parsers: the form asked for, or a reason."""

from __future__ import annotations

import pytest

from synth.parsed import ParseError
from synth.parsers import UnknownParser, parse


def reason(parser: str, text: str) -> str:
    with pytest.raises(ParseError) as caught:
        parse(parser, text)
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "Question: What is cron?\nAnswer: Cron is a daemon.",
        "Answer: Cron is a daemon.\nQuestion: What is cron?",
        "**Question:** What is cron?\n**Answer:** Cron is a daemon.",
        "<think>hm</think>\nQuestion 1: What is cron?\nAnswer 1: Cron is a daemon.",
    ],
)
def test_a_pair_is_read_in_either_order_and_without_marks(text: str) -> None:
    (parsed,) = parse("question_answer", text)
    assert (parsed.question, parsed.answer) == ("What is cron?", "Cron is a daemon.")


def test_a_chinese_pair_is_read_with_either_colon() -> None:
    for colon in (":", "\uff1a"):
        (parsed,) = parse("question_answer", f"答案{colon}它是守护进程。\n问题{colon}cron 是什么？")
        assert (parsed.question, parsed.answer) == ("cron 是什么？", "它是守护进程。")


def test_anything_but_one_pair_has_a_reason() -> None:
    assert reason("question_answer", "Cron is a daemon.") == "not_one_pair"
    assert reason("question_answer", "Question: a?\nAnswer: b\nQuestion: c?\nAnswer: d") == "not_one_pair"
    assert reason("question_answer", "Question:\nAnswer: b") == "empty_part"
    assert reason("question_answer", "") == "not_one_pair"


@pytest.mark.parametrize("text", ["What is a polyp?", "Question: What is a polyp?", "**Question:** What is a polyp?\n"])
def test_a_question_alone_waits_for_the_answer_that_was_shown(text: str) -> None:
    (parsed,) = parse("question", text)
    assert (parsed.question, parsed.answer) == ("What is a polyp?", None)
    assert parse("question", "问题：什么是珊瑚虫？")[0].question == "什么是珊瑚虫？"


@pytest.mark.parametrize("text", ["", "Question:", "What is a polyp?\nA small animal.", "Answer: x\nQuestion: y?"])
def test_anything_but_one_question_has_a_reason(text: str) -> None:
    with pytest.raises(ParseError, match="not_one_question"):
        parse("question", text)


def test_a_rewrite_is_the_whole_output_without_think_blocks() -> None:
    assert parse("rewrite", "<think>a\nb</think> Cron runs. ")[0].text == "Cron runs."
    assert reason("rewrite", " <think>only this</think> ") == "empty"


def test_a_think_block_that_never_ends_is_residue() -> None:
    assert reason("rewrite", "<think>Let me see") == "think_residue"
    assert reason("question_answer", "so</think>Question: a?\nAnswer: b") == "think_residue"


def test_an_unknown_parser_is_an_error_of_the_prompt() -> None:
    with pytest.raises(UnknownParser, match="no parser 'json'"):
        parse("json", "{}")


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Clear.\nScore: 3", 3),
        ("**Score: 0**", 0),
        ("Score: 5/5.", 5),
        ("<think>Score: 1</think>\nscore: 2", 2),
        ("清楚。\n得分：4分", 4),
        ("The score: 5 is too much.\nScore: 1", 1),
    ],
)
def test_a_score_is_the_last_line(text: str, score: int) -> None:
    assert parse("score", text)[0].score == score


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no_score"),
        ("Score: 4\nthat is all", "no_score"),
        ("Score: 3.5", "no_score"),
        ("Score: 4/10", "no_score"),
        ("Score: -1", "no_score"),
        ("Score: 6", "score_out_of_range"),
        ("Score: " + "9" * 10_000, "no_score"),
        ("Score: 1\nScore: 1", "several_scores"),
        ("<think>Score: 1", "think_residue"),
    ],
)
def test_anything_but_one_score_has_a_reason(text: str, why: str) -> None:
    assert reason("score", text) == why
