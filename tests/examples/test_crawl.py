"""The bundled crawl holds what a crawl holds."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator

CRAWL = Path(__file__).parents[2] / "examples" / "crawl"


@cache
def records(archive: str) -> list[tuple[str, str, str, int | None, str, bytes]]:
    """(type, id, url, HTTP status, content type, body) of every record that can be read."""
    found = []
    with (CRAWL / f"{archive}.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream):
            status = record.http_headers.status_code if record.is_http and record.http_headers else None
            kind = record.http_headers.get("Content-Type", "") if status else ""
            url = record.headers.get("WARC-Target-URI", "")
            found.append((str(record.record_type), record.record_id, url, status, kind, record.reader.read()))
    return found


def pages(archive: str) -> list[tuple[str, bytes]]:
    return [
        (url, body)
        for _, _, url, status, kind, body in records(archive)
        if status == 200 and kind.startswith("text/html")
    ]


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        ("en", {(200, "text/html"): 325, (301, "text/html"): 1, (404, "text/html"): 1, (200, "image/png"): 1}),
        ("zh", {(200, "text/html"): 161, (301, "text/html"): 1, (404, "text/html"): 1}),
    ],
)
def test_answers_are_counted_by_status_and_type(archive: str, expected: dict) -> None:
    answers = Counter((status, kind.split(";")[0]) for _, _, _, status, kind, _ in records(archive) if status)
    assert answers == expected


@pytest.mark.parametrize("archive", ["en", "zh"])
def test_every_answer_has_its_request_and_ids_are_unique(archive: str) -> None:
    kinds = Counter(kind for kind, *_ in records(archive))
    assert kinds["warcinfo"] == 1
    assert kinds["request"] == kinds["response"] >= kinds["metadata"] > 0
    ids = [identity for _, identity, *_ in records(archive)]
    assert len(ids) == len(set(ids))


def test_both_archives_together_stay_under_six_megabytes() -> None:
    assert sum((CRAWL / f"{archive}.warc.gz").stat().st_size for archive in ("en", "zh")) < 6_000_000


@pytest.mark.parametrize(("archive", "doubles"), [("en", 6), ("zh", 4)])
def test_exact_duplicates_stand_under_two_addresses(archive: str, doubles: int) -> None:
    hashes = Counter(hashlib.sha256(body).digest() for _, body in pages(archive))
    assert sum(count - 1 for count in hashes.values()) == doubles


@pytest.mark.parametrize(("archive", "pairs"), [("en", 5), ("zh", 4)])
def test_near_duplicates_are_the_same_guide_for_another_architecture(archive: str, pairs: int) -> None:
    bodies = dict(pages(archive))
    other = [url for url in bodies if "/arm64/" in url]
    assert len(other) == pairs
    for url in other:
        assert 0.5 < shared_lines(bodies[url], bodies[url.replace("/arm64/", "/amd64/")]) <= 1


def shared_lines(one: bytes, two: bytes) -> float:
    a, b = set(one.split(b">")), set(two.split(b">"))
    return len(a & b) / len(a | b)


def test_the_last_record_of_the_english_archive_is_cut_short() -> None:
    last = records("en")[-1]
    assert last[0] == "response"
    assert b"</html>" not in last[5]


def test_a_page_declares_gbk_and_is_gbk() -> None:
    (kind, body) = next((kind, body) for _, _, _, _, kind, body in records("zh") if "gbk" in kind)
    assert kind == "text/html; charset=gbk"
    assert "软件包" in body.decode("gbk")
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")


def test_a_page_declares_no_character_set_anywhere() -> None:
    url = "https://www.debian.org/doc/manuals/maint-guide/modify.zh-cn.html"
    (kind, body) = next((kind, body) for _, _, found, status, kind, body in records("zh") if found == url and status)
    assert kind == "text/html"
    assert b"charset" not in body
    assert b"encoding=" not in body
    assert "软件包" in body.decode("utf-8")


def test_the_notice_names_every_package_with_its_licence() -> None:
    sources = tomllib.loads((CRAWL / "sources.toml").read_text(encoding="utf-8"))
    notice = (CRAWL / "NOTICE").read_text(encoding="utf-8")
    for package in sources["package"]:
        assert f"{package['name']} {package['version']}\nCopyright: {package['holders']}" in notice
        assert f"Licence:   {package['licence']}" in notice
    used = {rule["package"] for rule in sources["pages"]}
    assert used <= {package["name"] for package in sources["package"]}
