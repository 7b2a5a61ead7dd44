"""Statements and the sentences of other documents that may say the same or the opposite: they meet by keys of words."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from governance.job import data_parts, done_before
from governance.organize_merge import EVIDENCE, FACTS, chosen_of, statements_of
from governance.parts import read_visible
from governance.shuffle import Shuffle, Spill, gathered, scratch, spilled
from manifests.records import Part, Record, read_record
from stages import dedup
from stages.organize import context_of, day_of, host_of, sentence_table
from stages.statement_checks import relate
from stages.statement_keys import meeting_keys
from stages.uids import UID, uid_from_bytes, uid_to_bytes

TIER = "L4"
KEYS = pa.schema(
    [("key", pa.uint64()), ("document", UID), ("start", pa.int32()), ("end", pa.int32()), ("statement", UID)]
)
PAIRS = pa.schema([("statement", UID), ("document", UID), ("start", pa.int32()), ("end", pa.int32())])
# A sentence of another document, on its way to the statement it is compared with; ``other``: the statement it is.
PASSAGES = pa.schema(
    [("statement", pa.string()), ("evidence_uid", pa.string()), ("start", pa.int64()), ("end", pa.int64())]
    + [
        (name, pa.string())
        for name in (
            "text",
            "context",
            "url",
            "host",
            "title",
            "date",
            "lang",
            "licence",
            "source",
            "cluster_id",
            "other",
        )
    ]
)  # fmt: skip
_L2 = ("uid", "content", "title", "url", "date", "published", "lang", "licence", "source", "cluster_id")
_FOUND = ("uid", "statement", "lang", "evidence_uid", "start", "end")


@done_before("met", TIER)
def meet(job: Shuffle, number: int) -> Record:
    """The keys of all statements and sentences of a run, by partition."""
    spill = Spill(job.store, scratch(job, "met"), number, KEYS)
    for table in statements_of(job, number, _FOUND):
        _send(job, spill, table["statement"], table, uid_to_bytes(table["uid"]))
    for documents in _documents(job, number, ("uid", "content", "lang")):
        table = sentence_table(documents)
        _send(job, spill, table["text"], table, pa.nulls(table.num_rows, UID))
    return Record("met", number, f"run {number}", job.fingerprint, spill.finish())


def _send(job: Shuffle, spill: Spill, texts: pa.ChunkedArray, table: pa.Table, statements: pa.Array) -> None:
    found = meeting_keys(texts, table["lang"])
    at = found["index"].combine_chunks()
    documents = uid_to_bytes(table["evidence_uid"])
    columns = [found["key"], documents.take(at), table["start"].combine_chunks().take(at)]
    columns += [table["end"].combine_chunks().take(at), statements.take(at)]
    rows = pa.table([*columns], names=KEYS.names).cast(KEYS)
    spill.write(rows, dedup.partition_of(rows["key"].to_numpy(), job.partitions))


def _documents(job: Shuffle, run: int, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    for shard in job.own.runs[run].shards:
        record = read_record(job.store, f"L2/{job.dump}", "data", shard)
        yield from read_visible(job.store, data_parts(record), columns)


@done_before("pairs", TIER)
def pair(job: Shuffle, partition: int) -> Record:
    """Statements with sentences of other documents that share a key; a key that too many share says nothing."""
    met = pl.DataFrame(gathered(spilled(job, "met", scratch(job, "met"), partition), KEYS).cast(_plain(KEYS)))
    places = met.select("key", "document", "start", "end").unique()
    few = places.group_by("key").len().filter(pl.col("len").is_between(2, job.settings.l4.organize.max_sentences_a_key))
    wanted = met.filter(pl.col("statement").is_not_null()).join(few, on="key", how="semi")
    pairs = (
        wanted.select("key", "statement", own="document")
        .join(places.join(few, on="key", how="semi"), on="key")
        .filter(pl.col("document") != pl.col("own"))
        .select(PAIRS.names)
        .unique()
        .sort(PAIRS.names)
    )
    rows = pairs.to_arrow().cast(_plain(PAIRS)).cast(PAIRS)
    spill = Spill(job.store, scratch(job, "pairs"), partition, PAIRS)
    at, runs = job.runs_of(rows["document"])
    spill.write(rows.take(pa.array(at)), runs)
    return Record("pairs", partition, f"partition {partition}", job.fingerprint, spill.finish())


def _plain(schema: pa.Schema) -> pa.Schema:
    """Uids as bytes of any length, which polars knows."""
    return pa.schema([field.with_type(pa.binary()) if field.type == UID else field for field in schema])


@done_before("fetched", TIER)
def fetch(job: Shuffle, number: int) -> Record:
    """The sentences of a run's documents that statements met, for the runs of these statements."""
    pairs = gathered(spilled(job, "pairs", scratch(job, "pairs"), number), PAIRS)
    spill = Spill(job.store, scratch(job, "fetched"), number, PASSAGES)
    if pairs.num_rows:
        uids = {name: uid_from_bytes(pairs[side]) for name, side in (("statement", "statement"), ("uid", "document"))}
        wanted = pl.DataFrame(pa.table({**uids, "start": pairs["start"], "end": pairs["end"]}))
        wanted = wanted.unique().sort("uid", "start", "end", "statement")
        stands_for = _statements_at(job, number)
        for documents in _documents(job, number, _L2):
            rows = _passages(documents, wanted, stands_for, job.settings.l4.organize.context_chars)
            at, runs = job.runs_of(uid_to_bytes(rows["statement"]))
            spill.write(rows.take(pa.array(at)), runs)
    return Record("fetched", number, f"run {number}", job.fingerprint, spill.finish())


