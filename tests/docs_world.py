"""The folder that the pages of docs speak of: a crawl, outputs built from it, question sets, rows of somebody else.

The crawl is a part of the bundled one under the same names, so that the uids and addresses which the pages show are
the ones that a reader finds after `make run`.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.takedown_corpus import LICENCE, page, text

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_PYTHON, _POSTGRES = "https://docs.python.org/3.11/", "https://www.postgresql.org/docs/15/"
_DEBIAN, _KERNEL = "https://www.debian.org/", "https://www.kernel.org/doc/html/v6.1/translations/zh_CN/"
ADDRESSES = (
    *(_PYTHON + name for name in ("faq/installed.html", "extending/index.html", "tutorial/whatnow.html")),
    *(_POSTGRES + name for name in ("backup-manifest-files.html", "backup-manifest-toplevel.html")),
    *(_POSTGRES + name for name in ("mvcc-caveats.html", "ddl-foreign-data.html", "textsearch-indexes.html")),
    *(_DEBIAN + "releases/bookworm/amd64/" + name for name in ("ch01s05.zh-cn.html", "ch02s05.zh-cn.html")),
    _KERNEL + "mm/z3fold.html",
)
GERMAN = (
    "Ein Deich ist ein Damm, der das Land hinter ihm vor dem Hochwasser eines Flusses schützt. Er besteht aus einem "
    "Kern aus Sand und einer Decke aus Klee, die das Wasser nicht durchlässt. Auf der Decke wächst Gras, weil dessen "
    "Wurzeln die Erde halten.\n\nIm Winter prüfen die Verbände jeden Abschnitt zweimal, denn Mäuse und Maulwürfe "
    "graben Gänge, durch die das Wasser später dringt.",
    "Eine Bibliothek verleiht Bücher an jeden, der einen Ausweis hat. Der Ausweis kostet nichts für Kinder und zwölf "
    "Euro im Jahr für Erwachsene. Die Frist beträgt vier Wochen, und sie lässt sich zweimal verlängern, wenn niemand "
    "sonst das Buch bestellt hat.\n\nZeitschriften werden nicht verliehen, man liest sie im Saal.",
)
OTHERS = 6  # pages of each archive beside these: most of them are rejected by a rule of L1


def furnish_crawls(world: Path) -> None:
    """The crawls: the bundled one, a reader's own, and further ones of other sites."""
    (world / "examples" / "crawl").mkdir(parents=True)
    for archive in sorted((EXAMPLES / "crawl").glob("*.warc.gz")):
        (world / "examples" / "crawl" / archive.name).write_bytes(b"".join(_chosen(archive.read_bytes())))
    for folder in ("examples/classifier", "other"):
        shutil.copytree(EXAMPLES / "classifier", world / folder)
    shutil.copytree(world / "examples" / "crawl", world / "crawl")
    for number, name in enumerate(("crawl-2026-47", "next", "crawl-10", "crawl-18")):
        _further_crawl(world / name, number)


def _chosen(data: bytes) -> Iterator[bytes]:
    """The members of an archive that hold the pages of ADDRESSES, and some others."""
    found = [
        (record.stream_pos, record.record_type, record.headers.get("WARC-Target-URI"))
        for record in ArchiveIterator(io.BytesIO(data), record_types=WarcRecordType.any_type, parse_http=False)
    ]
    ends = [start for start, _, _ in found[1:]] + [len(data)]
    others = OTHERS
    for (start, kind, address), end in zip(found, ends, strict=True):
        if kind == WarcRecordType.response:
            others -= address not in ADDRESSES
            if address in ADDRESSES or others >= 0:
                yield data[start:end]


def _further_crawl(folder: Path, number: int) -> None:
    """An archive with pages of a site, and one page under CC BY-NC."""
    folder.mkdir()
    pages = [page(f"https://site-{number}.example.org/{n}", text(10 * number + n)) for n in range(3)]
    pages.append(page(f"https://site-{number}.example.org/nc", text(10 * number + 8), LICENCE))
    (folder / "part.warc.gz").write_bytes(b"".join(map(gzip.compress, pages)))


def furnish_rows(world: Path) -> None:
    """Made of the rows of `output`: texts of somebody else, with the columns that the pages name, and questions."""
    l1, l2 = (_rows(world / "output", tier) for tier in ("L1", "L2"))
    for name in ("fineweb/a.parquet", "fineweb.parquet", "rows.parquet", "web/a.parquet"):
        _write(world / name, l1.to_pylist())
    many = [{"text": text(n), "url": f"https://pool-{n % 9}.example.org/{n}"} for n in range(100)]
    for name in ("pool.parquet", "mine.parquet"):
        _write(world / name, many)
    for name in ("held.parquet", "wiki.parquet"):
        _write(world / name, l2.to_pylist())
    write_lines(world / "selected" / "a.jsonl", l2.to_pylist())
    (world / "pages.jsonl.gz").write_bytes(gzip.compress(_lines({"body": row["text"]} for row in l2.to_pylist())))
    labels = [{"body": row["text"], "kind": ("positive", "negative")[n % 2]} for n, row in enumerate(l1.to_pylist())]
    _write(world / "labelled.parquet", labels)
    _write(world / "questions.parquet", questions())
    for folder in ("evals", "evalsets"):
        write_lines(world / folder / "piqa.jsonl", questions())


def _rows(output: Path, tier: str) -> pa.Table:
    """The rows of a tier as a corpus of somebody else would hold them."""
    parts = sorted((output / tier / "default" / "data").rglob("*.parquet"))
    tables = [pq.read_table(part, columns=["content", "url", "title"], partitioning=None) for part in parts]
    return pa.concat_tables(tables).rename_columns(["text", "url", "title"])


def questions() -> list[dict[str, Any]]:
    """A question set with choices, as evaluation sets come."""
    colours = ["red", "blue", "green", "white"]
    asked = "What colour has the {} that lives in the old wooden house by the northern harbour?"
    return [{"query": asked.format(animal), "choices": colours, "gold": number}
            for number, animal in enumerate(("cat", "dog", "cow", "hen"))]  # fmt: skip


def _lines(rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as JSON Lines."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_lines(rows))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
