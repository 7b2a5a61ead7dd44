"""Compaction: parts that hold rows which were taken down are written again without them, and the old ones removed.

Of each shard the new parts are written first, then a record of the next generation, create-only; then the old record
goes, and last the old parts. Until the old record is gone it stands, and so do its parts: whoever reads meets one or
the other, whole. The manifests follow when all shards are done. Whatever a kill leaves is found again by the next
compaction, which begins by ending the one before. The rows are counted as ``taken_down``, by the number of the
compaction, in an account of their own after all others, so that what was told of them before stays told.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance import compact_statements, compact_written, layout, url_table
from governance.answers import without_documents
from governance.cluster import Cluster
from governance.errors import UsageError
from governance.inputs import shard_key
from governance.job import annotation_parts, data_parts
from governance.parts import read_parts
from governance.pipeline import BESIDE, RECORDED, manifest_bytes, read_manifest, summed, sweep_tier
from governance.progress import Progress
from governance.runner import FATE
from governance.status import dumps
from manifests import ledger as accounts
from manifests.ledger import ROWS, TAKEN_DOWN, Account, Tally, tally
from manifests.records import (
    Part,
    PartWriter,
    Record,
    committed,
    generations,
    read_record,
    record_path,
    record_paths,
    sweep,
)
from manifests.store import Store
from manifests.tombstones import COMPACTIONS, Tombstones, read_tombstones, under_way

# Of the annotations of a row that was taken down, what may hold words of its page or name it.
_NAMING = ("url", "canonical_url", "author", "error")


@dataclass
class Compaction:
    """One compaction of a corpus, and what it did so far."""

    store: Store
    number: int
    out: Tombstones
    written: int = 0  # parts
    removed: int = 0  # parts
    answers: int = 0  # of unfinished shards

    @property
    def word(self) -> str:
        """The reason that the ledger gives for a row that this removed."""
        return f"{self.number:04d}"


def compact(store: Store, progress: Progress) -> dict[str, Any]:
    """Remove the bytes of what was taken down.

    Returns its receipt, stored beside the tombstones: rows by tier, parts written and removed.
    Errors: UsageError while a tier is under way whose shards must not change.
    """
    out = read_tombstones(store)
    number = under_way(store)
    if not out:
        return {"compaction": None, "rows": {}, "written": 0, "removed": 0, "answers": 0}
    for tier, dump in dumps(store):
        _refuse_under_way(store, tier, dump)
    if number is None:
        number = 1 + len([one for one in store.list(COMPACTIONS) if not one.path.endswith(".done.json")])
        store.create(f"{COMPACTIONS}/{number:04d}.json", json.dumps({"tombstones": out.names}, indent=1).encode())
    work = Compaction(store, number, out)
    every = dumps(store)
    with progress.stage("compact", total=len(every), unit="tiers") as line:
        for tier, dump in reversed(every):
            _compact_tier(work, tier, dump)
            line.advance(1, _rows(work, [(tier, dump)])[tier])
    with Cluster(None, 0) as cluster:
        for dump in sorted(dump for tier, dump in every if tier == "L4"):
            compact_statements.organize_again(store, dump, out, cluster, progress)
        for dump in sorted({dump for _, dump in every}):
            url_table.ensure(store, dump, cluster)
    body = {
        "compaction": number, "rows": dict(sorted(_rows(work, every).items())), "written": work.written,
        "removed": work.removed, "answers": work.answers, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip
    store.create(f"{COMPACTIONS}/{number:04d}.done.json", json.dumps(body, indent=1).encode())
    return body


def _refuse_under_way(store: Store, tier: str, dump: str) -> None:
    """A tier that is being built joins the shards below by their rows, so these must stay until it is sealed; L3 may
    be under way as long as it only asks. Errors: UsageError."""
    if store.exists(f"{tier}/{dump}/manifest.json") or tier == "L4":
        return
    allowed = ("annotations", "answered") if tier == "L3" else ()
    begun = {found.path.split("/")[3] for found in store.list(f"{tier}/{dump}/_shards")}
    if tier != "L3" or begun - set(allowed):
        raise UsageError(
            f"{tier} of dump {dump!r} is under way",
            "end it first with the same `governance run` command; no reader shows what was taken down meanwhile",
        )


def _compact_tier(work: Compaction, tier: str, dump: str) -> None:
    if tier == "L4":
        return  # made again at the end, from what is left below
    base = f"{tier}/{dump}"
    manifest = read_manifest(work.store, tier, dump)
    steps = RECORDED[tier] if manifest else ("annotations",)
    outputs = compact_written.outputs_job(work.store, dump, manifest) if tier == "L3" and manifest else None
    for step in ("answered", *steps) if tier == "L3" else steps:
        for number in sorted(committed(work.store, base, step)):
            record = _finished(work, base, step, number)
            known = _known(work, dump, record.name)
            if known is None:
                continue
            if tier == "L3" and step == "data":
                assert outputs is not None
                new = compact_written.rows(work.store, record, known, outputs, _filtered, work.word)
            elif tier == "L3":
                new = compact_written.annotations(work.store, record, known)
            else:
                new = _shard(work, record, known)
            _supersede(work, base, record, new)
    if manifest is None:
        _compact_logs(work, base, dump)
        return
    sweep_tier(work.store, tier, dump, (*RECORDED[tier], *BESIDE.get(tier, ())))
    if tier == "L3":
        layout.write_card(work.store)
    new_manifest = manifest_bytes(manifest | summed(work.store, base, RECORDED[tier]))
    if new_manifest != manifest_bytes(manifest):
        work.store.put(f"{base}/manifest.json", new_manifest)


def _known(work: Compaction, dump: str, shard: str) -> Tombstones | None:
    """The tombstones, where any is of a row of this shard."""
    key = shard_key(dump, shard)
    return work.out if work.out.of(key, key).num_rows else None


def _finished(work: Compaction, base: str, step: str, number: int) -> Record:
    """The latest generation of a record; what an earlier compaction left of those before it is removed."""
    paths = [path for path in record_paths(work.store, base, step, number) if work.store.exists(path)]
    records = [Record.from_bytes(work.store.get(path)) for path in paths]
    for path, old in zip(paths[:-1], records[:-1], strict=True):
        _remove(work, path, old, records[-1])
    return records[-1]


def _remove(work: Compaction, path: str, old: Record, new: Record) -> None:
    """Remove a record that another supersedes, and then its parts."""
    work.store.delete([path])
    kept = {part.path for part in new.parts}
    gone = [part.path for part in old.parts if part.path not in kept]
    work.store.delete(gone)
    work.removed += len(gone)


def _supersede(work: Compaction, base: str, old: Record, new: Record) -> None:
    """Commit the next generation of a record, and remove the one before."""
    if new == old:
        return
    later = generations(work.store, base, old.step, old.number)
    path = record_path(base, old.step, old.number, later[-1] if later else 0)
    following = record_path(base, old.step, old.number, (later[-1] if later else 0) + 1)
    work.store.create(following, new.to_bytes())
    work.written += len([part for part in new.parts if part not in old.parts])
    _remove(work, path, old, new)


def _rows(work: Compaction, tiers: Iterable[tuple[str, str]]) -> Counter[str]:
    """The rows that this compaction removed from sealed tiers, as their manifests tell: those before a kill too."""
    found: Counter[str] = Counter()
    for tier, dump in tiers:
        ledger = accounts.load((read_manifest(work.store, tier, dump) or {"ledger": []})["ledger"])
        told = (account.rejected.get(work.word, Tally()) for account in ledger if account.stage in (TAKEN_DOWN, ROWS))
        found[tier] += sum(count.rows for count in told)
    return found


def _shard(work: Compaction, record: Record, out: Tombstones) -> Record:
    """The record of a shard of L0 to L2 without what was taken down, its parts written."""
    gone, parts = Tally(), []
    for part in data_parts(record):
        new, removed = _filtered(work.store, part, out)
        parts += new
        gone += removed
    word = f"{TAKEN_DOWN}.{work.word}" if record.step == "data" else None
    parts += [_without_names(work.store, part, out, word) for part in annotation_parts(record)]
    ledger = [*record.ledger]
    if gone.rows:
        ledger = _with_account(ledger, work.word, gone)
    return replace(record, parts=[*parts, *_others(record)], ledger=ledger)


def _others(record: Record) -> list[Part]:
    known = {part.path for part in (*data_parts(record), *annotation_parts(record))}
    return [part for part in record.parts if part.path not in known]


def _with_account(ledger: list[Account], word: str, gone: Tally) -> list[Account]:
    """A ledger whose last account tells of the rows removed, beside those that earlier compactions removed."""
    last = ledger[-1] if ledger and ledger[-1].stage == TAKEN_DOWN else None
    before = ledger[:-1] if last else ledger
    came = last.came if last else (before[-1].kept if before else gone)
    rejected = {**(last.rejected if last else {})}
    rejected[word] = rejected.get(word, Tally()) + gone
    kept = _minus(last.kept if last else came, gone)
    return [*before, Account(TAKEN_DOWN, came, kept, rejected)]


def _minus(all_of: Tally, some: Tally) -> Tally:
    return Tally(all_of.rows - some.rows, (all_of.checksum - some.checksum) & ((1 << 64) - 1))


def _filtered(store: Store, part: Part, out: Tombstones) -> tuple[list[Part], Tally]:
    """A part without the rows that were taken down, none where nothing is left, and the tally of these rows."""
    with store.map(part.path) as stream:
        names = pq.read_schema(stream).names
    owners = [name for name in ("uid", "parent_uid") if name in names]
    gone = Tally()
    for table in read_parts(store, [part], owners):
        hidden = out.hidden(table)
        gone += tally(table["uid"].filter(hidden)) if hidden is not None else Tally()
    if gone.rows == 0:
        return [part], gone
    if gone.rows == part.rows:
        return [], gone
    return [_rewritten(store, part, (out.visible(table) for table in read_parts(store, [part])))], gone


def _without_names(store: Store, part: Part, out: Tombstones, word: str | None) -> Part:
    """Annotations of which the rows that were taken down name nothing any more, and, with ``word``, have this fate
    where they were kept before; the same part where that changes nothing."""
    changed = False

    def tables() -> Iterator[pa.Table]:
        nonlocal changed
        for table in read_parts(store, [part]):
            hidden = out.hidden(table)
            new = table if hidden is None else _scrubbed(table, hidden, word)
            changed |= not new.equals(table)
            yield new

    for _ in tables():
        if changed:
            return _rewritten(store, part, tables())
    return part


def _scrubbed(table: pa.Table, hidden: pa.Array, word: str | None) -> pa.Table:
    for name in (name for name in _NAMING if name in table.column_names):
        column = pc.if_else(hidden, pa.scalar(None, table.schema.field(name).type), table[name])
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    if word is None:
        return table
    fate = pc.if_else(hidden, pc.coalesce(table[FATE], pa.scalar(word)), table[FATE])
    return table.set_column(table.column_names.index(FATE), table.schema.field(FATE), fate)


def _rewritten(store: Store, part: Part, tables: Iterable[pa.Table]) -> Part:
    """Tables as a part that stands beside one, under its own hash."""
    with store.map(part.path) as stream:
        schema = pq.read_schema(stream)
    writer = PartWriter(store, part.path.rpartition("-")[0], schema)
    for table in tables:
        writer.write(table)
    return writer.finish()


def _compact_logs(work: Compaction, base: str, dump: str) -> None:
    """The answers of the shards of L3 that are not finished yet, without those about what was taken down."""
    sweep(work.store, [f"{base}/annotations"], _named(work.store, base))
    folders = work.store.folders(f"{base}/_answers")
    for folder in folders:
        number = int(folder.removeprefix("part-"))
        name = read_record(work.store, f"L2/{dump}", "data", number).name
        key = shard_key(dump, name)
        gone = set(work.out.of(key, key)["uid"].to_pylist())
        if gone:
            work.answers += without_documents(work.store, f"{base}/_answers/{folder}", gone)


def _named(store: Store, base: str) -> set[str]:
    steps = ("annotations", "answered")
    records = (read_record(store, base, step, number) for step in steps for number in committed(store, base, step))
    return {part.path for record in records for part in record.parts}


def show(body: dict[str, Any]) -> None:
    """Print what a compaction did for people."""
    if body["compaction"] is None:
        print("Nothing was taken down, so there is nothing to remove.")
        return
    rows = ", ".join(f"{tier} {count:,}" for tier, count in body["rows"].items() if count) or "none"
    print(f"Compaction {body['compaction']}: rows removed {rows}")
    print(f"  {body['written']:,} parts written, {body['removed']:,} removed; the rest of the corpus is as it was.")
    if body["answers"]:
        print(
            f"  {body['answers']:,} answers of an unfinished L3 are gone; what is still wanted of them is asked again."
        )
