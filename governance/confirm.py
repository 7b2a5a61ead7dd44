"""Candidate pairs to confirmed ones, each with its similarity: what only collided is kept.

The estimate from the stored signatures decides, and near the threshold, where its error could, the true Jaccard
similarity of the shingles. Signatures and shingles are fetched for candidates only: a partition of pairs names the rows
that it wants, the runs that hold them answer. A pair with a row of an older dump also learns where that row's cluster
went, so that both lead to one survivor.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import tiers
from governance.clusters import CONFIRMED, VIEWS, older_clusters, survivors_of
from governance.errors import CorpusError
from governance.job import Job, annotation_parts, data_parts, done_before, models_of
from governance.parts import read_parts
from governance.repeats import with_repeated, without_repeated
from governance.runner import fold
from governance.shuffle import Run, Shuffle, Spill, gathered, scratch, spilled
from manifests.records import Record, read_record
from manifests.tombstones import read_tombstones
from stages import dedup
from stages.minhash import DedupConfig, decode_signatures, shingle_sets
from stages.uids import UID, uid_from_bytes, uid_to_bytes

WANTED = pa.schema([("uid", UID), ("destination", pa.int32())])
SHINGLES = pa.schema([("uid", UID), ("shingles", pa.large_list(pa.uint32()))])
SLICE_CHARS = 50_000_000  # of the texts whose shingles are compared at once: 0.2 GB of them where all are Chinese
DOUBT = 2.5  # standard errors of the estimate around the threshold within which the shingles are counted


def _sketches(cfg: DedupConfig) -> pa.Schema:
    width = pa.binary(4 * cfg.num_hashes)
    return pa.schema([("uid", UID), ("signature", width), ("survivor", UID), ("rank", pa.uint64())])


@done_before("pairs")
def collect(job: Shuffle, partition: int) -> Record:
    """The candidate pairs of a partition, each once, and the rows whose signatures it wants."""
    tables = [*spilled(job, "exact", scratch(job, "exact"), partition)]
    tables += spilled(job, "stars", scratch(job, "stars"), partition)
    pairs = dedup.distinct_pairs(gathered(tables, dedup.PAIRS))
    spill = Spill(job.store, scratch(job, "pairs"), partition, dedup.PAIRS)
    spill.write(pairs, np.full(pairs.num_rows, partition))
    old = dedup.age_of(pairs["rank_a"].to_numpy()) < job.age
    compared = (pairs["kind"].to_numpy() != dedup.EXACT) & compares(job)
    wanted = Spill(job.store, scratch(job, "wanted"), partition, WANTED)
    for side, rows in (("a", old | compared), ("b", compared)):
        _want(job, wanted, partition, pairs.filter(pa.array(rows)), side)
    return Record("pairs", partition, f"partition {partition}", job.fingerprint, [*spill.finish(), *wanted.finish()])


def compares(job: Job) -> bool:
    """Whether candidates are confirmed; outputs of L3 always are."""
    return job.tier != "L1" or job.settings.l1.dedup.confirm != "none"


def _want(job: Shuffle, spill: Spill, destination: int, pairs: pa.Table, side: str) -> None:
    """Name the rows of one side of pairs to the runs that hold them, and where the answer goes."""
    ranks = pairs[f"rank_{side}"].to_numpy()
    uids, first = _distinct(pairs[side])
    places, runs = job.runs_of(uids)
    right = job.ages_of(runs) == dedup.age_of(ranks[first])[places]
    column = uids.take(pa.array(places[right]))
    spill.write(pa.table([column, pa.array([destination] * len(column), pa.int32())], schema=WANTED), runs[right])


def _distinct(uids: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """The distinct uids in order, and where each stands first."""
    array = uids.combine_chunks()
    found = array.unique()
    found = found.take(pc.sort_indices(found.cast(pa.binary())))
    return found, pc.index_in(found, value_set=array).to_numpy(zero_copy_only=False)


def asked(job: Shuffle, step: str, folder: str, number: int) -> pa.Table:
    """The rows that are wanted of a run: uid and destination, each once."""
    wanted = gathered(spilled(job, step, scratch(job, folder), number), WANTED)
    return wanted.group_by(WANTED.names, use_threads=False).aggregate([]).select(WANTED.names)


def answer(spill: Spill, wanted: pa.Table, found: pa.Table) -> None:
    """Send each found row to where it is wanted."""
    place = pc.index_in(wanted["uid"].combine_chunks(), value_set=found["uid"].combine_chunks())
    there = pc.is_valid(place)
    destinations = wanted["destination"].filter(there).to_numpy()
    spill.write(found.take(place.filter(there)).combine_chunks(), destinations)


@done_before("sketches")
def sketch(job: Shuffle, number: int) -> Record:
    """The signatures of the rows of a run that partitions want, and the survivors of those of an older dump."""
    schema = _sketches(job.settings.l1.dedup)
    wanted = asked(job, "pairs", "wanted", number)
    spill = Spill(job.store, scratch(job, "sketches"), number, schema)
    if wanted.num_rows:
        for found in _signatures(job, *job.find_run(number), wanted["uid"].combine_chunks(), schema):
            answer(spill, wanted, found)
    return Record("sketches", number, f"run {number}", job.fingerprint, spill.finish())


def _signatures(job: Shuffle, age: int, run: Run, wanted: pa.Array, schema: pa.Schema) -> Iterator[pa.Table]:
    there, sealed = job.at(age), older_clusters(job, age, run)
    columns = ("uid", "dedup.signature", "dedup.length")
    for shard in run.shards:
        record = read_record(job.store, there.base, "annotations", shard)
        for table in read_parts(job.store, annotation_parts(record), columns):
            uids = uid_to_bytes(table["uid"])
            mask = pc.is_in(uids, value_set=wanted)
            rows, uids = table.filter(mask), uids.filter(mask)
            if rows.num_rows:
                ranks = dedup.rank(rows["dedup.length"].to_numpy(), age)
                survivor, rank = survivors_of(job, sealed, uids, ranks)
                yield pa.table([uids, rows["dedup.signature"].combine_chunks(), survivor, rank], schema=schema)


@done_before("estimates")
def estimate(job: Shuffle, partition: int) -> Record:
    """The pairs of a partition that the signatures decide, those that they leave in doubt, and the texts they want."""
    config = job.settings.l1.dedup
    pairs = gathered(spilled(job, "pairs", scratch(job, "pairs"), partition), dedup.PAIRS)
    sketches = gathered(spilled(job, "sketches", scratch(job, "sketches"), partition), _sketches(config))
    scored = _scored(job, pairs, sketches)
    decided, doubtful = _judged(scored, config, _without_text(job, scored))
    parts = []
    for name, rows in (("decided", decided), ("doubtful", doubtful)):
        spill = Spill(job.store, scratch(job, name), partition, CONFIRMED)
        spill.write(rows, np.full(rows.num_rows, partition))
        parts += spill.finish()
    texts = Spill(job.store, scratch(job, "texts"), partition, WANTED)
    for number, pairs in enumerate(_slices(doubtful)):
        for side in ("a", "b"):
            _want(job, texts, partition + number * job.partitions, pairs, side)
    return Record("estimates", partition, f"partition {partition}", job.fingerprint, [*parts, *texts.finish()])


def _slices(doubtful: pa.Table) -> list[pa.Table]:
    """Pairs in slices whose texts are bounded: pages of one template, or books, would fill the memory at once."""
    if doubtful.num_rows == 0:
        return []
    chars = sum(dedup.length_of(doubtful[f"rank_{side}"].to_numpy()).astype(np.int64) for side in ("a", "b"))
    number = np.cumsum(chars) // SLICE_CHARS
    bounds = np.flatnonzero(np.r_[True, number[1:] != number[:-1], True]).tolist()
    return [doubtful.slice(start, stop - start) for start, stop in pairwise(bounds)]


def _scored(job: Shuffle, pairs: pa.Table, sketches: pa.Table) -> pa.Table:
    """CONFIRMED of all pairs, with the estimate where there are signatures."""
    from stages.pair_kernels import equal_hashes

    config = job.settings.l1.dedup
    known = sketches["uid"].combine_chunks()
    a, b = (pc.index_in(pairs[side].combine_chunks(), value_set=known) for side in ("a", "b"))
    old = pa.array(dedup.age_of(pairs["rank_a"].to_numpy()) < job.age)
    if pc.any(pc.and_(old, pc.is_null(a))).as_py():
        raise CorpusError("the row of an older dump is not in its annotations", "run `governance verify`")
    root = pc.if_else(old, sketches["survivor"].combine_chunks().take(a), pairs["a"].combine_chunks())
    rank_root = pc.if_else(old, sketches["rank"].combine_chunks().take(a), pairs["rank_a"].combine_chunks())
    signed = pc.is_valid(sketches["signature"].combine_chunks())
    both = pc.and_(pc.fill_null(signed.take(a), False), pc.fill_null(signed.take(b), False))
    both = both.to_numpy(zero_copy_only=False)
    # Null signatures hold no value but have their place, so that rows keep their numbers.
    filled = pc.fill_null(sketches["signature"].combine_chunks(), b"\0" * (4 * config.num_hashes))
    left, right = (pc.fill_null(side, 0).to_numpy(zero_copy_only=False)[both].astype(np.int64) for side in (a, b))
    similarity = np.zeros(pairs.num_rows, np.float32)
    similarity[both] = equal_hashes(decode_signatures(filled), left, right) / np.float32(config.num_hashes)
    exact = pairs["kind"].to_numpy() == dedup.EXACT
    similarity[exact] = 1
    unknown = ~exact if config.confirm == "none" else np.zeros(len(exact), bool)
    columns = [*pairs.columns, root, rank_root, pa.array(similarity, mask=unknown)]
    return pa.table(columns, schema=CONFIRMED)


def _without_text(job: Shuffle, scored: pa.Table) -> np.ndarray:
    """Pairs whose older row was taken down: its text may be gone, so the estimate decides, before and after that."""
    out = read_tombstones(job.store)
    if not out or scored.num_rows == 0:
        return np.zeros(scored.num_rows, bool)
    return out.among(uid_from_bytes(scored["a"])).to_numpy(zero_copy_only=False)


def _judged(scored: pa.Table, config: DedupConfig, estimated: np.ndarray) -> tuple[pa.Table, pa.Table]:
    """What is confirmed, and what is in doubt; nothing is of the pairs that can only be ``estimated``."""
    if config.confirm == "none":
        return scored, scored.slice(0, 0)
    similarity, kind = scored["similarity"].to_numpy(), scored["kind"].to_numpy()
    threshold = config.threshold
    margin = DOUBT * np.sqrt(threshold * (1 - threshold) / config.num_hashes) if config.confirm == "shingles" else 0.0
    sure = (kind == dedup.EXACT) | ((kind == dedup.URL) & (similarity >= config.url_similarity))
    sure |= similarity >= np.where(estimated, threshold, threshold + margin)
    doubtful = ~sure & (similarity >= threshold - margin)
    return scored.filter(pa.array(sure)).combine_chunks(), scored.filter(pa.array(doubtful)).combine_chunks()


@done_before("shingles")
def shingle(job: Shuffle, number: int) -> Record:
    """The shingles of the rows of a run that partitions want, cut from their text, which is cleaned again for it."""
    wanted = asked(job, "estimates", "texts", number)
    spill = Spill(job.store, scratch(job, "shingles"), number, SHINGLES)
    if wanted.num_rows:
        age, run = job.find_run(number)
        for shard in run.shards:
            for rows in _clean_text(job, age, shard, wanted["uid"].combine_chunks()):
                found = pa.table([uid_to_bytes(rows["uid"]), shingle_sets(rows, job.settings.l1.dedup)], SHINGLES.names)
                answer(spill, wanted, found.cast(SHINGLES))
    return Record("shingles", number, f"run {number}", job.fingerprint, spill.finish())


def _clean_text(job: Shuffle, age: int, shard: int, wanted: pa.Array) -> Iterator[pa.Table]:
    """Uid, content and lang of the wanted rows of a shard, as the signature saw them."""
    there = job.at(age)
    notes = read_record(job.store, there.base, "annotations", shard)
    uids = wanted.cast(pa.binary())
    languages = [
        table.filter(pc.is_in(uid_to_bytes(table["uid"]).cast(pa.binary()), value_set=uids))
        for table in read_parts(job.store, annotation_parts(notes), ("uid", "lang"))
    ]
    known = pa.concat_tables(languages).combine_chunks() if languages else None
    if known is None or known.num_rows == 0:
        return
    parent = read_record(job.store, there.parent_base, "data", shard)
    for batch in _edited(job, age, parent, known["uid"].combine_chunks()):
        place = pc.index_in(batch["uid"].combine_chunks(), value_set=known["uid"].combine_chunks())
        lang = known["lang"].combine_chunks().take(place)
        yield pa.table({"uid": batch["uid"], "content": batch["content"], "lang": lang})


def _edited(job: Shuffle, age: int, parent: Record, wanted: pa.Array) -> Iterator[pa.Table]:
    """The wanted rows of a shard of L0 with their text edited as L1 does. What repeats across the shards of an older
    dump is known no more, so nothing is dropped for it there."""
    editing = tuple(stage for stage in tiers.stages_of(job.settings, job.tier) if stage.replaces)
    batches = (
        batch.filter(pc.is_in(batch["uid"], value_set=wanted)) for batch in read_parts(job.store, data_parts(parent))
    )
    rows = (batch for batch in batches if batch.num_rows)
    marked = with_repeated(job, parent.name, rows) if age == job.age else map(partial(without_repeated, job), rows)
    for batch in marked:
        yield fold(editing, batch, models_of(job, editing)).table


@done_before("confirmed")
def confirm(job: Shuffle, partition: int) -> Record:
    """The confirmed pairs of a partition, and what each row of them is like, for the run that holds it."""
    decided = gathered(spilled(job, "estimates", scratch(job, "decided"), partition), CONFIRMED)
    doubtful = gathered(spilled(job, "estimates", scratch(job, "doubtful"), partition), CONFIRMED)
    counted = [
        _counted(job, partition + number * job.partitions, pairs) for number, pairs in enumerate(_slices(doubtful))
    ]
    return tell(job, partition, pa.concat_tables([decided, *counted]).combine_chunks())


def tell(job: Shuffle, partition: int, pairs: pa.Table) -> Record:
    """The record of the confirmed pairs of a partition, and of the views that the rows of them have of each other."""
    spill = Spill(job.store, scratch(job, "confirmed"), partition, CONFIRMED)
    spill.write(pairs, np.full(pairs.num_rows, partition))
    views = Spill(job.store, scratch(job, "views"), partition, VIEWS)
    for uid, other, worse in (("b", "a", True), ("a", "b", False)):
        columns = [pairs[uid], pairs[other], pairs["kind"], pairs["similarity"], pa.array([worse] * pairs.num_rows)]
        places, runs = job.runs_of(pairs[uid])
        mine = (runs < len(job.own.runs)) & (dedup.age_of(pairs[f"rank_{uid}"].to_numpy())[places] == job.age)
        views.write(pa.table(columns, schema=VIEWS).take(pa.array(places[mine])).combine_chunks(), runs[mine])
    return Record("confirmed", partition, f"partition {partition}", job.fingerprint, [*spill.finish(), *views.finish()])


def _counted(job: Job, destination: int, pairs: pa.Table) -> pa.Table:
    """Those of a slice of pairs whose true similarity reaches the threshold, with it."""
    similarity = similarities(job, destination, pairs)
    return with_similarity(pairs, similarity).filter(pa.array(similarity >= job.settings.l1.dedup.threshold))


def similarities(job: Job, destination: int, pairs: pa.Table) -> np.ndarray:
    """The true similarity of each pair, float64, from the shingles that were sent to a destination."""
    from stages.pair_kernels import shared_values

    if pairs.num_rows == 0:
        return np.zeros(0)
    sets = gathered(spilled(job, "shingles", scratch(job, "shingles"), destination), SHINGLES)
    known, lists = sets["uid"].combine_chunks(), sets["shingles"].combine_chunks()
    offsets = lists.offsets.to_numpy()
    a, b = (pc.index_in(pairs[side].combine_chunks(), value_set=known) for side in ("a", "b"))
    if a.null_count or b.null_count:
        raise CorpusError(f"the text of a candidate is not in {job.parent_base}", "run `governance verify`")
    a, b = (side.to_numpy().astype(np.int64) for side in (a, b))
    shared = shared_values(lists.values.to_numpy(), offsets, a, b)
    sizes = np.diff(offsets)
    return shared / np.maximum(1, sizes[a] + sizes[b] - shared)


def with_similarity(pairs: pa.Table, similarity: np.ndarray) -> pa.Table:
    """CONFIRMED with the similarity of each pair."""
    place = pairs.column_names.index("similarity")
    return pairs.set_column(place, "similarity", pa.array(similarity.astype(np.float32)))
