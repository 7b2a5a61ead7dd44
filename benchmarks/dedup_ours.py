"""Our removal of duplicates, from the text of L0 to the kept rows of L1, on local Ray; run by benchmarks.dedup.

It is the real run of L1 (signatures, shuffle, confirmation, clusters, selection, ledger, seal) with a tuple of stages
that leaves out cleaning and rules: what language a row is in is given, as it is to the peer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import pipeline, tiers
from governance.cluster import ONE_CPU, Cluster
from governance.config import Settings, load
from governance.inputs import find_shards
from governance.job import data_parts
from governance.parts import read_parts
from governance.progress import Progress
from manifests.records import read_records
from manifests.store import Store
from stages.contract import Config, Resources, Stage
from stages.minhash import signature_stage
from stages.uids import uid_from_bytes

DUMP = "benchmark"
WORKERS = 2
_GIVEN = {  # columns of L1 that other stages find out, all but the first without a value
    "lang": pa.string(), "lang_score": pa.float64(), "lang_second": pa.string(), "lang_second_share": pa.float64(),
    "lang_script": pa.string(), "num_words": pa.int64(), "pii_masked": pa.int64(),
}  # fmt: skip


def address(language: str, number: int) -> str:
    """The address of a page, which says its language."""
    return f"http://{language}.test/{number}"


def given(batch: pa.Table, _: Config) -> pa.Table:
    """The language of each row, from its address."""
    for name, kind in _GIVEN.items():
        batch = batch.append_column(name, pa.nulls(batch.num_rows, kind))
    language = pc.utf8_slice_codeunits(batch["url"], len("http://"), len("http://en"))
    return batch.set_column(batch.column_names.index("lang"), "lang", language)


def only_duplicates(cfg: Settings) -> tuple[Stage, ...]:
    """L1 without cleaning and rules."""
    known = Stage(name="given", fn=given, config=Config(), needs=("url",), adds=tuple(_GIVEN))
    return (known, signature_stage(cfg.l1.dedup))


def in_place(work: Callable[[Any, Any], Any], context: Any, item: Any) -> Any:
    """A step with these stages in place, in whatever process it runs."""
    vars(tiers)["l1"] = only_duplicates
    return work(context, item)


class Workers(Cluster):
    """Ray workers that have these stages in place."""

    def map(
        self, work: Callable[[Any, Any], Any], context: Any, items: Sequence[Any], on_done: Callable[[Any, Any], None],
        needs: Resources = ONE_CPU,
    ) -> None:  # fmt: skip
        """See ``Cluster.map``."""
        super().map(partial(in_place, work), context, items, on_done, needs)


def build(source: Path, out: Path, level: str, overrides: Sequence[str], cluster: Cluster) -> pipeline.Outcome:
    """Build up to a level."""
    vars(tiers)["l1"] = only_duplicates
    shards = find_shards([str(source)], DUMP)
    request = pipeline.Request(level, shards, Store(str(out)), DUMP, load(None, overrides))
    return pipeline.run(request, cluster, Progress("silent"))


def answer(out: Path) -> dict[str, Any]:
    """What was found: links, pairs of ids (addresses) of which one was found to be like the other, and clusters."""
    store = Store(str(out))
    base, rows = f"L1/{DUMP}", []
    for record in read_records(store, f"L0/{DUMP}", "data"):
        rows += [table.select(["uid", "url"]) for table in read_parts(store, data_parts(record))]
    ids = dict(zip(*(pa.concat_tables(rows)[name].to_pylist() for name in ("uid", "url")), strict=True))
    links, clusters = set(), {}
    for record in read_records(store, base, "duplicates"):
        for table in read_parts(store, record.parts):
            uid, survivor = (uid_from_bytes(table[name]).to_pylist() for name in ("uid", "survivor"))
            match = [None if found is None else found.hex() for found in table["match"].to_pylist()]
            clusters |= {ids[a]: ids[b] for a, b in zip(uid, survivor, strict=True)}
            links |= {(ids[a], ids[b]) for a, b in zip(uid, match, strict=True) if b is not None}
    return {"links": sorted(links), "clusters": clusters}


def main() -> None:
    """``IN OUT write|find [name=value ...]``: builds L0, or removes duplicates and writes OUT/answer.json; prints
    seconds."""
    source, out, overrides = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[4:]
    if sys.argv[3] == "write":
        with Cluster(workers=0) as cluster:
            build(source, out, "L0", (), cluster)
        print(json.dumps({}), flush=True)
        return
    start = time.monotonic()
    with Workers(workers=WORKERS) as cluster:
        cluster.slots()
        started = time.monotonic()
        outcome = build(source, out, "L1", overrides, cluster)
        wall = time.monotonic() - started
    result = {
        "wall_s": round(wall, 2),
        "stages_s": {name.removeprefix("L1 "): seconds for name, seconds in outcome.seconds.items()},
        "ray_start_s": round(started - start, 2),
        "kept": outcome.manifests["L1"]["rows"],
    }
    (out / "answer.json").write_text(json.dumps(answer(out)))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
