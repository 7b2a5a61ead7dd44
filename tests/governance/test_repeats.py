"""Lines of hosts and paragraphs of dumps in whole runs: off unless asked for, the same bytes after any kill, in any
grouping."""

from __future__ import annotations

import gzip
import random
import signal
from pathlib import Path

import polars as pl
import pytest

from governance import repeats, shuffle
from governance.cluster import Cluster
from governance.commands import Ask, run
from governance.config import load
from governance.job import Job, data_parts
from governance.parts import read_parts
from manifests.records import read_record, read_records
from manifests.store import Store
from tests.children import child, tree

HOST_LINES, PARAGRAPHS = ("l1.host_lines.enabled=true",), ("l1.paragraphs.enabled=true",)
ON = HOST_LINES + PARAGRAPHS
MENU = {"en": "Subscribe to our wonderful newsletter", "zh": "欢迎订阅我们的电子报"}
NOTICE = {
    "en": "Every page of this collection may be read and passed on by anyone who leaves this very notice in its place, "
    "and who says where the page was found.",
    "zh": "本文集的每一页都可以供任何人自由阅读并且转给他人，只要把这一段说明完整地留在原来的地方，"
    "并且说明这一页是从哪里找到的。",
}
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
    notice = NOTICE[language] if number % 2 else f"{NOTICE[language]} {host} {number}"
    article = f"<p>{MENU[language]}</p>{own}<p>{notice}</p>"
    body = f"<html><title>{number}</title><body><article>{article}</article></body></html>".encode()
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


def in_process(crawl: Path, output: str, settings: tuple[str, ...] = ON) -> dict[str, str]:
    run(Ask("L1", (str(crawl),), output, None, "L0", "web", None, 0, settings, False), as_json=True)
    return tree(output)


def parts(output: str, kind: str, tier: str = "L1") -> pl.DataFrame:
    paths = [item.path for item in Store(output).list(f"{tier}/web/{kind}")]
    return pl.concat([pl.read_parquet(Store(output).get(path)) for path in sorted(paths)])


def test_lines_of_a_host_go_before_the_rules_and_their_number_is_kept(crawl_folder: Path, tmp_path: Path) -> None:
    on, off = str(tmp_path / "on"), str(tmp_path / "off")
    assert child(crawl_folder, on, "L1", HOST_LINES)[0] == 0
    assert child(crawl_folder, off, "L1")[0] == 0
    assert not [name for name in parts(off, "annotations").columns if name.startswith(("host_lines.", "paragraphs."))]
    counts = parts(on, "annotations")["host_lines.dropped"].to_list()
    assert sorted(counts) == [0] * 3 + [1] * 18
    kept, all_of_it = parts(on, "data"), parts(off, "data")
    assert len(kept) == len(all_of_it) > 0
    for language, menu in MENU.items():
        few = [row["url"] for row in kept.to_dicts() if menu in row["content"]]
        assert all("few.example" in url for url in few), language
        assert all_of_it["content"].str.contains(menu, literal=True).any()


@pytest.mark.parametrize("both", [False, True])
def test_a_paragraph_stays_in_the_row_of_the_smallest_uid(crawl_folder: Path, tmp_path: Path, both: bool) -> None:
    in_process(crawl_folder, str(tmp_path), ON if both else PARAGRAPHS)
    raw, notes = parts(str(tmp_path), "data", "L0"), parts(str(tmp_path), "annotations").sort("uid")
    keepers = {raw.filter(pl.col("content").str.contains(f"{notice}(\n|$)"))["uid"].min() for notice in NOTICE.values()}
    holders = raw.filter(pl.any_horizontal(pl.col("content").str.contains(f"{n}(\n|$)") for n in NOTICE.values()))
    losers = set(holders["uid"]) - keepers
    assert len(keepers) == 2
    assert len(losers) == 7
    assert set(notes.filter(pl.col("paragraphs.dropped") == 1)["uid"]) == losers
    assert set(notes["paragraphs.dropped"]) == {0, 1}
    kept = parts(str(tmp_path), "data")
    for row in kept.to_dicts():
        assert any(f"{n}\n" in f"{row['content']}\n" for n in NOTICE.values()) == (row["uid"] in keepers)
    assert (notes["host_lines.dropped"].sum() if both else 18) == 18


