"""Takedown: what a rule matches, and all that was made of it, is out of the corpus at once and does not come back.

Nothing is rewritten: the uids go into the store's tombstones, which every reader honours, and the rule with them, which
rows that come later meet at their tier's first stage. ``governance compact`` removes the bytes. The rule is written
first, the uids next, the receipt last: whoever was killed in between runs the same command again, which ends it.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.cluster import Cluster
from governance.errors import RunError, UsageError
from governance.explain_address import Address, nothing_found
from governance.status import dumps
from governance.takedown_find import COPY, OWNED, entries, matched, requests_of, rows_of
from manifests.store import Store
from manifests.tombstones import GROUP_ROWS, RECEIPTS, SCHEMA, UIDS, InStore, Rule, Tombstones
from stages.addresses import is_suffix
from stages.takedown import canonical_rule

_EXAMPLES = 5
_RULED = ("domain", "url", "licence")  # kinds that say something of rows still to come


def rules_from(values: Sequence[tuple[str, str]], reason: str, dump: str | None) -> list[Rule]:
    """The rules of (kind, value), in their canonical spelling. Errors: UsageError for none, and for what is no rule."""
    if not values:
        raise UsageError("nothing to take down", "name it with --domain, --url, --uid or --licence")
    try:
        rules = [Rule(kind, canonical_rule(kind, value), reason, dump) for kind, value in values]
    except ValueError as error:
        raise UsageError(str(error), "give one host, address, uid or licence, without wildcards") from error
    for rule in rules:
        if rule.kind == "domain" and is_suffix(rule.value):
            remedy = "name the site below it, such as example." + rule.value
            raise UsageError(f"{rule.value} is a public suffix: everything below it would go", remedy)
    return sorted(set(rules), key=lambda rule: (rule.kind, rule.value))


def take_down(store: Store, rules: Sequence[Rule], dry_run: bool) -> dict[str, Any]:
    """Tombstone what rules match, or with ``dry_run`` only tell it.

    Returns the receipt: counts by tier, the parts that hold the rows, sha256 of the sorted uids, where the hashes of
    the rows are stored; ``receipt`` is its path, None where nothing was written.
    Errors: UsageError for an unknown dump; RunError where nothing is found.
    """
    _check_dump(store, rules[0].dump)
    with Cluster(None, 0) as cluster:
        found = matched(store, rules, cluster)
        if found.num_rows == 0:
            raise _nothing(store, rules[0])
        if dry_run:
            fresh = _fresh(store, found)
            return _told(store, rules, fresh, found, rows_of(store, fresh)) | {"dry_run": True, "receipt": None}
        for rule in rules:
            if rule.kind in _RULED:
                store.create(rule.path, rule.to_bytes())
        if not all(store.exists(f"{tier}/{dump}/manifest.json") for tier, dump in dumps(store)):
            found = matched(store, rules, cluster)  # a run may have added rows that did not meet the rule yet
    return _written(store, rules, _fresh(store, found), found)


def _check_dump(store: Store, dump: str | None) -> None:
    known = [entry.dump for entry in entries(store, None)]
    if not known:
        raise UsageError(f"{store.url} holds no tier", "name the --output of a run")
    if dump is not None and dump not in known:
        raise UsageError(f"no dump {dump!r} in {store.url}", f"there are: {', '.join(known[:10])}")


def _nothing(store: Store, rule: Rule) -> RunError:
    if rule.kind in ("domain", "url"):
        return nothing_found(store, Address(rule.kind, rule.value))
    return RunError(f"nothing found of the {rule.kind} {rule.value} in {store.url}", "check it and --output")


def _name(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _fresh(store: Store, found: pa.Table) -> pa.Table:
    """Those of the matched for which no receipt was written yet."""
    done = {
        path.path.rpartition("/")[2].partition(".")[0] for path in store.list(RECEIPTS) if path.path.endswith(".json")
    }
    stones = [(one.path, one.size) for one in store.list(UIDS)]
    settled = Tombstones(InStore(store), tuple(one for one in stones if one[0].rpartition("/")[2][:16] in done))
    hidden = settled.hidden(found.select(["uid"]))
    return found if hidden is None else found.filter(pc.invert(hidden)).combine_chunks()


def _told(store: Store, rules: Sequence[Rule], fresh: pa.Table, found: pa.Table, rows: pa.Table) -> dict[str, Any]:
    """What a takedown takes down, in numbers and examples. No text is in it."""
    told = [tier for tier in OWNED if tier != "L4" or store.folders(tier)]
    counts = {tier: _count(rows.filter(pc.equal(rows["tier"], tier))) for tier in told}
    uids = sorted({*fresh["uid"].to_pylist(), *rows["uid"].to_pylist()})
    parts = sorted(set(rows["part"].to_pylist()))
    copies = fresh.filter(pc.equal(fresh["rule"], COPY)).num_rows
    return {
        "rules": [{"kind": rule.kind, "value": rule.value, "dump": rule.dump} for rule in rules],
        "reason": rules[0].reason,
        "documents": fresh.num_rows - copies,
        "copies": copies,
        "already": found.num_rows - fresh.num_rows,
        "counts": counts,
        "requests": requests_of(store, fresh),
        "parts": parts,
        "uids": len(uids),
        "uids_sha256": hashlib.sha256("\n".join(uids).encode()).hexdigest(),
        "rows_sha256": hashlib.sha256(_parquet(rows, rows.schema)).hexdigest(),
        "examples": _examples(fresh, rows),
    }


def _count(rows: pa.Table) -> dict[str, int]:
    return {"rows": rows.num_rows, "bytes": pc.sum(rows["bytes"]).as_py() or 0}


def _examples(fresh: pa.Table, rows: pa.Table) -> list[dict[str, Any]]:
    """A few of the matched, those that came farthest first."""
    tiers = dict(zip(rows["uid"].to_pylist(), rows["tier"].to_pylist(), strict=True))
    known = [{**row, "tier": tiers.get(row["uid"])} for row in fresh.slice(0, 10_000).to_pylist()]
    known.sort(key=lambda row: (row["tier"] or "", row["uid"]), reverse=True)
    return [{name: row[name] for name in ("uid", "url", "dump", "tier", "rule")} for row in known[:_EXAMPLES]]


def _written(store: Store, rules: Sequence[Rule], fresh: pa.Table, found: pa.Table) -> dict[str, Any]:
    """Write the uids, the hashes of the rows and the receipt."""
    rows = rows_of(store, fresh)
    told = _told(store, rules, fresh, found, rows)
    if fresh.num_rows == 0:
        return told | {"dry_run": False, "receipt": None}
    stones = _parquet(fresh.select(SCHEMA.names), SCHEMA)
    name = _name(stones)
    store.create(f"{UIDS}/{name}.parquet", stones)
    store.create(f"{RECEIPTS}/{name}.parquet", _parquet(rows, rows.schema))
    receipt = f"{RECEIPTS}/{name}.json"
    body = told | {"dry_run": False, "receipt": receipt, "rows": f"{RECEIPTS}/{name}.parquet"}
    body |= {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if not store.create(receipt, json.dumps(body, indent=1, ensure_ascii=False).encode()):
        return json.loads(store.get(receipt))  # another process ended the same takedown first
    return body


def _parquet(table: pa.Table, schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table.cast(schema), sink, row_group_size=GROUP_ROWS, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def show(body: dict[str, Any]) -> None:
    """Print a receipt for people."""
    rules = ", ".join(f"{rule['kind']} {rule['value']}" for rule in body["rules"])
    if body["dry_run"]:
        print(f"Would take down {rules} (nothing was written):")
    elif body["receipt"] is None:
        print(f"Everything of {rules} is taken down already: {body['already']:,} documents.")
        return
    else:
        print(f"Taken down: {rules}")
    counts = ", ".join(f"{tier} {count['rows']:,}" for tier, count in body["counts"].items())
    print(f"  {body['documents']:,} documents; rows by tier: {counts}; {body['requests']:,} requests at L3")
    if body["copies"]:
        print(f"  {body['copies']:,} duplicates of them stay rejected, and go too: their content is the same")
    if body["already"]:
        print(f"  {body['already']:,} more were taken down before")
    for one in body["examples"]:
        print(f"  {one['uid']}  {one['tier'] or 'no text'}  {one['url'] or 'a duplicate'}")
    print(f"  {len(body['parts']):,} parts hold them; sha256 of the sorted uids {body['uids_sha256']}")
    if body["receipt"]:
        print(f"  receipt {body['receipt']}; no reader shows them any more. `governance compact` removes the bytes.")
