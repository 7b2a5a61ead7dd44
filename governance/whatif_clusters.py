"""Clusters of duplicates of which members would be rejected before: what is certain of the others, and what is not.

A cluster is held together by pairs that were confirmed; of each victim one is stored, its match. A victim whose matches
lead to the survivor through members that stay is a victim still; the last member left has no duplicate any more. Of all
others only the comparison of texts can tell.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from governance.clusters import CLUSTERS
from governance.parts import read_parts
from governance.shuffle import Shuffle, gathered
from manifests.records import read_record
from stages.uids import UID, uid_from_bytes, uid_to_bytes

LOST = pa.schema([("uid", UID), ("survivor", UID)])


class Clusters:
    """The clusters of a dump: those of one run of shards in memory, and every member that would be rejected."""

    def __init__(self, shuffle: Shuffle) -> None:
        self._shuffle = shuffle
        self._run_of = {shard: run.number for run in shuffle.own.runs for shard in run.shards}
        self._run, self._table = -1, CLUSTERS.empty_table()
        self._lost: list[pa.Table] = []

    def kinds(self, shard: int, uids: pa.ChunkedArray) -> pa.Array:
        """Why each row of a shard is a duplicate: near, url or exact; null where it is none."""
        table = self._of_shard(shard)
        if table.num_rows == 0:
            return pa.nulls(len(uids), pa.string())
        return table["reason"].combine_chunks().take(self._places(table, uids))

    def lose(self, shard: int, uids: pa.ChunkedArray) -> None:
        """Remember those of the rows that are in a cluster: they would be rejected before."""
        table = self._of_shard(shard)
        if len(uids) == 0 or table.num_rows == 0:
            return
        found = table.take(self._places(table, uids).drop_null())
        if found.num_rows:
            self._lost.append(found.select(LOST.names))

    def settled(self) -> pa.Table:
        """The victims that would be none: ``uid``, ``reason`` that falls away, ``kept`` (false: not certain)."""
        lost = gathered(self._lost, LOST)
        members = self._members(pc.unique(lost["survivor"])) if lost.num_rows else CLUSTERS.empty_table()
        stay = members.filter(pc.invert(pc.is_in(members["uid"], value_set=lost["uid"].combine_chunks())))
        left = stay.group_by("survivor", use_threads=False).aggregate([([], "count_all")])
        number = left["count_all"].take(pc.index_in(stay["survivor"], value_set=left["survivor"].combine_chunks()))
        # The survivor of an older dump is not among the members, and stays.
        ours = pc.is_in(stay["survivor"], value_set=members["uid"].combine_chunks())
        alone = pc.and_(pc.equal(number, 1), ours)
        table = stay.append_column("kept", alone).filter(pc.is_valid(stay["reason"]))
        table = table.filter(pc.invert(pc.is_in(table["uid"], value_set=_still(stay, lost))))
        uids = uid_from_bytes(table["uid"]) if table.num_rows else pa.array([], pa.string())
        return pa.table({"uid": uids, "reason": table["reason"], "kept": table["kept"]}).sort_by("uid")

    def _members(self, survivors: pa.Array) -> pa.Table:
        """The rows of some clusters, of all runs."""
        runs = (self._read(run) for run in sorted(set(self._run_of.values())))
        return gathered((one.filter(pc.is_in(one["survivor"], value_set=survivors)) for one in runs), CLUSTERS)

    def _of_shard(self, shard: int) -> pa.Table:
        run = self._run_of[shard]
        if run != self._run:
            self._run, self._table = run, self._read(run)
        return self._table

    def _read(self, run: int) -> pa.Table:
        record = read_record(self._shuffle.store, self._shuffle.base, "duplicates", run)
        return gathered(read_parts(self._shuffle.store, record.parts), CLUSTERS)

    def _places(self, table: pa.Table, uids: pa.ChunkedArray) -> pa.Array:
        return pc.index_in(uid_to_bytes(uids), value_set=table["uid"].combine_chunks())


def _still(stay: pa.Table, lost: pa.Table) -> pa.Array:
    """The victims among ``stay`` that are confirmed to be like a row that leads to their survivor, which stays."""
    gone = lost["uid"].combine_chunks()
    reached = pc.unique(stay["survivor"].filter(pc.invert(pc.is_in(stay["survivor"], value_set=gone))))
    while True:
        led = pc.or_(pc.is_in(stay["match"], value_set=reached), pc.is_in(stay["uid"], value_set=reached))
        further = pc.unique(pa.chunked_array([reached, *stay["uid"].filter(led).chunks], UID))
        if len(further) == len(reached):
            return reached
        reached = further
