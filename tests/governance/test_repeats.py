"""The pass over lines of hosts in whole runs: off unless asked for, the same bytes after any kill, in any grouping."""

from __future__ import annotations

import gzip
import random
import signal
from pathlib import Path

import polars as pl
import pytest

from governance import duplicates, host_lines
from governance.commands import Ask, run
from manifests.store import Store
from tests.children import child, tree

ON = ("l1.host_lines.enabled=true",)
MENU = {"en": "Subscribe to our wonderful newsletter", "zh": "欢迎订阅我们的电子报"}
WORDS = {
    "en": """
    the of and to in that was with for it on he as had by at from his have were be this not are which an
    but all would they one who when there been their more so out up into about time year day man way old
    house water morning harbour letter garden window mountain river bread summer winter school doctor
    travel music market bridge forest island history paper silver storm kitchen engine village teacher
    """,
    "zh": """
    我们 在 这个 城市 的 早晨 和 他 没有 看见 一条 河流 但是 因为 老师 学校 花园 已经 开始 下雨
    了 人们 都 说 今年 冬天 很 长 火车 从 远方 来到 车站 孩子 喜欢 音乐 故事 历史 面包 市场 桥梁
    森林 岛屿 村庄 厨房 医生 旅行 山上 风景 美丽 窗户 书信 时间 问题 工作 生活 朋友 知道 觉得 一起
    回家 晚上 月亮 大海
    """,
}


def sentence(chance: random.Random, language: str) -> str:
    words = chance.choices(WORDS[language].split(), k=chance.randint(9, 16))
    return " ".join(words).capitalize() + ". " if language == "en" else "".join(words) + "。"


def record(number: int, language: str, host: str) -> bytes:
    chance = random.Random(f"{host}{number}")
    own = "".join(f"<p>{''.join(sentence(chance, language) for _ in range(4))}</p>" for _ in range(8))
    body = f"<html><title>{number}</title><body><article><p>{MENU[language]}</p>{own}</article></body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{host}:{number}>\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: http://{host}/{number}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three archives; every host has pages in each of them, and one host has too few."""
    folder = tmp_path_factory.mktemp("crawl")
    hosts = (("en", "a.example", 9), ("zh", "b.example", 9), ("en", "few.example", 3))
    for place, name in enumerate("abc"):
        members = [
            record(number, language, host)
            for language, host, count in hosts
            for number in range(count)
            if number % 3 == place
        ]
        (folder / f"{name}.warc.gz").write_bytes(b"".join(members))
    return folder


def in_process(crawl: Path, output: str) -> dict[str, str]:
    run(Ask("L1", (str(crawl),), output, None, "L0", "web", None, 0, ON, False), as_json=True)
    return tree(output)


def parts(output: str, kind: str) -> pl.DataFrame:
    paths = [item.path for item in Store(output).list(f"L1/web/{kind}")]
    return pl.concat([pl.read_parquet(Store(output).get(path)) for path in sorted(paths)])


def test_lines_of_a_host_go_before_the_rules_and_their_number_is_kept(crawl_folder: Path, tmp_path: Path) -> None:
    on, off = str(tmp_path / "on"), str(tmp_path / "off")
    assert child(crawl_folder, on, "L1", ON)[0] == 0
    assert child(crawl_folder, off, "L1")[0] == 0
    assert "host_lines.dropped" not in parts(off, "annotations").columns
    counts = parts(on, "annotations")["host_lines.dropped"].to_list()
    assert sorted(counts) == [0] * 3 + [1] * 18
    kept, all_of_it = parts(on, "data"), parts(off, "data")
    assert len(kept) == len(all_of_it) > 0
    for language, menu in MENU.items():
        few = [row["url"] for row in kept.to_dicts() if menu in row["content"]]
        assert all("few.example" in url for url in few), language
        assert all_of_it["content"].str.contains(menu, literal=True).any()


def test_a_kill_anywhere_in_the_pass_ends_in_the_same_bytes(crawl_folder: Path, store_url: str) -> None:
    built, writes = child(crawl_folder, f"{store_url}/undisturbed", "L1", ON)
    assert built == 0
    expected = tree(f"{store_url}/undisturbed")
    _, before = child(crawl_folder, f"{store_url}/raw", "L0")
    for number in range(before + 1, min(before + 10, writes)):
        output = f"{store_url}/killed-{number}"
        assert child(crawl_folder, output, "L1", ON, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, "L1", ON)[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_any_number_of_partitions_slices_and_groups_gives_the_same_data(
    crawl_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def data(output: Path) -> dict[str, str]:
        built = in_process(crawl_folder, str(output))
        return {path: digest for path, digest in built.items() if "/_shards/" not in path}

    expected = data(tmp_path / "one")
    monkeypatch.setattr(host_lines, "ROWS_A_SLICE", 50)
    assert data(tmp_path / "slices") == expected
    monkeypatch.setattr(host_lines, "PAGES_A_PARTITION", 4)
    assert data(tmp_path / "partitions") == expected
    monkeypatch.setattr(duplicates, "SHARDS_A_RUN", 1)
    assert data(tmp_path / "groups") == expected


def test_a_sealed_tier_holds_nothing_of_the_pass_but_its_records(crawl_folder: Path, tmp_path: Path) -> None:
    paths = in_process(crawl_folder, str(tmp_path))
    assert not [path for path in paths if "_shuffle" in path]
    assert any("_shards/repeated" in path for path in paths)


def test_two_workers_give_the_bytes_of_one_process(crawl_folder: Path, tmp_path: Path) -> None:
    expected = in_process(crawl_folder, str(tmp_path / "one"))
    run(Ask("L1", (str(crawl_folder),), str(tmp_path / "two"), None, "L0", "web", None, 2, ON, False), as_json=True)
    assert tree(str(tmp_path / "two")) == expected
