"""Corpora to publish, written as a run would: parts, records, manifests with ledgers that balance; no engine needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance import layout
from governance.inputs import shard_key
from manifests import ledger as accounts
from manifests.ledger import OUTPUTS, REQUESTS, ROWS, Account, Tally, tally
from manifests.records import Part, PartWriter, Record, commit, read_records
from manifests.schema import conform, tier_schema
from manifests.store import Store

BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/"
BY_ND = "https://creativecommons.org/licenses/by-nd/4.0/"
LICENCES = (BY_SA, BY_SA, None, BY_ND)
STYLES = ("qa", "blog", "textbook")
NAMES = [f"Ultra-FineWeb-L3-{lang}-{kind}-Synthetic" for lang in ("en", "zh") for kind in ("QA", "Multi-Style")]
PROMPTS = {f"{lang}.{style}": hashlib.sha256(f"{lang}{style}".encode()).hexdigest() for lang in ("en", "zh")
           for style in STYLES}  # fmt: skip
TEXTS = {"en": "The harbour office recorded the depth of the channel.", "zh": "港口管理处记录了航道的水深。"}


def rows_of(dump: str, shard: str, count: int, licences: Sequence[str | None] = LICENCES) -> list[dict[str, Any]]:
    """Rows of L3: languages and styles in turns, a parent for every two."""
    key = shard_key(dump, shard)
    return [
        {
            "uid": f"{key}{n:024x}",
            "parent_uid": f"{key}{n // 2 + 1_000_000:024x}",
            "content": f"{TEXTS[('en', 'zh')[n % 2]]} {shard} {n}",
            "style": STYLES[n % 3],
            "lang": ("en", "zh")[n % 2],
            "licence": licences[n % len(licences)],
            "url": f"https://example.org/{shard}/{n}",
            "source": dump,
            "prompt_id": f"{('en', 'zh')[n % 2]}.{STYLES[n % 3]}",
            "model": "org/model@1234",
            "sampling": json.dumps([{"temperature": 0.7, "seed": n}]),
            "num_outputs": 1,
        }
        for n in range(count)
    ]


def write_l3(
    store: Store, shards: dict[str, list[dict[str, Any]]], dump: str = "web", group_rows: int = 0,
    name: str = "ultrafineweb",
) -> None:  # fmt: skip
    """L2 without rows and L3 with those of its shards by name; ``group_rows``: of a row group, 0 for the usual."""
    schema = tier_schema("L3")
    tables = ((shard, conform(pa.Table.from_pylist(shards[shard]), schema)) for shard in sorted(shards))
    write_tables(store, tables, dump, group_rows, name)


def write_tables(
    store: Store, shards: Iterable[tuple[str, pa.Table]], dump: str = "web", group_rows: int = 0,
    name: str = "ultrafineweb",
) -> None:  # fmt: skip
    """The same from tables of L3's schema, one in memory at a time."""
    parent = _seal(store, "L2", dump, _plan("L2"), [])
    fingerprint = _fingerprint(_plan("L3", parent))
    for number, (shard, table) in enumerate(shards):
        parts = []
        for kind in table.group_by(["lang", "style"], use_threads=False).aggregate([]).to_pylist():
            mask = pc.and_(pc.equal(table["lang"], kind["lang"]), pc.equal(table["style"], kind["style"]))
            stem = f"{layout.folder(name, kind['lang'], kind['style'])}/{dump}-{kind['style']}-part-{number:05d}"
            parts.append(_part(store, stem, table.filter(mask), group_rows))
        count, rejected = tally(table["uid"]), Tally(1, 5)
        written = [Account(REQUESTS, count, count), Account(OUTPUTS, count + rejected, count, {"copied": rejected})]
        kept = [Account("dedup", count, count), Account(ROWS, count, count)]
        commit(store, f"L3/{dump}", Record("annotations", number, shard, fingerprint, [], written, {}))
        commit(store, f"L3/{dump}", Record("data", number, shard, fingerprint, parts, kept, {}))
    figures = {"requests": 10, "outputs": 10, "passed": 8}
    for what, count in (("requests", 5), ("outputs", 5), ("kept", 4)):
        figures |= {f"by.prompt.{prompt}.{what}": count for prompt in PROMPTS}
    _seal(store, "L3", dump, _plan("L3", parent), ["annotations", "data"], figures)


def _part(store: Store, stem: str, table: pa.Table, group_rows: int) -> Part:
    writer = PartWriter(store, stem, table.schema)
    for start in range(0, table.num_rows, group_rows or table.num_rows):
        writer.write(table.slice(start, group_rows or table.num_rows))
        writer.flush()
    return writer.finish()


def _plan(tier: str, parent: str | None = None) -> dict[str, Any]:
    plan: dict[str, Any] = {"tier": tier, "parent": parent, "stages": {}}
    if tier == "L2":
        return plan | {"inputs": {"documents.jsonl": "1"}}
    synthesis = {"model": "org/model", "revision": "1234", "prompts": PROMPTS, "synthesize": {"round_trip": {}}}
    synthesis["synthesize"]["round_trip"]["enabled"] = True  # type: ignore[index]
    return plan | {"synthesis": synthesis}


def _fingerprint(plan: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plan, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _seal(
    store: Store, tier: str, dump: str, plan: dict[str, Any], steps: list[str], figures: dict[str, Any] | None = None
) -> str:  # fmt: skip
    """Write plan and manifest of a tier from its records; returns its fingerprint."""
    ledger: accounts.Ledger = []
    parts: list[Part] = []
    for step in steps:
        records = list(read_records(store, f"{tier}/{dump}", step))
        ledger += accounts.merge(record.ledger for record in records)
        parts += [part for record in records for part in record.parts]
    body = {
        "tier": tier, "dump": dump, "plan": plan, "fingerprint": _fingerprint(plan), "ledger": accounts.dump(ledger),
        "parent": "L2" if tier == "L3" else None, "rows": sum(part.rows for part in parts), "parts": len(parts),
        "bytes": sum(part.bytes for part in parts), "shards": 0, "figures": figures or {},
    }  # fmt: skip
    plain = {"plan": plan, "fingerprint": body["fingerprint"]}
    store.put(f"{tier}/{dump}/plan.json", json.dumps(plain).encode())
    store.put(f"{tier}/{dump}/manifest.json", json.dumps(body, sort_keys=True).encode())
    return str(body["fingerprint"])


def take_down(store: Store, uids: Sequence[str]) -> None:
    """Tombstones, as a takedown writes them."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"uid": sorted(uids), "rule": ["uid"] * len(uids)}), sink)
    store.put(f"_tombstones/uids/{uids[0]}.parquet", sink.getvalue().to_pybytes())
