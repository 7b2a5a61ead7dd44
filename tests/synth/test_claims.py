"""Claims: exchanged sides, strangers in lists; in English and Chinese."""

from __future__ import annotations

import pytest

from synth.lists import strangers
from synth.sides import reversed_sides
from synth.source import Source

BECAUSE = "The server rejects the upload because the disk quota is exhausted."
RATHER_ZH = "因为磁盘空间已经耗尽，所以服务器拒绝上传文件。"


@pytest.mark.parametrize(
    ("language", "passage", "text", "found"),
    [
        ("en", BECAUSE, "The disk quota is exhausted because the server rejects the upload.", True),
        ("en", BECAUSE, "Because the disk quota is exhausted, the server rejects the upload.", False),
        ("en", BECAUSE, "Does the server reject the upload because the disk quota is exhausted?", False),
        ("zh", RATHER_ZH, "因为服务器拒绝上传文件，所以磁盘空间已经耗尽。", True),
        ("zh", RATHER_ZH, "磁盘空间已经耗尽，因此服务器拒绝上传文件。", False),
        ("zh", "如果写入时断电，服务器不会丢失事务。", "服务器如果在写入时断电，事务不会丢失。", False),
    ],
)
def test_sides_that_have_changed_places_are_found(language: str, passage: str, text: str, found: bool) -> None:
    assert bool(reversed_sides(text, Source(passage, "", language))) == found


@pytest.mark.parametrize(
    ("language", "passage", "text", "found"),
    [
        ("en", "It reads tables, charts and letters.", "It reads tables, charts, satellites and letters.", True),
        ("en", "It reads tables, charts and letters.", "It reads letters, tables and charts.", False),
        ("zh", "程序读取表格、图片和信件。", "程序读取表格、卫星、图片和信件。", True),
        ("zh", "程序读取表格、图片和信件。", "程序读取信件、表格和图片。", False),
    ],
)
def test_members_that_the_source_does_not_list_are_found(language: str, passage: str, text: str, found: bool) -> None:
    assert bool(strangers(text, Source(passage, "", language))) == found
