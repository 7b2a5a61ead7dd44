"""Checks: a faithful output passes, and each way of being unfaithful has its reason, in English and Chinese."""

from __future__ import annotations

import pytest

from stages.verify import FIGURES, open_checker
from synth.checks import ChecksConfig
from synth.checks_form import _stutter

EN = (
    "The cron program of Unix was written in 1975 and runs commands at fixed times. The crontab command edits the "
    "table of a user, which has five fields. If the machine is switched off at the set time, the job is not run later."
)
ZH = (
    "PostgreSQL 于 1996 年发布，支持事务和外键。《数据库指南》介绍了它的安装方法。"
    "如果服务器在写入时断电，已提交的事务不会丢失。"
)
GOOD_EN = (
    "The cron program of Unix, written in 1975, runs commands at fixed times. The crontab command edits the table of a "
    "user with its five fields. The job is not run later if the machine is switched off at the set time."
)
GOOD_ZH = (
    "PostgreSQL 支持事务和外键，于 1996 年发布。它的安装方法由《数据库指南》介绍。"
    "服务器如果在写入时断电，已提交的事务不会丢失。"
)
PAIR_EN = ("When was the cron program of Unix written?", "The cron program of Unix was written in 1975.")
PAIR_ZH = ("PostgreSQL 是哪一年发布的？", "PostgreSQL 于 1996 年发布。")


def fate(output: str, task: str = "encyclopedia", language: str = "en", finish: str = "stop", **limits: float):
    passage = EN if language == "en" else ZH
    parser = "question_answer" if task == "qa" else "rewrite"
    checker = open_checker(ChecksConfig(**({"keep_close": False} | limits)))
    return checker.verify(task, language, parser, passage, output, finish_reason=finish)[0].drop


def pair(question: str, answer: str) -> str:
    return f"Question: {question}\nAnswer: {answer}"


def test_a_faithful_rewrite_passes_in_both_languages() -> None:
    assert fate(GOOD_EN) is None
    assert fate(GOOD_ZH, language="zh") is None


def test_a_faithful_pair_passes_in_both_languages() -> None:
    assert fate(pair(*PAIR_EN), "qa") is None
    assert fate(pair(*PAIR_ZH), "qa", "zh") is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1975", "1978", "unsupported_number"),
        ("five fields", "six fields", "unsupported_number"),
        ("1975", "1975 by AT&T", "unsupported_name"),
        ("crontab command", "cron_edit command", "unsupported_name"),
        ("runs commands", "always runs commands", "unsupported_claim"),
        ("is not run later", "is run later", "negation_flipped"),
        ("runs commands at fixed times", "does not run commands at fixed times", "negation_flipped"),
        ("set time.", "set time. Jobs travel through mail queues.", "unsupported_sentence"),
        ("The cron", "Here is the rewrite: The cron", "meta_talk"),
        ("The cron", "I'm sorry, but as an AI I must say: The cron", "refusal"),
        ("The cron", "<think>The cron", "think_residue"),
    ],
)
def test_one_change_to_a_faithful_english_rewrite_is_found(old: str, new: str, reason: str) -> None:
    assert old in GOOD_EN
    assert fate(GOOD_EN.replace(old, new)) == reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1996", "1998", "unsupported_number"),
        ("PostgreSQL", "MySQL", "unsupported_name"),
        ("数据库指南", "运维手册", "unsupported_name"),
        ("支持事务", "支持所有事务", "unsupported_claim"),
        ("不会丢失", "会丢失", "negation_flipped"),
        ("介绍。", "介绍。许多银行和学校都购买过商业版本。", "unsupported_sentence"),
        ("PostgreSQL 支持", "好的，PostgreSQL 支持", "meta_talk"),
        ("PostgreSQL 支持", "抱歉，PostgreSQL 支持", "refusal"),
    ],
)
def test_one_change_to_a_faithful_chinese_rewrite_is_found(old: str, new: str, reason: str) -> None:
    assert old in GOOD_ZH
    assert fate(GOOD_ZH.replace(old, new), language="zh") == reason


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("When was cron written", PAIR_EN[1], "no_question_mark"),
        ("When was this program written?", PAIR_EN[1], "question_dangling"),
        ("When was it written?", PAIR_EN[1], "question_dangling"),
        ("When is cron?", PAIR_EN[1], "question_too_short"),
        ("How was cron written in the year 1975?", PAIR_EN[1], "answer_of_other_kind"),
        ("When is the machine switched off at the set time?", PAIR_EN[1], "answer_off_subject"),
        ("When was cron written, in 1975 or later?", "Cron was written in 1975 or later.", "answer_says_nothing"),
        (PAIR_EN[0], "The cron program of Unix was written in 1976.", "unsupported_number"),
        (PAIR_EN[0], "The cron program of Unix was written in 1975 in London.", "unsupported_name"),
    ],
)
def test_a_pair_that_does_not_teach_what_the_passage_says_is_rejected(question: str, answer: str, reason: str) -> None:
    assert fate(pair(question, answer), "qa") == reason


