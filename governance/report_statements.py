"""L4 in a report: statements by status and language, hosts, topics, and some of each status with their evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.classifier_report import printable
from governance.job import table_parts
from governance.parts import read_visible
from governance.report_draw import Draw
from governance.report_examples import identity
from governance.report_hosts import Hosts
from governance.report_texts import masked
from governance.report_tiers import Tier, of_level, records, summed
from manifests.store import Store

STATUSES = ("corroborated", "supported", "contradicted", "unsupported")
_ROLES = ("source", "corroborates", "contradicts", "repeats")  # the order in which evidence is shown
_EVIDENCE = 4  # rows of it shown of each statement
_TOP = 15  # hosts and topics that are named
_SHOWN = ("statement", "lang", "status", "reason", "method", "topic", "num_hosts", "evidence_uid", "model")
# Why what L4 looked at is no statement of its own, by the reason in the ledger.
_WORDS = {
    "asks": "a question",
    "no_sentence": "no whole sentence",
    "no_evidence": "no passage of its document was found that it could rest on",
    "too_short": "too few words to say something by itself",
    "too_long": "too many words to be one statement",
    "leans": "it points at what stands around it and cannot be read by itself",
    "names_nothing": "it does not say what it is about in words that mean the same elsewhere",
    "same_statement": "it says what another statement says, and is evidence of that one",
}


def statements(store: Store, tiers: Sequence[Tier], draw: Draw) -> dict[str, Any] | None:
    """What L4 holds, as JSON values; None where it is not there. Statements to show are drawn by status on the way."""
    found = of_level(tiers, "L4")
    if not found:
        return None
    by_status, methods, topics, roles, hosts = Counter[Any](), Counter[str](), Counter[str](), Counter[str](), Hosts()
    for tier in found:
        for table in _tables(store, tier, "statements", ("uid", "lang", "status", "method", "topic")):
            by_status.update(_pairs(table))
            methods.update(_counts(table["method"]))
            topics.update(_counts(table["topic"]))
            draw.add_rows(tier, table["uid"], table["status"])
        for table in _tables(store, tier, "evidence", ("role", "url")):
            roles.update(_counts(table["role"]))
            hosts.add(table["url"].filter(pc.not_equal(table["role"], "contradicts")))
    languages = sorted({lang for lang, _ in by_status})
    return {
        "languages": languages,
        "statuses": [
            {"status": status, "rows": sum(counts.values()), "languages": counts}
            for status in STATUSES
            for counts in [{lang: by_status[lang, status] for lang in languages}]
        ],
        "methods": _ranked(methods),
        "roles": _ranked(roles),
        "hosts": _ranked(hosts.counts),
        "hosts_error": hosts.error,
        "topics": _ranked(topics),
        "other_topics": max(0, len(topics) - _TOP),
        "rejected": [
            {"reason": reason, "words": _WORDS.get(reason, reason.replace("_", " ")), "rows": rows}
            for reason, rows in _rejected(found)
        ],
    }


def _tables(store: Store, tier: Tier, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    for record in records(store, tier.base, "data"):
        yield from read_visible(store, table_parts(record, table), columns)


def _pairs(table: pa.Table) -> dict[tuple[str, str], int]:
    groups = table.group_by(["lang", "status"], use_threads=False).aggregate([([], "count_all")])
    return {(row["lang"], row["status"]): row["count_all"] for row in groups.to_pylist()}


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in column.drop_null().value_counts().to_pylist()}


def _ranked(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent values."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP])


def _rejected(tiers: Sequence[Tier]) -> list[tuple[str, int]]:
    """What was looked at and is no statement of its own, by reason, most first."""
    found = Counter[str]()
    for account in summed(tiers):
        found.update({reason: count.rows for reason, count in account.rejected.items()})
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def examples(store: Store, tiers: Sequence[Tier], draw: Draw, chars: int) -> dict[str, list[dict[str, Any]]]:
    """The statements drawn, by status, each with its evidence; ``chars`` is how much of each text is shown."""
    drawn = {status: draw.of("L4", status) for status in STATUSES}
    wanted = pa.array([one.uid for ones in drawn.values() for one in ones], pa.string())
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    evidence: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for tier in of_level(tiers, "L4") if len(wanted) else ():
        for table in _tables(store, tier, "statements", ("uid", *_SHOWN)):
            for row in table.filter(pc.is_in(table["uid"], value_set=wanted)).to_pylist():
                rows[tier.dump, row["uid"]] = row
        for table in _tables(
            store, tier, "evidence", ("statement_uid", "role", "text", "url", "title", "date", "lang")
        ):
            for row in table.filter(pc.is_in(table["statement_uid"], value_set=wanted)).to_pylist():
                evidence.setdefault((tier.dump, row["statement_uid"]), []).append(row)
    return {
        status: [
            _example(one, rows[one.dump, one.uid], evidence.get((one.dump, one.uid), []), chars)
            for one in ones
            if (one.dump, one.uid) in rows
        ]
        for status, ones in drawn.items()
        if ones
    }


def _example(one: Any, row: Mapping[str, Any], evidence: Sequence[dict[str, Any]], chars: int) -> dict[str, Any]:
    shown = sorted(evidence, key=lambda piece: _ROLES.index(piece["role"]))[:_EVIDENCE]
    statement, reason, topic, *texts = masked(
        [row["statement"], row["reason"], row["topic"], *(piece["text"] for piece in shown)]
    )
    told = {name: row[name] for name in ("lang", "method", "num_hosts", "model")}
    pieces = [
        identity(one, piece["url"], piece["title"], piece["lang"])
        | {"role": piece["role"], "date": piece["date"], "text": _cut(text, chars)}
        for piece, text in zip(shown, texts, strict=True)
    ]
    told |= {"uid": one.uid, "dump": one.dump, "statement": _cut(statement, chars), "reason": _cut(reason, chars)}
    return told | {"topic": printable(topic or ""), "evidence": pieces, "more": len(evidence) - len(shown)}


def _cut(text: str | None, chars: int) -> str:
    text = printable(text or "")
    return text if len(text) <= chars else f"{text[:chars]}…"
