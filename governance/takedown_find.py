"""What a takedown means: the documents that its rules match, their copies, and every row that was made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance import url_table
from governance.cluster import Cluster
from governance.explain import shards_of
from governance.explain_address import Address
from governance.job import annotation_parts, data_parts
from governance.parts import read_parts
from governance.status import dumps
from governance.url_lookup import pages_between
from manifests.records import Part, Record, committed, read_record, read_records
from manifests.store import Store
from manifests.tombstones import Rule
from stages.takedown import Takedowns, has_licence, matches, rules_of
from stages.uids import UID, uid_from_bytes, uid_to_bytes

# The tiers whose data holds rows of documents, and the columns of a row of which any names it or its document. A tier
# that is made of these by other columns, as statements of their evidence, is one more entry here and in OWNERS of
# manifests.tombstones.
OWNED = {
    "L0": ("uid",), "L1": ("uid",), "L2": ("uid",), "L3": ("uid", "parent_uid"),
    "L4": ("uid", "parent_uid", "evidence_uid"),
}  # fmt: skip
_TEXT = {"L4": "statement"}  # the column that holds the words of a row, where it is not content
COPY = "copy"  # the rule of a duplicate of what is taken down: it was rejected for it, and must not take its place
MATCHED = pa.schema([("uid", pa.string()), ("rule", pa.string()), ("dump", pa.string()), ("shard", pa.int32()),
                     ("url", pa.string())])  # fmt: skip
ROWS = pa.schema([("tier", pa.string()), ("uid", pa.string()), ("sha256", pa.string()), ("bytes", pa.int64()),
                  ("part", pa.string())])  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A dump, and the tier at which its rows enter."""

    dump: str
    tier: str
    sealed: bool

    @property
    def base(self) -> str:
        """The folder of that tier."""
        return f"{self.tier}/{self.dump}"


def entries(store: Store, dump: str | None) -> list[Entry]:
    """The dumps of a corpus, or one of them, by name."""
    lowest: dict[str, str] = {}
    for tier, name in dumps(store):
        if dump in (None, name):
            lowest.setdefault(name, tier)
    return [
        Entry(name, tier, store.exists(f"{tier}/{name}/manifest.json")) for name, tier in sorted(lowest.items())
    ]  # fmt: skip


def matched(store: Store, rules: Sequence[Rule], cluster: Cluster) -> pa.Table:
    """MATCHED: the documents and rows that rules mean, and copies of these documents; each once, sorted by uid."""
    found: list[pa.Table] = []
    for rule in rules:
        for entry in entries(store, rule.dump):
            if rule.kind == "uid":
                found += _by_uid(store, entry, rule.value)
            elif rule.kind == "licence":
                found += _by_licence(store, entry, rule.value)
            elif entry.sealed:
                found += _by_table(store, entry, rule, cluster)
            else:
                found += _by_scan(store, entry, rule)
    own = _each_once(found)
    return _each_once([own, *copies(store, own, rules[0].dump)])


