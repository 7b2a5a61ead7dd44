"""The round trip of a pair: when two answers agree, and what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.round_trip import RoundTripConfig, agreement, judge_round_trip

QUESTION = "When was the cron program of Unix written?"
ANSWER = "The cron program of Unix was written in 1975."


@pytest.mark.parametrize(
    ("first", "second", "question", "language", "agree"),
    [
        (ANSWER, "1975", QUESTION, "en", True),
        (ANSWER, "It was written in 1975.", QUESTION, "en", True),
        (ANSWER, "In 1976.", QUESTION, "en", False),
        (ANSWER, "The text does not say.", QUESTION, "en", False),
        (ANSWER, "I do not know.", QUESTION, "en", False),
        (ANSWER, "", QUESTION, "en", False),
        ("Yes, it can.", "No, it cannot.", "Can cron run at night?", "en", False),
        ("Yes, cron can run at night.", "Yes.", "Can cron run at night?", "en", True),
        ("A hash index is often smaller.", "It is larger on disk.", "What is a hash index?", "en", False),
        ("PostgreSQL 于 1996 年发布。", "1996年", "PostgreSQL 是哪一年发布的？", "zh", True),
        ("PostgreSQL 于 1996 年发布。", "1998 年发布。", "PostgreSQL 是哪一年发布的？", "zh", False),
        ("珊瑚礁由珊瑚虫建造而成。", "文中没有说明。", "珊瑚礁由什么建造而成？", "zh", False),
        ("珊瑚礁由珊瑚虫建造而成。", "珊瑚虫", "珊瑚礁由什么建造而成？", "zh", True),
        ("是，可以恢复。", "不可以恢复。", "可以恢复吗？", "zh", False),
        ("日志可以恢复。", "日志不可以恢复。", "删除后的日志能恢复吗？", "zh", False),
        ("是的，日志可以恢复。", "可以。", "删除后的日志能恢复吗？", "zh", True),
        ("Yes, cron can run at night.", "Cron cannot run at night.", "Can cron run at night?", "en", False),
        ("No.", "The text does not say.", "Can cron run at night?", "en", False),
        ("The server must be restarted.", "The server must not be restarted.", "What follows an update?", "en", False),
        ("It has three fields.", "It has 3 fields.", "How many fields does it have?", "en", True),
        ("有三个字段。", "3个", "有几个字段？", "zh", True),
        ("Port 80 is used.", "80, if it is not specified.", "Which port is the default?", "en", True),
        ("The text does not say.", "The text does not say.", "When was it written?", "en", False),
        ("Cron rotates logs at night.", "Cron rotates logs.", "What does cron rotate logs?", "en", False),
        ("Cron, because it starts with the system.", "Cron.", "Does cron or anacron start first?", "en", True),
    ],
)
def test_two_answers_agree_when_they_say_the_same_beyond_the_question(
    first: str, second: str, question: str, language: str, agree: bool
) -> None:
    found = agreement(first, second, question, language)
    assert (found >= RoundTripConfig().min_agreement) == agree, found


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40), st.sampled_from(("en", "zh")))
def test_agreement_is_a_share_of_any_texts(first: str, second: str, question: str, language: str) -> None:
    found = agreement(first, second, question, language)
    assert 0.0 <= found <= 1.0
    assert found == agreement(second, first, question, language)


def test_a_pair_is_kept_when_the_passage_gives_its_answer_and_nothing_else_does() -> None:
    cfg = RoundTripConfig()
    kept = judge_round_trip(ANSWER, "In 1975.", "In 1980.", QUESTION, "en", cfg)
    assert kept["round_trip.drop"] is None and kept["round_trip.with"] == 1.0 and kept["round_trip.without"] == 0.0
    other = judge_round_trip(ANSWER, "In 1980.", "In 1980.", QUESTION, "en", cfg)
    assert other["round_trip.drop"] == "answers_differ"
    known = judge_round_trip(ANSWER, "In 1975.", "1975", QUESTION, "en", cfg)
    assert known["round_trip.drop"] == "passage_not_needed"


def test_the_closed_reading_counts_only_where_it_was_asked_for() -> None:
    told = judge_round_trip(ANSWER, "In 1975.", None, QUESTION, "en", RoundTripConfig(needs_passage=False))
    assert told == {"round_trip.with": 1.0, "round_trip.without": None, "round_trip.drop": None}


def test_both_thresholds_change_the_verdict() -> None:
    strict = RoundTripConfig(min_agreement=1.0)
    partly = ("It was written at Bell Labs in 1975.", "In 1975.", None, QUESTION, "en")
    assert judge_round_trip(*partly, strict)["round_trip.drop"] == "answers_differ"
    assert judge_round_trip(*partly, RoundTripConfig(min_agreement=0.3))["round_trip.drop"] is None
    known = (ANSWER, "In 1975.", "In 1975.", QUESTION, "en")
    assert judge_round_trip(*known, RoundTripConfig(max_closed_agreement=1.0))["round_trip.drop"] is None
