"""What is published: sealed tiers whose accounts hold, and which of their parts become which file of the data set.

A file is made of parts of one dump in their order, so that a new dump or a withdrawn row changes few files. Its key
says what goes into it: who finds the key among what was published before needs to read nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance import layout, published_statements
from governance.errors import CorpusError, RunError, UsageError
from governance.inputs import shard_key
from governance.job import data_parts, table_parts
from governance.plan import lasting_fingerprint
from governance.published_rows import withdrawn
from governance.status import dumps
from manifests import ledger as accounts
from manifests.records import Part, Record, committed, read_records
from manifests.store import Store

STEPS = {"L1": ("annotations", "data"), "L2": ("data",), "L3": ("annotations", "data"), "L4": ("annotations", "data")}
TABLES = ("statements", "evidence", "entities", "edges")  # of L4, each a configuration
FORMAT = 1  # of the files: another number makes all of them anew
MB = 1_000_000
MAX_FILES = 10_000  # in one folder, as the hub advises


@dataclass(frozen=True)
class Bundle:
    """One file to be: its folder in the data set, the start of its name, and what goes into it."""

    folder: str
    stem: str
    parts: tuple[Part, ...]
    gone: tuple[str, ...] = ()  # uids of rows that were withdrawn
    split: int = 0  # a part above the limit becomes this many files,
    which: int = 0  # of which this is one

    @property
    def key(self) -> str:
        """sha256 of all that decides the file's bytes."""
        body = [FORMAT, [part.sha256 for part in self.parts], sorted(self.gone), self.split, self.which]
        return hashlib.sha256(json.dumps([self.folder, self.stem, *body]).encode()).hexdigest()

    @property
    def about(self) -> int:
        """Bytes that the file will have, near enough."""
        return sum(part.bytes for part in self.parts) // max(1, self.split)


@dataclass(frozen=True)
class Plan:
    """The files of a data set and the manifests of the tiers they come from, sorted by tier and dump."""

    bundles: tuple[Bundle, ...]
    manifests: tuple[dict[str, Any], ...]
    withheld: int = 0  # statements that rest in part on what was taken down, until they are found again

    @property
    def configurations(self) -> list[layout.Configuration]:
        """The configurations that have files, the published data set's first."""
        return layout.of_folders({bundle.folder for bundle in self.bundles})


def sealed_tiers(store: Store) -> tuple[tuple[str, ...], list[str]]:
    """The tiers that are published unless some are named, L3 and L4 where it is sealed, and a word on dumps of L4 that
    are not: these do not keep L3 back."""
    found = [dump for tier, dump in dumps(store) if tier == "L4"]
    open_ones = [dump for dump in found if not store.exists(f"L4/{dump}/manifest.json")]
    said = [f"L4 of dump {dump} is not sealed and is left out: end its run, then publish again" for dump in open_ones]
    return ("L3", "L4") if len(found) > len(open_ones) else ("L3",), said


def plan(store: Store, tiers: Sequence[str], file_mb: int, only_sealed: Sequence[str] = ()) -> Plan:
    """Check the tiers and lay out their files. Errors: UsageError, RunError for a tier that may not be published.

    Args: only_sealed, tiers of which dumps that are not sealed are left out instead of refused.
    """
    bundles: list[Bundle] = []
    manifests = []
    gone = withdrawn(store)
    withheld = 0
    for tier in sorted(set(tiers)):
        found = [dump for of, dump in dumps(store) if of == tier]
        if not found:
            raise UsageError(f"{store.url} holds no {tier}", f"build it with: governance run --level {tier}")
        for dump in found:
            if tier in only_sealed and not store.exists(f"{tier}/{dump}/manifest.json"):
                continue
            manifests.append(_manifest(store, tier, dump))
            if tier == "L4":
                hidden = published_statements.hidden(store, dump, gone)
                withheld += hidden.in_part
                bundles += _statement_bundles(store, dump, hidden, file_mb * MB)
            else:
                bundles += _bundles(store, tier, dump, gone, file_mb * MB)
    _check_folders(bundles, file_mb)
    if not bundles:
        raise RunError(f"{', '.join(tiers)} of {store.url} hold no rows", "nothing to publish; see `governance status`")
    return Plan(tuple(bundles), tuple(manifests), withheld)


def _check_folders(bundles: Sequence[Bundle], file_mb: int) -> None:
    for folder in {bundle.folder for bundle in bundles}:
        files = sum(bundle.folder == folder for bundle in bundles)
        if files > MAX_FILES:
            message = f"{folder} would have {files:,} files, and a hub takes {MAX_FILES:,} a folder"
            raise UsageError(message, f"give a --file-size above {file_mb}")


def _manifest(store: Store, tier: str, dump: str) -> dict[str, Any]:
    """The manifest of a sealed tier that its records bear out. Errors: RunError naming the tier, with the figures."""
    base = f"{tier}/{dump}"
    try:
        manifest = json.loads(store.get(f"{base}/manifest.json"))
    except FileNotFoundError:
        done = ", ".join(f"{step} of {len(committed(store, base, step)):,} shards" for step in STEPS[tier])
        message = f"{base} is not sealed: the run that builds it did not end; committed so far: {done}"
        raise RunError(message, "run the same `governance run` command again, then publish") from None
    except ValueError as error:
        raise CorpusError(f"{base}/manifest.json is damaged: {error}", "see `governance verify`") from error
    faults = list(_faults(store, base, manifest))
    if faults:
        message = f"{base} does not verify, so it is not published: {'; '.join(faults[:3])}"
        raise CorpusError(message, "run `governance verify` to see all of it, then restore or build again")
    return manifest


