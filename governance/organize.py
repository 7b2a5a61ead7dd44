"""L4 from the driver: statements of every shard meet the passages of other pages, and equal ones become one.

In the steps of a shuffle that each resume. What a statement is compared with is found by hashes of words, and of the
text of other shards only those sentences travel that it met there.

    annotations   shard        statements, and what their own evidence says of them
    twins, chosen              equal statements, by the hash of their folded text: the smallest uid stands for all
    met, pairs                 sentences of other documents that share a key with a statement
    fetched       run          the text of these sentences
    related       run          what each says of the statement: evidence, for the run of the one that stands for it
    merged        run          statements with all their evidence, and their status
    mentions      run          counts of the names in them
    named         all          entities, from these counts
    linked        run          the entities that each statement names
    data          run          the four tables
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from governance import duplicates, organize_meet, organize_merge, organize_tables
from governance.cluster import Cluster
from governance.job import Job, annotation_parts, data_parts, done_before
from governance.parts import Annotations, read_visible
from governance.progress import Progress
from governance.shuffle import map_pending
from manifests.ledger import STATEMENTS, Account, Ledger, merge, tally
from manifests.records import Record, read_record
from stages.notes import WRITE
from stages.organize import candidates_of
from stages.statement_checks import judge_evidence

TIER = "L4"
_L2 = ("uid", "content", "title", "url", "date", "published", "lang", "licence", "source", "cluster_id")
_L3 = (
    "row_uid", "parent_uid", "task", "role", "outcome", "text", "question", "answer", "passage_start", "passage_end",
    "edited", "prompt_id", "prompt_sha256", "model", "round_trip.with",
)  # fmt: skip
_WEIGHT = 20  # a statement with the passages that it is compared with takes as much memory as so many rows of hashes
_JUDGED = ("statement", "lang", "evidence", "context", "title")


def build(job: Job, cluster: Cluster, progress: Progress, numbers: list[int]) -> None:
    """All steps of L4 up to its data; the shards of L2 and L3 are ``numbers``."""
    with progress.stage("L4 find", len(numbers)) as line:
        map_pending(job, cluster, annotate, numbers, "annotations", line)
    shuffle = duplicates.shuffle_of(job, _WEIGHT)
    own, partitions = range(len(shuffle.own.runs)), range(shuffle.partitions)
    steps = (
        (organize_merge.send_twins, own, "twins"),
        (organize_merge.choose, partitions, "chosen"),
        (organize_meet.meet, own, "met"),
        (organize_meet.pair, partitions, "pairs"),
        (organize_meet.fetch, own, "fetched"),
        (organize_meet.relate_run, own, "related"),
        (organize_merge.merge_run, own, "merged"),
        (organize_tables.mention, own, "mentions"),
        (organize_tables.name, [0], "named"),
        (organize_tables.link, own, "linked"),
        (organize_tables.write, own, "data"),
    )
    with progress.stage("L4 organise", sum(len(items) for _, items, _ in steps), unit="tasks") as line:
        for work, items, step in steps:
            map_pending(shuffle, cluster, work, items, step, line)


@done_before("annotations", TIER)
def annotate(job: Job, number: int) -> Record:
    """The statements of a shard, those that are none among them, each with what its own evidence says of it."""
    below = read_record(job.store, f"L2/{job.dump}", "data", number)
    notes = Annotations(job.store, f"{job.base}/annotations/part-{number:05d}")
    record = Record("annotations", number, below.name, job.fingerprint)
    written = _written(job, number)
    ledgers: list[Ledger] = []
    for documents in read_visible(job.store, data_parts(below), _L2):
        mine = written.filter(pc.is_in(written["parent_uid"], value_set=documents["uid"].combine_chunks()))
        found = judged(candidates_of(documents, mine, job.settings.l4.organize))
        ledgers.append([account_of(found)])
        notes.write(with_fates(found))
    record.parts, record.ledger = notes.finish(), merge(ledgers) or [Account(STATEMENTS)]
    return record


def _written(job: Job, number: int) -> pa.Table:
    """What L3 kept of a shard, and whether a second reading agreed."""
    notes = read_record(job.store, f"L3/{job.dump}", "annotations", number)
    tables = list(read_visible(job.store, annotation_parts(notes), _L3))
    table = pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in _L3})
    kept = pc.and_(pc.equal(table["role"], WRITE), pc.equal(table["outcome"], "kept"))
    table = table.filter(kept)
    return table.append_column("read_again", pc.is_valid(table["round_trip.with"]))


def judged(found: pa.Table) -> pa.Table:
    """CANDIDATES with what their own evidence says of them; nothing is said of what is no statement."""
    alive = pc.is_null(found["fate"])
    kept = found.filter(alive).rename_columns(["evidence" if name == "text" else name for name in found.column_names])
    verdicts = judge_evidence(kept.select(_JUDGED))
    place = pc.if_else(alive, pc.subtract(pc.cumulative_sum(alive.cast(pa.int64())), 1), None)
    for name in verdicts.column_names:
        found = found.append_column(name, verdicts[name].combine_chunks().take(place.combine_chunks()))
    at = found.column_names.index("context")
    return found.set_column(at, "context", pc.if_else(alive, found["context"], pa.scalar(None, pa.string())))


def account_of(found: pa.Table) -> Account:
    """What was found = statements + what is none, by reason."""
    account = Account(STATEMENTS, tally(found["uid"]), tally(found["uid"].filter(pc.is_null(found["fate"]))))
    for reason in sorted(pc.unique(found["fate"]).drop_null().to_pylist()):
        account.rejected[reason] = tally(found["uid"].filter(pc.fill_null(pc.equal(found["fate"], reason), False)))
    return account


def with_fates(found: pa.Table) -> pa.Table:
    """CANDIDATES with the fate of each as the ledger names it: the account and the word."""
    fate = pc.binary_join_element_wise(STATEMENTS, found["fate"], ".")
    return found.set_column(found.column_names.index("fate"), "fate", fate)
