"""Pages of several hosts, two of which say the same, and the corpus up to L4 that is built of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from governance import commands
from governance.job import table_parts
from governance.parts import read_visible
from manifests.records import read_records
from manifests.store import Store
from tests.llm_server import llm_server

SAID = "The createuser program adds a new database user to a PostgreSQL cluster."
SAID_ZH = "PostgreSQL 数据库服务器默认在 5432 端口上等待客户端的连接。"
OTHER = "The PostgreSQL server listens on port 5432 for connections of clients by default."
# Words around a sentence, different on every host, so that pages are no copies of each other.
AROUND = (
    "Harbour pilots guide vessels of Maersk through narrow channels during stormy nights.",
    "Roofs of Danish copper turn green because oxygen and CO2 slowly form a thin patina.",
    "Bakers in Westphalia knead rye dough briefly since it has hardly any gluten.",
    "Glaciers in Norway carve broad valleys while rivers cut steep and narrow gorges.",
)
SETTINGS = (
    'l3.engine.model="echo"', 'l3.synthesize.scale="small"', 'l3.synthesize.tasks=["blog"]', "l3.max_documents=1",
    "l3.synthesize.max_rewrites=1", "l2.quality.threshold=0.0",
)  # fmt: skip


def pages() -> list[dict[str, Any]]:
    """Three hosts: the second says what the first does, the third is a copy of the first."""
    first = f"{AROUND[0]} {SAID} {AROUND[1]}"
    texts = {
        "https://docs.example.org/createuser": first,
        "https://blog.example.com/users": f"{AROUND[2]} {SAID} {AROUND[3]}",
        "https://mirror.example.net/createuser": first,
        "https://docs.example.org/port": f"{OTHER} {AROUND[2]}",
        "https://zh.example.cn/port": f"{SAID_ZH}本手册还介绍了怎样为新的用户分配读取数据表的权限。",
    }
    return [
        {"text": text, "url": url, "title": "A page", "date": "2026-03-04T00:00:00Z", "id": str(number)}
        for number, (url, text) in enumerate(texts.items())
    ]


def run(pages: Path, output: str, level: str = "L4", rebuild: bool = False, more: tuple[str, ...] = ()) -> None:
    """Build up to a level; a server that echoes writes L3."""
    with llm_server() as server:
        engine = (f'l3.engine.endpoints=["{server.endpoint}"]',)
        ask = commands.Ask(
            level, (str(pages),), output, None, "L2", "web", None, 0, (*SETTINGS, *engine, *more), rebuild
        )
        commands.run(ask, as_json=True)


def write_pages(folder: Path) -> None:
    """Two files of them, so that there are two shards."""
    rows = pages()
    pq.write_table(pa.Table.from_pylist(rows[:3]), folder / "a.parquet")
    pq.write_table(pa.Table.from_pylist(rows[3:]), folder / "b.parquet")


def table(output: str, name: str) -> pl.DataFrame:
    """One table of its L4."""
    store = Store(output)
    tables = [
        one
        for record in read_records(store, "L4/web", "data")
        for one in read_visible(store, table_parts(record, name))
    ]
    return pl.DataFrame(pa.concat_tables(tables))
