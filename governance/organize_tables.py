"""The last steps of L4: names for what statements are about, links to them, and the four tables."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from governance.job import done_before
from governance.shuffle import Shuffle, Spill, gathered, scratch, spilled
from manifests.ledger import ROWS, Account, tally
from manifests.records import PartWriter, Record, read_record
from manifests.schema import conform, tier_schema
from stages import entities, topics
from stages.edges import edges_of

TIER = "L4"
TABLES = ("statements", "evidence", "entities", "edges")
_COUNTS = pa.schema({"entity": pa.string(), "num_statements": pa.int64()})
_READ = ("uid", "statement", "lang")
_TOPICS = pa.schema([("topic", pa.string()), ("centroid", pa.list_(pa.float32()))])
_SAMPLE = pa.schema([(name, pa.string()) for name in _READ])


@done_before("mentions", TIER)
def mention(job: Shuffle, number: int) -> Record:
    """Counts of the names in a run's statements and of the pairs that they say are one thing, and a sample of them."""
    spill = Spill(job.store, scratch(job, "mentions"), number, entities.PARTIAL, hashes=False)
    statements = merged(job, number, "statements").select(_READ)
    _to(spill, entities.partial_entities(statements), 0)
    sample = Spill(job.store, scratch(job, "sample"), number, _SAMPLE, hashes=False)
    _to(sample, _first(statements), 0)
    return Record("mentions", number, f"run {number}", job.fingerprint, [*spill.finish(), *sample.finish()])


def _first(statements: pa.Table) -> pa.Table:
    """As many statements as topics are found in."""
    return statements.take(pa.array(topics.sample_of(statements["uid"]))).select(_READ).cast(_SAMPLE)


@done_before("named", TIER)
def name(job: Shuffle, number: int) -> Record:
    """The entities of all runs, from their counts, and the topics of a sample: the memory of one row a name."""
    counts = entities.PARTIAL.empty_table()
    for table in spilled(job, "mentions", scratch(job, "mentions"), 0):
        counts = entities.merge_partials(pa.concat_tables([counts, table]))
    spill = Spill(job.store, scratch(job, "named"), number, entities.ENTITIES, hashes=False)
    _to(spill, entities.merge_entities(counts), 0)
    sample = _SAMPLE.empty_table()
    for table in spilled(job, "mentions", scratch(job, "sample"), 0):
        sample = _first(pa.concat_tables([sample, table.cast(_SAMPLE)]))
    cfg = job.settings.l4.organize
    told = topics.find_topics(None, sample["statement"], sample["lang"], cfg.topic_seed, cfg.topics)
    found = Spill(job.store, scratch(job, "topics"), number, _TOPICS, hashes=False)
    _to(found, pa.table([pa.array(told.names), pa.array(list(told.centroids))], names=_TOPICS.names).cast(_TOPICS), 0)
    return Record("named", number, "all", job.fingerprint, [*spill.finish(), *found.finish()])


@done_before("linked", TIER)
def link(job: Shuffle, number: int) -> Record:
    """Where the statements of a run name entities, and how many name each."""
    known = gathered(spilled(job, "named", scratch(job, "named"), 0), entities.ENTITIES)
    found = entities.link(merged(job, number, "statements").select(_READ), known)
    links = Spill(job.store, scratch(job, "links"), number, entities.LINKED, hashes=False)
    counts = Spill(job.store, scratch(job, "counts"), number, _COUNTS, hashes=False)
    _to(links, found, number)
    _to(counts, entities.count_links(found), 0)
    return Record("linked", number, f"run {number}", job.fingerprint, [*links.finish(), *counts.finish()])


def _to(spill: Spill, table: pa.Table, destination: int) -> None:
    spill.write(table, np.full(table.num_rows, destination))


@done_before("data", TIER)
def write(job: Shuffle, number: int) -> Record:
    """The tables of a run; the entities of all are with those of the first."""
    statements, evidence = (merged(job, number, name) for name in ("statements", "evidence"))
    links = gathered(spilled(job, "linked", scratch(job, "links"), number), entities.LINKED)
    statements = statements.append_column("entities", entities.entities_column(statements["uid"], links))
    named = topics.topic_names_of(_topics(job), None, statements["statement"])
    statements = statements.append_column("topic", named)
    tables = {"statements": statements, "evidence": evidence, "edges": edges_of(statements.select(_READ), links)}
    if number == 0:
        tables["entities"] = _entities(job)
    record = Record("data", number, f"run {number}", job.fingerprint)
    for name, table in sorted(tables.items()):
        if table.num_rows:
            writer = PartWriter(job.store, f"{job.base}/data/{name}/part-{number:05d}", table_schema(name))
            writer.write(conform(table, table_schema(name)))
            record.parts.append(writer.finish())
    made = tally(statements["uid"])
    record.ledger = [*read_record(job.store, job.base, "merged", number).ledger, Account(ROWS, made, made)]
    for status, count in pl.Series("status", statements["status"]).value_counts().sort("status").iter_rows():
        record.figures[f"by.status.{status}"] = count
    return record


def _topics(job: Shuffle) -> topics.Topics:
    table = gathered(spilled(job, "named", scratch(job, "topics"), 0), _TOPICS)
    centroids = np.array(table["centroid"].to_pylist(), np.float32)
    return topics.Topics(centroids.reshape(table.num_rows, -1), tuple(table["topic"].to_pylist()))


def _entities(job: Shuffle) -> pa.Table:
    """The entities that statements link to, with their counts."""
    known = gathered(spilled(job, "named", scratch(job, "named"), 0), entities.ENTITIES)
    counts = gathered(spilled(job, "linked", scratch(job, "counts"), 0), _COUNTS)
    return entities.with_counts(known, counts)


def table_schema(name: str) -> pa.Schema:
    """The schema of one of the TABLES."""
    return tier_schema(TIER if name == "statements" else f"{TIER}.{name}")


def merged(job: Shuffle, number: int, name: str) -> pa.Table:
    """The statements or the evidence of a run, as the step before wrote them."""
    tables = list(spilled(job, "merged", scratch(job, f"merged_{name}"), number))
    return pa.concat_tables(tables) if tables else table_schema(name).empty_table()
