"""The quality benchmark: how held-out documents are labelled, what baselines see, and what it prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality_baselines as baselines
from benchmarks.classifier_quality import bars, measure, parts
from benchmarks.quality_documents import Document, in_language, manual_of, read_archive, web_pages
from benchmarks.quality_seeds import archives_of, page_texts
from classifiers.score import model_path
from stages.blocks import load_model

PROSE = "The harbour was quiet in the morning because the boats had left long before the sun rose over the hills. "
MENU = "Home\nProducts\nContact us\nSitemap\nPrevious | Next\n"
LIMITS = {"lengths": [250, 6000], "min_chars": 200, "min_han": 0.0, "max_han": 0.05}


def test_a_baseline_is_turned_above_a_half() -> None:
    labels = np.array([True, True, False, False])
    assert baselines.by_length(labels, ["a", "b b", "c c c c", "d d d d d"]) == {"characters": 1.0, "words": 1.0}
    assert baselines.turned(labels, np.ones(4)) == 0.5


def test_the_topic_is_content_words_without_order_digits_code_and_words_of_grammar() -> None:
    text = "Would the Harbours, 1999, of these harbours?\n```\nsecret\n```"
    assert baselines.content_words(text, "en") == {"harbours"}
    assert baselines.content_words("软件的安装 abc", "zh") == {"软件", "安装"}


def test_the_topic_of_a_source_is_never_learnt_from_itself() -> None:
    words = {True: "boats harbour sailing", False: "engine wheels driving"}
    texts = [words[number % 2 == 0] for number in range(20)]
    labels = np.array([number % 2 == 0 for number in range(20)])
    own_words = [f"{text} only{'abcdefghij'[number // 2]}word" for number, text in enumerate(texts)]
    sources = [f"source{number // 2}" for number in range(20)]
    assert baselines.by_topic(labels, own_words, sources, "en")["content_words"] == 1.0
    alone = [f"unique{letter}" for letter in "abcdefghijklmnopqrst"]
    assert baselines.by_topic(labels, alone, sources, "en")["content_words"] < 0.8


def test_figures_tell_prose_from_menus_and_bars_name_every_baseline() -> None:
    docs = [Document(PROSE * (3 + k), True, f"p{k}", "manuals") for k in range(6)]
    docs += [Document(MENU * (3 + k), False, f"p{k}", "manuals") for k in range(6)]
    found = measure("en", docs, model_path("en"))
    assert found["auc"] == 1.0
    assert found["sorts"]["manuals"] == {
        "positives": 6, "negatives": 6, "auc": 1.0, "kept_positives": 1.0, "kept_negatives": 0.0,
    }  # fmt: skip
    assert set(found["baselines"]) == {"length", "language", "topic"}
    assert [bar.bar for bar in bars("en", found)] == [0.95, 0.85, 0.85, 0.85]


def test_a_part_with_one_class_has_no_figures() -> None:
    assert parts(np.array([True, True, False]), np.array([0.9, 0.8, 0.1]), ["a", "a", ""]) == {}


def test_a_page_is_parted_into_its_main_text_and_the_rest() -> None:
    html = f"<html><body><nav><a href=/>Home</a></nav><main><h1>Harbours</h1><p>{PROSE * 4}</p></main></body></html>"
    main, rest = page_texts(html.encode(), load_model())
    assert PROSE.strip() in main
    assert PROSE.strip() not in rest
    assert page_texts(b"", load_model()) == ("", "")


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    source = {"name": "abc-doc", "version": "1:2.0", "globs": ["*"]}
    with pytest.raises(ValueError, match=r"has 0 files of abc-doc 1:2\.0"):
        archives_of(source, tmp_path)
    (tmp_path / "abc-doc_1%3a2.0_all.deb").touch()
    assert [path.name for path in archives_of(source, tmp_path)] == ["abc-doc_1%3a2.0_all.deb"]


def test_documents_are_only_those_in_the_language() -> None:
    german = "Der Hafen war am Morgen ruhig, weil die Boote lange vor Sonnenaufgang ausgelaufen waren. " * 3
    assert in_language([PROSE * 3, german], "en") == [PROSE * 3]


def test_shared_pages_give_both_classes(shared_data: Path) -> None:
    page = next(read_archive(shared_data / "docs-pages" / "zh.warc.gz", lambda url: manual_of(url) == "apache2-doc"))
    assert "Apache" in page.main
    docs = list(web_pages("zh", shared_data / "web-pages", LIMITS | {"max_han": 1.0}))
    assert {doc.positive for doc in docs if doc.sort == "articles"} == {True, False}
