"""The forecast adds up by hand-made numbers, says what it assumes, and its interval holds the truth as told."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from governance.forecast import (
    PUBLISHED,
    SUSTAINED,
    Asked,
    Estimate,
    Measured,
    Rate,
    cpu_rate,
    forecast,
    measured_rate,
    published_rate,
    total,
)

FLAT = Rate(100.0, 50.0, "a rate by hand")


def test_whole_documents_add_up_to_the_last_token() -> None:
    asked = [Asked(4, 1_000, 800), Asked(6, 3_000, 1_200)]
    told = forecast(asked, 2, FLAT, engines=2, price=3.0)
    assert told.requests == Estimate(10, 10, 10)
    assert told.prompt_tokens == Estimate(4_000, 4_000, 4_000)
    assert told.output_tokens == Estimate(800, 400, 2_000)  # 40 % of max_tokens, from 20 % to all
    assert told.engine_hours == Estimate(800 / 100 / 3600, 400 / 100 / 3600, 2_000 / 50 / 3600)
    assert told.cost is not None and told.cost.value == pytest.approx(3.0 * 8 / 3600)
    body = told.to_json()
    assert body["hours"]["value"] == pytest.approx(body["engine_hours"]["value"] / 2, rel=0.01)
    assert told.assumptions[0] == "every document is counted"
    assert any("40% of its prompt's max_tokens, from 20% to 100%" in said for said in told.assumptions)


def test_second_readings_are_counted_by_half_from_none_to_all() -> None:
    told = forecast(
        [Asked(2, 100, 200, readings=4, reading_prompt_tokens=400, reading_max_tokens=80)], 1, FLAT, 1, None
    )
    assert told.requests == Estimate(4, 2, 6)
    assert told.prompt_tokens == Estimate(300, 100, 500)
    assert told.output_tokens == Estimate(80 + 16, 40 + 0, 200 + 80)
    assert any("second reading" in said for said in told.assumptions)


def test_what_a_run_measured_takes_the_place_of_what_is_assumed() -> None:
    measured = Measured("the last run", answer_share=0.25, read_again=0.75, tokens_per_s=40.0)
    rate = measured_rate(measured)
    assert rate is not None
    told = forecast([Asked(2, 100, 200, 4, 400, 80)], 1, rate, 1, None, measured)
    assert told.requests == Estimate(5, 5, 5)
    assert told.output_tokens == Estimate(50 + 15, 50 + 15, 50 + 15)
    assert told.engine_hours == Estimate(65 / 40 / 3600, 65 / 40 / 3600, 65 / 40 / 3600)
    assert sum("the last run" in said for said in told.assumptions) == 2
    assert measured_rate(Measured("a run", 0.5)) is None


def test_without_a_price_there_is_no_cost_and_without_a_rate_there_are_no_hours() -> None:
    body = forecast([Asked(1, 1, 1)], 1, FLAT, 1, None).to_json()
    assert "cost" not in body
    unknown = forecast([Asked(1, 1, 1)], 1, None, 1, 2.0)
    assert unknown.to_json()["engine_hours"] is None and "cost" not in unknown.to_json()
    assert any("no rate is known" in said for said in unknown.assumptions)


def test_no_documents_cost_nothing() -> None:
    told = forecast([], 0, FLAT, 1, 1.0)
    assert told.requests == told.output_tokens == Estimate(0, 0, 0)


def test_a_sum_is_exact_for_the_whole_and_has_an_interval_for_a_sample() -> None:
    assert total([1, 2, 3], 3) == Estimate(6, 6, 6)
    told = total([1, 2, 3], 300)
    assert told.value == 600 and told.low < 600 < told.high
    assert total([2, 2, 2], 300) == Estimate(600, 600, 600)
    assert total([5], 10).low >= 5  # what was counted is there


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = random.Random(0)
    population = [draw.choice([0, 3, 5, 15, 15]) * draw.randint(50, 900) for _ in range(2_000)]
    held = 0
    for _ in range(400):
        told = total(draw.sample(population, 200), len(population))
        held += told.low <= sum(population) <= told.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("Qwen/Qwen3-4B-Instruct-2507", "qwen3-4b"),
        ("Qwen/Qwen3-32B", "qwen3-32b"),
        ("Qwen/Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", "smollm2-1.7b"),
        ("/models/SmolLM2_135M/", "smollm2-135m"),
    ],
)
def test_a_model_is_known_by_its_name(model: str, listed: str) -> None:
    rate = published_rate(model)
    assert rate is not None and rate.value == PUBLISHED[listed][1]
    assert f"the published rate of {listed} on" in rate.source
    assert rate.low == pytest.approx(rate.value * SUSTAINED)


@pytest.mark.parametrize(
    ("model", "listed"),
    [("meta-llama/Llama-3.1-8B", "qwen3-8b"), ("org/huge-70B", "qwen3-32b"), ("org/tiny-0.1b", "smollm2-135m")],
)
def test_another_model_is_taken_for_the_dense_one_nearest_in_size_and_it_is_said(model: str, listed: str) -> None:
    rate = published_rate(model)
    assert rate is not None and rate.value == PUBLISHED[listed][1]
    assert f"{listed}, the listed model nearest in size to" in rate.source


def test_a_model_whose_size_is_not_told_has_no_rate() -> None:
    for model in ("served-name", "org/mini", "org/model-0b", ""):
        assert published_rate(model) is None


def test_the_page_on_synthesis_tells_the_hours_that_these_rates_give() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "synthesis.md").read_text()
    rows = re.findall(r"^\| (\S+) \| ([\d,]+) \| (\d+) to (\d+) \| (\d+) to (\d+) \| (\d+) to (\d+) h \|$", page, re.M)
    assert len(rows) == 10
    for model, rate, *numbers in rows:
        assert PUBLISHED[model.lower()][1] == int(rate.replace(",", ""))
        best = 1e9 / int(rate.replace(",", "")) / 3600
        ends = [best, best / SUSTAINED]
        verified = [end / 0.4 for end in ends]  # half of the outputs pass, a fifth of all tokens reads them again
        told = [*ends, *verified, *(end / 8 for end in verified)]
        assert [int(number) for number in numbers] == pytest.approx(told, abs=0.51), model


def test_the_rates_of_the_gpus_of_one_engine_add_up() -> None:
    one, four = published_rate("Qwen/Qwen3-8B"), published_rate("Qwen/Qwen3-8B", gpus=4)
    assert one is not None and four is not None
    assert four.value == 4 * one.value and "4 H100" in four.source
    assert cpu_rate().low < cpu_rate().value and "two cores" in cpu_rate().source
