"""An L4 of the statements of real pages, as the pipeline lays it out: what the benchmark of search indexes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from benchmarks.search_pages import Sentence
from manifests.records import Record, commit, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store

_SHARD_ROWS = 50_000


def uid_of(text: str) -> str:
    """The uid under which a statement stands in the corpus."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write_l4(store: Store, lang: str, found: Sequence[Sentence]) -> None:
    """One dump of L4 a language; nothing where it is there."""
    base = f"L4/{lang}"
    if store.exists(f"{base}/manifest.json"):
        return
    for number, start in enumerate(range(0, len(found), _SHARD_ROWS)):
        shard = found[start : start + _SHARD_ROWS]
        parts = []
        for name, tier, rows in (
            ("statements", "L4", [_statement(one) for one in shard]),
            ("evidence", "L4.evidence", [_evidence(one) for one in shard]),
        ):
            schema = tier_schema(tier)
            table = conform(pa.Table.from_pylist(rows), schema)
            parts.append(write_part(store, f"{base}/data/{name}/part-{number:05d}", [table], schema))
        commit(store, base, Record("data", number, f"{lang} {number}", "benchmark", parts))
    store.put(f"{base}/manifest.json", json.dumps({"rows": len(found)}).encode())


def _statement(one: Sentence) -> dict[str, Any]:
    return {
        "uid": uid_of(one.text), "statement": one.text, "lang": one.lang, "status": "supported",
        "reason": "as it stands in a page", "method": "sentence", "num_hosts": 1, "num_evidence": 1,
        "date": "2026-01-02", "evidence_uid": uid_of(one.url), "evidence_start": 0, "evidence_end": len(one.text),
        "parent_uid": uid_of(one.url), "source": "docs-pages",
    }  # fmt: skip


def _evidence(one: Sentence) -> dict[str, Any]:
    return {
        "statement_uid": uid_of(one.text), "role": "source", "evidence_uid": uid_of(one.url), "start": 0,
        "end": len(one.text), "text": one.text, "url": one.url, "host": urlsplit(one.url).netloc, "title": one.title,
        "date": "2026-01-02", "lang": one.lang, "source": "docs-pages",
    }  # fmt: skip
