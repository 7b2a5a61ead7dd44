"""The benchmark of extraction at tiny sizes. No test here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import extraction
from benchmarks.extraction_gold import read_gold, score
from benchmarks.extraction_sides import SIDES, html_pages
from benchmarks.spine_archives import first_pages


@pytest.fixture
def folder(crawl: dict[str, Path], tmp_path: Path) -> Path:
    """A few pages of the bundled crawl with gold of all kinds: what resiliparse says of them, cut a little."""
    first_pages(crawl["en"], 12, tmp_path / "pages.warc.gz")
    tables = html_pages(tmp_path / "pages.warc.gz")
    urls = [url for table in tables for url in table["url"].to_pylist()]
    texts = SIDES["resiliparse"](tables)()["content"]
    golds: list[dict[str, Any]] = [
        {"url": urls[0], "set": "segments", "with": [texts[0][:20]], "without": ["never said"], "split": "test"},
        {"url": urls[1], "set": "article", "text": texts[1][:400], "split": "test"},
        {"url": urls[2], "set": "article", "lang": "zh", "text": texts[2], "split": "test"},
        {"url": urls[3], "set": "article", "text": texts[3], "split": "dev"},
        {"url": "https://example.org/not-there", "set": "article", "text": "absent", "split": "test"},
    ]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(gold) + "\n" for gold in golds), encoding="utf-8")
    return tmp_path


def _printed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    extraction.main(arguments)
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_all_sides_are_scored_on_the_same_pages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = _printed(capsys, ["--folder", str(folder), "--pages", "11", "--runs", "1"])
    figures = body["figures"]
    assert (figures["split"], figures["gold_pages"]) == ("test", 3)
    for name in ("ours", *extraction.PEERS):
        assert figures[name]["pages"] == 10  # one of the eleven answers holds no page
        assert set(figures[name]["segments"]) == {"precision", "recall", "f1"}
    assert figures["resiliparse"]["segments"]["f1"] == figures["resiliparse"]["article_zh_f1"] == 1
    assert set(figures["ratio_of_speed"]) == set(extraction.PEERS)
    assert 0 < figures["share_of_bare_parse"] < 1
    assert 0 <= figures["second_opinion_ratio"] <= 1
    assert figures["above"]["resiliparse"]["en"]["pages"] == 1
    hours = figures["cpu_hours_per_tb_of_warc"]
    assert hours["compressed"] > hours["uncompressed"] > 0
    assert [bar["name"] for bar in body["bars"]] == [bar[0] for bar in extraction.BARS]
    assert all(bar["value"] is not None for bar in body["bars"])


def test_a_gold_page_that_the_archive_lacks_counts_as_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = _printed(capsys, ["--folder", str(folder), "--runs", "1"])["figures"]
    assert figures["gold_pages"] == 4
    assert figures["resiliparse"]["article_en_f1"] < 0.51


def test_a_split_without_pages_of_a_kind_leaves_its_bar_unmeasured(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = _printed(capsys, ["--folder", str(folder), "--split", "dev", "--runs", "1"])
    assert body["figures"]["gold_pages"] == 1
    bars = {bar["name"]: bar for bar in body["bars"]}
    for name, *_ in (extraction.CHINESE, extraction.CERTAIN):
        assert (bars[name]["holds"], bars[name]["reason"]) == (False, "no gold page of that kind")


def test_without_its_input_the_benchmark_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = _printed(capsys, ["--folder", str(tmp_path)])["bars"]
    assert len(bars) == len(extraction.BARS)
    assert all(bar["holds"] is False and "pages.warc.gz" in bar["reason"] for bar in bars)


def test_a_peer_that_fails_leaves_the_others_bars() -> None:
    ours = {"segments": {"f1": 0.94}, "article_en_f1": 0.95}
    found = {"ours": ours, "resiliparse": "no resiliparse", "trafilatura": "no trafilatura"}
    bars = {bar.name: bar for bar in extraction.bars(found)}
    assert bars[extraction.SEGMENTS[0]].holds is bars[extraction.ENGLISH[0]].holds is True
    assert {bars[bar[0]].reason for bar in (extraction.CHINESE, extraction.CERTAIN)} == {"no resiliparse"}
    assert bars[extraction.RATIO[0]].reason == "no trafilatura"


def test_the_interval_of_a_difference_is_that_of_pages_drawn_anew() -> None:
    peer = {str(page): 0.5 for page in range(40)}
    same = extraction.paired(peer, peer)
    assert same == {"mean": 0, "low": 0, "high": 0, "pages": 40}
    better = extraction.paired({page: 0.5 + (int(page) % 4 - 1) / 10 for page in peer}, peer)
    assert better is not None
    assert better["mean"] == 0.05
    # Half of a normal interval: 1.96 standard errors of 0.1118 over the root of 40.
    assert better["mean"] - better["low"] == pytest.approx(0.0346, abs=0.004)
    assert better == extraction.paired({page: 0.5 + (int(page) % 4 - 1) / 10 for page in reversed(peer)}, peer)
    assert extraction.paired({}, {}) is None


def test_the_score_is_that_of_the_scorer_beside_the_data(shared_data: Path, tmp_path: Path) -> None:
    golds = read_gold(shared_data / "web-pages", "dev")
    texts: dict[str, str] = {}
    for number, gold in enumerate(golds[:-5]):  # five pages have no line
        strings = [gold["text"]] if gold["set"] == "article" else [*gold["with"], *gold["without"]]
        text = "\n".join(strings[number % 3 :])
        texts[gold["url"]] = text[: len(text) * (number % 7) // 5]
    predictions = tmp_path / "predictions.jsonl"
    lines = (json.dumps({"url": url, "content": text}) + "\n" for url, text in texts.items())
    predictions.write_text("".join(lines), encoding="utf-8")
    scorer = shared_data.parent / "bench" / "score_extraction.py"
    command = [sys.executable, str(scorer), str(predictions), "--split", "dev"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert said.pop("missing_pages") == 5
    assert said == score(golds, texts)
    assert 0.1 < said["segments"]["f1"] < 0.9
