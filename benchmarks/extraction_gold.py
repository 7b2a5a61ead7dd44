"""The gold of the shared web pages, and how a text is scored against it.

Two kinds of gold: "segments", strings that the text must and must not hold, scored as precision, recall and F1 over all
of them; "article", the whole main text, scored as the mean over pages of the F1 of 4-token shingles, where a token is a
word or one Chinese character. The same figures as the scorer that comes with the data.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WEB_PAGES = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "web-pages"
_TOKEN = re.compile(r"[\u4e00-\u9fff]|\w+")
_SIZE = 4


def read_gold(folder: Path, split: str) -> list[dict[str, Any]]:
    """The gold lines of a split, "dev" or "test"."""
    lines = (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    return [gold for gold in map(json.loads, lines) if gold["split"] == split]


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """How often each run of 4 tokens occurs; a shorter text is one shingle."""
    tokens = _TOKEN.findall(text)
    return Counter(tuple(tokens[i : i + _SIZE]) for i in range(max(1, len(tokens) - _SIZE + 1)))


def shingle_f1(gold: str, text: str) -> float:
    """F1 of the shingles of a text, 0 to 1."""
    wanted, found = shingles(gold), shingles(text)
    common = sum((wanted & found).values())
    precision, recall = common / max(1, sum(found.values())), common / max(1, sum(wanted.values()))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def article_scores(golds: Sequence[Mapping[str, Any]], texts: Mapping[str, str], lang: str) -> dict[str, float]:
    """F1 of each article of a language by its URL; a page without a text counts as empty."""
    return {
        gold["url"]: shingle_f1(gold["text"], texts.get(gold["url"]) or "")
        for gold in golds
        if gold["set"] == "article" and gold.get("lang", "en") == lang
    }


def segment_scores(golds: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> dict[str, float]:
    """Precision, recall and F1 over all segments."""
    hits = wanted = wrong = 0
    for gold in golds:
        if gold["set"] == "segments":
            text = texts.get(gold["url"]) or ""
            wanted += len(gold["with"])
            hits += sum(segment in text for segment in gold["with"])
            wrong += sum(segment in text for segment in gold["without"])
    precision, recall = hits / max(1, hits + wrong), hits / max(1, wanted)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def score(golds: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> dict[str, Any]:
    """Segments, and the mean of the articles in English and in Chinese."""
    figures: dict[str, Any] = {"segments": segment_scores(golds, texts)}
    for lang in ("en", "zh"):
        scores = article_scores(golds, texts, lang)
        if scores:
            figures[f"article_{lang}_f1"] = round(statistics.mean(scores.values()), 4)
    return figures
