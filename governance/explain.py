"""A row's whole path: archive record, every verdict at every tier, and what was written from it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pyarrow.compute as pc

from governance.errors import UsageError
from governance.job import annotation_parts, data_parts
from governance.parts import read_parts
from governance.status import dumps
from manifests.records import Part, Record, read_record
from manifests.store import Store

_CONTENT_CHARS = 400
_STEPS = {"L0": ("data",), "L1": ("annotations", "data"), "L2": ("data",), "L3": ("data",)}


def explain(store: Store, uid: str) -> dict[str, Any]:
    """Everything the corpus knows of a uid: ``row`` it was asked for, ``path`` from the archive up, ``children`` at L3.

    Opens one shard a tier, found from the uid itself. Errors: UsageError for what is no uid or not in the corpus.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", uid):
        raise UsageError(f"{uid!r} is no uid", "a uid is 32 hex digits, the column uid of any Parquet part")
    for dump, number, name in _shards(store, uid[:8]):
        root = uid
        written = _find(store, "L3", dump, number, "uid", uid)
        if written:
            root = written[0]["row"]["parent_uid"]
        path = [found for tier in ("L0", "L1", "L2") for found in _find(store, tier, dump, number, "uid", root)]
        if not path and not written:
            continue
        children = _find(store, "L3", dump, number, "parent_uid", root)
        return {
            "uid": uid,
            "root_uid": root,
            "dump": dump,
            "input": name,
            "written": written,
            "path": path,
            "children": children,
        }
    raise UsageError(f"no row {uid} in {store.url}", "check the uid and --output")


def _shards(store: Store, key: str) -> list[tuple[str, int, str]]:
    """(dump, number, name) of the input objects whose uids begin with ``key``: one, or very rarely two."""
    found = set()
    for tier, dump in dumps(store):
        names = json.loads(store.get(f"{tier}/{dump}/plan.json"))["plan"].get("inputs", {})
        for number, name in enumerate(sorted(names)):
            if hashlib.sha256(f"{dump}/{name}".encode()).hexdigest()[:8] == key:
                found.add((dump, number, name))
    return sorted(found)


def _find(store: Store, tier: str, dump: str, number: int, column: str, value: str) -> list[dict[str, Any]]:
    """The rows of one shard of a tier whose ``column`` is ``value``, annotations and data apart."""
    found = []
    for step in _STEPS[tier]:
        try:
            record = read_record(store, f"{tier}/{dump}", step, number)
        except FileNotFoundError:
            continue
        for kind, part in _kinds(record):
            for row in _rows(store, part, column, value):
                found.append({"tier": tier, "kind": kind, "part": part.path, "row": row})
    return found


def _kinds(record: Record) -> list[tuple[str, Part]]:
    notes = [("verdicts", part) for part in annotation_parts(record)]
    return notes + [("text", part) for part in data_parts(record)]


def _rows(store: Store, part: Part, column: str, value: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for table in read_parts(store, [part]):
        if column not in table.column_names:
            return []
        for row in table.filter(pc.equal(table[column], value)).to_pylist():
            rows.append({name: _short(item) for name, item in row.items() if item is not None and not _bytes(item)})
    return rows


def _bytes(value: Any) -> bool:
    return isinstance(value, bytes)


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _CONTENT_CHARS:
        return f"{value[:_CONTENT_CHARS]}... ({len(value):,} characters)"
    return value


def show(body: dict[str, Any]) -> None:
    """Print the path as a tree."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(f"{body['uid']}  dump {body['dump']}, input {body['input']}"))
    if body["root_uid"] != body["uid"]:
        tree.add(Text(f"written from {body['root_uid']}"))
    for found in body["path"]:
        _branch(tree, found)
    for found in body["children"]:
        _branch(tree, found)
    Console().print(tree)


def _branch(tree: Any, found: dict[str, Any]) -> None:
    from rich.text import Text

    branch = tree.add(Text(f"{found['tier']} {found['kind']}  {found['part']}"))
    for name, value in found["row"].items():
        branch.add(Text(f"{name}: {value}"))  # Text, not markup: page text must not style the terminal