def test_the_form_of_an_output_is_checked_before_its_content() -> None:
    assert fate("No pair at all.", "qa") == "not_one_pair"
    assert fate("") == "empty"
    assert fate(GOOD_EN, finish="length") == "truncated"
    assert fate(GOOD_EN, finish="repetition") == "repetition"
    assert fate(GOOD_EN, finish="abort") == "unfinished"


def test_an_output_in_the_other_language_is_rejected() -> None:
    assert fate(GOOD_ZH) == "language"
    assert fate(GOOD_EN, language="zh") == "language"
    assert fate("lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor incididunt ut labore.") == (
        "language"
    )


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "It is explained in detail in detail in the manual.", "in detail in detail"),
        ("en", "Types (both built-in and built-in) are listed.", "built-in and built-in"),
        ("en", "The signed file is the signed file of a mirror.", "The signed file is the signed file"),
        ("en", "It had had a long history, and more and more readers.", None),
        ("en", "A hash index is an index that is small.", None),
        ("en", "Any such work or work based on it.", "work or work"),
        ("en", "A list, a set and a map are listed.", None),
        ("zh", "文件系统和文件系统会移除条目。", "文件系统和文件系统"),
        ("zh", "文件系统移除条目，数据块仍在磁盘上。", None),
    ],
)
def test_a_phrase_said_twice_in_a_row_is_a_stutter_unless_the_passage_says_so(
    language: str, text: str, said: str | None
) -> None:
    assert _stutter(text, "", language) == said
    assert _stutter(text, f"... {text}", language) is None


def test_lengths_repetition_and_copying_have_bounds() -> None:
    assert fate("Cron runs commands at fixed times.") == "too_short"
    assert fate(GOOD_EN, "abstract", max_abstract_ratio=0.5) == "too_long"
    assert fate(GOOD_EN + " " + GOOD_EN) == "repetition"
    assert fate(EN) == "copied"
    assert fate(EN, max_copied_ratio=1.0) is None
    assert fate(GOOD_EN, min_copied_ratio=0.9) == "left_the_passage"


def test_a_rewrite_that_only_asks_is_rejected() -> None:
    question = "Which commands does cron run at fixed times, and which fields does the table of a user have in crontab?"
    assert fate(question) == "only_asks"


def test_words_in_another_order_are_another_claim() -> None:
    scrambled = (
        "Times fixed at commands runs and 1975 in written was cron. Fields five has a user of the table, and edits the "
        "command in crontab."
    )
    assert fate(scrambled, keep_close=True) in {"other_order", "joined_apart", "left_its_sentence"}


@pytest.mark.parametrize("output", ["", "???", "\n\n", "Question:", "好", "x" * 5000, GOOD_EN, GOOD_ZH, pair(*PAIR_EN)])
@pytest.mark.parametrize("task", ["qa", "abstract"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_figure_is_there_whatever_the_output(output: str, task: str, language: str) -> None:
    parser = "question_answer" if task == "qa" else "rewrite"
    for passage in (EN, ZH, ""):
        (verdict,) = open_checker(ChecksConfig()).verify(task, language, parser, passage, output)
        assert set(verdict.figures) == set(FIGURES.names)
        if not output.strip():
            assert verdict.drop is not None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("min_language_ratio", 1.01),
        ("min_function_word_ratio", 0.9),
        ("min_rewrite_ratio", 1.5),
        ("max_rewrite_ratio", 0.5),
        ("min_rewrite_units", 100),
        ("max_repetition_ratio", -1),
        ("max_question_ratio", -1),
        ("max_copied_ratio", 0.0),
        ("copied_run", 3),
        ("min_support", 1.01),
        ("min_mean_support", 1.01),
        ("max_unsupported_numbers", -1),
        ("max_unsupported_names", -1),
        ("max_unsupported_claims", -1),
        ("max_negation_flips", -1),
    ],
)
def test_every_threshold_of_rewrites_decides(option: str, value: float) -> None:
    assert fate(GOOD_EN, **{option: value}) is not None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("min_question_units", 9),
        ("min_question_content", 9),
        ("max_question_units", 2),
        ("min_answer_units", 20),
        ("max_answer_units", 2),
        ("min_answer_news", 5),
        ("min_answer_subject", 1.01),
        ("min_answer_support", 1.01),
    ],
)
def test_every_threshold_of_pairs_decides(option: str, value: float) -> None:
    assert fate(pair(*PAIR_EN), "qa", **{option: value}) is not None
    assert fate(GOOD_EN, **{option: value}) is None
