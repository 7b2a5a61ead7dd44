"""Rows of the index from L4: statements joined with their evidence, and each piece of evidence with what stands around
it in its document."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.index_config import IndexConfig
from governance.inputs import shard_key
from governance.job import data_parts
from governance.parts import read_visible
from governance.search_text import folded, runs_of, words_of
from manifests.records import Record, read_record
from manifests.store import Store
from manifests.tombstones import Tombstones, read_tombstones

TABLES = ("statements", "evidence")
_ROLES = ("source", "corroborates", "contradicts", "repeats")  # the order in which evidence is shown and kept
_COLUMNS = ("uid", "statement", "lang", "status", "topic", "date", "evidence_uid", "parent_uid")
_TOLD = (
    "reason", "method", "question", "entailed", "entailed_reason", "computed", "second_reading", "num_hosts",
    "num_evidence", "contradicted_by", "evidence_start", "evidence_end", "model", "prompt_id", "source", "licence",
)  # fmt: skip
_TITLE_CHARS = 60  # of a page's title that go into the vector of its statements


def unit_name(dump: str, number: int) -> str:
    """The rows of one record of L4 in the index."""
    return f"{dump}/{number:05d}"


def part_hashes(record: Record) -> list[str]:
    """What the rows of a record in the index are made of: others of these are other rows."""
    return sorted(part.sha256 for part in record.parts if any(f"/data/{name}/" in part.path for name in TABLES))


def embedded_text(row: dict[str, Any]) -> str:
    """What the vector of a row says: a statement often leaves its subject to the title of its page."""
    title = (row["title"] or "")[:_TITLE_CHARS]
    return f"{title}: {row['statement']}" if title else row["statement"]


@dataclass
class Rows:
    """Makes the rows of a store's units; remembers where the documents of L2 lie."""

    store: Store
    config: IndexConfig
    _tombstones: Tombstones = field(init=False)

    def __post_init__(self) -> None:
        self._tombstones = read_tombstones(self.store)

    def read(self, dump: str, record: Record) -> list[dict[str, Any]]:
        """The rows of one record by uid, those of them left out that were taken down."""
        statements = self._table(record, "statements")
        if statements.num_rows == 0:
            return []
        evidence = self._evidence(record)
        heads = {uid[:8] for uid in statements["uid"].to_pylist()}
        self._put_in_context([one for group in evidence.values() for one in group], heads)
        unit = unit_name(dump, record.number)
        return [self._row(unit, dump, row, evidence.get(row["uid"], [])) for row in statements.to_pylist()]

    def _table(self, record: Record, name: str) -> pa.Table:
        parts = [part for part in record.parts if f"/data/{name}/" in part.path]
        tables = list(read_visible(self.store, parts))
        if not tables:
            return pa.table({"uid": pa.array([], pa.string())})
        table = pa.concat_tables(tables)
        for owner in ("evidence_uid", "statement_uid"):
            if self._tombstones and owner in table.column_names:
                hidden = self._tombstones.among(table[owner].combine_chunks())
                table = table.filter(pc.invert(pc.fill_null(hidden, False)))
        return table

    def _evidence(self, record: Record) -> dict[str, list[dict[str, Any]]]:
        """The evidence of each statement, the strongest first, at most so many rows of it."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._table(record, "evidence").to_pylist():
            found[row.pop("statement_uid")].append(row)
        for uid, rows in found.items():
            rows.sort(key=lambda row: (_ROLES.index(row["role"]), row["evidence_uid"], row["start"]))
            found[uid] = rows[: self.config.max_evidence]
        return found

    def _put_in_context(self, evidence: list[dict[str, Any]], heads: Iterable[str]) -> None:
        """Set ``before`` and ``after``, where the document is one of the statements' own shards: those of others would
        have to be read again for every unit."""
        wanted: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        for row in evidence:
            row |= {"before": "", "after": ""}
            wanted[row["evidence_uid"][:8]][row["evidence_uid"]].append(row)
        for head in sorted(set(heads) & set(wanted)) if self.config.context_chars else ():
            for uid, content in self._contents(head, list(wanted[head])):
                for row in wanted[head][uid]:
                    self._around(row, content)

    def _around(self, row: dict[str, Any], content: str) -> None:
        start, end, size = row["start"], row["end"], self.config.context_chars
        if content[start:end] == row["text"]:
            row |= {"before": content[max(0, start - size) : start], "after": content[end : end + size]}

    def _contents(self, head: str, uids: list[str]) -> Iterator[tuple[str, str]]:
        wanted = pa.array(uids, pa.string())
        for dump, number in self._shards.get(head, []):
            try:
                parts = data_parts(read_record(self.store, f"L2/{dump}", "data", number))
            except FileNotFoundError:  # L2 was not built here, or its shard held nothing
                continue
            for table in read_visible(self.store, parts, ["uid", "content"]):
                found = table.filter(pc.is_in(table["uid"], value_set=wanted))
                yield from zip(found["uid"].to_pylist(), found["content"].to_pylist(), strict=True)

    @cached_property
    def _shards(self) -> dict[str, list[tuple[str, int]]]:
        """Dump and number of the shards of L2 by the first digits of their uids."""
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for dump in self.store.folders("L2"):
            try:
                plan = json.loads(self.store.get(f"L2/{dump}/plan.json"))["plan"]
            except FileNotFoundError:
                continue
            for number, name in enumerate(sorted(plan.get("inputs", {}))):
                found[shard_key(dump, name)].append((dump, number))
        return found

    def _row(self, unit: str, dump: str, statement: dict[str, Any], evidence: list[dict[str, Any]]) -> dict[str, Any]:
        title = next((one["title"] for one in evidence if one["title"]), None)
        row = {name: statement[name] for name in _COLUMNS} | {"unit": unit, "title": title}
        searched = folded("\n".join(text for text in (title, statement["statement"], statement["question"]) if text))
        row |= {"words": words_of(searched), "runs": runs_of(searched)}
        told = {name: statement[name] for name in _TOLD if statement[name] is not None}
        row["record"] = json.dumps({**told, "dump": dump, "evidence": evidence}, ensure_ascii=False)
        row["text_hash"] = _hash(embedded_text(row))
        row["row_hash"] = _hash(json.dumps(row, sort_keys=True))
        return row


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
