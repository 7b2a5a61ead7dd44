"""A row's whole path: archive record, every verdict at every tier, and what was written from it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import explain_statement
from governance.contamination import check_of
from governance.errors import UsageError
from governance.inputs import shard_key
from governance.job import annotation_parts, data_parts
from governance.parts import read_parts
from governance.runner import QUARANTINED
from governance.status import dumps
from manifests.ledger import TAKEN_DOWN
from manifests.records import Part, Record, read_record, read_records
from manifests.store import Store
from manifests.tombstones import read_tombstones
from stages.output_keys import IN_L2
from stages.uids import UID

_CONTENT_CHARS = 400
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UIDS = ("uid", "row_uid", "request_uid")
# Columns that hold words of a page.
TEXTS = ("content", "title", "text", "question", "answer", "output", "values", "statement")
_MEMBERS = 20  # of a cluster of duplicates, those that are named
_STEPS = {"L0": ("data",), "L1": ("annotations", "data"), "L2": ("data",), "L3": ("annotations", "data")}


def explain(store: Store, uid: str) -> dict[str, Any]:
    """Everything the corpus knows of a uid.

    Returns ``fate`` in a sentence; ``path``, the rows of the document it leads to, from the archive up; ``duplicates``;
    ``written``, where the uid is one of L3, the row, the requests that made it and their second readings; ``alike``, by
    output, the duplicates of these; ``children``, for a document, all that was asked for and written from it, and the
    statements of L4 that rest on it. Of a statement ``written`` is that and its evidence.
    ``not_checked`` says why rows of a tier were not compared with question sets, where they were not.
    Opens one shard a tier, found from the uid itself, and of L4 narrow columns of all.
    Errors: UsageError for what is no uid or not in the corpus.
    """
    uid = uid.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{32}", uid):
        raise UsageError(f"{uid!r} is no uid", "a uid is 32 hex digits, the column uid of any Parquet part")
    for dump, number, name in shards_of(store, uid[:8]):
        found = _find(store, "L3", dump, number, "uid", uid) or _find(store, "L3", dump, number, "request_uid", uid)
        root = found[0]["row"]["parent_uid"] if found else uid
        path = [entry for tier in ("L0", "L1", "L2") for entry in _find(store, tier, dump, number, "uid", root)]
        if not path and not found:
            if said := explain_statement.of_statement(store, dump, uid):
                return _explained_statement(store, uid, said)
            continue
        related = _find(store, "L3", dump, number, "parent_uid", root)
        stated = [] if found else explain_statement.of_document(store, dump, root)
        duplicates = _duplicates(store, "L1", dump, [root]).get(root)
        written = _written(related, uid)
        alike = _duplicates(store, "L3", dump, [note["uid"] for note in _kept(written)])
        out = _taken_down(store, (uid, root))
        fate = _written_fate(found, alike.get(uid)) if found else _fate(path, duplicates, related, len(stated))
        return {
            "uid": uid,
            "root_uid": root,
            "dump": dump,
            "input": name,
            "fate": _out_fate(out, fate) if out else fate,
            "taken_down": out,
            "path": _without_text(path) if out else path,
            "duplicates": duplicates,
            "not_checked": _not_checked(store, dump),
            "written": _without_text(written) if out else written,
            "alike": alike,
            "children": [] if found else _without_text([*related, *stated]) if out else [*related, *stated],
        }
    raise UsageError(f"no row {uid} in {store.url}", "check the uid and --output")


def _explained_statement(store: Store, uid: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    """The path of the document that a statement was found in first, then the statement with all its evidence."""
    row = said[0]["row"]
    body = explain(store, row["evidence_uid"])
    out = body["taken_down"] or _taken_down(store, (uid, row.get("parent_uid") or uid))
    fate = f"{row['status']} at L4: {row['reason']}"
    return body | {
        "uid": uid,
        "fate": _out_fate(out, fate) if out else fate,
        "taken_down": out,
        "written": _without_text(said) if out else said,
        "children": [],
    }


def _taken_down(store: Store, uids: Sequence[str]) -> str | None:
    """The kind of rule by which a row, or the document it was made from, was taken down."""
    out = read_tombstones(store)
    found = out.of(min(uids), max(uids)) if out else None
    rules = dict(zip(found["uid"].to_pylist(), found["rule"].to_pylist(), strict=True)) if found else {}
    return next((rules[uid] for uid in uids if uid in rules), None)


def _out_fate(rule: str, fate: str) -> str:
    if f"{TAKEN_DOWN}." in fate:
        return f"taken down ({rule}); its text was removed by compaction {int(fate.rpartition('.')[2])}"
    return f"taken down ({rule}); before that: {fate}"


def _without_text(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries without what was taken down: their text."""
    return [
        {**entry, "row": {name: value for name, value in entry["row"].items() if name not in TEXTS}}
        for entry in entries
    ]  # fmt: skip


def _not_checked(store: Store, dump: str) -> list[str]:
    """The built tiers among L2 and L3 whose rows were compared with no question set, and why."""
    found = []
    for tier, of in dumps(store):
        if of == dump and tier in ("L2", "L3"):
            told = check_of(json.loads(store.get(f"{tier}/{dump}/plan.json"))["plan"])
            found += [f"{tier}, contamination: {told['not_checked']}"] if "not_checked" in told else []
    return sorted(found)


