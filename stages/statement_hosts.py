"""Which passages that say a statement are independent of each other, and which only repeat one.

Two passages of one registered domain, of one cluster of near-duplicates, or with nearly the same text around them come
from one hand.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa

from synth import units
from synth.passages import sentences

SOURCE, REPEATS, CORROBORATES = "source", "repeats", "corroborates"
MAX_SHARED = 0.8  # of the shingles of the shorter of two passages; from there on one is a copy of the other
_SHINGLE = {"en": 3, "zh": 5}  # words, or Chinese characters


def independent_hosts(rows: pa.Table) -> pa.Table:
    """What part each passage plays in the evidence of its statement.

    In:  statement int64, of one statement the source first; host string; cluster_id string, null where the document has
         no near-duplicate; surroundings string, the passage with the sentences beside it; lang string.
    Out: role string (n,): source, the first of its statement; corroborates, from a hand that none before it came from;
         repeats.
    """
    found = rows.select(["statement", "host", "cluster_id", "surroundings", "lang"]).to_pylist()
    for row in found:
        row |= {"domain": domain(row["host"]), "shingles": _shingles(row["surroundings"] or "", row["lang"])}
    roles = [""] * len(found)
    statements: dict[int, list[int]] = {}
    for place, row in enumerate(found):
        statements.setdefault(row["statement"], []).append(place)
    for places in statements.values():
        hands = _hands([found[place] for place in places])
        for i, place in enumerate(places):
            roles[place] = SOURCE if i == 0 else REPEATS if hands[i] in hands[:i] else CORROBORATES
    return pa.table({"role": pa.array(roles, pa.string())})


def _hands(rows: list[dict[str, Any]]) -> list[int]:
    """Which hand each passage comes from. A host that copies one passage is no witness to another."""
    hands = list(range(len(rows)))
    for i, row in enumerate(rows):
        for j in range(i):
            if hands[i] != hands[j] and _one_hand(row, rows[j]):
                gone, kept = max(hands[i], hands[j]), min(hands[i], hands[j])
                hands = [kept if hand == gone else hand for hand in hands]
    return hands


def domain(host: str | None) -> str:
    """The registered domain of a host; the host itself where it has none, as an address of numbers."""
    return (_splitter()(host).top_domain_under_public_suffix or host.lower()) if host else ""


@cache
def _splitter() -> Any:
    """tldextract with the list of public suffixes that it carries: nothing is fetched, nothing is stored."""
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


def _one_hand(row: dict[str, Any], other: dict[str, Any]) -> bool:
    same_cluster = row["cluster_id"] is not None and row["cluster_id"] == other["cluster_id"]
    return row["domain"] == other["domain"] or same_cluster or _shared(row["shingles"], other["shingles"]) >= MAX_SHARED


def _shared(first: frozenset[tuple[str, ...]], second: frozenset[tuple[str, ...]]) -> float:
    """The share of the shingles of the shorter text that the other one holds."""
    least = min(len(first), len(second))
    return len(first & second) / least if least else 0.0


def _shingles(text: str, language: str) -> frozenset[tuple[str, ...]]:
    language = "zh" if language == "zh" else "en"
    found = [unit.lower() for unit in units.units(text, language)]
    size = min(_SHINGLE[language], max(1, len(found)))
    return frozenset(zip(*(found[i:] for i in range(size)), strict=False))


def surroundings(text: str, passage: str) -> str:
    """A passage with the sentences before and after it in a text; the passage alone where the text does not hold it."""
    start = text.find(passage) if passage else -1
    if start < 0:
        return passage
    end = start + len(passage)
    spans = sentences(text)
    before = [first for first, last in spans if last <= start]
    after = [last for first, last in spans if first >= end]
    return text[before[-1] if before else start : after[0] if after else end]
