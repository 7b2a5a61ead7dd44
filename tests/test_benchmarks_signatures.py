"""The benchmarks of signatures and of the accuracy of duplicates at tiny sizes. No test here looks at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from benchmarks import collision_curve, dedup_accuracy, dedup_edits, signatures
from benchmarks.dedup_edits import EDITS, FAMILY, Edit, pieces_of, plant
from benchmarks.dedup_pairs import CHARACTERS, WORDS, shingle_matrix, shingles, true_pairs
from stages.minhash import DedupConfig, collision_probability

EN = [f"word{number}" for number in range(4000)]
ZH = [chr(0x4E00 + number) for number in range(4000)]


def _printed(capsys: pytest.CaptureFixture[str], main: Callable[[list[str]], None], arguments: list[str]) -> Any:
    main(arguments)
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def _crawl(crawl: dict[str, Path]) -> list[str]:
    return ["--english", str(crawl["en"]), "--chinese", str(crawl["zh"])]


def test_signatures_are_compared_with_all_peers_in_both_languages(
    crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--sample", "12", "--runs", "1", "--seeds", "3"]
    body = _printed(capsys, signatures.main, [*_crawl(crawl), *sizes])
    figures = body["figures"]
    for lang in ("en", "zh"):
        assert figures[lang]["pages"] == 12
        for side in signatures.SIDES:
            assert min(figures[lang][side]["mb_per_s_core"].values()) > 0
        assert set(figures[lang]["ours"]["mb_per_s_core"]) >= {"signatures", "exact_hashes"}
    assert all(row["theory"] > 0 for row in figures["estimate"])
    assert len(body["bars"]) == 8
    assert all(bar["value"] is not None for bar in body["bars"])


def test_without_a_peer_or_an_input_the_bars_say_so() -> None:
    speeds = {"ours": {"mb_per_s_core": {"signatures": 100.0}}, "datasketch": {"mb_per_s_core": {"a": 2.0, "b": 4.0}}}
    figures = {"en": speeds | {"datatrove": "no module named datatrove"}, "zh": "no input at zh.warc.gz"}
    bars = {bar.name: bar for bar in signatures.bars(figures)}
    assert bars["signatures of English text, MB/s of one core"].holds
    assert (
        bars["signatures of English text, ratio to datasketch"].value == 25
    )  # to the faster of what it was tried with
    assert bars["signatures of English text, ratio to datatrove"].reason == "no module named datatrove"
    chinese = [bar for name, bar in bars.items() if "Chinese" in name]
    assert [(bar.holds, bar.reason) for bar in chinese] == [(False, "no input at zh.warc.gz")] * 3
    assert bars[signatures.ERROR[0]].holds is False


def test_shingles_are_words_or_characters_in_a_row() -> None:
    assert list(shingles("One, two-three FOUR five. six", "en")) == [
        "one two three four five",
        "two three four five six",
    ]
    assert list(shingles("a b 中文 c", "en")) == ["a b 中 文 c"]
    assert list(shingles("甲乙，丙 丁 a1 戊己。庚", "zh")) == ["甲乙丙丁a1戊己", "乙丙丁a1戊己庚"]
    assert list(shingles("too short", "en")) == []


def test_every_pair_is_compared() -> None:
    random = Random(1)
    texts = ["", *(" ".join(random.choices(EN[:12], k=random.randrange(4, 40))) for _ in range(30))]
    sets = [set(shingles(text, "en")) for text in texts]
    pairs = combinations(range(len(texts)), 2)
    brute = {(a, b): len(sets[a] & sets[b]) / max(1, len(sets[a] | sets[b])) for a, b in pairs}
    found = true_pairs(shingle_matrix(texts, "en"), 0.01)
    assert {
        (a, b): pytest.approx(s)
        for a, b, s in zip(found.a.tolist(), found.b.tolist(), found.jaccard.tolist(), strict=True)
    } == {pair: s for pair, s in brute.items() if s >= 0.01}


@pytest.mark.parametrize("change", EDITS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_edit_costs_about_the_similarity_that_is_asked(lang: str, change: Any) -> None:
    words, joint, size = (EN, " ", WORDS) if lang == "en" else (ZH, "", CHARACTERS)
    edit = Edit(Random(1), words[3000:], size)
    pieces, tail = pieces_of(joint.join(words[:2000]) + ".")
    assert (len(pieces), tail) == (2000, ".")
    text = "".join(map("".join, change(pieces, 0.8, edit)))
    found = true_pairs(shingle_matrix([joint.join(words[:2000]), text], lang), 0.1)
    assert found.jaccard[0] == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_pages_of_a_template_share_little_more_than_the_template(lang: str) -> None:
    words, joint = (EN, " ") if lang == "en" else (ZH, "")
    texts = [joint.join(words[start : start + 800]) for start in range(0, 4000, 400)]
    planted = plant(texts, lang, 5, 2, seed=1)
    assert planted == plant(texts, lang, 5, 2, seed=1)
    assert len([one for one in planted if one.way != "template"]) == 5
    family = [one.text for one in planted if one.way == "template"][:FAMILY]
    found = true_pairs(shingle_matrix(family, lang), 0.1)
    assert len(found.a) == FAMILY * (FAMILY - 1) // 2
    low, high = dedup_edits._TEMPLATE
    assert low - 0.05 < np.median(found.jaccard) < high + 0.05


def test_the_curve_after_confirmation_is_a_step_at_the_threshold() -> None:
    config = DedupConfig()
    below, at, high = collision_curve.confirmed(np.array([0.7499, 0.75, 0.95]), config)
    assert below < 0.005
    assert at == pytest.approx(collision_probability(0.75, *config.banding), abs=0.005)
    assert high == pytest.approx(1)
    alone = config.model_copy(update={"confirm": "signatures"})
    assert collision_curve.confirmed(np.array([0.75]), alone)[0] == pytest.approx(0.49, abs=0.01)


@pytest.mark.parametrize("similarity", [0.3, 0.75, 0.9])
def test_pages_found_with_any_number_of_equal_hashes_are_those_that_share_a_band(similarity: float) -> None:
    assert collision_curve.found_and_equal(similarity, 14, 8).sum() == pytest.approx(
        float(collision_probability(similarity, 14, 8))
    )


def test_the_plot_of_the_docs_is_what_its_command_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra bench")
    drawn = [tmp_path / name for name in ("a.svg", "b.svg")]
    for path in drawn:
        collision_curve.draw(path)
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    # Labels, not coordinates, whose last digit another processor may round otherwise.
    labels = [re.findall(r">([^<>]+)</text>", path.read_text()) for path in (drawn[0], collision_curve.TARGET)]
    assert labels[0] == labels[1]
    assert len(labels[0]) > 10


def test_what_the_product_confirms_is_compared_with_the_truth(
    crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--pages", "40", "--families", "2", "--seeds", "1"]
    body = _printed(capsys, dedup_accuracy.main, [*_crawl(crawl), *sizes])
    figures = body["figures"]
    assert figures["written"]["page"] == 80
    assert set(figures["written"]) <= {"page", "template", *(edit.__name__ for edit in EDITS)}
    for lang in ("en", "zh"):
        assert figures["compared"][lang]["page"] > 30
        assert figures["languages"][lang]["confirmed"] > 0
        assert figures["languages"][lang]["precision"] == 1
    assert len(body["bars"]) == 4


def test_without_its_input_the_accuracy_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = _printed(capsys, dedup_accuracy.main, ["--english", str(tmp_path / "absent.warc.gz")])
    assert all(bar["holds"] is False and "absent.warc.gz" in bar["reason"] for bar in body["bars"])