def _statements_at(job: Shuffle, run: int) -> dict[tuple[str, int, int], str]:
    """The statement that each place in a run's documents has become."""
    chosen = chosen_of(job, run)
    places: dict[tuple[str, int, int], str] = {}
    for table in statements_of(job, run, _FOUND):
        for row in table.to_pylist():
            places.setdefault((row["evidence_uid"], row["start"], row["end"]), chosen[row["uid"]])
    return places


def _passages(
    documents: pa.Table, wanted: pl.DataFrame, stands_for: dict[tuple[str, int, int], str], chars: int
) -> pa.Table:
    rows = []
    by_uid = {row["uid"]: row for row in documents.to_pylist()}
    for statement, uid, start, end in wanted.filter(pl.col("uid").is_in(list(by_uid))).iter_rows():
        row = by_uid[uid]
        text = row["content"]
        rows.append({
            "statement": statement, "evidence_uid": uid, "start": start, "end": end, "text": text[start:end],
            "context": context_of(text, (start, end), chars), "host": host_of(row["url"]), "date": day_of(row),
            "other": stands_for.get((uid, start, end)),
            **{name: row[name] for name in ("url", "title", "lang", "licence", "source", "cluster_id")},
        })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=PASSAGES)


_SIDE = ("uid", "statement", "lang", "evidence_uid", "start", "end", "text", "context", "url", "host", "title", "date",
         "licence", "source", "cluster_id")  # fmt: skip


@done_before("related", TIER)
def relate_run(job: Shuffle, number: int) -> Record:
    """Evidence for and against the statements of a run, their own first, for the runs of those that stand for them."""
    passages = pl.DataFrame(gathered(spilled(job, "fetched", scratch(job, "fetched"), number), PASSAGES))
    passages = passages.unique(["statement", "evidence_uid", "start", "end"]).sort("statement", "evidence_uid", "start")
    passages = passages.group_by("statement", maintain_order=True).head(job.settings.l4.organize.max_passages)
    chosen = chosen_of(job, number)
    spill = Spill(job.store, scratch(job, "related"), number, EVIDENCE)
    for table in statements_of(job, number, _SIDE):
        rows = pl.DataFrame(table)
        met = passages.join(rows.select("uid", "statement", statement_lang="lang"), left_on="statement", right_on="uid")
        own = rows.with_columns(role=pl.lit("source"), reason=pl.lit(None, pl.String), other=pl.lit(None, pl.String))
        evidence = pl.concat([_as_evidence(own, "uid"), _as_evidence(_related(met), "statement")])
        stands = evidence["found_uid"].replace_strict(chosen, return_dtype=pl.String).alias("statement_uid")
        found = evidence.with_columns(stands).select(EVIDENCE.names).to_arrow().cast(EVIDENCE)
        at, runs = job.runs_of(uid_to_bytes(found["statement_uid"]))
        spill.write(found.take(pa.array(at)), runs)
    parts = [*spill.finish(), *_send_facts(job, number, chosen)]
    return Record("related", number, f"run {number}", job.fingerprint, parts)


def _send_facts(job: Shuffle, number: int, chosen: dict[str, str]) -> list[Part]:
    """What was found out of a run's statements, for the runs of those that stand for them."""
    spill = Spill(job.store, scratch(job, "facts"), number, FACTS)
    for table in statements_of(job, number, tuple(FACTS.names[1:])):
        stands = pa.array([chosen[uid] for uid in table["uid"].to_pylist()], pa.string())
        at, runs = job.runs_of(uid_to_bytes(stands))
        spill.write(table.add_column(0, "statement_uid", stands).cast(FACTS).take(pa.array(at)), runs)
    return spill.finish()


def _related(met: pl.DataFrame) -> pl.DataFrame:
    """Passages that say something of their statement, with role and reason."""
    pairs = met.select(statement="statement_right", lang="statement_lang", passage="text", title="title").to_arrow()
    verdict = pl.DataFrame(relate(pairs))
    roles = {"same": "corroborates", "supports": "corroborates", "contradicts": "contradicts"}
    met = met.with_columns(
        role=verdict["relation"].replace_strict(roles, default=None, return_dtype=pl.String), reason=verdict["reason"]
    )
    return met.filter(pl.col("role").is_not_null())


def _as_evidence(rows: pl.DataFrame, uid: str) -> pl.DataFrame:
    names = [name for name in EVIDENCE.names if name not in ("found_uid", "statement_uid")]
    return rows.select(pl.col(uid).alias("found_uid"), *(name for name in names))
