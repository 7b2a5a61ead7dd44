"""From an address to all that was made of it: one narrow table a dump, sorted by site, page and uid.

It is built when the tiers are sealed, from their annotations alone, and again where one of them is another. Rows go to
partitions by the registered domain, so that a site and its subdomains lie in one part, where they are one range of
keys: a look-up reads a footer and the row groups of that range, however large the corpus. A row tells what became of a
page at every tier and in which part it lies, so nothing else must be opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import url_statements
from governance.cluster import Cluster
from governance.config import Settings
from governance.duplicates import shuffle_of
from governance.job import Job, annotation_parts, data_parts, done_before
from governance.parts import read_parts
from governance.runner import FATE
from governance.shuffle import Run, Spill, gathered, group_runs, map_pending, scratch, spilled
from manifests.records import SCRATCH, PartWriter, Record, committed, read_record, read_records
from manifests.store import Store
from stages.addresses import page_keys, registered, site_key
from stages.dedup import partition_of
from stages.uids import uid_from_bytes

FOLDER = "urls"
TIERS = ("L0", "L1", "L2", "L3", "L4")
FORMAT = b"2"  # of the table: another makes it anew
KEPT = "kept"
ROWS_A_PARTITION = 500_000  # pages: the worker that sorts them holds about 0.5 GB
GROUP_ROWS = 8_192  # pages a row group, about 0.5 MB: what a look-up of one page reads
# Of each page: its fate at a tier ("kept", or why not; null: it did not come there) and the part of its text there;
# of L3 how many requests were made about it and the rows written from it; of L4 how many statements rest on it and a
# few of them.
PAGES = pa.schema(
    {"key": pa.string(), "uid": pa.string(), "url": pa.string(), "shard": pa.int32(), "survivor": pa.string()}
    | {f"{tier}.{name}": pa.string() for tier in TIERS[:3] for name in ("fate", "part")}
    | {"L2.score": pa.float32(), "L3.requests": pa.int32()}
    | {f"L3.{name}": pa.list_(pa.string()) for name in ("rows", "parts")}
    | {"L4.statements": pa.int32(), "L4.uids": pa.list_(pa.string())}
)


@dataclass(frozen=True)
class Table(Job):
    """The table of a dump. ``tier`` is the one at which its rows enter."""

    built: tuple[str, ...] = ()  # the sealed tiers
    runs: tuple[Run, ...] = ()  # of shards whose pages are spilled together
    cluster_runs: tuple[Run, ...] = ()  # of shards whose duplicates lie in one part

    @property
    def base(self) -> str:
        """The folder of this table, named by what it was made of."""
        return f"{FOLDER}/{self.dump}/{self.fingerprint[:12]}"


def table_of(store: Store, dump: str) -> Table | None:
    """The table that fits the sealed tiers of a dump, whether or not it is built; None while none is sealed."""
    digest, built = hashlib.sha256(FORMAT), []
    for tier in TIERS:
        try:
            digest.update(store.get(f"{tier}/{dump}/manifest.json"))
            built.append(tier)
        except FileNotFoundError:
            continue
    if not built:
        return None
    return Table(store, built[0], dump, Settings(), digest.hexdigest(), built=tuple(built))


def ensure(store: Store, dump: str, cluster: Cluster) -> Table | None:
    """The table of a dump, built now where it is not there; None while no tier is sealed."""
    table = table_of(store, dump)
    if table is not None and not store.exists(f"{table.base}/manifest.json"):
        _build(table, cluster)
    if table is not None:
        _remove_others(table)
    return table


def _remove_others(table: Table) -> None:
    """Remove what the build needed only, and tables of tiers that are no more; a kill may have left them."""
    mark = table.base.rpartition("/")[2]
    folders = [f"{FOLDER}/{table.dump}/{one}" for one in table.store.folders(f"{FOLDER}/{table.dump}") if one != mark]
    for folder in (*folders, f"{table.base}/{SCRATCH}"):
        table.store.delete([found.path for found in table.store.list(folder)])


def _build(table: Table, cluster: Cluster) -> None:
    from dataclasses import replace

    sizes = [
        (record.number, sum(part.rows for part in annotation_parts(record)))
        for record in read_records(table.store, f"{table.tier}/{table.dump}", "data")
    ]
    partitions = max(1, -(-sum(rows for _, rows in sizes) // ROWS_A_PARTITION))
    duplicates = Job(table.store, "L1", table.dump, table.settings, table.fingerprint)
    known = "L1" in table.built and table.tier == "L0"
    runs = shuffle_of(duplicates).own.runs if known else ()
    job = replace(table, partitions=partitions, runs=group_runs(sizes), cluster_runs=runs)
    if partitions > 1:
        map_pending(job, cluster, spread, range(len(job.runs)), "spread")
    if "L4" in job.built:
        numbers = sorted(committed(job.store, f"L4/{job.dump}", "data"))
        map_pending(job, cluster, say, numbers, "said")
    map_pending(job, cluster, gather, range(partitions), "pages")
    parts = {record.number: part for record in read_records(job.store, job.base, "pages") for part in record.parts}
    rows = sum(part.rows for part in parts.values())
    body = {"tiers": list(job.built), "partitions": partitions, "rows": rows}
    body["parts"] = {str(number): asdict(part) for number, part in parts.items()}  # so that no record must be read
    job.store.create(f"{job.base}/manifest.json", json.dumps(body, indent=1, sort_keys=True).encode())


@done_before("spread")
def spread(job: Table, number: int) -> Record:
    """The pages of a run, by the registered domain of each."""
    spill = Spill(job.store, scratch(job, "pages"), number, PAGES, hashes=False)
    for shard in job.runs[number].shards:
        pages = pages_of(job, shard)
        spill.write(pages, _partitions(pages["key"], job.partitions))
    return Record("spread", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("said")
def say(job: Table, number: int) -> Record:
    """The statements of a record of L4, by the registered domain of the pages that they rest on."""
    keys, said = url_statements.said_of(job.store, job.dump, number)
    spill = Spill(job.store, scratch(job, "said"), number, url_statements.SAID, hashes=False)
    spill.write(said, _partitions(keys, job.partitions))
    return Record("said", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("pages")
def gather(job: Table, partition: int) -> Record:
    """The sorted pages of a partition."""
    if job.partitions > 1:
        tables: Iterable[pa.Table] = spilled(job, "spread", scratch(job, "pages"), partition)
    else:
        tables = (pages_of(job, shard) for run in job.runs for shard in run.shards)
    pages = gathered(tables, PAGES).sort_by([("key", "ascending"), ("uid", "ascending")])
    if "L4" in job.built:
        said = spilled(job, "said", scratch(job, "said"), partition)
        for name, column in url_statements.of_pages(said, pages["uid"].combine_chunks()).items():
            pages = pages.set_column(pages.column_names.index(name), PAGES.field(name), column)
    record = Record("pages", partition, f"partition {partition}", job.fingerprint)
    if pages.num_rows:
        writer = PartWriter(job.store, f"{job.base}/pages/part-{partition:05d}", PAGES)
        for start in range(0, pages.num_rows, GROUP_ROWS):
            writer.write(pages.slice(start, GROUP_ROWS))
            writer.flush()
        record.parts = [writer.finish()]
    return record


def partition_of_host(host: str, partitions: int) -> int:
    """The partition in which a host and all hosts of its registered domain lie."""
    from xxhash import xxh3_64_intdigest

    return int(partition_of(np.array([xxh3_64_intdigest(registered(host))], np.uint64), partitions)[0])


def _partitions(keys: pa.ChunkedArray, partitions: int) -> np.ndarray:
    sites = pc.list_element(pc.split_pattern(keys, "/", max_splits=1), 0).combine_chunks().dictionary_encode()
    of_site = [partition_of_host(site_key(site), partitions) for site in sites.dictionary.to_pylist()]
    return np.array(of_site, np.int32)[sites.indices.to_numpy()] if of_site else np.zeros(0, np.int32)


def pages_of(job: Table, shard: int) -> pa.Table:
    """PAGES of one shard: its records that have an address of the web, but for those that are no pages by their
    type."""
    entry = read_record(job.store, f"{job.tier}/{job.dump}", "data", shard)
    tables = [_entered(table) for table in read_parts(job.store, annotation_parts(entry), ("uid", "url", FATE))]
    pages = gathered(tables, pa.schema([("key", pa.string()), ("uid", pa.string()), ("url", pa.string())]))
    uids = pages["uid"].combine_chunks()
    columns: dict[str, Any] = {name: pages[name] for name in pages.column_names}
    columns["shard"] = pa.array([shard] * len(pages), pa.int32())
    for tier in TIERS[:3]:
        columns |= _of_tier(job, tier, shard, uids)
    columns |= _written(job, shard, uids)
    columns |= {name: pa.nulls(len(uids), PAGES.field(name).type) for name in ("L4.statements", "L4.uids")}
    return pa.table([columns[name] for name in PAGES.names], schema=PAGES)


def _entered(table: pa.Table) -> pa.Table:
    """Key, uid and url of the annotations of an input object that are of pages."""
    other = pc.fill_null(pc.starts_with(table[FATE], "ingest.record_"), False)
    table = table.filter(pc.and_(pc.is_valid(table["url"]), pc.invert(other)))
    keys = page_keys(table["url"])
    found = pa.table([keys, table["uid"], table["url"]], names=["key", "uid", "url"])
    return found.filter(pc.is_valid(found["key"]))


def _of_tier(job: Table, tier: str, shard: int, uids: pa.Array) -> dict[str, pa.Array]:
    """Fate and part of each uid at a tier, of L1 the survivor of a duplicate, of L2 the score."""
    none = pa.nulls(len(uids), pa.string())
    found: dict[str, pa.Array] = {f"{tier}.fate": none, f"{tier}.part": none}
    extra = {"L1": ("survivor", pa.string()), "L2": ("L2.score", pa.float32())}.get(tier)
    if extra:
        found[extra[0]] = pa.nulls(len(uids), extra[1])
    if tier not in job.built:
        return found
    base = f"{tier}/{job.dump}"
    data = read_record(job.store, base, "data", shard)
    notes = data if tier != "L1" or tier == job.tier else read_record(job.store, base, "annotations", shard)
    columns = ("uid", FATE, "score") if tier == "L2" and tier != job.tier else ("uid", FATE)
    verdicts = _looked_up(uids, read_parts(job.store, annotation_parts(notes), columns), columns)
    parts = (
        table.append_column("part", pa.array([_short(part.path, base)] * len(table), pa.string()))
        for part in data_parts(data)
        for table in read_parts(job.store, [part], ["uid"])
    )
    found[f"{tier}.part"] = _looked_up(uids, parts, ("uid", "part"))["part"]
    fate = verdicts[FATE]
    if "score" in verdicts:
        found["L2.score"] = verdicts["score"].cast(pa.float32())
    if tier == "L1" and job.cluster_runs:
        reason, found["survivor"] = _duplicates(job, shard, uids)
        fate = pc.coalesce(fate, reason)
    found[f"{tier}.fate"] = pc.if_else(pc.is_valid(found[f"{tier}.part"]), KEPT, fate)
    return found


def _short(path: str, base: str) -> str:
    return path.removeprefix(f"{base}/data/")


def _looked_up(uids: pa.Array, tables: Iterable[pa.Table], columns: Sequence[str]) -> dict[str, pa.Array]:
    """The values that tables have for uids, null where there is none; ``columns`` begins with uid."""
    found = [table.select(list(columns)) for table in tables]
    if not found:
        return {name: pa.nulls(len(uids), pa.string()) for name in columns[1:]}
    table = pa.concat_tables(found, promote_options="default").combine_chunks()
    place = pc.index_in(uids, value_set=table["uid"].combine_chunks())
    return {name: table[name].combine_chunks().take(place) for name in columns[1:]}


def _duplicates(job: Table, shard: int, uids: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Why a row is left out as a duplicate, and of which row."""
    run = next(run.number for run in job.cluster_runs if shard in run.shards)
    record = read_record(job.store, f"L1/{job.dump}", "duplicates", run)
    columns = ("uid", "survivor", "reason")
    tables = list(read_parts(job.store, record.parts, columns))
    if not tables:
        return pa.nulls(len(uids), pa.string()), pa.nulls(len(uids), pa.string())
    table = pa.concat_tables(tables)
    table = table.filter(pc.is_valid(table["reason"])).combine_chunks()
    named = [uid_from_bytes(table[name]) for name in columns[:2]]
    reasons = pc.binary_join_element_wise(pa.scalar("dedup."), table["reason"].combine_chunks(), "")
    found = _looked_up(uids, [pa.table([*named, reasons], names=["uid", "survivor", "reason"])], columns)
    return found["reason"], found["survivor"]