def test_a_row_whose_text_stands_elsewhere_is_rejected_with_its_reason(tmp_path: Path) -> None:
    rows = [{"url": f"http://a.example/{k}", "content": NOTICE["zh"]} for k in range(3)]
    pl.DataFrame(rows).write_ndjson(tmp_path / "rows.jsonl")
    in_process(tmp_path / "rows.jsonl", str(tmp_path / "out"), PARAGRAPHS)
    notes = parts(str(tmp_path / "out"), "annotations").sort("uid")
    assert notes["fate"].to_list()[1:] == ["paragraphs.repeated"] * 2
    assert notes["fate"].to_list()[0] != "paragraphs.repeated"


def test_a_kill_anywhere_in_the_pass_ends_in_the_same_bytes(crawl_folder: Path, store_url: str) -> None:
    built, writes = child(crawl_folder, f"{store_url}/undisturbed", "L1", ON)
    assert built == 0
    expected = tree(f"{store_url}/undisturbed")
    _, before = child(crawl_folder, f"{store_url}/raw", "L0")
    for number in range(before + 1, min(before + 17, writes), 3 if store_url.startswith("s3://") else 1):
        output = f"{store_url}/killed-{number}"
        assert child(crawl_folder, output, "L1", ON, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, "L1", ON)[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_any_number_of_partitions_slices_and_groups_gives_the_same_data(
    crawl_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def data(output: Path) -> dict[str, str]:
        built = in_process(crawl_folder, str(output))
        return {path: digest for path, digest in built.items() if "/data/" in path or "/annotations/" in path}

    expected = data(tmp_path / "one")
    for module, name, value in (
        (repeats, "ROWS_A_SLICE", 50), (repeats, "PAGES_A_PARTITION", 4), (shuffle, "ROWS_A_RUN", 8),
        (repeats, "SPILL_BYTES", 1),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
        assert data(tmp_path / name) == expected, name


@pytest.mark.parametrize("fault", ["damaged", "gone"])
@pytest.mark.parametrize("step", ["spread", "joined", "repeated"])
@pytest.mark.parametrize("each", repeats.PASSES.values(), ids=lambda each: each.name)
def test_a_part_that_is_damaged_or_gone_is_built_again(
    crawl_folder: Path, tmp_path: Path, each: repeats.Pass, step: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "PAGES_A_PARTITION", 11)
    store = Store(str(tmp_path))
    run(Ask("L0", (str(crawl_folder),), store.url, None, "L0", "web", None, 0, ON, False), as_json=True)
    job = Job(store, "L1", "web", load(None, ON), "fingerprint", "L0")

    def found() -> list[list[list[int] | None]]:
        names = [f"{name}.warc.gz" for name in "abc"]
        rows = [read_record(store, "L0/web", "data", number) for number in range(3)]
        return [
            [row for batch in batches for row in batch[each.column].to_pylist()]
            for batches in (
                repeats.with_repeated(job, name, read_parts(store, data_parts(record)))
                for name, record in zip(names, rows, strict=True)
            )
        ]

    with Cluster(workers=0) as cluster:
        for other in repeats.PASSES.values():
            repeats.find(job, cluster, other)
        expected = found()
        assert any(row for rows in expected for row in rows)
        for record in read_records(store, "L1/web", each.step(step)):
            for part in record.parts:
                store.delete([part.path])
                if fault == "damaged":
                    store.put(part.path, b"x" * part.bytes)
        for later in {"spread": ("joined", "repeated"), "joined": ("repeated",), "repeated": ()}[step]:
            store.delete([item.path for item in store.list(f"L1/web/_shards/{each.step(later)}")])
        repeats.find(job, cluster, each)
        assert found() == expected


def test_a_sealed_tier_holds_nothing_of_the_pass_but_its_records(crawl_folder: Path, tmp_path: Path) -> None:
    paths = in_process(crawl_folder, str(tmp_path))
    assert not [path for path in paths if "_shuffle" in path]
    assert any("_shards/paragraphs_repeated" in path for path in paths)


def test_two_workers_give_the_bytes_of_one_process(crawl_folder: Path, tmp_path: Path) -> None:
    expected = in_process(crawl_folder, str(tmp_path / "one"))
    run(Ask("L1", (str(crawl_folder),), str(tmp_path / "two"), None, "L0", "web", None, 2, ON, False), as_json=True)
    assert tree(str(tmp_path / "two")) == expected
