"""Takedown of one domain from an output of a million rows, in seconds of CPU.

Run: python -m benchmarks.handover_takedown

The output is generated: 20 shards of L0 with 50,000 rows each, of 2,000 sites, and what L1 and L2 kept of them; texts
are short, because a takedown reads text only in the row groups that hold a row of the site. Measured is the verb
in a process of its own, from an output without a table of addresses, and from one whose run has built it.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import Bar, at_most, body, show
from governance.inputs import shard_key
from manifests.ledger import Account, tally
from manifests.records import Part, Record, commit, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store

SHARDS, ROWS, SITES = 20, 50_000, 2_000
DUMP = "web"
BAR_S = 60.0
_KEPT = {"L0": 1.0, "L1": 0.6, "L2": 0.2}  # share of the rows at a tier


def make_output(folder: str, shards: int = SHARDS, rows: int = ROWS, sites: int = SITES) -> None:
    """A sealed output of L0 to L2 with ``shards * rows`` rows of ``sites`` sites, without duplicates."""
    store = Store(folder)
    inputs = {f"part-{number:05d}.warc.gz": "generated" for number in range(shards)}
    tables = [_rows(number, name, rows, sites) for number, name in enumerate(sorted(inputs))]
    parent = None
    for tier, share in _KEPT.items():
        plan: dict[str, Any] = {"tier": tier, "inputs": inputs} if parent is None else {"tier": tier, "parent": parent}
        parent = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        store.put(f"{tier}/{DUMP}/plan.json", json.dumps({"fingerprint": parent, "plan": plan}).encode())
        kept = 0
        for number, (name, table) in enumerate(zip(sorted(inputs), tables, strict=True)):
            kept += _write_shard(store, tier, number, name, table, share, parent)
        totals = {"rows": kept, "bytes": 0, "parts": shards, "shards": shards, "ledger": [], "figures": {}}
        above = {"L0": None, "L1": "L0", "L2": "L1"}[tier]
        manifest = {"tier": tier, "dump": DUMP, "parent": above, "fingerprint": parent, "plan": plan, **totals}
        store.put(f"{tier}/{DUMP}/manifest.json", json.dumps(manifest).encode())


def _rows(number: int, name: str, rows: int, sites: int) -> pa.Table:
    key = shard_key(DUMP, name)
    uids = [f"{key}{row:024x}" for row in range(rows)]
    site = np.random.default_rng(number).integers(0, sites, rows)
    urls = [f"https://www.site{one}.example/{number}/{row}?page=1" for row, one in enumerate(site.tolist())]
    texts = [f"Row {row} of shard {number} tells of site {one}. " * 4 for row, one in enumerate(site.tolist())]
    return pa.table({"uid": uids, "url": urls, "content": texts})


def _write_shard(store: Store, tier: str, number: int, name: str, table: pa.Table, share: float, plan: str) -> int:
    """One shard of a tier: annotations of the rows of the tier below, data of those that it keeps."""
    base, count = f"{tier}/{DUMP}", len(table)
    order = np.arange(count) / count
    below = {"L0": 1.0, "L1": 1.0, "L2": _KEPT["L1"]}[tier]
    came, kept = table.filter(pa.array(order < below)), table.filter(pa.array(order < share))
    fate = pa.array(np.where(np.arange(len(came)) < len(kept), None, "made.short"), pa.string())
    notes = pa.table({"uid": came["uid"], "url": came["url"], "fate": fate})
    notes = notes.append_column("score", pa.array(np.full(len(notes), 0.5, np.float32)))
    verdicts = _part(store, f"{base}/annotations/part-{number:05d}", notes, notes.schema)
    lang = "" if tier == "L0" else "/en"
    schema = tier_schema(tier)
    data = _part(store, f"{base}/data{lang}/part-{number:05d}", conform(kept, schema), schema)
    lost = tally(came["uid"].filter(pc.is_valid(fate)))
    account = Account("made", tally(came["uid"]), tally(kept["uid"]), {"short": lost} if lost.rows else {})
    if tier == "L1":
        commit(store, base, Record("annotations", number, name, plan, [verdicts], [account]))
        commit(store, base, Record("data", number, name, plan, [data], [Account("dedup", account.kept, account.kept)]))
        commit(store, base, Record("duplicates", number, f"run {number}", plan))
    else:
        commit(store, base, Record("data", number, name, plan, [data, verdicts], [account]))
    return len(kept)


def _part(store: Store, stem: str, table: pa.Table, schema: pa.Schema) -> Part:
    return write_part(store, stem, [table.slice(start, 10_000) for start in range(0, len(table), 10_000)], schema)


def cpu_of(words: list[str]) -> tuple[float, dict[str, Any]]:
    """CPU seconds, with all children, of a command line of ours, and what it printed as JSON."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "governance.cli", *words, "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, json.loads(done.stdout)


def measure(shards: int = SHARDS, rows: int = ROWS, sites: int = SITES) -> tuple[dict[str, Any], list[Bar]]:
    """The figures of one domain taken down, and the bar."""
    with tempfile.TemporaryDirectory() as folder:
        make_output(folder, shards, rows, sites)
        first, told = cpu_of(["takedown", "--domain", "site7.example", "--output", folder])
        second, _ = cpu_of(["takedown", "--domain", "site8.example", "--output", folder])
        look, _ = cpu_of(["explain", "--domain", "site9.example", "--output", folder])
        compacted, _ = cpu_of(["compact", folder])
        table = sum(path.stat().st_size for path in Path(folder, "urls").rglob("*.parquet"))
    figures = {
        "rows": shards * rows,
        "documents taken down": told["documents"],
        "takedown, table of addresses built in it, CPU s": round(first, 2),
        "takedown, table there, CPU s": round(second, 2),
        "explain a domain, CPU s": round(look, 2),
        "compact, CPU s": round(compacted, 2),
        "bytes of the table a row": round(table / (shards * rows), 1),
    }
    return figures, [at_most(round(first, 2), "takedown of a domain from 1,000,000 rows, CPU", BAR_S, "s")]


def main() -> None:
    """Measure and print."""
    figures, bars = measure()
    show(body("handover_takedown", figures, bars))


if __name__ == "__main__":
    main()