def _written(job: Table, shard: int, uids: pa.Array) -> dict[str, pa.Array]:
    """How many requests were made about each document, and the rows written from it with their parts."""
    requests, rows, parts = np.zeros(len(uids), np.int32), [None] * len(uids), [None] * len(uids)
    if "L3" in job.built:
        base = f"L3/{job.dump}"
        for table in _tables(job, base, "annotations", shard, ("parent_uid", "request_uid")):
            asked = table.group_by(["parent_uid", "request_uid"]).aggregate([])
            place = pc.index_in(asked["parent_uid"], value_set=uids).drop_null().to_numpy()
            np.add.at(requests, place, 1)
        _fill_rows(job, shard, uids, rows, parts)
    kinds = PAGES.field("L3.rows").type
    return {
        "L3.requests": pa.array(requests),
        "L3.rows": pa.array(rows, kinds),
        "L3.parts": pa.array(parts, kinds),
    }


def _tables(job: Table, base: str, step: str, shard: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    record = read_record(job.store, base, step, shard)
    parts = annotation_parts(record) if step == "annotations" else data_parts(record)
    yield from read_parts(job.store, parts, columns)


def _fill_rows(job: Table, shard: int, uids: pa.Array, rows: list[Any], parts: list[Any]) -> None:
    record = read_record(job.store, f"L3/{job.dump}", "data", shard)
    for part in data_parts(record):
        for table in read_parts(job.store, [part], ("uid", "parent_uid")):
            places = pc.index_in(table["parent_uid"], value_set=uids).to_pylist()
            for place, uid in zip(places, table["uid"].to_pylist(), strict=True):
                if place is not None:
                    rows[place] = [*(rows[place] or ()), uid]
                    parts[place] = [*(parts[place] or ()), _short(part.path, "L3")]
