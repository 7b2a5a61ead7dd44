"""Edges: subject, relation and object of sentences that state one plainly; of all others nothing is said.

The subject is the entity that opens the sentence, the relation its verb, the object what follows up to the end of the
clause. Conditions, modal verbs and questions are no statements of fact, so such sentences give no edge; a denied one
gives an edge that says so.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from stages import edge_patterns as patterns
from stages.name_patterns import HAN

VERSION = 1  # bump if edges change for the same statements
EDGES = pa.schema(
    {name: pa.string() for name in ("statement_uid", "subject", "relation", "object", "object_entity")}
    | {"negated": pa.bool_(), "lang": pa.string()}
)
_FOUND: dict[str, Any] = dict.fromkeys(("statement_uid", "subject", "relation", "object"), pl.String)
_FOUND |= {"negated": pl.Boolean, "lang": pl.String, "start": pl.Int64, "end": pl.Int64}
_MAX_WORDS, _MAX_HAN = 14, 30  # of an object; a longer one is a story, not a thing
_ARTICLE = re.compile(r"(?:the |an? )", re.IGNORECASE)
_TAIL = re.compile(rf"{patterns.APPOSITION}")


class _Edge(NamedTuple):
    relation: str
    start: int  # of the object, in characters of the statement
    end: int
    negated: bool


def edges_of(statements: pa.Table, linked: pa.Table) -> pa.Table:
    """The plain relations of statements, one a statement at most: EDGES, in the order of the statements.

    In: statements: uid, statement, lang: string (n,), without nulls; linked: uid, entity, start, end, as from
        ``entities.link``.
    """
    opening = _opening(statements, linked)
    rows = []
    for uid, text, lang, entity, start, end in opening.iter_rows():
        edge = plain_relation(text, start, end)
        if edge:
            words = text[edge.start : edge.end]
            rows.append((uid, entity, edge.relation, words, edge.negated, lang, edge.start, edge.end))
    found = pl.DataFrame(rows, schema=_FOUND, orient="row")
    return _with_objects(found, linked).select(EDGES.names).to_arrow().cast(EDGES)


def _opening(statements: pa.Table, linked: pa.Table) -> pl.DataFrame:
    """The statements that open with an entity, with it: uid, statement, lang, entity, start, end."""
    first = pl.DataFrame(linked).filter(pl.col("start") <= len("The ")).sort("uid", "start").unique("uid", keep="first")
    return (
        pl.DataFrame(statements.select(["uid", "statement", "lang"]))
        .join(first, on="uid", maintain_order="left")
        .filter(pl.col("statement").str.slice(0, pl.col("start")).str.contains(r"^(?:(?:The|An?) |[《「“\"])?$"))
    )


def _with_objects(edges: pl.DataFrame, linked: pa.Table) -> pl.DataFrame:
    """Edges with the entity that the object is, an article aside: object_entity."""
    links = pl.DataFrame(linked).select(statement_uid="uid", object_entity="entity", at="start", stop="end")
    inside = edges.join(links, on="statement_uid").filter(
        (pl.col("at") >= pl.col("start")) & (pl.col("stop") <= pl.col("end"))
    )
    before = pl.col("object").str.slice(0, pl.col("at") - pl.col("start"))
    after = pl.col("object").str.slice(pl.col("stop") - pl.col("start"))
    whole = inside.filter(before.str.contains(r"^(?i:the |an? |《|「)?$") & after.str.contains("^[》」]?$"))
    objects = whole.select("statement_uid", "object_entity").unique("statement_uid", keep="first")
    return edges.join(objects, on="statement_uid", how="left", maintain_order="left")


def plain_relation(text: str, start: int, end: int) -> _Edge | None:
    """The relation that a sentence states of the name at ``start`` to ``end``; None unless it does so plainly."""
    return _chinese(text, end) if re.search(HAN, text) else _english(text, end)


def _english(text: str, end: int) -> _Edge | None:
    if patterns.HEDGED.search(text):
        return None
    tail = None if re.match(r"An? ", text) else _TAIL.match(text, end)  # "A Python macro" is not Python
    at = tail.end() if tail else end
    match = patterns.ENGLISH.match(text, at + 1) if text[at : at + 1] == " " else None
    if match is None:
        return None
    negated = any(match[name] for name in ("not", "is_not", "passive_not")) or "n't" in match[0]
    kind = match.lastgroup if match.lastgroup in ("copula", "passive", "active") else _kind(match)
    relation = re.sub(r"n't\b|\b(?:not|no longer|never)\b|\b(?:also|now|currently|actually)\b", "", match[kind])
    stop, narrowed = _end(text, match.end(), patterns.CLAUSE)
    first = match.end() + (text[match.end() : match.end() + 1] == " ")
    words = text[first:stop]
    if not words or len(words.split(" ")) > _MAX_WORDS or patterns.LEANS.match(words) or patterns.BROKEN.search(words):
        return None
    if text.startswith(",", stop) and not patterns.COMMA_ENDS.match(text, stop):
        return None
    if kind == "active" and not match["not"] and _is_noun(words):
        return None
    if narrowed and (negated or re.match(r"(?:the|all|any|every|each)\b", words)):
        return None  # without its clause the object would be another one
    return _Edge(" ".join(relation.split()), first, stop, negated)


def _kind(match: re.Match[str]) -> str:
    return next(name for name in ("copula", "passive", "active") if match[name])


def _is_noun(words: str) -> bool:
    """Whether what looked like a verb was a noun, because another verb follows it: "Python uses are many"."""
    verb = rf"(?:is|are|was|were|has|have|appears?|{patterns.BASE})\b"
    return re.match(rf"{verb}|(?:of|and|or|in|for|with|to|by)\b", words) is not None


def _chinese(text: str, end: int) -> _Edge | None:
    if patterns.HAN_HEDGED.search(text):
        return None
    closed = end + (text[end : end + 1] in ("》", "」", "”"))
    match = patterns.CHINESE.match(text, closed + text.startswith(" ", closed))
    if match is None:
        return None
    if match["by"]:
        start, stop = match.span("agent")
        return _Edge(f"由…{match['done']}", start, stop, False) if _is_thing(text[start:stop]) else None
    relation = match["copula"] or match["active"]
    stop, _ = _end(text, match.end(), patterns.HAN_CLAUSE)
    start = match.end() + (text[match.end() : match.end() + 1] == " ")
    measure = patterns.MEASURE.match(text[start:stop])
    start += measure.end() if measure else 0
    start += text[start : start + 1] == " "
    words = text[start:stop]
    if not _is_thing(words) or (relation in patterns.FOR and "的" in words):
        return None
    return _Edge(relation, start, stop, match["not"] is not None)


def _is_thing(words: str) -> bool:
    """Whether Chinese words are an object that can be read by itself: "是……的" states no thing."""
    return (
        2 <= len(words) <= _MAX_HAN
        and not words.endswith(("的", "了", "时", "中"))
        and not patterns.HAN_LEANS.search(words)
    )


def _end(text: str, start: int, clause: re.Pattern[str]) -> tuple[int, bool]:
    """Where the object that starts here ends, without the stop and spaces, and whether a clause narrows it there."""
    match = clause.search(text, start + 1)
    stop = match.start() if match else len(text)
    narrows = match is not None and match.groupdict().get("narrows") is not None
    return start + len(text[start:stop].rstrip(" .。!！\"'”")), narrows
