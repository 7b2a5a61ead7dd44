"""What a report of a large output costs: ``python -m benchmarks.handover_report``.

A corpus that the real pipeline built from the bundled crawl is copied until it holds 100,000 pages: every copy has
input names of its own, so its uids begin otherwise, and its parts, records and manifests are written by the pipeline's
own writers. Of that output the report is made, in this process, and its CPU time, page and memory are told.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from benchmarks import report as form
from governance import commands
from governance.inputs import shard_key
from governance.parts import read_parts
from governance.report_tiers import STEPS, read_tiers, text_parts
from manifests import ledger as accounts
from manifests.records import Part, PartWriter, Record, commit, read_records
from manifests.store import Store

ROWS = 100_000
BAR_CPU_S = 60.0
BAR_BYTES = 5_000_000
_BESIDE = {"L1": ("duplicates",), "L2": ("scores",), "L3": ("duplicates",)}
_TEXT_UIDS = ("uid", "cluster_id", "parent_uid", "row_uid", "request_uid")
_BYTE_UIDS = ("uid", "survivor", "match")


def replicate(source: str, target: str, rows: int = ROWS) -> dict[str, int]:
    """Write an output with so many pages at L0, or a few more, as copies of the first dump of another.

    Returns: copies, pages and shards. Errors: ValueError where the source holds no page.
    """
    old, new = Store(source), Store(target)
    tiers = read_tiers(old, None)
    tiers = [tier for tier in tiers if tier.dump == tiers[0].dump]
    pages = sum(part.rows for part in text_parts(old, tiers[0])) if tiers and tiers[0].name == "L0" else 0
    if not pages:
        raise ValueError(f"{source} holds no page at L0")
    copies, dump = -(-rows // pages), tiers[0].dump
    names = sorted(tiers[0].plan["inputs"])
    copied = {f"{copy:05d}-{name}": (copy, name) for copy in range(copies) for name in names}
    numbers = {name: number for number, name in enumerate(sorted(copied))}
    for tier in tiers:
        steps = (*STEPS[tier.name], *_BESIDE.get(tier.name, ()))
        found = {step: list(read_records(old, tier.base, step)) for step in steps}
        for copy in range(copies):
            keys = {shard_key(dump, name): shard_key(dump, f"{copy:05d}-{name}") for name in names}
            for step, records in found.items():
                for record in records:
                    name = f"{copy:05d}-{record.name}"
                    number = numbers.get(name, copy * len(records) + record.number)
                    parts = [_copy(old, new, part, number, keys) for part in record.parts]
                    commit(new, tier.base, Record(step, number, name, record.fingerprint, parts, record.ledger))
        plan = {**tier.plan, **({"inputs": dict.fromkeys(copied, "")} if tier.plan.get("inputs") else {})}
        _seal(new, tier.base, plan, tier.manifest or {}, copies)
    return {"copies": copies, "pages": copies * pages, "shards": len(copied)}


def _copy(old: Store, new: Store, part: Part, number: int, keys: Mapping[str, str]) -> Part:
    """A part with the uids of a copy, under the number of its shard."""
    folder, _, name = part.path.rpartition("/")
    stem = f"{folder}/{name.rpartition('-')[0].rpartition('-')[0]}-{number:05d}"
    writer: PartWriter | None = None
    for table in read_parts(old, [part]):
        table = _renamed(table, keys)
        writer = writer or PartWriter(new, stem, table.schema)
        writer.write(table)
    return writer.finish() if writer else part


def _renamed(table: pa.Table, keys: Mapping[str, str]) -> pa.Table:
    """A table whose uids begin with the keys of a copy."""
    for place, field in enumerate(table.schema):
        if field.name in _TEXT_UIDS and pa.types.is_string(field.type):
            values = pl.Series(table[field.name].combine_chunks(), dtype=pl.String)
        elif field.name in _BYTE_UIDS and field.type == pa.binary(16):
            values = pl.Series(table[field.name].cast(pa.binary()).combine_chunks()).bin.encode("hex")
        else:
            continue
        column = (values.str.slice(0, 8).replace(dict(keys)) + values.str.slice(8)).alias(field.name)
        if not pa.types.is_string(field.type):
            column = column.str.decode("hex")
        table = table.set_column(place, field, column.to_arrow().cast(pa.binary()).cast(field.type))
    return table


def _seal(store: Store, base: str, plan: Mapping[str, Any], manifest: Mapping[str, Any], copies: int) -> None:
    """The plan and the manifest of so many copies of a tier."""
    ledger = accounts.load(manifest["ledger"])
    for account in ledger:
        one = accounts.Account.from_json(account.to_json())
        for _ in range(copies - 1):
            account.add(one)
    counts = {name: manifest[name] * copies for name in ("rows", "bytes", "parts", "shards")}
    figures = {name: value * copies for name, value in manifest["figures"].items() if isinstance(value, int)}
    body = {**manifest, "plan": dict(plan), "ledger": accounts.dump(ledger), **counts, "figures": figures}
    store.put(f"{base}/plan.json", json.dumps({"plan": plan, "fingerprint": manifest["fingerprint"]}).encode())
    store.put(f"{base}/manifest.json", json.dumps(body, ensure_ascii=False).encode())


def measure(output: str) -> dict[str, Any]:
    """CPU and wall seconds of a report of an output, the bytes of its page, and the peak memory of this process."""
    from governance import report

    page = Path(output) / "measured.html"
    start, cpu = time.monotonic(), time.process_time()
    with _quiet():
        report.report(report.Ask(output, str(page), None, None, 20, 0), as_json=False)
    return {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.monotonic() - start, 2),
        "page_bytes": page.stat().st_size,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _quiet() -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    return redirect_stdout(StringIO())


def bars(figures: Mapping[str, Any]) -> Iterator[form.Bar]:
    """What was promised of it."""
    yield form.at_most(figures["cpu_s"], f"CPU seconds of a report of {ROWS:,} pages", BAR_CPU_S, "s")
    yield form.at_most(figures["page_bytes"], "bytes of its page", BAR_BYTES, "B")


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, copy, measure, print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handover_report", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="pages at L0")
    parser.add_argument("--source", help="output to copy; without it the bundled crawl is built up to L2")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        source = options.source or str(Path(folder) / "source")
        if options.source is None:
            with _quiet():
                commands.run(commands.Ask("L2", (), source, None, "L0", None, None, 2, (), False), as_json=True)
        size = replicate(source, str(Path(folder) / "copies"), options.rows)
        figures = size | measure(str(Path(folder) / "copies"))
    form.show(form.body("handover_report", figures, list(bars(figures))))


if __name__ == "__main__":
    main()
