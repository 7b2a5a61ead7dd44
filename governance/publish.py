"""Publish tiers as a data set on a hub: check, compact, upload, and one commit by which the repository is what OUT is.

The repository itself remembers what was published: ``governance.json`` names every file with the key of what went into
it. A second publish therefore reads and sends only what changed, from whatever machine. A file is compacted into a
working folder, sent, and removed, so that a few files' room is enough for any corpus.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from governance import card, croissant, layout, policy
from governance import config as settings_file
from governance.commands import existing
from governance.compaction import COUNTED, Compacted, Counts, compact, survey
from governance.errors import RunError, UsageError
from governance.progress import Line, Progress, progress_mode
from governance.publish_plan import Bundle, Plan, plan, sealed_tiers
from manifests.hub import Hub, RemoteFile
from manifests.hub_patience import HubError
from manifests.schema import tier_schema
from manifests.store import Store

MEMORY = "governance.json"
CARD = "README.md"
CROISSANT = "croissant.json"
_AT_ONCE = 4  # files that are made or sent: while one is on its way, another is compacted
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_VERSION = 1  # of governance.json


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance publish``."""

    out: str
    repo_id: str
    tiers: tuple[str, ...] = ()  # none: L3, and L4 where it is sealed
    private: bool = False
    revision: str = "main"
    file_mb: int = 512
    work: str | None = None
    contact: str | None = None
    dry_run: bool = False
    config: str | None = None


@dataclass(frozen=True)
class Entry:
    """A file of the data set: the key of what went into it, its path ("" where no row was left), and what it holds."""

    key: str
    path: str
    bytes: int
    sha256: str
    counts: Counts

    def to_json(self) -> dict[str, Any]:
        """As it stands in governance.json."""
        return asdict(self)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> Entry:
        """The inverse of ``to_json``. Errors: KeyError, TypeError for what is none."""
        return Entry(body["key"], body["path"], body["bytes"], body["sha256"], Counts(**body["counts"]))


def publish(ask: Ask, as_json: bool) -> None:
    """Publish, or show what would be, and print the outcome. Errors: UsageError, RunError."""
    if not _REPO_ID.fullmatch(ask.repo_id):
        raise UsageError(f"--repo-id {ask.repo_id!r} names no repository", "write it as ORG/NAME")
    store = existing(ask.out)
    tiers, left_out = (ask.tiers, []) if ask.tiers else sealed_tiers(store)
    found = plan(store, tiers, ask.file_mb, only_sealed=() if ask.tiers else ("L4",))
    ask = replace(ask, tiers=tiers)
    gates = policy.in_force(store, settings_file.load(ask.config))
    for manifest in found.manifests:
        policy.demand(store, manifest, gates.get(manifest["tier"]), "it is not published")
    body = _rehearsed(store, found, ask) if ask.dry_run else _published(store, found, ask, as_json)
    body["warnings"] += left_out
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        show(body)


def _rehearsed(store: Store, found: Plan, ask: Ask) -> dict[str, Any]:
    """What would be published: every file with about its bytes, and the card. Asks no hub."""
    entries = [
        Entry(one.key, f"{one.folder}/{one.stem}-…parquet", one.about, "", survey(store, one)) for one in found.bundles
    ]
    facts = card.facts(store, found, entries, ask.repo_id, ask.contact)
    files = [{"path": one.path, "rows": one.counts.rows, "about_bytes": one.bytes} for one in entries]
    told = {"repo_id": ask.repo_id, "revision": ask.revision, "dry_run": True, "warnings": card.warnings(facts)}
    return told | {"configurations": facts["configurations"], "files": files, "card": card.render(facts)}


def _published(store: Store, found: Plan, ask: Ask, as_json: bool) -> dict[str, Any]:
    hub = Hub(ask.repo_id, ask.revision, ask.private)
    try:
        with _working_folder(ask) as folder:
            return _Publication(store, found, ask, hub, folder).run(Progress(progress_mode(as_json)))
    except HubError as error:
        raise RunError(str(error), error.remedy) from None


