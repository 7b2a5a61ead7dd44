"""The summary of L3: pass rates by prompt, task, language and check, and the rate of verified tokens, from counts."""

from __future__ import annotations

from typing import Any

from governance import pass_rates
from manifests.ledger import OUTPUTS, Account, Tally, dump

FIGURES: dict[str, Any] = {
    "requests": 50, "outputs": 40, "passed": 12, "kept": 12, "rejected": 26, "failed": 2, "skipped": 10,
    "prompt_tokens": 5_000, "output_tokens": 2_000, "verified_tokens": 500,
    "verified_qa_pairs": 4, "verified_rewrites": 8, "near_duplicate": 3, "in_l2": 0,
    "by.prompt.en.qa.requests": 20, "by.prompt.en.qa.outputs": 30, "by.prompt.en.qa.kept": 4,
    "by.prompt.zh.blog.requests": 20, "by.prompt.zh.blog.outputs": 10, "by.prompt.zh.blog.kept": 8,
    "by.language.en.outputs": 30, "by.language.en.kept": 4, "by.language.zh.outputs": 10, "by.language.zh.kept": 8,
    "by.task.score.requests": 3,
    "by.check.support": 9, "by.check.format": 11, "by.check.language": 0,
}  # fmt: skip


def manifest(figures: dict[str, Any] = FIGURES) -> dict[str, Any]:
    rejected = {"failed": Tally(2, 3), "copied": Tally(20, 1), "support": Tally(6, 4)}
    account = Account(OUTPUTS, Tally(40, 8), Tally(12, 0), rejected)
    plan = {"synthesis": {"model": "org/model"}}
    return {"figures": figures, "ledger": dump([account]), "plan": plan, "dump": "web"}


def test_pass_rates_are_told_by_prompt_task_and_language() -> None:
    told = pass_rates.synthesis(manifest(), None)
    rates = told["pass_rates"]
    assert rates["prompt"]["en.qa"] == {"requests": 20, "outputs": 30, "kept": 4, "pass_rate": round(4 / 30, 4)}
    assert rates["prompt"]["zh.blog"]["pass_rate"] == 0.8
    assert rates["language"]["zh"] == {"outputs": 10, "kept": 8, "pass_rate": 0.8}
    assert rates["task"]["score"]["pass_rate"] is None  # nothing came back, so nothing is told
    assert told["model"] == "org/model" and told["verified_qa_pairs"] == 4
    assert not any(name.startswith("by.") for name in told)


def test_checks_and_reasons_stand_in_the_order_of_their_counts() -> None:
    told = pass_rates.synthesis(manifest(), None)
    assert list(told["caught_by"].items()) == [("format", 11), ("support", 9), ("language", 0)]
    assert list(told["rejected_by"]) == ["copied", "support", "failed"]


def test_verified_tokens_an_engine_hour_count_every_call() -> None:
    work = {"dump": "web", "engines": 2, "seconds": 100.0, "output_tokens": 1_000, "log_hits": 7}
    told = pass_rates.synthesis(manifest(), work)
    assert told["tokens_per_s"] == 10.0
    # A quarter of all tokens is verified; two engines, so half of it each.
    assert told["verified_tokens_per_engine_hour"] == 10 * 0.25 * 3600 / 2
    assert told["engine"] == work


def test_a_run_that_built_nothing_tells_no_speed() -> None:
    for work in (None, {}, {"engines": 1, "seconds": 0.0}, {"engines": 1, "seconds": 5.0, "output_tokens": 0}):
        assert "tokens_per_s" not in pass_rates.synthesis(manifest(), work)
    nothing = {"requests": 0, "rows": 0}
    told = pass_rates.synthesis(manifest(nothing), {"engines": 1, "seconds": 5.0, "output_tokens": 4})
    assert "tokens_per_s" not in told
    assert list(pass_rates.in_words(told)) and pass_rates.table(told) == []


def test_people_read_what_passed_what_was_caught_and_what_went_wrong() -> None:
    work = {"dump": "web", "engines": 1, "seconds": 100.0, "output_tokens": 1_000, "log_hits": 7, "restarts": 1}
    text = "\n".join(pass_rates.in_words(pass_rates.synthesis(manifest(), work)))
    for piece in (
        "org/model: 50 requests, 5,000 prompt and 2,000 output tokens",
        "12 of 40 outputs passed (30.0%)",
        "verified and kept: 4 question-answer pairs, 8 rewrites",
        "passed but left out: 3 near-duplicates of other outputs",
        "10.0 tokens/s; 9,000 verified tokens an engine-hour",
        "of its outputs rejected: copied 20, support 6, failed 2",
        "alone: format 11, support 9",
        "log hits 7, failed 2, restarts 1",
        "10 requests skipped",
    ):
        assert piece in text, piece
    assert ("prompt en.qa", "20", "30", "4", "13.3%") in pass_rates.table(pass_rates.synthesis(manifest(), None))
