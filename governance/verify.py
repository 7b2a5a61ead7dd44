"""Re-counts a corpus from its objects: checksums, schemas, ledger, fates and lineage. Trusts nothing it can recount."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.job import annotation_parts, data_parts
from governance.progress import Progress
from governance.runner import FATE, QUARANTINED
from governance.status import dumps
from manifests import ledger as accounts
from manifests.ledger import Tally, tally
from manifests.records import Part, Record, read_records
from manifests.schema import tier_schema
from manifests.store import Store

_RECORDED = {"L0": ("data",), "L1": ("annotations", "data"), "L2": ("data",), "L3": ("data",)}


def audit(store: Store, progress: Progress) -> dict[str, Any]:
    """Check every sealed tier; returns ``tiers`` checked, counts, and ``faults``, each a sentence naming the object."""
    report: dict[str, Any] = {"tiers": [], "parts": 0, "rows": 0, "faults": []}
    for tier, dump in dumps(store):
        for fault in audit_tier(store, tier, dump, report, progress):
            report["faults"].append(f"{tier}/{dump}: {fault}")
    if not report["tiers"]:
        report["faults"].append("no sealed tier")
    return report


def audit_tier(store: Store, tier: str, dump: str, report: dict[str, Any], progress: Progress) -> Iterator[str]:
    """The faults of one tier."""
    base = f"{tier}/{dump}"
    try:
        manifest = json.loads(store.get(f"{base}/manifest.json"))
    except FileNotFoundError:
        yield "not sealed: the run that builds it did not end; run the same command again"
        return
    except json.JSONDecodeError:
        yield "manifest.json is not readable"
        return
    report["tiers"].append(base)
    yield from _lineage(store, manifest)
    yield from (f"ledger: {fault}" for fault in accounts.faults(accounts.load(manifest["ledger"])))
    counted: dict[str, accounts.Ledger] = {}
    data, fates = Tally(), Tally()
    with progress.stage(f"{tier} verify", total=manifest["shards"]) as line:
        for step in _RECORDED[tier]:
            for record in read_records(store, base, step):
                if record.fingerprint != manifest["fingerprint"]:
                    yield f"record {step} {record.number} was written under another plan"
                faults, kept, seen = _recount(store, tier, record)
                yield from faults
                data, fates = data + kept, fates + seen
                counted[step] = accounts.merge([counted.get(step, []), record.ledger])
                report["parts"] += len(record.parts)
                report["rows"] += kept.rows
                line.advance(step == "data", kept.rows)
    yield from _compare(
        manifest, [account for step in _RECORDED[tier] for account in counted.get(step, [])], data, fates
    )


def _lineage(store: Store, manifest: dict[str, Any]) -> Iterator[str]:
    """The parent is there and is the one this tier was made from."""
    if manifest["parent"] is None:
        return
    try:
        parent = json.loads(store.get(f"{manifest['parent']}/{manifest['dump']}/manifest.json"))
    except FileNotFoundError:
        yield f"its parent tier {manifest['parent']} is missing"
        return
    if parent["fingerprint"] != manifest["plan"]["parent"]:
        yield f"its parent tier {manifest['parent']} was built again since, differently"


def _recount(store: Store, tier: str, record: Record) -> tuple[list[str], Tally, Tally]:
    """Faults of one record's parts, the tally of its data rows, and of its annotation rows."""
    faults: list[str] = []
    kept, seen = Tally(), Tally()
    for part in record.parts:
        table, fault = _read(store, part)
        if table is None:
            faults.append(fault)
            continue
        if part in data_parts(record):
            kept += tally(table["uid"])
            faults += _data_faults(tier, part, table)
        elif part in annotation_parts(record):
            seen += tally(table["uid"])
            faults += _fate_faults(part, table, record)
    return faults, kept, seen


def _read(store: Store, part: Part) -> tuple[pa.Table | None, str]:
    try:
        body = store.get(part.path)
    except FileNotFoundError:
        return None, f"{part.path} is missing"
    if hashlib.sha256(body).hexdigest() != part.sha256:
        return None, f"{part.path} is damaged: its sha256 is not the recorded one"
    table = pq.read_table(io.BytesIO(body))
    if table.num_rows != part.rows:
        return None, f"{part.path} holds {table.num_rows} rows, its record says {part.rows}"
    return table, ""


def _data_faults(tier: str, part: Part, table: pa.Table) -> Iterator[str]:
    if not table.schema.equals(tier_schema(tier)):
        yield f"{part.path} has another schema than {tier}"
    if pc.count_distinct(table["uid"]).as_py() != table.num_rows:
        yield f"{part.path} holds a uid twice"
    if table["content"].null_count:
        yield f"{part.path} holds rows without content"


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


def _compare(manifest: dict[str, Any], counted: accounts.Ledger, data: Tally, fates: Tally) -> Iterator[str]:
    """The sums of the records against the manifest, and of the rows against the sums."""
    if accounts.dump(counted) != manifest["ledger"]:
        yield "the ledgers of the shards do not add up to the manifest's"
    if not counted:
        return
    if data != counted[-1].kept:
        yield f"the data holds {data.rows} rows, the ledger kept {counted[-1].kept.rows}, or other rows"
    if fates != counted[0].came:
        yield f"the annotations hold {fates.rows} fates for {counted[0].came.rows} that came in"


def show(report: dict[str, Any]) -> None:
    """Print the report for people."""
    for tier in report["tiers"]:
        bad = [fault for fault in report["faults"] if fault.startswith(f"{tier}:")]
        print(f"{'FAULT' if bad else 'ok   '}  {tier}")
    for fault in report["faults"]:
        print(f"  {fault}")
    print(f"{report['parts']:,} parts, {report['rows']:,} rows, {len(report['faults'])} faults")
