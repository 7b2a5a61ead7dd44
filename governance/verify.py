"""Re-counts a corpus from its objects: checksums, schemas, ledger, fates and lineage. Trusts nothing it can recount."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance import layout, policy
from governance.errors import CorpusError
from governance.gates import Gates
from governance.job import annotation_parts, data_parts
from governance.parts import read_parts
from governance.pipeline import BESIDE, LASTING, RECORDED
from governance.plan import lasting_fingerprint
from governance.progress import Progress
from governance.runner import FATE, QUARANTINED
from governance.selection import selection_faults
from governance.status import dumps
from governance.verify_outputs import account_faults, row_faults
from manifests import ledger as accounts
from manifests.ledger import Tally, tally
from manifests.records import Part, Record, committed, read_record, record_path
from manifests.schema import tier_schema
from manifests.store import Store
from manifests.tombstones import tombstone_faults, under_way

_BLOCK_BYTES = 8 << 20
_UNREADABLE = (KeyError, ValueError, TypeError, IndexError, AttributeError)  # of JSON that is not what a run writes


@dataclass
class _Counted:
    """What the objects of a tier hold, counted again."""

    data: Tally = field(default_factory=Tally)
    fates: Tally = field(default_factory=Tally)
    ledgers: dict[str, accounts.Ledger] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)  # as the manifest names them
    figures: Counter[str] = field(default_factory=Counter)
    named: set[str] = field(default_factory=set)  # paths of the parts that records name
    sound: bool = True  # every part is what its record says


def audit(store: Store, progress: Progress, gates: Mapping[str, Gates] | None = None) -> dict[str, Any]:
    """Check every sealed tier; returns ``tiers`` checked, counts, ``gates`` with value, limit and whether they hold,
    and ``faults``, each a sentence naming the object. A gate that does not hold is no fault.

    Args: gates by tier, None: those that are recorded in the store.
    """
    report: dict[str, Any] = {"tiers": [], "parts": 0, "rows": 0, "gates": [], "faults": []}
    if (number := under_way(store)) is not None:
        report["faults"].append(f"compaction {number} did not end: run `governance compact` again, then verify")
        return report
    report["faults"] += tombstone_faults(store)
    for tier, dump in dumps(store):
        for fault in audit_tier(store, tier, dump, report, progress):
            report["faults"].append(f"{tier}/{dump}: {fault}")
    if not report["tiers"]:
        report["faults"].append("no sealed tier")
    refined = [f"{tier}/{dump}" for tier, dump in dumps(store) if tier == "L3"]
    # While a dump is under way, folders fill that no card names yet.
    if refined and set(refined) <= set(report["tiers"]):
        report["faults"] += [f"{refined[-1]}: {fault}" for fault in layout.card_faults(store)]
    report["gates"] = policy.report(store, report["tiers"], policy.recorded(store) if gates is None else gates)
    return report


def audit_tier(store: Store, tier: str, dump: str, report: dict[str, Any], progress: Progress) -> Iterator[str]:
    """The faults of one tier."""
    base = f"{tier}/{dump}"
    try:
        manifest = json.loads(store.get(f"{base}/manifest.json"))
        ledger = accounts.load(manifest["ledger"])
        shards, fingerprint = int(manifest["shards"]), str(manifest["fingerprint"])
    except FileNotFoundError:
        yield "not sealed: the run that builds it did not end; run the same command again"
        return
    except _UNREADABLE as error:
        yield f"manifest.json is not what a run writes: {type(error).__name__}: {error}"
        return
    report["tiers"].append(base)
    yield from _plan_faults(store, base, manifest)
    yield from _lineage(store, manifest, ledger)
    yield from (f"ledger: {fault}" for fault in accounts.faults(ledger))
    counted = _Counted()
    with progress.stage(f"{tier} verify", total=shards) as line:
        for step in (*RECORDED[tier], *BESIDE.get(tier, ())):
            for number in sorted(committed(store, base, step)):
                try:
                    record = read_record(store, base, step, number)
                except _UNREADABLE as error:
                    yield f"{record_path(base, step, number)} is not what a run writes: {type(error).__name__}: {error}"
                    continue
                lasts = tier in LASTING and step == LASTING[tier][0]
                if record.fingerprint != (lasting_fingerprint(manifest["plan"]) if lasts else fingerprint):
                    yield f"{record_path(base, step, number)} was written under another plan"
                before = counted.data.rows
                yield from _recount(store, tier, record, counted)
                if tier == "L4" and step == "data":
                    from governance.verify_statements import evidence_faults  # polars: for L4 alone

                    yield from evidence_faults(store, dump, record)
                if tier == "L3":
                    yield from account_faults(store, record) if step == "annotations" else ()
                    yield from _orphans(store, dump, record) if step == "data" else ()
                report["parts"] += len(record.parts)
                report["rows"] += counted.data.rows - before
                line.advance(step == "data", counted.data.rows - before)
    yield from _compare(manifest, RECORDED[tier], counted)
    yield from selection_faults(store, base, manifest)
    if tier == "L3" and counted.sound:
        yield from row_faults(store, dump, manifest)
    yield from _strays(store, tier, dump, counted.named)


def _plan_faults(store: Store, base: str, manifest: dict[str, Any]) -> Iterator[str]:
    """The manifest tells the plan that was stored before work began, and its fingerprint is the plan's."""
    canonical = json.dumps(manifest.get("plan"), sort_keys=True, ensure_ascii=False)
    if hashlib.sha256(canonical.encode()).hexdigest() != manifest["fingerprint"]:
        yield "manifest.json: its fingerprint is not that of its plan"
    try:
        stored = json.loads(store.get(f"{base}/plan.json"))
        if stored["plan"] != manifest.get("plan") or stored["fingerprint"] != manifest["fingerprint"]:
            yield "plan.json and manifest.json tell different plans"
    except _UNREADABLE as error:
        yield f"plan.json is not what a run writes: {type(error).__name__}: {error}"


