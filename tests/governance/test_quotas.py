"""A limit takes the best documents of the whole dump: no better one is left in any shard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from governance.cluster import Cluster
from governance.config import load as load_settings
from governance.job import Job
from governance.quotas import Quota, best, order_of, quotas
from manifests.records import Record, commit, write_part
from manifests.store import Store

ROW = pa.schema([("uid", pa.string()), ("score", pa.float32()), ("lang", pa.string())])
SCORE = st.one_of(st.none(), st.just(math.nan), st.floats(-3, 5, width=32), st.sampled_from([0.0, -0.0, 0.5, 1.0]))
SHARDS = st.lists(st.lists(SCORE, max_size=6), min_size=1, max_size=5)


def selected(folder: Path, shards: list[list[float | None]], limit: int | None, language: str = "en") -> Job:
    """The job of L3 above a dump with these scores."""
    store = Store(str(folder))
    for number, scores in enumerate(shards):
        uids = [f"{number:08x}{i:024x}" for i in range(len(scores))]
        table = pa.table({"uid": uids, "score": scores, "lang": [language] * len(uids)}, schema=ROW)
        parts = [write_part(store, f"L2/web/data/{language}/part-{number:05d}", [table], ROW)] if scores else []
        commit(store, "L2/web", Record("data", number, f"{number}", "f", parts))
    overrides = [] if limit is None else [f"l3.max_documents={limit}"]
    return Job(store, "L3", "web", load_settings(None, ['l3.engine.languages=["en"]', *overrides]), "f", "L2")


def chosen(job: Job, shards: list[list[float | None]]) -> tuple[list[Any], list[Any]]:
    """Scores of the documents written from, and of the others."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for quota in quotas(job, Cluster(workers=0), list(range(len(shards)))):
        record_parts = [p for p in job.store.list("L2/web/_shards/data") if f"{quota.number:05d}" in p.path]
        parts = Record.from_bytes(job.store.get(record_parts[0].path)).parts
        uids = best(job, parts, quota.documents)
        assert len(uids) == quota.documents
        for i, score in enumerate(shards[quota.number]):
            found[f"{quota.number:08x}{i:024x}" not in uids].append(score)
    return found


@given(SHARDS, st.integers(1, 12))
def test_no_document_that_is_left_is_better_than_one_that_is_taken(
    shards: list[list[float | None]], limit: int
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        job = selected(Path(folder), shards, limit)
        taken, left = chosen(job, shards)
    assert len(taken) == min(limit, sum(len(shard) for shard in shards))
    numbers = [order_of(pa.chunked_array([pa.array(some, pa.float32())])) for some in (taken, left)]
    assert not taken or not left or numbers[0].min() >= numbers[1].max()


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2))
def test_the_order_is_that_of_the_scores(scores: list[float]) -> None:
    order = order_of(pa.chunked_array([pa.array(scores, pa.float32())]))
    by_score = np.argsort(np.array(scores, np.float32), kind="stable")
    assert (np.diff(order[by_score].astype(np.int64)) >= 0).all() and order.max() < 1 << 30


def test_the_best_may_all_lie_in_one_shard(tmp_path: Path) -> None:
    shards: list[list[float | None]] = [[0.1] * 50, [0.9, 0.8, 0.2], [0.3] * 50]
    job = selected(tmp_path, shards, 2)
    assert quotas(job, Cluster(workers=0), [0, 1, 2]) == [Quota(0, 0), Quota(1, 2), Quota(2, 0)]


def test_documents_without_scores_are_taken_from_all_shards_alike(tmp_path: Path) -> None:
    job = selected(tmp_path, [[None] * 20, [None] * 10, [None] * 10], 8)
    assert [one.documents for one in quotas(job, Cluster(workers=0), [0, 1, 2])] == [4, 2, 2]


def test_without_a_limit_or_with_one_above_all_every_document_counts(tmp_path: Path) -> None:
    for limit in (None, 3, 100):
        job = selected(tmp_path / str(limit), [[0.1, 0.2], [0.3]], limit)
        assert [one.documents for one in quotas(job, Cluster(workers=0), [0, 1])] == [2, 1]


def test_a_language_that_the_model_does_not_write_counts_nothing(tmp_path: Path) -> None:
    job = selected(tmp_path, [[0.9, 0.8]], 1, language="zh")
    assert quotas(job, Cluster(workers=0), [0]) == [Quota(0, 0)]
