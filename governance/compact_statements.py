"""Compaction of L4: its statements are found again in what is left, since any may have had evidence that is gone.

No model is asked for it. Whatever a kill leaves is a tier that is not sealed, which the next compaction makes again.
"""

from __future__ import annotations

import json

from governance.cluster import Cluster
from governance.config import Settings
from governance.job import Job
from governance.parts import read_visible
from governance.pipeline import build_statements, discard, read_manifest
from governance.progress import Progress
from manifests.records import read_records
from manifests.store import Store
from manifests.tombstones import Tombstones


def organize_again(store: Store, dump: str, out: Tombstones, cluster: Cluster, progress: Progress) -> None:
    """Build L4 of a dump anew by its own plan, where it holds anything that was taken down, or is not sealed."""
    sealed = read_manifest(store, "L4", dump) is not None
    if sealed and not _holds(store, dump):
        return
    data = store.get(f"L4/{dump}/plan.json")
    plan = json.loads(data)
    settings = Settings.model_validate({"l4": {"organize": plan["plan"]["organize"]["config"]}})
    discard(store, "L4", dump)
    store.create(f"L4/{dump}/plan.json", data)
    build_statements(Job(store, "L4", dump, settings, plan["fingerprint"], "L3"), cluster, progress)


def _holds(store: Store, dump: str) -> bool:
    """Whether L4 holds a row, as evidence or as what became of a sentence, of what was taken down."""
    for step in ("annotations", "data"):
        for record in read_records(store, f"L4/{dump}", step):
            for part in [part for part in record.parts if "/entities/" not in part.path]:
                names = ("uid", "statement_uid", "parent_uid", "evidence_uid")
                if sum(table.num_rows for table in read_visible(store, [part], names)) != part.rows:
                    return True
    return False