def _lineage(store: Store, manifest: dict[str, Any], ledger: accounts.Ledger) -> Iterator[str]:
    """The parent is there, is the one this tier was made from, and what it kept is what came in here."""
    for older, fingerprint in manifest["plan"].get("against", {}).items():
        yield from _older(store, older, fingerprint)
    if manifest.get("parent") is None:
        return
    name = f"{manifest['parent']}/{manifest.get('dump')}"
    try:
        parent = json.loads(store.get(f"{name}/manifest.json"))
        kept = accounts.kept_over_time(accounts.load(parent["ledger"]))
        if parent["fingerprint"] != manifest["plan"]["parent"]:
            yield f"its parent tier {name} was built again since, differently"
        elif ledger and ledger[0].stage not in accounts.MADE_HERE and ledger[0].came not in kept:
            yield f"its parent tier {name} kept {kept[0].rows} rows, {ledger[0].came.rows} came in, or other rows"
    except FileNotFoundError:
        yield f"its parent tier {name} is missing"
    except _UNREADABLE:
        yield f"the manifest of its parent tier {name} is not what a run writes"


def _older(store: Store, dump: str, fingerprint: str) -> Iterator[str]:
    """A dump among which duplicates were looked for is there, as it was then."""
    try:
        if json.loads(store.get(f"L1/{dump}/manifest.json"))["fingerprint"] != fingerprint:
            yield f"the older dump {dump} was built again since, differently"
    except FileNotFoundError:
        yield f"the older dump {dump} is missing"
    except _UNREADABLE:
        yield f"the manifest of the older dump {dump} is not what a run writes"


def _orphans(store: Store, dump: str, record: Record) -> Iterator[str]:
    """Rows written from documents that L2 does not hold."""
    try:
        parents = _values(store, data_parts(record), "parent_uid")
        known = _values(store, data_parts(read_record(store, f"L2/{dump}", "data", record.number)), "uid")
    except (CorpusError, FileNotFoundError):
        return  # what is missing or damaged is told where it lies
    if lost := parents - known:
        yield f"shard {record.number} holds rows written from documents that L2 does not hold, such as {min(lost)}"


def _values(store: Store, parts: Sequence[Part], column: str) -> set[str]:
    return {value for table in read_parts(store, parts, [column]) for value in table[column].to_pylist()}


def _recount(store: Store, tier: str, record: Record, counted: _Counted) -> Iterator[str]:
    """Faults of one record's parts; adds what they hold to what is counted."""
    counted.named.update(part.path for part in record.parts)
    merged = accounts.merge([counted.ledgers.get(record.step, []), record.ledger])
    counted.ledgers[record.step] = merged
    counted.figures.update(record.figures)
    counted.totals["shards"] += record.step == "data"
    for part in record.parts:
        if record.step == "data" and part in data_parts(record):
            counted.totals.update(rows=part.rows, bytes=part.bytes, parts=1)
        try:
            with store.open(part.path) as stream:
                fault = _sum_fault(stream, part)
                file = None if fault else pq.ParquetFile(stream)
                if fault or file is None:
                    counted.sound = False
                    yield fault
                elif part in data_parts(record):
                    counted.data += yield from _data(file, part, tier)
                elif part in annotation_parts(record):
                    counted.fates += yield from _fates(file, part, record)
        except FileNotFoundError:
            counted.sound = False
            yield f"{part.path} is missing"
        except pa.ArrowException as error:
            yield f"{part.path} is no Parquet file: {str(error).splitlines()[0]}"


