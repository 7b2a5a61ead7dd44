"""What L3 writes for one shard: annotations of every request, rows in the published layout, ledger and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from governance.job import Job
from manifests.ledger import REQUESTS, Account, tally
from manifests.records import Record, write_part
from manifests.schema import conform, tier_schema
from stages.synthesize import Finished, to_tables


def write_shard(job: Job, number: int, name: str, finished: Sequence[Finished | None]) -> Record:
    """Write the annotations and rows of a shard; returns the record to commit."""
    notes, data = to_tables([one for one in finished if one is not None])
    fate, reason = _fates(notes)
    notes = notes.set_column(notes.column_names.index("fate"), "fate", fate).append_column("reason", reason)
    parts = (
        [write_part(job.store, f"{job.base}/annotations/part-{number:05d}", [notes], notes.schema)]
        if len(notes)
        else []
    )
    data = conform(data, tier_schema("L3"))
    for folder in sorted({_folder(job, row) for row in data.select(["lang", "style"]).to_pylist()}):
        chosen = [_folder(job, row) == folder for row in data.select(["lang", "style"]).to_pylist()]
        stem = f"{folder}/{job.dump}-part-{number:05d}"
        parts.append(write_part(job.store, stem, [data.filter(pa.array(chosen))], data.schema))
    ledger = [_requests_account(notes), Account("rows", tally(data["uid"]), tally(data["uid"]))]
    return Record("data", number, name, job.fingerprint, parts, ledger, _figures(notes, data))


def _folder(job: Job, row: dict[str, Any]) -> str:
    """The folder of a row in the layout of the published data set."""
    kind = "qa" if row["style"] == "qa" else "multi_style"
    return f"L3/data/{job.settings.l3.synthesize.name}_{row['lang']}_l3/{kind}"


def _fates(notes: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Each request's fate as the ledger names it, and the word of whoever decided it."""
    outcomes, reasons = notes["outcome"].to_pylist(), notes["fate"].to_pylist()
    fates = [
        None if outcome == "kept" else f"{REQUESTS}.{reason if outcome == 'rejected' else outcome}"
        for outcome, reason in zip(outcomes, reasons, strict=True)
    ]
    return pa.array(fates, pa.string()), pa.array(reasons, pa.string())


def _requests_account(notes: pa.Table) -> Account:
    """planned = kept + rejected (by reason) + failed + skipped."""
    account = Account(REQUESTS, tally(notes["uid"]))
    groups: dict[str | None, list[str]] = {}
    for uid, fate in zip(notes["uid"].to_pylist(), notes["fate"].to_pylist(), strict=True):
        groups.setdefault(fate, []).append(uid)
    account.kept = tally(pa.array(groups.pop(None, []), pa.string()))
    for fate, uids in groups.items():
        account.rejected[str(fate).removeprefix(f"{REQUESTS}.")] = tally(pa.array(uids, pa.string()))
    return account


def _figures(notes: pa.Table, data: pa.Table) -> dict[str, int]:
    """Counts for the funnel: requests by outcome, tokens, verified tokens and what they make."""
    figures: Counter[str] = Counter(requests=len(notes), rows=len(data))
    for note in notes.select(["outcome", "task", "prompt_tokens", "output_tokens"]).to_pylist():
        figures[note["outcome"]] += 1
        figures["prompt_tokens"] += note["prompt_tokens"]
        figures["output_tokens"] += note["output_tokens"]
        if note["outcome"] == "kept":
            figures["verified_tokens"] += note["output_tokens"]
            figures["verified_qa_pairs" if note["task"] == "qa" else "verified_rewrites"] += 1
    return dict(figures)
