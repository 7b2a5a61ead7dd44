"""Components: the same labels from one worker and from rounds over partitions, whatever the order of the pairs."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages import dedup
from stages.components import (
    EDGES,
    both_ways,
    checksum,
    components,
    contracted,
    distinct_edges,
    labels_of,
    large_star,
    small_star,
)
from stages.uids import UID, uid_from_bytes

PARTITIONS = 3


def edges(pairs: list[tuple[int, int]]) -> pa.Table:
    """EDGES of numbered rows; the rank of a row is a third of its number, so that ranks tie and uids decide."""
    u, v = zip(*pairs, strict=True) if pairs else ((), ())
    columns = [pa.array([hashlib.md5(str(k).encode()).digest() for k in side], UID) for side in (u, v)]
    ranks = [pa.array([k // 3 for k in side], pa.uint64()) for side in (u, v)]
    return pa.table([*columns, *ranks], schema=EDGES)


def rows_of(labels: pa.Table) -> list[dict[str, object]]:
    return sorted(labels.to_pylist(), key=lambda row: row["uid"])


def by_partition(tables: list[pa.Table]) -> list[pa.Table]:
    """What a shuffle does: every edge to the partition of its u."""
    table = pa.concat_tables([EDGES.empty_table(), *tables]).combine_chunks()
    there = dedup.uid_partition(table["u"], PARTITIONS)
    return [distinct_edges(table.filter(pa.array(there == k)).combine_chunks()) for k in range(PARTITIONS)]


def in_rounds(parts: list[pa.Table]) -> list[dict[str, object]]:
    """Labels by rounds of large-star and small-star, as governance/labels.py drives them."""
    tables = by_partition([both_ways(contracted(part)) for part in parts])
    before = None
    for _ in range(50):
        tables = by_partition([large_star(table) for table in tables])
        after = sum(table.num_rows for table in tables), sum(map(checksum, tables)) % (1 << 64)
        tables = by_partition([both_ways(small_star(table)) for table in tables])
        if after == before:
            return rows_of(pa.concat_tables([labels_of(table) for table in tables]))
        before = after
    raise AssertionError("the rounds do not end")


PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(lambda pair: pair[0] != pair[1]), max_size=60)


@given(PAIRS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_rounds_over_partitions_and_one_worker_give_the_same_labels(
    pairs: list[tuple[int, int]], split: int, random: Random
) -> None:
    expected = rows_of(components(edges(pairs)))
    turned = [pair if random.random() < 0.5 else pair[::-1] for pair in pairs]
    random.shuffle(turned)
    parts = [edges(turned[k::split]) for k in range(split)]
    assert rows_of(components(pa.concat_tables(parts))) == expected
    assert in_rounds(parts) == expected


def test_a_long_chain_ends_in_few_rounds_and_one_cluster() -> None:
    order = np.random.default_rng(1).permutation(1000).tolist()
    found = in_rounds([edges(list(pairwise(order)))])
    assert len(found) == 1000
    assert {row["cluster_size"] for row in found} == {1000}
    best = min(range(1000), key=lambda k: (k // 3, hashlib.md5(str(k).encode()).digest()))
    assert {row["survivor"] for row in found} == {hashlib.md5(str(best).encode()).digest()}


def test_no_pairs_are_no_labels() -> None:
    assert components(edges([])).num_rows == 0
    assert in_rounds([edges([])]) == []


def test_an_edge_given_many_times_counts_once() -> None:
    one, many = edges([(1, 2), (2, 3)]), edges([(1, 2), (2, 3), (1, 2)])
    assert checksum(distinct_edges(one)) == checksum(distinct_edges(many))
    assert checksum(distinct_edges(one)) != checksum(distinct_edges(edges([(1, 2), (1, 3)])))
    assert uid_from_bytes(components(many)["uid"]).to_pylist() == uid_from_bytes(components(one)["uid"]).to_pylist()
