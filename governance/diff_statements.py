"""``governance diff --tier L4``: statements that only one of two outputs holds, and those whose status is another.

A statement's uid ends with 24 digits of its language and text, whatever page says it, so that statements of the same
words are compared. Memory for the narrow columns of a share of the statements, found by these digits: two million of
both sides at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from governance.diff import Ask, Side, settings_between, sides_of
from governance.job import table_parts
from governance.parts import read_visible
from governance.whatif_page import clean, console, table_of
from manifests.records import read_records

KINDS = ("lost", "added", "status_changed")
ROWS_A_ROUND = 2_000_000
_KEY = "key"
_NARROW = {"uid": pl.String, "status": pl.String}
_SHOWN = ("statement", "lang", "reason", "num_hosts")


def diff(ask: Ask, as_json: bool) -> None:
    """Compare and print. Errors: UsageError, CorpusError."""
    body = compare(ask)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        show(body)


def compare(ask: Ask) -> dict[str, Any]:
    """What differs, as JSON values in a fixed order."""
    a, b = sides_of(ask)
    rounds = 1 + sum(_count(side) for side in (a, b)) // ROWS_A_ROUND
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    held: list[Counter[str]] = [Counter(), Counter()]
    examples = {kind: pl.DataFrame() for kind in KINDS}
    for number in range(rounds):
        left, right = (_narrow(side, number, rounds) for side in (a, b))
        for counts, frame in zip(held, (left, right), strict=True):
            counts.update(dict(frame["status"].value_counts().iter_rows()))
        both = left.join(right, on=_KEY, how="full", suffix="_b", coalesce=True)
        differ = both.filter(~pl.col("status").eq_missing(pl.col("status_b")))
        pairs.update({(was, now): rows for was, now, rows in differ.group_by("status", "status_b").len().iter_rows()})
        examples = {kind: _first(examples[kind], _of_kind(differ, kind), ask.examples) for kind in KINDS}
    lost, added = (sum(rows for pair, rows in pairs.items() if pair[place] is None) for place in (1, 0))
    return {
        "tier": "L4",
        "a": _told(a, held[0]),
        "b": _told(b, held[1]),
        "settings": list(settings_between(a, b)),
        "lost": lost,
        "added": added,
        "status_changed": sum(pairs.values()) - lost - added,
        "statuses": [
            {"a": was, "b": now, "rows": rows}
            for (was, now), rows in sorted(pairs.items(), key=lambda one: (-one[1], str(one[0])))
        ],
        "examples": _examples(a, b, examples),
    }


def _count(side: Side) -> int:
    return sum(part.rows for record in read_records(side.store, side.base, "data") for part in record.parts)


def _told(side: Side, held: Mapping[str, int]) -> dict[str, Any]:
    told = {"output": side.output, "dump": side.dump, "statements": sum(held.values())}
    return told | {"statuses": dict(sorted(held.items()))}


def _tables(side: Side, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    for record in read_records(side.store, side.base, "data"):
        yield from read_visible(side.store, table_parts(record, table), columns)


def _narrow(side: Side, number: int, rounds: int) -> pl.DataFrame:
    """key, uid and status of the statements whose key falls to a round."""
    found = [pl.DataFrame(schema=_NARROW)]
    for table in _tables(side, "statements", ("uid", "status")):
        frame = pl.DataFrame(table, schema=_NARROW)
        place = pl.col("uid").str.slice(8, 6).str.to_integer(base=16) % rounds
        found.append(frame.filter(place == number) if rounds > 1 else frame)
    return pl.concat(found).with_columns(pl.col("uid").str.slice(8).alias(_KEY)).unique(_KEY, keep="first")


def _of_kind(differ: pl.DataFrame, kind: str) -> pl.DataFrame:
    only_a, only_b = pl.col("status_b").is_null(), pl.col("status").is_null()
    return differ.filter({"lost": only_a, "added": only_b, "status_changed": ~(only_a | only_b)}[kind])


def _first(known: pl.DataFrame, more: pl.DataFrame, count: int) -> pl.DataFrame:
    """Those of the smallest keys, which are hashes: the same ones on every run."""
    return pl.concat([known, more] if len(known) else [more]).sort(_KEY).head(count)


def _examples(a: Side, b: Side, found: Mapping[str, pl.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """Statements in words with the reason of their status on each side, and the page that they were found in."""
    ours, theirs = (
        _words(side, [uid for frame in found.values() if len(frame) for uid in frame[column].drop_nulls().to_list()])
        for side, column in ((a, "uid"), (b, "uid_b"))
    )
    return {kind: [_example(row, ours, theirs) for row in frame.iter_rows(named=True)] for kind, frame in found.items()}


def _example(row: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    was, now = ours.get(row["uid"]), theirs.get(row["uid_b"])
    one = was or now or {}
    return {
        "statement": one.get("statement"),
        "lang": one.get("lang"),
        "url": one.get("url"),
        "a": was and {"uid": row["uid"], "status": row["status"], **_why(was)},
        "b": now and {"uid": row["uid_b"], "status": row["status_b"], **_why(now)},
    }


def _why(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("reason", "num_hosts")}


def _words(side: Side, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """_SHOWN and url of statements, by uid."""
    wanted, found = pa.array(uids, pa.string()), {}
    if not uids:
        return {}
    for table in _tables(side, "statements", ("uid", *_SHOWN)):
        for row in table.filter(pc.is_in(table["uid"], value_set=wanted)).to_pylist():
            found[row.pop("uid")] = row
    for table in _tables(side, "evidence", ("statement_uid", "role", "url")):
        mine = pc.and_(pc.is_in(table["statement_uid"], value_set=wanted), pc.equal(table["role"], "source"))
        for row in table.filter(mine).to_pylist():
            found.get(row["statement_uid"], {}).setdefault("url", row["url"])
    return found


def show(body: Mapping[str, Any]) -> None:
    """Print how the statements of two outputs differ."""
    out = console()
    for name in ("a", "b"):
        told = body[name]
        statuses = ", ".join(f"{status} {rows:,}" for status, rows in told["statuses"].items()) or "none"
        held = f"{told['statements']:,} statements: {statuses}"
        out.print(f"{name.upper()}: {told['output']}, dump {told['dump']}: {held}")
    out.print(f"only in A: {body['lost']:,} statements; only in B: {body['added']:,}")
    for line in body["settings"] or ["the settings are the same"]:
        out.print(f"  {line}")
    table = table_of(f"{body['status_changed']:,} statements have another status", "A", "B", "statements")
    for one in body["statuses"]:
        table.add_row(one["a"] or "not there", one["b"] or "not there", f"{one['rows']:,}")
    if body["statuses"]:
        out.print(table)
    for kind, rows in body["examples"].items():
        for one in rows:
            out.print(f"  {kind.replace('_', ' ')}: {clean(one['statement'] or '')}  {clean(one['url'] or '')}")
            for side in ("a", "b"):
                if told := one[side]:
                    out.print(f"    {side.upper()}: {told['uid']}  {told['status']}: {clean(told['reason'] or '')}")
