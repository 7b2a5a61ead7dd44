"""The benchmark of the score at a tiny size: its form, and that its plain side is the published script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import classifier, classifier_plain
from tests.classifiers.test_normalize import NASTY, published, tokenizer


def test_the_plain_side_is_the_published_normalisation() -> None:
    assert [classifier_plain.line(text, tokenizer()) for text in NASTY] == [
        published(text, tokenizer()) for text in NASTY
    ]


def test_all_sides_score_the_same_texts(crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [str(crawl["zh"]), str(crawl["en"])]
    classifier.main(["--input", *inputs, "--bucket", "40000", "--runs", "1"])
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert {bar["name"] for bar in body["bars"]} == {name for name, _, _ in classifier.BARS}
    assert all(bar["value"] > 0 for bar in body["bars"])
    assert body["figures"]["largest_difference_to_published_score"] < 1e-6
    assert sum(body["figures"]["pages"].values()) > 100


def test_without_its_input_the_benchmark_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier.main(["--input", str(tmp_path / "none.warc.gz")])
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert [bar["holds"] for bar in body["bars"]] == [False] * len(classifier.BARS)
    assert "none.warc.gz" in body["bars"][0]["reason"]
