"""L3's last step: the outputs that add something, assembled to rows with the documents of L2 that they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import layout
from governance.errors import CorpusError
from governance.job import Job, annotation_parts, data_parts, done_before
from governance.output_duplicates import TIER, Outputs, duplicates_of
from governance.parts import read_parts
from manifests.ledger import ROWS, Account, Ledger, merge, tally
from manifests.records import Part, PartWriter, Record, read_record
from manifests.schema import conform, tier_schema
from stages.notes import EDIT
from stages.refined_rows import NEEDS, make_rows

COLUMNS = tuple(dict.fromkeys(("uid", "request_uid", "output_tokens", *NEEDS)))
PARENT_COLUMNS = ("uid", "content", "score", "source", "url", "licence")
DEDUP = "dedup"


@done_before("data", TIER)
def select(job: Outputs, number: int) -> Record:
    """The rows of a shard, in the published layout; memory for the documents of one row group."""
    notes = read_record(job.store, job.base, "annotations", number)
    record = Record("data", number, notes.name, job.fingerprint)
    writers: dict[str, PartWriter] = {}
    told = Told()
    for table, left, rows in assembled(job, number):
        for folder, some in by_folder(job, rows):
            if folder not in writers:
                stem = f"{folder}/{job.dump}-part-{number:05d}"
                writers[folder] = PartWriter(job.store, stem, tier_schema(job.tier))
            writers[folder].write(some)
        told.take(table, left, rows)
    record.parts = [writers[folder].finish() for folder in sorted(writers)]
    record.ledger, record.figures = told.ledger, dict(sorted(told.figures.items()))
    return record


@dataclass
class Told:
    """What a record tells of the rows of a shard: their accounts and figures."""

    ledger: Ledger = field(default_factory=lambda: [Account(DEDUP), Account(ROWS)])
    figures: Counter[str] = field(default_factory=Counter)

    def take(self, table: pa.Table, left: pa.Table, rows: pa.Table) -> None:
        """Add some documents, as ``assembled`` gives them."""
        made = tally(rows["uid"])
        self.ledger = merge([self.ledger, [_dedup_account(table), Account(ROWS, made, made)]])
        self.figures.update(_figures(table, left, rows))


def accounts_and_figures(made: Iterable[tuple[pa.Table, pa.Table, pa.Table]]) -> tuple[Ledger, dict[str, int]]:
    """The accounts and figures of a shard, from what ``assembled`` gives."""
    told = Told()
    for table, left, rows in made:
        told.take(table, left, rows)
    return told.ledger, dict(sorted(told.figures.items()))


def assembled(job: Outputs, number: int) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Some documents of a shard after another: their annotations with a column ``duplicate`` (why an output adds
    nothing), those of them that rows are made of, and the rows, as the tier's schema has them."""
    parent = read_record(job.store, job.parent_base, "data", number)
    notes = read_record(job.store, job.base, "annotations", number)
    documents, duplicates = _Parents(job, data_parts(parent)), duplicates_of(job, number)
    for table in whole_documents(read_parts(job.store, annotation_parts(notes), COLUMNS)):
        table = _with_duplicates(table, duplicates)
        left = table.filter(_stays(table))
        rows = make_rows(left, documents.of(pc.unique(left["parent_uid"])))
        yield table, left, conform(rows, tier_schema(job.tier))


