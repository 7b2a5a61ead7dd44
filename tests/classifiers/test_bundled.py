"""The bundled models: small, documented, and useful on the bundled crawl."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding

from benchmarks.quality_documents import HOSTS
from benchmarks.quality_seeds import SOURCES
from classifiers.corpus import prose_share
from classifiers.score import BUNDLED, load_model, model_path, model_sha256, score

CRAWL = Path(__file__).parents[2] / "examples" / "crawl"


@cache
def pages(archive: str) -> list[str]:
    """Main text of every third page of the bundled crawl."""
    with (CRAWL / f"{archive}.warc.gz").open("rb") as stream:
        records = ArchiveIterator(stream, record_types=WarcRecordType.response)
        bodies = [record.reader.read() for record in records if record.http_content_type == "text/html"]
    texts = [
        extract_plain_text(body.decode(detect_encoding(body), "replace"), main_content=True) for body in bodies[::3]
    ]
    return [text for text in texts if len(text) > 100]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_bundled_model_is_small_and_its_cards_describe_it(language: str) -> None:
    path = model_path(language)
    report = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert path.stat().st_size == report["bytes"] < 5_000_000
    assert model_sha256(path) == report["sha256"]
    assert report["sha256"] in card
    assert "Not good for" in card
    assert "What it does not know" in card
    assert all(source["licence"] and source["version"] for source in report["sources"])
    assert {file.name for file in BUNDLED.iterdir()} >= {f"{language}.ftz", f"{language}.json", f"{language}.md"}


@pytest.mark.parametrize(("language", "least"), [("en", 5_000), ("zh", 1_500)])
def test_a_bundled_model_was_trained_on_thousands_of_documents_a_side(language: str, least: int) -> None:
    lines = json.loads(model_path(language).with_suffix(".json").read_text(encoding="utf-8"))["counts"]["lines"]
    assert min(lines["positives"], lines["negatives"]) >= least


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unseen_sources_are_told_apart_far_better_than_by_length(language: str) -> None:
    report = json.loads(model_path(language).with_suffix(".json").read_text(encoding="utf-8"))
    figures = report["metrics"]["other_sources"]
    assert figures["auc"] >= 0.95
    assert figures["auc_of_length"] < 0.6


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_the_benchmark_holds_out_was_never_trained_on(language: str) -> None:
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))[language]["source"]
    named = {source.get("package", source["name"]) for source in sources}
    assert not named & set(HOSTS[language])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_default_threshold_keeps_a_fair_share_of_the_crawl_and_the_better_prose(language: str) -> None:
    texts = pages(language)
    kept = score(load_model(model_path(language)), texts) >= 0.5
    assert 0.3 < kept.mean() < 0.8
    shares = np.array([prose_share(text, language) for text in texts])
    assert shares[kept].mean() > shares[~kept].mean() + 0.2
