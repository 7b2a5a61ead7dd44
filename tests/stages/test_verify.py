"""The verdict on one output: parsed, checked, and never without figures."""

from __future__ import annotations

from stages.verify import FIGURES, open_checker
from synth.checks import ChecksConfig

PASSAGE = "Cron was written in 1975. It runs commands at fixed times, which the crontab command sets for each user."
CHECKER = open_checker(ChecksConfig(keep_close=False))


def test_an_output_that_cannot_be_parsed_is_judged_as_a_whole() -> None:
    (verdict,) = CHECKER.verify("qa", "en", "question_answer", PASSAGE, "Cron was written in 1975.")
    assert verdict.drop == "not_one_pair"
    assert verdict.parsed.text == "Cron was written in 1975."
    assert set(verdict.figures) == set(FIGURES.names)
    assert verdict.figures["numbers.unsupported"] == 0


def test_the_verdict_is_not_among_the_figures() -> None:
    (verdict,) = CHECKER.verify("blog", "en", "rewrite", PASSAGE, PASSAGE)
    assert verdict.drop == "copied"
    assert "drop" not in verdict.figures


def test_the_title_counts_as_source() -> None:
    output = "Question: When was cron of Unix written?\nAnswer: Cron of Unix was written in 1975."
    arguments = ("qa", "en", "question_answer", PASSAGE, output)
    assert CHECKER.verify(*arguments)[0].drop == "unsupported_name"
    assert CHECKER.verify(*arguments, title="Unix tools")[0].drop is None


def test_a_question_alone_is_answered_by_what_the_model_was_shown() -> None:
    shown = "Cron was written in 1975."
    (verdict,) = CHECKER.verify("qa", "en", "question", shown, "When was cron written?")
    assert (verdict.parsed.answer, verdict.drop) == (shown, None)
    (verdict,) = CHECKER.verify("qa", "en", "question", shown, "Why was cron written?")
    assert verdict.drop == "answer_of_other_kind"