def _each_once(tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of tables by uid; of several of one uid the first."""
    table = pa.concat_tables([MATCHED.empty_table(), *(one.select(MATCHED.names).cast(MATCHED) for one in tables)])
    others = [(name, "first") for name in MATCHED.names[1:]]
    first = table.group_by("uid", use_threads=False).aggregate(others)
    return first.rename_columns(MATCHED.names).sort_by("uid").combine_chunks()


def _found(uids: Any, rule: str, dump: str, shards: Any, urls: Any) -> pa.Table:
    count = len(uids)
    shards = shards if not isinstance(shards, int) else pa.array([shards] * count, pa.int32())
    urls = pa.nulls(count, pa.string()) if urls is None else urls
    return pa.table([uids, pa.array([rule] * count), pa.array([dump] * count), shards, urls], names=MATCHED.names)


def _by_table(store: Store, entry: Entry, rule: Rule, cluster: Cluster) -> Iterator[pa.Table]:
    asked = Address(rule.kind, rule.value)
    table = url_table.ensure(store, entry.dump, cluster)
    for block in pages_between(table, asked.host, *asked.keys) if table else ():
        if block.num_rows:
            yield _found(block["uid"], rule.kind, entry.dump, block["shard"], block["url"])


def _by_scan(store: Store, entry: Entry, rule: Rule) -> Iterator[pa.Table]:
    """As ``_by_table``, of the shards of a tier that is under way."""
    out = rules_of({rule.kind: (rule.value,)}, {})
    for record in read_records(store, entry.base, "data"):
        yield from _scanned(store, record, out, entry, rule.kind)


def _scanned(store: Store, record: Record, out: Takedowns, entry: Entry, kind: str) -> Iterator[pa.Table]:
    for table in read_parts(store, annotation_parts(record), ("uid", "url")):
        hits = table.filter(pa.array(matches(table, out)[kind]))
        if hits.num_rows:
            yield _found(hits["uid"], kind, entry.dump, record.number, hits["url"])


def _by_licence(store: Store, entry: Entry, licence: str) -> Iterator[pa.Table]:
    """Rows by their licence, which no table is sorted by: the column is read through."""
    for record in read_records(store, entry.base, "data"):
        for table in read_parts(store, data_parts(record), ("uid", "url", "licence")):
            hits = table.filter(pa.array(has_licence(table["licence"], (licence,))))
            if hits.num_rows:
                yield _found(hits["uid"], "licence", entry.dump, record.number, hits["url"])


def _by_uid(store: Store, entry: Entry, uid: str) -> Iterator[pa.Table]:
    """A document, by the annotations of the tier at which it entered, or a row that was written at L3."""
    for dump, number, _ in shards_of(store, uid[:8]):
        if dump != entry.dump or number not in committed(store, entry.base, "data"):
            continue
        parts = annotation_parts(read_record(store, entry.base, "data", number))
        if number in committed(store, f"L3/{dump}", "data"):
            parts += data_parts(read_record(store, f"L3/{dump}", "data", number))
        yield from _by_statement(store, dump, number, uid)
        for table in read_parts(store, parts, ("uid", "url")):
            hits = table.filter(pc.equal(table["uid"], uid))
            if hits.num_rows:
                yield _found(hits["uid"], "uid", dump, number, hits["url"])


def _by_statement(store: Store, dump: str, number: int, uid: str) -> Iterator[pa.Table]:
    for record in read_records(store, f"L4/{dump}", "data"):
        for table in read_parts(store, data_parts(record), ("uid",)):
            if pc.any(pc.equal(table["uid"], uid)).as_py():
                yield _found(pa.array([uid]), "uid", dump, number, None)


def copies(store: Store, own: pa.Table, dump: str | None) -> Iterator[pa.Table]:
    """Duplicates whose survivor is among the matched documents: rejected, and of the same content."""
    survivors = uid_to_bytes(own["uid"]) if own.num_rows else pa.array([], UID)
    for entry in entries(store, dump) if own.num_rows else ():
        shards = _shard_numbers(store, entry.dump)
        for record in read_records(store, f"L1/{entry.dump}", "duplicates"):
            for table in read_parts(store, record.parts, ("uid", "survivor", "reason")):
                mask = pc.and_(pc.is_valid(table["reason"]), pc.is_in(table["survivor"], value_set=survivors))
                uids = uid_from_bytes(table["uid"].filter(mask).combine_chunks())
                if len(uids):
                    numbers = [shards[uid[:8]] for uid in uids.to_pylist()]
                    yield _found(uids, COPY, entry.dump, pa.array(numbers, pa.int32()), None)


def _shard_numbers(store: Store, dump: str) -> dict[str, int]:
    """The number of each shard of a dump, by the first 8 digits of its uids."""
    from governance.inputs import shard_key

    base = next(entry.base for entry in entries(store, dump))
    return {shard_key(dump, record.name): record.number for record in read_records(store, base, "data")}


def rows_of(store: Store, found: pa.Table) -> pa.Table:
    """ROWS: every row at every tier that is one of the matched, or was written from one; opens their shards only."""
    groups = found.group_by(["dump", "shard"], use_threads=False).aggregate([("uid", "list")]).to_pylist()
    tables = [
        table
        for group in groups
        for tier, columns in OWNED.items()
        if tier != "L4"
        for record in _record(store, f"{tier}/{group['dump']}", group["shard"])
        for part in data_parts(record)
        for table in _rows_of_part(store, tier, part, columns, pa.array(group["uid_list"], pa.string()))
    ]
    tables += _statements(store, found)
    return pa.concat_tables([ROWS.empty_table(), *tables]).combine_chunks()


def _statements(store: Store, found: pa.Table) -> Iterator[pa.Table]:
    """ROWS of L4. What a document says may stand in the shard of another, so the narrow columns of all are read."""
    for dump in sorted(pc.unique(found["dump"]).to_pylist()):
        for record in read_records(store, f"L4/{dump}", "data"):
            for part in data_parts(record):
                yield from _rows_of_part(store, "L4", part, OWNED["L4"], found["uid"].combine_chunks())


def _record(store: Store, base: str, number: int) -> Iterator[Record]:
    try:
        yield read_record(store, base, "data", number)
    except FileNotFoundError:
        return


def _rows_of_part(
    store: Store, tier: str, part: Part, columns: Sequence[str], uids: pa.Array
) -> Iterator[pa.Table]:  # fmt: skip
    """ROWS of a part. Text is read only of the row groups that hold any."""
    with store.map(part.path) as stream:
        file = pq.ParquetFile(stream, page_checksum_verification=True)
        for group in range(file.num_row_groups):
            names = file.read_row_group(group, list(columns), use_threads=False)
            mask = pc.is_in(names[columns[0]], value_set=uids)
            for column in columns[1:]:
                mask = pc.or_(mask, pc.is_in(names[column], value_set=uids))
            if not pc.any(mask).as_py():
                continue
            column = _TEXT.get(tier, "content")
            texts = file.read_row_group(group, [column], use_threads=False)[column].filter(mask).to_pylist()
            data = [(text or "").encode(errors="surrogatepass") for text in texts]
            hashes = [hashlib.sha256(one).hexdigest() for one in data]
            count = len(data)
            values = [[tier] * count, names["uid"].filter(mask), hashes, [len(one) for one in data]]
            yield pa.table([*values, [part.path] * count], names=ROWS.names).cast(ROWS)


def requests_of(store: Store, found: pa.Table) -> int:
    """How many requests were made about the matched documents at L3."""
    total = 0
    groups = found.group_by(["dump", "shard"], use_threads=False).aggregate([("uid", "list")]).to_pylist()
    for group in groups:
        try:
            record = read_record(store, f"L3/{group['dump']}", "annotations", group["shard"])
        except FileNotFoundError:
            continue
        uids = pa.array(group["uid_list"], pa.string())
        for table in read_parts(store, annotation_parts(record), ("parent_uid", "request_uid")):
            total += pc.count_distinct(
                table["request_uid"].filter(pc.is_in(table["parent_uid"], value_set=uids))
            ).as_py()
    return total
