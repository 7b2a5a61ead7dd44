"""Verification of statements: each step a column, each status with its reason.

Nothing is called supported that no check looked at, and nothing corroborated that only one hand wrote. Every function
is pure, table to table; ``verify`` is all of them in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from stages.computed import compute
from stages.statement_hosts import CORROBORATES, independent_hosts, surroundings
from stages.statement_keys import meeting_keys
from stages.statement_relate import CONTRADICTS, SAME, SUPPORTS, relation
from stages.statement_support import doubts, reason_of
from stages.statement_witness import leaves_open
from synth.embeddings import Embedder, load_embedder

CORROBORATED, SUPPORTED, CONTRADICTED, UNSUPPORTED = "corroborated", "supported", "contradicted", "unsupported"
STATUSES = (CORROBORATED, SUPPORTED, CONTRADICTED, UNSUPPORTED)
EVIDENCE = pa.schema(
    [
        ("entailed", pa.bool_()),
        ("entailed_reason", pa.string()),
        ("computed", pa.string()),
        ("computed_reason", pa.string()),
    ]
)
RELATIONS = pa.schema([("relation", pa.string()), ("reason", pa.string())])
STATUS = pa.schema([("status", pa.string()), ("reason", pa.string())])
_MOST_MEETINGS = 64  # statements and passages that meet at a key at most: a commonplace tells nothing


def judge_evidence(table: pa.Table) -> pa.Table:
    """Whether each statement's own evidence says it, and whether its arithmetic and units are right.

    In:  statement, lang, evidence, the exact text of its span; context, text around it; title, string (n,).
    Out: EVIDENCE: entailed; entailed_reason, what its evidence lacks, null if nothing; computed "right" or "wrong",
         null where there is nothing to compute; computed_reason.
    Errors: none from content; EmbeddingsNotFound, with the remedy.
    """
    embedder, rows = load_embedder(), []
    for row in table.select(["statement", "lang", "evidence", "context", "title"]).to_pylist():
        lang, context, title = _language(row["lang"]), row["context"] or "", row["title"] or ""
        found = doubts(row["statement"], row["evidence"], lang, context, title, embedder)
        verdict, why = compute(row["statement"], lang)
        rows.append((not found, reason_of(found), verdict, why))
    return _table(rows, EVIDENCE)


def relate(pairs: pa.Table) -> pa.Table:
    """How each passage of another page stands to its statement.

    In:  statement, lang, passage (a sentence or a few), title of the passage's page, string (n,).
    Out: RELATIONS: relation "same", "supports", "contradicts" or "unrelated"; reason in words.
    Errors: none from content; EmbeddingsNotFound, with the remedy.
    """
    embedder: Embedder = load_embedder()
    columns = [pairs[name].to_pylist() for name in ("statement", "passage", "title", "lang")]
    rows = [
        relation(statement, passage, title or "", _language(lang), embedder)
        for statement, passage, title, lang in zip(*columns, strict=True)
    ]
    return _table(rows, RELATIONS)


def status_of(table: pa.Table) -> pa.Table:
    """The status of each statement, of its checks.

    In:  entailed bool; computed, second_reading ("agrees" or "disagrees") string; num_hosts int, independent hosts that
         say it, its own included; num_contradicting int, passages against it; entailed_reason, computed_reason,
         contradiction, why string, optional: words for the reason; statement, lang string, optional: one that leaves to
         its page what it speaks of is never corroborated, since elsewhere its words may speak of another thing.
    Out: STATUS. A statement whose evidence was not checked is unsupported, and its reason says so.
    """
    return _table([_status(row) for row in table.to_pylist()], STATUS)


def _status(row: dict[str, Any]) -> tuple[str, str]:
    hosts, against = row["num_hosts"] or 1, row["num_contradicting"] or 0
    if row["entailed"] is None:
        return UNSUPPORTED, "its evidence was not checked"
    if not row["entailed"]:
        return UNSUPPORTED, row.get("entailed_reason") or "its evidence does not say it"
    if row["computed"] == "wrong":
        return UNSUPPORTED, row.get("computed_reason") or "it does not compute"
    if row["second_reading"] == "disagrees":
        return UNSUPPORTED, "a second reading of its evidence disagrees"
    if against:
        count = "another passage" if against == 1 else f"{against} other passages"
        return CONTRADICTED, f"{count}: {row.get('contradiction') or 'says otherwise'}"
    checked = "its evidence says it" + {"right": ", it computes"}.get(row["computed"], "")
    checked += ", a second reading agrees" if row["second_reading"] == "agrees" else ""
    said = row.get("statement")
    if hosts >= 2 and said is not None and leaves_open(said, _language(row.get("lang"))):
        return SUPPORTED, f"{checked}; {hosts} independent hosts have its words, which leave open what they speak of"
    if hosts >= 2:
        return CORROBORATED, f"{checked}, and {hosts} independent hosts say it"
    return SUPPORTED, checked


def verify(statements: pa.Table, passages: pa.Table) -> pa.Table:
    """All checks of some statements against some passages, in memory: for small tables.

    In:  statements: statement, lang, evidence, context, title, host, cluster_id, evidence_uid string (n,);
         second_reading string, optional. passages: passage, lang, title, context, host, cluster_id, evidence_uid
         string (m,). Passages of a statement's own document are left out.
    Out: the statements with EVIDENCE, num_hosts int32, num_contradicting int32, contradiction string, and STATUS.
    """
    judged = judge_evidence(statements)
    for name in EVIDENCE.names:
        statements = statements.append_column(name, judged[name])
    if "second_reading" not in statements.column_names:
        statements = statements.append_column("second_reading", pa.nulls(len(statements), pa.string()))
    pairs = meetings(statements, passages)
    found = relate(_side_by_side(statements, passages, pairs))
    pairs = pairs.append_column("relation", found["relation"]).append_column("why", found["reason"])
    return _with_status(statements, passages, pairs)


def meetings(statements: pa.Table, passages: pa.Table) -> pa.Table:
    """The pairs that share a key and are of two documents: statement, passage int64, their places, in order."""
    keys = meeting_keys(statements["statement"], statements["lang"])
    theirs = meeting_keys(passages["passage"], passages["lang"]).rename_columns(["passage", "key"])
    own = keys.rename_columns(["statement", "key"])
    met: set[tuple[int, int]] = set()
    for rows in _common(own.join(theirs, "key", join_type="inner")).values():
        met.update(rows)
    documents, others = statements["evidence_uid"].to_pylist(), passages["evidence_uid"].to_pylist()
    kept = sorted(pair for pair in met if documents[pair[0]] != others[pair[1]])
    return pa.table(
        {name: pa.array([pair[i] for pair in kept], pa.int64()) for i, name in enumerate(("statement", "passage"))}
    )


def _common(joined: pa.Table) -> dict[int, list[tuple[int, int]]]:
    """The pairs that meet at each key, keys at which too many meet left out."""
    found: dict[int, list[tuple[int, int]]] = {}
    for key, *pair in zip(*(joined[name].to_pylist() for name in ("key", "statement", "passage")), strict=True):
        found.setdefault(key, []).append((pair[0], pair[1]))
    return {key: pairs for key, pairs in found.items() if len(pairs) <= _MOST_MEETINGS}


def _side_by_side(statements: pa.Table, passages: pa.Table, pairs: pa.Table) -> pa.Table:
    """What `relate` reads of pairs."""
    own, theirs = statements.take(pairs["statement"]), passages.take(pairs["passage"])
    return pa.table(
        {"statement": own["statement"], "lang": own["lang"], "passage": theirs["passage"], "title": theirs["title"]}
    )


def _with_status(statements: pa.Table, passages: pa.Table, pairs: pa.Table) -> pa.Table:
    """Statements with the hosts that say them, what contradicts them, and their status."""
    num_hosts = [1] * len(statements)
    against: list[list[str]] = [[] for _ in range(len(statements))]
    evidence = [_evidence(i, row["evidence"], row) for i, row in enumerate(statements.to_pylist())]
    theirs = passages.to_pylist()
    for pair in pairs.to_pylist():
        if pair["relation"] in (SAME, SUPPORTS):
            row = theirs[pair["passage"]]
            evidence.append(_evidence(pair["statement"], row["passage"], row))
        elif pair["relation"] == CONTRADICTS:
            against[pair["statement"]].append(pair["why"])
    evidence.sort(key=lambda row: row["statement"])
    roles = independent_hosts(pa.Table.from_pylist(evidence, _ROWS))["role"].to_pylist()
    for row, role in zip(evidence, roles, strict=True):
        num_hosts[row["statement"]] += role == CORROBORATES
    columns = {
        "num_hosts": pa.array(num_hosts, pa.int32()),
        "num_contradicting": pa.array(list(map(len, against)), pa.int32()),
        "contradiction": pa.array([why[0] if why else None for why in against], pa.string()),
    }
    for name, column in columns.items():
        statements = statements.append_column(name, column)
    for name, column in zip(STATUS.names, status_of(statements).columns, strict=True):
        statements = statements.append_column(name, column)
    return statements


_ROWS = pa.schema(
    [("statement", pa.int64()), *((name, pa.string()) for name in ("host", "cluster_id", "surroundings", "lang"))]
)


def _evidence(statement: int, passage: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row that `independent_hosts` reads."""
    around = surroundings(row["context"] or "", passage)
    return {"statement": statement, "surroundings": around} | {
        name: row[name] for name in ("host", "cluster_id", "lang")
    }


def _language(lang: str | None) -> str:
    return "zh" if lang == "zh" else "en"


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
