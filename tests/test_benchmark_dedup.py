"""The benchmark of near-duplicate removal on a few generated pages, and how it puts down disagreements."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import dedup
from benchmarks.dedup_agreement import cause, expected_by_chance, one_way, similarities
from benchmarks.dedup_ours import address

WORDS = {
    "en": "harbour letter garden window mountain river bread summer winter school doctor travel music market",
    "zh": "河流 老师 学校 花园 下雨 冬天 火车 远方 车站 孩子 音乐 故事 历史 面包 市场 森林 岛屿",
}


def sentences(chance: random.Random, language: str, count: int) -> list[str]:
    joint, end = (" ", ". ") if language == "en" else ("", "。")
    return [joint.join(chance.choices(WORDS[language].split(), k=12)) + end for _ in range(count)]


def archive(path: Path, language: str) -> None:
    """Twelve pages, of which the last three are the first with a word less and the second and third as they are."""
    chance = random.Random(language)
    pages = [sentences(chance, language, 40) for _ in range(9)]
    pages += [[*pages[0][:-1], pages[0][-1][3:]], pages[1], pages[2]]
    members = []
    for number, page in enumerate(pages):
        html = f"<html><title>{number}</title><body><article><p>{''.join(page)}</p></article></body></html>"
        body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{language}:{number}>\r\n"
            f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: http://a.example/{language}/{number}\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        members.append(gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0))
    path.write_bytes(b"".join(members))


def test_both_sides_remove_the_planted_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language in WORDS:
        archive(tmp_path / f"{language}.warc.gz", language)
    dedup.main(["--docs", str(tmp_path), "--runs", "1"])
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    figures, bars = body["figures"], body["bars"]
    assert figures["pages"] == 24
    assert [figures[side]["kept"] for side in dedup.SIDES] == [18, 18, 18]
    assert figures["agreement"]["datatrove_links"]["agreed"] == figures["agreement"]["our_links"]["agreed"] == 1
    assert figures["agreement"]["pages_with_duplicates"] == {"both": 12, "only_ours": 0, "only_datatrove": 0}
    assert figures["ours"]["ray_start_s"] > 0
    assert [bar["name"] for bar in bars] == [dedup.RATIO[0], dedup.AGREED[0]]
    assert bars[1]["holds"] is True


def test_a_side_that_fails_leaves_no_bar_standing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dedup.main(["--docs", str(tmp_path / "absent")])
    bars = json.loads(capsys.readouterr().out.strip().splitlines()[-1])["bars"]
    assert all(bar["holds"] is False and "absent" in bar["reason"] for bar in bars)


@pytest.mark.parametrize(
    ("similarity", "why"),
    [(0.0, "other_shingles"), (0.43, "other_shingles"), (0.45, "chance"), (0.83, "chance"), (0.85, "unexplained")],
)
def test_a_missed_link_is_put_down_to_what_its_own_similarity_allows(similarity: float, why: str) -> None:
    assert cause(similarity) == why


def side(links: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {"links": list(links), "clusters": {page: link[0] for link in links for page in link}}


def test_chance_explains_no_more_than_its_expectation_allows() -> None:
    pairs = [(address("en", 2 * number), address("en", 2 * number + 1)) for number in range(100)]
    likely = [0.8] * 100  # a band is shared with a probability of 0.924
    expected, deviation = expected_by_chance(likely)
    assert expected == pytest.approx(7.6, abs=0.1)
    assert deviation == pytest.approx(2.6, abs=0.1)
    few = one_way(side(pairs), side(pairs[10:]), likely, likely)
    assert (few["agreed"], few["agreed_or_explained"]) == (0.9, 1.0)
    assert few["causes"]["chance"] == {"links": 10, "en": 10, "found": 0.8, "missed": 0.8}
    assert one_way(side(pairs), side([]), likely, likely)["agreed_or_explained"] == pytest.approx(0.155, abs=0.01)
    sure = one_way(side(pairs), side(pairs[1:]), likely, [0.9] * 100)
    assert (sure["agreed"], sure["agreed_or_explained"]) == (0.99, 0.99)


def test_pages_of_two_languages_are_cut_each_in_its_own() -> None:
    texts = {address("en", 1): "a b", address("zh", 1): "a b", address("zh", 2): ""}
    links = [(address("en", 1), address("zh", 1)), (address("zh", 1), address("zh", 2))]
    assert similarities(links, texts, lambda text, language: {*text.split(), language} if text else set()) == [0.5, 0.0]