def _fate(
    path: list[dict[str, Any]], duplicates: dict[str, Any] | None, related: list[dict[str, Any]], statements: int
) -> str:
    """What became of a document, in a sentence."""
    rejected = [entry for entry in path if entry["kind"] == "verdicts" and entry["row"].get("fate")]
    if rejected:
        row = rejected[0]["row"]
        return f"{_verb(row['fate'])} at {rejected[0]['tier']}: {row.get('error') or row['fate']}"
    if duplicates and "survivor" in duplicates:
        return f"rejected at L1: dedup.{duplicates['kind']}, a duplicate of {duplicates['survivor']}"
    rows = sum(entry["kind"] == "text" for entry in related)
    kept = f"kept up to {path[-1]['tier']}"
    kept += f"; {rows} rows were written from it" if related else ""
    return kept + (f"; {statements} statements of L4 rest on it" if statements else "")


def _verb(fate: str) -> str:
    return "quarantined" if fate == QUARANTINED else "rejected"


def _written(related: list[dict[str, Any]], uid: str) -> list[dict[str, Any]]:
    """Of all that was written from a document what belongs to a uid: the row, its outputs, and what was asked about
    these once more."""
    own = [entry for entry in related if uid in (entry["row"].get(name) for name in _UIDS)]
    asked = {_place(entry["row"]) for entry in own if entry["kind"] == "verdicts"}
    again = [
        entry
        for entry in related
        if entry["kind"] == "verdicts" and entry["row"]["role"] not in ("write", "edit") and entry not in own
    ]
    return own + [entry for entry in again if _place(entry["row"]) in asked]


def _place(note: dict[str, Any]) -> tuple[Any, ...]:
    """What the requests about one piece of text share."""
    return tuple(note.get(name) for name in ("task", "passage_start", "target_start", "attempt", "values"))


def _kept(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The annotations of outputs that the checks kept."""
    return [entry["row"] for entry in entries if entry["kind"] == "verdicts" and entry["row"].get("row_uid")]


def _written_fate(found: list[dict[str, Any]], alike: dict[str, Any] | None) -> str:
    row = found[0]["row"]
    if found[0]["kind"] == "text":
        return f"written at L3 from {row['parent_uid']}, characters {row['passage_start']} to {row['passage_end']}"
    if alike and "survivor" in alike:
        of = "a document of L2," if alike["kind"] == IN_L2 else "the output"
        return f"kept by the checks, left out at L3: {alike['kind']}, adds nothing to {of} {alike['survivor']}"
    return f"a request at L3 about {row['parent_uid']}: {row['outcome']}" + (
        f", {row['reason']}" if row.get("reason") else ""
    )


def _duplicates(store: Store, tier: str, dump: str, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By uid, those of them that have duplicates: of a victim its ``survivor``, the ``kind`` of likeness, and the row
    it is like; of a survivor its ``victims`` in its own dump."""
    keys = pa.array([bytes.fromhex(uid) for uid in uids], UID)
    own, victims = [], []
    for record in read_records(store, f"{tier}/{dump}", "duplicates") if uids else ():
        for table in read_parts(store, record.parts):
            own += table.filter(pc.is_in(table["uid"], value_set=keys)).to_pylist()
            group = table.filter(pc.and_(pc.is_in(table["survivor"], value_set=keys), pc.is_valid(table["reason"])))
            victims += [(row["survivor"], row["uid"].hex()) for row in group.to_pylist()]
    return {row["uid"].hex(): _alikeness(row, dump, [uid for key, uid in victims if key == row["uid"]]) for row in own}


def _alikeness(found: dict[str, Any], dump: str, victims: list[str]) -> dict[str, Any]:
    if found["reason"] is None:
        return {"cluster_size": found["cluster_size"], "victims": victims[:_MEMBERS]}
    body = {"cluster_size": found["cluster_size"], "survivor": found["survivor"].hex(), "kind": found["reason"]}
    if found["survivor_dump"] not in (dump, None):
        body["dump"] = found["survivor_dump"]
    if found["match"] != found["survivor"]:
        body["match"] = found["match"].hex()
    return body if found["similarity"] is None else {**body, "similarity": round(found["similarity"], 3)}


def shards_of(store: Store, key: str) -> list[tuple[str, int, str]]:
    """(dump, number, name) of the input objects whose uids begin with ``key``: one, or very rarely two."""
    found = set()
    for tier, dump in dumps(store):
        names = json.loads(store.get(f"{tier}/{dump}/plan.json"))["plan"].get("inputs", {})
        for number, name in enumerate(sorted(names)):
            if shard_key(dump, name) == key:
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
    tree.add(Text(body["fate"]))
    for entry in body["path"]:
        _branch(tree, entry)
    if body["duplicates"]:
        _alike(tree, "L1 duplicates", body["duplicates"])
    for line in body["not_checked"]:
        tree.add(Text(f"not checked at {line}"))
    for entry in body["written"] or body["children"]:
        _branch(tree, entry)
    for uid, told in body["alike"].items():
        _alike(tree, f"L3 duplicates of {uid}", told)
    Console().print(tree)


def _alike(tree: Any, title: str, told: dict[str, Any]) -> None:
    from rich.text import Text

    branch = tree.add(Text(title))
    for name, value in told.items():
        branch.add(Text(f"{name}: {', '.join(value) if isinstance(value, list) else value}"))


def _branch(tree: Any, found: dict[str, Any]) -> None:
    from rich.text import Text

    branch = tree.add(Text(f"{found['tier']} {found['kind']}  {found['part']}"))
    for name, value in found["row"].items():
        # Text, not markup, and no control characters: page text must not steer the terminal.
        branch.add(Text(printable(f"{name}: {value}")))


def printable(text: str) -> str:
    """Text for a terminal, without control characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
