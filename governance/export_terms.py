"""L4 in the vocabularies of the web: schema.org claims, PROV-O evidence, SKOS topics and names, as rdflib triples.

What no vocabulary has a word for (status, relation, negation) is a term below ``urn:governance:``; docs/knowledge.md
lists all of them. Subjects are ``urn:governance:<kind>:<uid>``, so that two exports of a corpus are the same graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from rdflib import Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, PROV, RDF, RDFS, SKOS, XSD
from rdflib.term import Node

from stages.names import language_of

SCHEMA, OURS = Namespace("https://schema.org/"), Namespace("urn:governance:")
CONTEXT = {
    "schema": str(SCHEMA), "prov": str(PROV), "skos": str(SKOS), "dcterms": str(DCTERMS), "rdf": str(RDF),
    "rdfs": str(RDFS), "xsd": str(XSD), "governance": str(OURS),
}  # fmt: skip
Triple = tuple[Node, Node, Node]
Row = dict[str, Any]
_SUPPORTS = ("source", "repeats", "corroborates")
_SAFE = "/:?#[]@!$&'()*+,;=%~-._"  # stand in an address as they are


def statement(row: Row) -> Iterator[Triple]:
    """A statement as a claim, with its status and topic."""
    claim = _id("statement", row["uid"])
    yield claim, RDF.type, SCHEMA.Claim
    yield claim, SCHEMA.text, _text(row["statement"], row["lang"])
    yield claim, SCHEMA.inLanguage, Literal(row["lang"])
    yield claim, OURS.status, Literal(row["status"])
    yield from _told(claim, OURS.reason, row["reason"])
    yield from _told(claim, OURS.method, row["method"])
    yield from _told(claim, OURS.question, row["question"], row["lang"])
    yield from _told(claim, OURS.model, row["model"])
    if row["num_hosts"] is not None:
        yield claim, OURS.numHosts, Literal(row["num_hosts"])
    if _is_day(row["date"]):
        yield claim, DCTERMS.date, Literal(row["date"], datatype=XSD.date)
    for entity in row["entities"] or ():
        yield claim, SCHEMA.about, _id("entity", entity)
    for other in row["contradicted_by"] or ():
        yield claim, OURS.contradictedBy, _id("statement", other)
    if row["topic"] is not None:
        topic = _id("topic", row["topic"])
        yield claim, DCTERMS.subject, topic
        yield topic, RDF.type, SKOS.Concept
        yield topic, SKOS.prefLabel, Literal(row["topic"])


def evidence(row: Row) -> Iterator[Triple]:
    """A row of evidence as an entity of PROV-O that a claim was derived from, or that contradicts it."""
    claim = _id("statement", row["statement_uid"])
    place = f"{row['statement_uid']}:{row['evidence_uid']}:{row['start']}-{row['end']}"
    quoted = _id("evidence", place)
    yield claim, PROV.wasDerivedFrom if row["role"] in _SUPPORTS else OURS.contradictingEvidence, quoted
    yield quoted, RDF.type, PROV.Entity
    yield quoted, PROV.value, _text(row["text"], row["lang"])
    yield quoted, OURS.role, Literal(row["role"])
    yield quoted, OURS.document, Literal(row["evidence_uid"])
    yield quoted, OURS.start, Literal(row["start"])
    yield quoted, OURS.end, Literal(row["end"])
    yield from _told(quoted, DCTERMS.title, row["title"])
    yield from _told(quoted, DCTERMS.license, row["licence"])
    if row["url"] is not None:
        yield quoted, PROV.hadPrimarySource, _address(row["url"])
    if _is_day(row["date"]):
        yield quoted, DCTERMS.date, Literal(row["date"], datatype=XSD.date)


def entity(row: Row) -> Iterator[Triple]:
    """An entity with its names, each in the language that its script tells."""
    thing = _id("entity", row["uid"])
    yield thing, RDF.type, SCHEMA.Thing
    yield thing, SKOS.prefLabel, _text(row["name"], row["lang"])
    for name in row["aliases"] or ():
        yield thing, SKOS.altLabel, _text(name, language_of(name))


def edge(row: Row) -> Iterator[Triple]:
    """An edge as a reified statement, so that what is denied is never asserted."""
    place = f"{row['statement_uid']}:{row['subject']}:{row['relation']}:{row['object']}"
    said = _id("edge", place)
    yield said, RDF.type, RDF.Statement
    yield said, RDF.subject, _id("entity", row["subject"])
    yield said, RDF.predicate, _id("relation", row["relation"])
    yield _id("relation", row["relation"]), RDFS.label, _text(row["relation"], row["lang"])
    whole = row["object_entity"] is not None
    yield said, RDF.object, _id("entity", row["object_entity"]) if whole else _text(row["object"], row["lang"])
    yield said, OURS.negated, Literal(bool(row["negated"]))
    yield said, PROV.wasDerivedFrom, _id("statement", row["statement_uid"])


TABLES = {"statements": statement, "evidence": evidence, "entities": entity, "edges": edge}


def _id(kind: str, name: str) -> URIRef:
    return URIRef(f"{OURS}{kind}:{quote(name, safe=':-._~')}")


def _text(text: str, lang: str | None) -> Literal:
    """A text with its language, without one where the tag is none that RDF takes."""
    return Literal(text, lang=lang if lang and re.fullmatch(r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*", lang) else None)


def _told(subject: URIRef, predicate: URIRef, text: str | None, lang: str | None = None) -> Iterator[Triple]:
    if text is not None:
        yield subject, predicate, _text(text, lang)


def _address(url: str) -> Node:
    """An address as an IRI, what may not stand in one escaped; as text where it is none."""
    return URIRef(quote(url, safe=_SAFE)) if re.match(r"https?://[^/\s]", url) else Literal(url)


def _is_day(text: str | None) -> bool:
    """Whether a text is a day of the calendar."""
    from datetime import date

    try:
        return text is not None and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
