"""A small corpus up to L3 of which something is taken down: two languages, three sites, a duplicate, a licence."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.synthesis_server_passages import row
from governance import commands
from governance.progress import Progress
from governance.takedown import rules_from, take_down
from governance.verify import audit
from manifests.ledger import faults, load
from manifests.store import Store
from tests.children import CHILDREN
from tests.llm_server import llm_server

SITE = "news.example.org"
SENTINEL = "The grey heron of sentinel bridge wrote seven letters to the mayor of the northern harbour last winter."
SENTINEL_ZH = "哨兵桥上的灰鹭在去年冬天给北方港口的市长写了七封信，而市长至今没有回信。"
# Of all pages that hold a sentinel: what is written of them at L3 repeats one sentence or another.
WORDS = (SENTINEL, SENTINEL_ZH, "report 000000 ", "report 000001 ", "记录000002", "记录000003")
LICENCE = "https://creativecommons.org/licenses/by-nc/4.0/"
OVERRIDES = (
    'l3.engine.model="echo"', 'l3.synthesize.scale="small"',
    "l3.synthesize.max_rewrites=1", 'l3.synthesize.tasks=["blog", "textbook"]', "l2.quality.threshold=0.0",
    "l3.synthesize.checks.max_copied_ratio=1.0", "l3.engine.max_num_seqs=4", "l1.policy.bundled_url_lists=false",
    "l1.paragraphs.enabled=false", "l1.dedup.scope=corpus",
    *(f"l1.gopher_repetition.{lang}.{kind}_n_grams=[[5, 1.0]]" for lang in ("en", "zh") for kind in ("top", "dup")),
)  # fmt: skip


def page(url: str, text: str, licence: str | None = None) -> bytes:
    """A page as a record of a web archive."""
    link = f'<a rel="license" href="{licence}">licence</a>' if licence else ""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    html = f"<html><head><title>A page</title></head><body><article>{paragraphs}{link}</article></body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{hash_of(url)}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def hash_of(url: str) -> str:
    """Something like a record's id, the same for the same address."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, url))


def text(number: int, sentinel: bool = False) -> str:
    """A text that the rules of L1 keep; odd numbers are Chinese where the source has both."""
    words = row(number)["content"]
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in words)
    return (SENTINEL_ZH if chinese else f"{SENTINEL} ") + words if sentinel else words


def crawl(folder: Path) -> Path:
    """Two archives: pages of the site with the sentinel, of a mirror, of other sites and of a licence."""
    # The uids of b.warc sort before those of a.warc, so the mirror's copy is the duplicate.
    site = [page(f"https://{SITE}/{n}", text(n, sentinel=True)) for n in range(3)]
    site += [page(f"http://sub.{SITE}/Path/?b=2&a=1", text(3, sentinel=True))]
    site += [page("https://free.example.com/nc", text(8), LICENCE), page("http://[broken", text(9))]
    others = [page(f"https://other.example.com/{n}", text(n)) for n in range(4, 8)]
    others += [page("https://mirror.example.net/copy", text(0, sentinel=True))]
    (folder / "a.warc").write_bytes(b"".join(others))
    (folder / "b.warc").write_bytes(b"".join(site))
    return folder


def run(inputs: Path, output: str, level: str = "L1", dump: str = "web", more: tuple[str, ...] = (),
        rebuild: bool = False) -> None:  # fmt: skip
    """A run inside this process."""
    ask = commands.Ask(level, (str(inputs),), output, None, "L0", dump, None, 0, (*OVERRIDES, *more), rebuild)
    commands.run(ask, as_json=True)


def _passage(shown: str) -> str:
    """The passage that a prompt shows."""
    return shown.strip().split("\n\n")[-1].splitlines()[0].removeprefix("Text: ").removeprefix("原文：")


def build(folder: Path, output: str) -> str:
    """The crawl as a corpus up to L3."""
    with llm_server() as server:
        server.write = _passage
        run(crawl(folder), output, "L3", more=(f'l3.engine.endpoints=["{server.endpoint}"]',))
    return output


def holding(output: str, *words: str) -> list[str]:
    """The objects of a corpus in which any of the words stands, Parquet read column by column."""
    store, found = Store(output), []
    for item in store.list(""):
        data = store.get(item.path)
        if item.path.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(data))
            data = "\n".join(str(column.to_pylist()) for column in table.columns).encode(errors="surrogatepass")
        if any(word.encode() in data for word in words):
            found.append(item.path)
    return sorted(found)


def _call(what: str, output: str, words: tuple[str, ...], before: int | None, count: Any, env: dict[str, str]) -> None:
    os.environ.update(env)
    writes = 0

    def watch(write: Any) -> Any:
        def watched(self: Store, what: Any, *data: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == before:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(self, what, *data)

        return watched

    from governance.compact import compact
    from governance.progress import Progress
    from governance.takedown import rules_from, take_down

    store = Store(output)
    for name in ("put", "create"):
        setattr(Store, name, watch(getattr(Store, name)))
    delete = Store.delete
    one = watch(lambda self, path: delete(self, [path]))
    Store.delete = lambda self, paths: [one(self, path) for path in paths]  # each removal is a write of its own
    if what == "takedown":
        take_down(store, rules_from([("domain", word) for word in words], "a letter", None), False)
    else:
        compact(store, Progress("silent"))
    count.value = writes


def killed(what: str, output: str, *words: str, before: int | None = None) -> tuple[int, int]:
    """(exit code, writes) of a takedown of domains or a compaction in a child that kills itself before a write."""
    count = CHILDREN.Value("i", 0)
    process = CHILDREN.Process(target=_call, args=(what, output, words, before, count, dict(os.environ)))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, count.value


def uids(output: str, tier: str, dump: str = "web") -> pa.Table:
    """uid and url of the rows that a reader sees at a tier."""
    from governance.job import data_parts
    from governance.parts import read_visible
    from manifests.records import read_records

    store = Store(output)
    columns = ("uid", "url")
    tables = [
        table
        for record in read_records(store, f"{tier}/{dump}", "data")
        for table in read_visible(store, data_parts(record), columns)
    ]
    return pa.concat_tables([pa.table({name: pa.array([], pa.string()) for name in columns}), *tables])


def down(output: str, kind: str = "domain", value: str = SITE, dry: bool = False, dump: str | None = None) -> Any:
    """Take something down, within this process; returns the receipt."""
    return take_down(Store(output), rules_from([(kind, value)], "a letter", dump), dry)


def sound(output: str) -> bool:
    """Whether an audit finds no fault; it shows those it finds."""
    found = audit(Store(output), Progress("silent"))["faults"]
    assert found == []
    return True


def on_site(rows: pa.Table) -> list[str]:
    """The addresses on the site and its mirror."""
    return [url for url in rows["url"].to_pylist() if SITE in url or "mirror" in url]


def fates(output: str, tier: str, dump: str) -> dict[str, int]:
    """How many rows each reason rejected, by an account that balances."""
    ledger = load(json.loads(Store(output).get(f"{tier}/{dump}/manifest.json"))["ledger"])
    assert faults(ledger) == []
    return {f"{account.stage}.{reason}": count.rows for account in ledger for reason, count in account.rejected.items()}