def _faults(store: Store, base: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where the manifest, its ledger, the records of the shards and the tier below contradict each other."""
    canonical = json.dumps(manifest["plan"], sort_keys=True, ensure_ascii=False)
    if hashlib.sha256(canonical.encode()).hexdigest() != manifest["fingerprint"]:
        yield "the fingerprint of its manifest is not that of its plan"
    ledger = accounts.load(manifest["ledger"])
    yield from (f"ledger: {fault}" for fault in accounts.faults(ledger))
    merged: dict[str, accounts.Ledger] = {}
    rows = parts = 0
    for record in _records(store, manifest["tier"], base):
        if record.fingerprint not in (manifest["fingerprint"], lasting_fingerprint(manifest["plan"])):
            yield f"the record of {record.step} {record.number} was written under another plan"
        merged[record.step] = accounts.merge([merged.get(record.step, []), record.ledger])
        if record.step == "data":
            rows += sum(part.rows for part in data_parts(record))
            parts += len(data_parts(record))
    if accounts.dump([one for step in STEPS[manifest["tier"]] for one in merged.get(step, [])]) != manifest["ledger"]:
        yield "the ledgers of the shards do not add up to the manifest's"
    kept = ledger[-1].kept.rows if ledger else rows
    if not rows == manifest["rows"] == kept or parts != manifest["parts"]:
        yield (
            f"its ledger kept {kept:,} rows, its manifest says {manifest['rows']:,} rows in {manifest['parts']:,} "
            f"parts, its records {rows:,} in {parts:,}"
        )
    yield from _parent_faults(store, manifest)


def _parent_faults(store: Store, manifest: Mapping[str, Any]) -> Iterator[str]:
    if manifest.get("parent") is None:
        return
    name = f"{manifest['parent']}/{manifest['dump']}/manifest.json"
    try:
        parent = json.loads(store.get(name))
    except FileNotFoundError:
        yield f"its parent's {name} is missing"
        return
    if parent["fingerprint"] != manifest["plan"]["parent"]:
        yield f"its parent {manifest['parent']} was built again since, differently"


def _records(store: Store, tier: str, base: str) -> Iterator[Record]:
    try:
        for step in STEPS[tier]:
            yield from read_records(store, base, step)
    except (KeyError, ValueError, TypeError) as error:
        raise CorpusError(f"a record of {base} is not what a run writes: {error}", "see `governance verify`") from error


def _bundles(store: Store, tier: str, dump: str, gone: Mapping[str, Sequence[str]], target: int) -> Iterator[Bundle]:
    """The files of a dump."""
    parts = (
        (record.number, part, gone.get(shard_key(dump, record.name), ()))
        for record in read_records(store, f"{tier}/{dump}", "data")
        for part in data_parts(record)
    )
    return bundles_of(tier, dump, parts, target)


def _statement_bundles(
    store: Store, dump: str, hidden: published_statements.Hidden, target: int
) -> Iterator[Bundle]:  # fmt: skip
    """The files of L4's tables of a dump. Of what was taken down a part is told only what it holds, since a page may
    be evidence in any shard: other parts stay the files that they are."""
    for table in TABLES:
        parts = (
            (record.number, part, hidden.uids_in(store, table, part))
            for record in read_records(store, f"L4/{dump}", "data")
            for part in table_parts(record, table)
        )
        yield from bundles_of("L4", dump, parts, target)


def bundles_of(
    tier: str, dump: str, parts: Iterable[tuple[int, Part, Sequence[str]]], target: int
) -> Iterator[Bundle]:  # fmt: skip
    """Parts to files of ``target`` to twice ``target`` bytes; the last of a folder, and one before a large part, may be
    smaller. A part above twice the target is split.

    Args: parts in order, each with the number of its shard and the uids that were taken down of it.
    """
    waiting: dict[str, list[tuple[int, Part, Sequence[str]]]] = {}
    sizes: dict[str, int] = {}
    for number, part, gone in parts:
        folder = layout.published_folder(tier, part.path)
        if sizes.get(folder) and sizes[folder] + part.bytes > 2 * target:
            sizes[folder] = 0
            yield _bundle(folder, dump, waiting.pop(folder))
        if part.bytes > 2 * target:
            pieces = -(-part.bytes // target)
            yield from (_bundle(folder, dump, [(number, part, gone)], pieces, which) for which in range(pieces))
            continue
        waiting.setdefault(folder, []).append((number, part, gone))
        sizes[folder] = sizes.get(folder, 0) + part.bytes
        if sizes[folder] >= target:
            sizes[folder] = 0
            yield _bundle(folder, dump, waiting.pop(folder))
    yield from (_bundle(folder, dump, left) for folder, left in waiting.items())


def _bundle(
    folder: str, dump: str, parts: Sequence[tuple[int, Part, Sequence[str]]], split: int = 0, which: int = 0
) -> Bundle:  # fmt: skip
    gone = tuple(sorted({uid for _, _, uids in parts for uid in uids}))
    stem = f"{dump}-part-{parts[0][0]:05d}" + (f"-{which:03d}" if split else "")
    return Bundle(folder, stem, tuple(part for _, part, _ in parts), gone, split, which)