def whole_documents(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same annotations in tables that end where a document does."""
    held: list[pa.Table] = []
    for table in tables:
        if table.num_rows == 0:
            continue
        last = pc.equal(table["parent_uid"], table["parent_uid"][-1]).to_numpy(zero_copy_only=False)
        begins = table.num_rows - int(last[::-1].argmin()) if not last.all() else 0
        if begins or (held and held[-1]["parent_uid"][-1] != table["parent_uid"][0]):
            yield pa.concat_tables([*held, table.slice(0, begins)]).combine_chunks()
            held = []
        held.append(table.slice(begins))
    if held:
        yield pa.concat_tables(held).combine_chunks()


class _Parents:
    """The rows of L2 of a shard, read once from the first to the last."""

    def __init__(self, job: Job, parts: list[Part]) -> None:
        self._batches = read_parts(job.store, parts, PARENT_COLUMNS)
        self._batch = pa.table({name: pa.array([], pa.string()) for name in PARENT_COLUMNS})

    def of(self, uids: pa.Array) -> Mapping[str, dict[str, Any]]:
        """The rows of documents that come after those asked for before. Errors: CorpusError for one that does not."""
        found: dict[str, dict[str, Any]] = {}
        while len(found) < len(uids):
            hits = self._batch.filter(pc.is_in(self._batch["uid"], value_set=uids))
            found |= {row["uid"]: row for row in hits.to_pylist()}
            if len(found) < len(uids):
                batch = next(self._batches, None)
                if batch is None:
                    raise CorpusError("annotations name a document that L2 does not hold", "run `governance verify`")
                self._batch = batch
        return found


def _with_duplicates(table: pa.Table, found: pa.Table) -> pa.Table:
    place = pc.index_in(table["uid"], value_set=found["uid"].combine_chunks())
    return table.append_column("duplicate", found["reason"].combine_chunks().take(place.combine_chunks()))


def _stays(table: pa.Table) -> pa.ChunkedArray:
    """Kept outputs that add something, and the edits that passages are cut from."""
    output = pc.and_(pc.is_valid(table["row_uid"]), pc.is_null(table["duplicate"]))
    return pc.or_(output, pc.and_(pc.equal(table["role"], EDIT), pc.equal(table["outcome"], "kept")))


def by_folder(job: Job, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows by their folder in the layout of the published data set."""
    name = job.settings.l3.synthesize.name
    styles = rows.group_by(["lang", "style"], use_threads=False).aggregate([]).to_pylist()
    folders: dict[str, list[dict[str, str]]] = {}
    for one in styles:
        folders.setdefault(layout.folder(name, one["lang"], one["style"]), []).append(one)
    for folder, members in sorted(folders.items()):
        languages, kinds = pa.array([m["lang"] for m in members]), pa.array([m["style"] for m in members])
        mask = pc.and_(pc.is_in(rows["lang"], value_set=languages), pc.is_in(rows["style"], value_set=kinds))
        yield folder, rows.filter(mask)


def _dedup_account(table: pa.Table) -> Account:
    """Outputs that the checks kept = those that rows are made of + those that add nothing, by reason."""
    outputs = table.filter(pc.is_valid(table["row_uid"]))
    account = Account(DEDUP, tally(outputs["uid"]), tally(outputs["uid"].filter(pc.is_null(outputs["duplicate"]))))
    for reason in sorted(pc.unique(outputs["duplicate"]).drop_null().to_pylist()):
        mask = pc.fill_null(pc.equal(outputs["duplicate"], reason), False)
        account.rejected[reason] = tally(outputs["uid"].filter(mask))
    return account


def _figures(table: pa.Table, left: pa.Table, rows: pa.Table) -> dict[str, int]:
    """Counts of what is left: rows, outputs by task, and verified tokens."""
    import polars as pl

    figures: Counter[str] = Counter(rows=len(rows))
    for reason, count in (
        pl.Series(table["duplicate"].drop_null().to_pylist(), dtype=pl.String).value_counts().iter_rows()
    ):
        figures[reason] = count
    outputs = left.filter(pc.is_valid(left["row_uid"]))
    for task, count in pl.Series(outputs["task"].to_pylist(), dtype=pl.String).value_counts().iter_rows():
        figures[f"by.task.{task}.verified"] = count
        figures["verified_qa_pairs" if task == "qa" else "verified_rewrites"] += count
    for task, tokens in verified_tokens(table).items():
        figures[f"by.task.{task}.verified_tokens"] = tokens
        figures["verified_tokens"] += tokens
    return dict(figures)


def verified_tokens(table: pa.Table) -> dict[str, int]:
    """Output tokens of what is left, by task: of a request with several items the share of its characters that their
    texts hold, rounded down."""
    import polars as pl

    columns = ["request_uid", "task", "output_tokens", "text", "row_uid", "duplicate"]
    frame = pl.DataFrame(table.select(columns)).with_columns(
        pl.col("text").fill_null("").str.len_chars().alias("chars")
    )
    left = pl.col("row_uid").is_not_null() & pl.col("duplicate").is_null()
    requests = frame.group_by("request_uid", "task").agg(
        pl.col("output_tokens").sum(), pl.col("chars").sum(), pl.col("chars").filter(left).sum().alias("left")
    )
    share = pl.col("output_tokens") * pl.col("left") // pl.col("chars").clip(1)
    return dict(
        requests.group_by("task")
        .agg(share.cast(pl.Int64).sum().alias("tokens"))
        .filter(pl.col("tokens") > 0)
        .iter_rows()
    )
