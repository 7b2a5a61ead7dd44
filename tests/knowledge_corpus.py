"""A small L4 by its schemas: made by the parts that name entities, relations and topics, in two languages."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from manifests.records import Part, Record, commit, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from stages.edges import edges_of
from stages.entities import count_links, entities_column, link, merge_entities, partial_entities, with_counts
from stages.topics import topics_of

SENTENCES = (
    ("The World Wide Web Consortium (W3C) publishes standards of the web.", "en"),
    ("In most countries the World Wide Web Consortium is known.", "en"),
    ("PostgreSQL supports logical replication.", "en"),
    ("Since last year PostgreSQL does more.", "en"),
    ("PostgreSQL is maintained by the PostgreSQL Global Development Group.", "en"),
    ("SQLite does not support user accounts.", "en"),
    ("PostgreSQL（又称 Postgres）是一种关系数据库。", "zh"),
    ("超文本传输协议（HTTP，HyperText Transfer Protocol）由 W3C 维护。", "zh"),
    ("SQLite 使用单个文件。", "zh"),
)
_SCHEMAS = {"statements": "L4", "evidence": "L4.evidence", "entities": "L4.entities", "edges": "L4.edges"}


def statements(sentences: tuple[tuple[str, str], ...] = SENTENCES) -> pa.Table:
    """uid, statement, lang of sentences."""
    uids = [f"{3:08x}{number:024x}" for number in range(len(sentences))]
    texts, langs = zip(*sentences, strict=True)
    return pa.table({"uid": uids, "statement": list(texts), "lang": list(langs)})


def tables(sentences: tuple[tuple[str, str], ...] = SENTENCES) -> dict[str, pa.Table]:
    """The four tables of L4 of sentences that each stand in a page of their own."""
    found = statements(sentences)
    entities = merge_entities(partial_entities(found))
    linked = link(found, entities)
    rows = [_statement(row, number) for number, row in enumerate(found.to_pylist())]
    told = pa.Table.from_pylist(rows)
    told = told.append_column("entities", entities_column(found["uid"], linked))
    told = told.append_column("topic", topics_of(None, found["statement"], found["lang"], seed=0, k=2))
    return {
        "statements": conform(told, tier_schema("L4")),
        "evidence": conform(pa.Table.from_pylist([_evidence(row) for row in rows]), tier_schema("L4.evidence")),
        "entities": conform(with_counts(entities, count_links(linked)), tier_schema("L4.entities")),
        "edges": conform(edges_of(found, linked), tier_schema("L4.edges")),
    }


def write(store: Store, found: dict[str, pa.Table], dump: str = "web") -> None:
    """Write the four tables as the one shard of a finished L4."""
    parts: list[Part] = []
    for name, table in found.items():
        parts.append(write_part(store, f"L4/{dump}/data/{name}/part-00000", [table], tier_schema(_SCHEMAS[name])))
    commit(store, f"L4/{dump}", Record("data", 0, "run 0", "f" * 12, parts))
    store.put(f"L4/{dump}/manifest.json", b"{}")


def _statement(row: dict[str, Any], number: int) -> dict[str, Any]:
    document = f"{3:08x}{number + 0xD0C:024x}"
    return row | {
        "status": "supported", "reason": "its own evidence says it", "method": "sentence", "entailed": True,
        "num_hosts": 1, "num_evidence": 1, "date": "2026-01-02", "evidence_uid": document, "evidence_start": 0,
        "evidence_end": len(row["statement"]), "parent_uid": document, "source": "web",
    }  # fmt: skip


def _evidence(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "statement_uid": row["uid"], "role": "source", "evidence_uid": row["evidence_uid"], "start": 0,
        "end": row["evidence_end"], "text": row["statement"], "url": f"https://www.example.org/{row['uid']}",
        "host": "www.example.org", "title": "A page", "date": row["date"], "lang": row["lang"], "licence": None,
        "source": "web",
    }  # fmt: skip