def _sum_fault(stream: BinaryIO, part: Part) -> str:
    """What is wrong with a part's bytes, "" when they are those that its record names."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK_BYTES):
        digest.update(block)
    if digest.hexdigest() != part.sha256:
        return f"{part.path} is damaged: its sha256 is not the recorded one"
    rows = pq.read_metadata(stream).num_rows
    return "" if rows == part.rows else f"{part.path} holds {rows} rows, its record says {part.rows}"


def _data(file: pq.ParquetFile, part: Part, tier: str) -> Generator[str, None, Tally]:
    """Faults of a part that holds text; returns the tally of its rows."""
    if not file.schema_arrow.equals(tier_schema(tier)):
        yield f"{part.path} has another schema than {tier}"
        return Tally()
    uids, empty, text = pa.chunked_array([], pa.string()), 0, "statement" if tier == "L4" else "content"
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, ["uid", text])
        uids = pa.chunked_array([*uids.chunks, *table["uid"].chunks])
        empty += table[text].null_count
    if pc.count_distinct(uids).as_py() != len(uids):
        yield f"{part.path} holds a uid twice"
    if empty:
        yield f"{part.path} holds {empty} rows without content"
    return tally(uids)


def _fates(file: pq.ParquetFile, part: Part, record: Record) -> Generator[str, None, Tally]:
    """Faults of a part that holds verdicts; returns the tally of its rows."""
    table = file.read(["uid", FATE])
    if record.ledger and record.ledger[0].stage != accounts.REQUESTS:  # those of L3 are items, told elsewhere
        yield from _fate_faults(part, table, record)
    return tally(table["uid"])


def _fate_faults(part: Part, table: pa.Table, record: Record) -> Iterator[str]:
    """The fates in the annotations, counted again, are those of the ledger."""
    expected: dict[str | None, int] = {}
    for account in record.ledger:
        for reason, count in account.rejected.items():
            expected[f"{account.stage}.{reason}"] = expected.get(f"{account.stage}.{reason}", 0) + count.rows
        if account.quarantined.rows:
            expected[QUARANTINED] = expected.get(QUARANTINED, 0) + account.quarantined.rows
    found = {item["values"]: item["counts"] for item in pc.value_counts(table[FATE]).to_pylist()}
    found.pop(None, None)
    if found != expected:
        wrong = next(reason for reason in {*found, *expected} if found.get(reason) != expected.get(reason))
        yield f"{part.path}: fate {wrong} counted {found.get(wrong, 0)} times, the ledger says {expected.get(wrong, 0)}"


def _compare(manifest: dict[str, Any], steps: Sequence[str], counted: _Counted) -> Iterator[str]:
    """The sums of the records against the manifest, and of the rows against the sums."""
    ledger = [account for step in steps for account in counted.ledgers.get(step, [])]
    if accounts.dump(ledger) != manifest["ledger"]:
        yield "the ledgers of the shards do not add up to the manifest's"
    for name in ("shards", "parts", "rows", "bytes"):
        if manifest.get(name) != counted.totals[name]:
            yield f"manifest.json says {name} {manifest.get(name)}, the records of the shards {counted.totals[name]}"
    if manifest.get("figures") != dict(counted.figures):
        yield "manifest.json: its figures are not the sum of the shards'"
    if not ledger:
        return
    if counted.data != ledger[-1].kept:
        yield f"the data holds {counted.data.rows} rows, the ledger kept {ledger[-1].kept.rows}, or other rows"
    if ledger[0].stage != accounts.REQUESTS and counted.fates != ledger[0].came:
        yield f"the annotations hold {counted.fates.rows} fates for {ledger[0].came.rows} that came in, or other rows"


def _strays(store: Store, tier: str, dump: str, named: set[str]) -> Iterator[str]:
    """Objects that no record names: a reader that globs the folder would take them for rows of the tier."""
    base = f"{tier}/{dump}"
    own = (f"{base}/_shards/", f"{base}/plan.json", f"{base}/manifest.json")
    for found in store.list(base):
        if found.path not in named and not found.path.startswith(own):
            yield f"{found.path} is named by no record, yet a reader of the folder would take it for a part"
    if tier == "L3":  # its data lies in the published layout, which all dumps share
        others = tuple(f"{other}-part-" for below, other in dumps(store) if below == tier and other != dump)
        for found in store.list("L3/data"):
            if found.path not in named and not found.path.rpartition("/")[2].startswith(others):
                yield f"{found.path} is named by no record, yet a reader of the folder would take it for a part"


def show(report: dict[str, Any]) -> None:
    """Print the report for people."""
    for tier in report["tiers"]:
        bad = [fault for fault in report["faults"] if fault.startswith(f"{tier}:")]
        print(f"{'FAULT' if bad else 'ok   '}  {tier}")
    for fault in report["faults"]:
        print(f"  {fault}")
    for gate in report["gates"]:
        state = "holds" if gate["holds"] else "FAILS"
        print(f"{state}  {gate['tier']} {gate['name']}: {gate['told']}")
    print(f"{report['parts']:,} parts, {report['rows']:,} rows, {len(report['faults'])} faults")
