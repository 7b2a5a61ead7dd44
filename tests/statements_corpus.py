"""A small L4 by the real schemas, with the L2 that it rests on: both languages, every status, hostile texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from governance.inputs import shard_key
from manifests.records import Record, commit, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from manifests.tombstones import SCHEMA, UIDS

INPUT = "pages.warc.gz"
HOSTILE = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">\' OR 1=1 -- {{ 7 * 7 }}'


@dataclass(frozen=True)
class Says:
    """A statement with the documents that say it: pairs of role and text, the first its source."""

    statement: str
    lang: str = "en"
    status: str = "supported"
    title: str = "A page"
    topic: str | None = None
    date: str = "2026-01-02"
    contradicts: str | None = None  # the statement that this one denies
    url: str = "https://docs.example.org/page"
    evidence: tuple[tuple[str, str], ...] = ()


STATEMENTS = (
    Says("The createuser program adds a new user to a PostgreSQL cluster.", title="createuser", topic="PostgreSQL",
         status="corroborated", evidence=(("source", "The createuser program adds a new user to a PostgreSQL cluster."),
                                          ("corroborates", "With createuser a new user is added to PostgreSQL."))),
    Says("A backup of a database is made by pg_dump.", title="pg_dump", topic="PostgreSQL", date="2025-06-30"),
    Says("The default port of PostgreSQL is 5432.", title="Connections", topic="PostgreSQL"),
    Says("The default port of PostgreSQL is 5433.", title="Old notes", topic="PostgreSQL", status="contradicted",
         contradicts="The default port of PostgreSQL is 5432.", date="2019-05-01"),
    Says("The moon is made of cheese.", title="Tales", status="unsupported"),
    Says("在 PostgreSQL 中可以使用 createuser 命令添加新用户。", lang="zh", title="用户管理", topic="数据库"),
    Says("使用 pg_dump 命令可以备份数据库。", lang="zh", title="备份与恢复", topic="数据库", date="2024-03-01"),
    Says("樹莓派可以安裝 Debian 作業系統。", lang="zh", title="樹莓派"),
    Says(f"A hostile page says {HOSTILE} and no more.", title=HOSTILE, topic=HOSTILE, url="javascript:alert(1)"),
)  # fmt: skip


def uid_of(head: str, text: str) -> str:
    """32 hex digits: a shard's 8, and 24 of a text."""
    return head + hashlib.sha256(text.encode()).hexdigest()[:24]


def write_corpus(url: str, statements: Sequence[Says] = STATEMENTS, dump: str = "default") -> Store:
    """L2 and L4 of one dump with one shard; an L4 that is there is replaced, as by a rebuild."""
    store, head = Store(url), shard_key(dump, INPUT)
    uids = {says.statement: uid_of(head, f"{says.lang}{says.statement}") for says in statements}
    denied = {says.contradicts: uids[says.statement] for says in statements if says.contradicts}
    rows: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    for says in statements:
        mine = list(_evidence(says, uids[says.statement], head, documents))
        evidence += mine
        others = [uids[says.contradicts]] if says.contradicts in uids else []
        others += [denied[says.statement]] if says.statement in denied else []
        rows.append({
            "uid": uids[says.statement], "statement": says.statement, "lang": says.lang, "status": says.status,
            "reason": f"it is {says.status}", "method": "sentence", "num_hosts": len(mine), "num_evidence": len(mine),
            "contradicted_by": others or None, "date": says.date, "topic": says.topic, "entities": [],
            "evidence_uid": mine[0]["evidence_uid"], "evidence_start": mine[0]["start"],
            "evidence_end": mine[0]["end"], "parent_uid": mine[0]["evidence_uid"], "source": dump,
        })  # fmt: skip
    _clear(store, dump)
    _commit(store, f"L2/{dump}", {"en": (documents, "L2")})
    _commit(store, f"L4/{dump}", {"statements": (rows, "L4"), "evidence": (evidence, "L4.evidence")})
    store.put(f"L2/{dump}/plan.json", json.dumps({"plan": {"inputs": {INPUT: "1"}}}).encode())
    for tier in ("L2", "L4"):
        told = {"tier": tier, "dump": dump, "ledger": [], "rows": len(uids), "bytes": 0, "shards": 1}
        told |= {"of": sorted(uids.values()), "evidence": evidence}
        store.put(f"{tier}/{dump}/manifest.json", json.dumps(told, sort_keys=True).encode())
    return store


def take_down(store: Store, *uids: str) -> None:
    """A tombstone of some uids."""
    table = pa.table({"uid": sorted(uids), "rule": ["uid"] * len(uids)}, schema=SCHEMA)
    part = write_part(store, f"{UIDS}/test", [table], SCHEMA)
    assert part.rows == len(uids)


def _evidence(says: Says, uid: str, head: str, documents: list[dict[str, Any]]):
    for place, (role, text) in enumerate(says.evidence or (("source", says.statement),)):
        before = "这是前文。" if says.lang == "zh" else "What stands before. "
        content = f"{before}{text} What stands after."
        document = uid_of(head, f"{content}{place}{says.url}")
        documents.append({"uid": document, "content": content, "lang": says.lang, "url": says.url})
        yield {
            "statement_uid": uid, "role": role, "evidence_uid": document, "start": len(before),
            "end": len(before) + len(text), "text": text, "url": says.url, "host": f"host{place}.example.org",
            "title": says.title, "date": says.date, "lang": says.lang, "licence": "cc-by-4.0", "source": "default",
        }  # fmt: skip


def _clear(store: Store, dump: str) -> None:
    store.delete([found.path for tier in ("L2", "L4") for found in store.list(f"{tier}/{dump}")])


def _commit(store: Store, base: str, tables: dict[str, tuple[list[dict[str, Any]], str]]) -> None:
    parts = []
    for name, (rows, tier) in tables.items():
        schema = tier_schema(tier)
        table = conform(pa.Table.from_pylist(rows), schema) if rows else schema.empty_table()
        parts.append(write_part(store, f"{base}/data/{name}/part-00000", [table], schema))
    commit(store, base, Record("data", 0, INPUT, "fingerprint", parts))