@contextmanager
def _working_folder(ask: Ask) -> Generator[Path]:
    """An empty folder of this repository's own, held against a second publish. Errors: RunError, OSError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(ask.work) if ask.work else cache / "governance" / "publish" / ask.repo_id.replace("/", "--")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another publish is at work in {folder}", "wait for it, or give another --work") from None
        _clear(folder)
        try:
            yield folder
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    for path in folder.glob("*.parquet"):  # of a publish that was killed, or broke off
        path.unlink()


class _Publication:
    """One publish: what is there already, what is sent, what is removed."""

    def __init__(self, store: Store, found: Plan, ask: Ask, hub: Hub, folder: Path) -> None:
        self._store, self._plan, self._ask, self._hub, self._folder = store, found, ask, hub, folder
        self._additions: list[Any] = []
        self._sent = 0
        self._lock = threading.Lock()

    def run(self, progress: Progress) -> dict[str, Any]:
        """Publish; returns the outcome as JSON values."""
        parent = self._hub.prepare()
        there = self._hub.files(parent)
        before = self._before(parent, there)
        kept = {one.key: one for one in before if not one.path or _is_there(one, there)}
        pending = [bundle for bundle in self._plan.bundles if bundle.key not in kept]
        made = self._send(pending, progress)
        entries = [made.get(bundle.key) or kept[bundle.key] for bundle in self._plan.bundles]
        facts = card.facts(self._store, self._plan, entries, self._ask.repo_id, self._ask.contact)
        beside = _small(facts, self._plan, entries)
        small = {path: data for path, data in beside.items() if not _same(there, path, data)}
        removed = self._stale(there, before, {one.path for one in entries})
        commit = parent
        # The same file may come from another key, such as that of another --file-size.
        additions = sorted((a for a in self._additions if not _is_added(a, there)), key=lambda a: a.path_in_repo)
        if additions or small or removed:
            message = f"Publish {', '.join(self._ask.tiers)}: {facts['rows']:,} rows"
            commit = self._hub.commit(additions, small, removed, message, parent)
        return self._told(facts, entries, commit, len(additions), len(removed), commit != parent)

    def _before(self, parent: str, there: Mapping[str, RemoteFile]) -> list[Entry]:
        """What the last publish made, by the repository's own memory; nothing where there is none to read."""
        if MEMORY not in there:
            return []
        try:
            body = json.loads(self._hub.read(MEMORY, parent))
            return [Entry.from_json(one) for one in body["files"]] if body["version"] == _VERSION else []
        except (ValueError, KeyError, TypeError) as error:
            remedy = f"remove {MEMORY} from the repository; then all files are made and compared anew"
            raise RunError(f"{MEMORY} of {self._ask.repo_id} is not what publish writes: {error}", remedy) from error

    def _send(self, pending: Sequence[Bundle], progress: Progress) -> dict[str, Entry]:
        """Compact and upload, some files at once. The first failure ends it; what was sent stays for the next try."""
        with (
            progress.stage("publish", total=len(pending), unit="files") as line,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            made = [pool.submit(self._made, bundle, line) for bundle in pending]
            try:
                # In the order in which they end, so that a failure is told at once.
                for one in as_completed(made):
                    one.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return {bundle.key: one.result() for bundle, one in zip(pending, made, strict=True)}

    def _made(self, bundle: Bundle, line: Line) -> Entry:
        """Make and send one file. The local one is removed unless it must travel with the commit."""
        done = compact(self._store, bundle, self._folder, tier_schema(layout.schema_of(bundle.folder)))
        entry = _entry(bundle, done)
        if done is not None:
            addition = self._hub.upload(entry.path, done.path, done.sha256)
            if self._hub.sent(addition):
                done.path.unlink()
            with self._lock:
                self._additions.append(addition)
                self._sent += done.bytes
                line.advance(1, done.counts.rows, entry.path.rpartition("/")[2])
        return entry

    def _stale(self, there: Mapping[str, RemoteFile], before: Sequence[Entry], wanted: set[str]) -> list[str]:
        """Files that readers would take for rows and that this publish does not hold: of the last one, or whatever else
        lies in the folders of the configurations."""
        folders = {bundle.folder for bundle in self._plan.bundles}
        old = {one.path for one in before}
        return [path for path in there if path not in wanted and (path in old or path.rpartition("/")[0] in folders)]

    def _told(
        self, facts: dict[str, Any], entries: Sequence[Entry], commit: str, added: int, removed: int, changed: bool
    ) -> dict[str, Any]:
        files = sum(bool(one.path) for one in entries)
        return {
            "repo_id": self._ask.repo_id,
            "url": self._hub.address,
            "revision": self._ask.revision,
            "commit": commit,
            "changed": changed,
            "files": {"added": added, "unchanged": files - added, "removed": removed},
            "compacted_bytes": self._sent,
            "work": str(self._folder),
            "warnings": card.warnings(facts),
            "configurations": facts["configurations"],
        }


def _entry(bundle: Bundle, done: Compacted | None) -> Entry:
    if done is None:
        return Entry(bundle.key, "", 0, "", Counts(by={column: {} for column in COUNTED}))
    path = f"{bundle.folder}/{bundle.stem}-{done.sha256[:12]}.parquet"
    return Entry(bundle.key, path, done.bytes, done.sha256, done.counts)


def _is_there(one: Entry, there: Mapping[str, RemoteFile]) -> bool:
    return one.path in there and there[one.path].is_file(one.bytes, one.sha256)


def _is_added(addition: Any, there: Mapping[str, RemoteFile]) -> bool:
    info = addition.upload_info
    return addition.path_in_repo in there and there[addition.path_in_repo].is_file(info.size, info.sha256.hex())


def _same(there: Mapping[str, RemoteFile], path: str, data: bytes) -> bool:
    return path in there and there[path].holds(data)


def _small(facts: dict[str, Any], found: Plan, entries: Sequence[Entry]) -> dict[str, bytes]:
    """The files beside the data: the card, the Croissant metadata, and the memory of what was published."""
    body = {
        "version": _VERSION,
        "tiers": {f"{one['tier']}/{one['dump']}": one["fingerprint"] for one in found.manifests},
        "files": [one.to_json() for one in entries],
    }
    return {
        CARD: card.render(facts).encode(),
        CROISSANT: croissant.render(facts).encode(),
        MEMORY: json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False).encode(),
    }


def show(body: dict[str, Any]) -> None:
    """Print the outcome for people."""
    from governance.funnel import size

    for line in body["warnings"]:
        print(f"! {line}")
    for one in body["configurations"]:
        print(f"{one['name']}: {one['rows']:,} rows, {one['files']:,} files, {size(one['bytes'])}")
    if body.get("dry_run"):
        for one in body["files"]:
            print(f"  {one['path']}  {one['rows']:,} rows, about {size(one['about_bytes'])}")
        print(f"\n{CARD}:\n\n{body['card']}")
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in body["files"].items())
    print(f"files: {counts}; worked in {body['work']}")
    print(f"{'published' if body['changed'] else 'nothing to do'}: {body['url']} at {body['commit']}")
