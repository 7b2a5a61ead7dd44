"""Rows that once hit a CPU limit: named in the store as soon as they are found, and never tried again.

Whether a row hits a CPU limit is chance on a busy machine, so the first time decides. An empty object a row,
``slow/<dump>/<first 8 digits of the uid>/<stage>/<uid>``, stands outside of the tiers: a resumed run, another worker
and a rebuild all meet it. Copied to another output before its run, the folder carries its verdicts there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from governance.inputs import shard_key
from manifests.records import Record
from manifests.store import Store
from stages.contract import Stage
from stages.limits import TOO_SLOW, slow_column

FOLDER = "slow"


def named(store: Store, dump: str, shard: str, stages: Iterable[str]) -> dict[str, list[str]]:
    """The rows of the shard of a name that are named so far, by stage; ``stages`` are those that have a limit."""
    folder = f"{FOLDER}/{dump}/{shard_key(dump, shard)}"
    return {
        stage: sorted(found.path.rpartition("/")[2] for found in store.list(f"{folder}/{stage}")) for stage in stages
    }


def agrees(store: Store, dump: str, record: Record) -> bool:
    """Whether a record says what is named: another worker on its shard may have named more meanwhile."""
    return record.slow is None or record.slow == named(store, dump, record.name, record.slow)


class SlowRows:
    """The rows of one shard that hit a CPU limit, then or now. Free for a step in which no stage has such a limit."""

    def __init__(self, store: Store, dump: str, shard: str, stages: Sequence[Stage], record: str) -> None:
        """``shard`` is its name, ``record`` the path of the record to be. A stage that has a limit needs its slow
        column and rejects."""
        self._store, self._dump, self._shard, self._record = store, dump, shard, record
        self._reasons = {stage.name: stage.reject_on for stage in stages if slow_column(stage.name) in stage.needs}
        self._known = named(store, dump, shard, self._reasons)

    def mark(self, batch: pa.Table) -> pa.Table:
        """The batch with the slow column of each stage that has a limit."""
        for stage, known in self._known.items():
            batch = batch.append_column(
                slow_column(stage), pc.is_in(batch["uid"], value_set=pa.array(known, pa.string()))
            )
        return batch

    def name_new(self, folded: pa.Table) -> None:
        """Name the rows of a folded batch that a stage found too slow."""
        for stage, known in self._known.items():
            hit = pc.fill_null(pc.equal(folded[self._reasons[stage]], TOO_SLOW), False)
            new = sorted(set(folded["uid"].filter(hit).to_pylist()) - set(known))
            # Whoever is late, after the commit of the shard, names nothing: the rows stand as they are there.
            if new and not self._store.exists(self._record):
                for uid in new:
                    self._store.create(f"{FOLDER}/{self._dump}/{shard_key(self._dump, self._shard)}/{stage}/{uid}", b"")
            self._known[stage] = sorted({*known, *new})

    def found(self) -> dict[str, list[str]] | None:
        """The rows by stage, as the record names them; None where no stage has a limit."""
        return self._known or None
