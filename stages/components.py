"""Clusters from confirmed pairs: union-find over all of them, or rounds over partitions; the same answer from both.

The rounds are large-star and small-star of Kiveris et al., "Connected components in MapReduce and beyond" (2014): they
keep the components, lower the labels, and end in stars around each component's best row after O(log^2 n) rounds.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages.dedup import distinct, mix
from stages.uids import UID, uid_column, uid_words

# Two rows of one cluster, in either order.
EDGES = pa.schema([("u", UID), ("v", UID), ("rank_u", pa.uint64()), ("rank_v", pa.uint64())])
# Each row of a cluster, its survivor, the ranks of both, and the rows of the cluster.
LABELS = pa.schema(
    [
        ("uid", UID),
        ("rank", pa.uint64()),
        ("survivor", UID),
        ("survivor_rank", pa.uint64()),
        ("cluster_size", pa.int32()),
    ]
)


class Nodes:
    """The rows that edges name, numbered from the best to the worst, and both ends of each edge by number."""

    def __init__(self, edges: pa.Table) -> None:
        high, low = (np.concatenate(words) for words in zip(uid_words(edges["u"]), uid_words(edges["v"]), strict=True))
        ranks = np.concatenate([edges["rank_u"].to_numpy(), edges["rank_v"].to_numpy()])
        order = np.lexsort((low, high, ranks))
        first = np.ones(len(order), bool)
        first[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
        number = np.empty(len(order), np.int64)
        number[order] = np.cumsum(first) - 1
        kept = order[first]
        self.high, self.low, self.ranks = high[kept], low[kept], ranks[kept]
        self.u, self.v = number[: edges.num_rows], number[edges.num_rows :]

    def uids(self, numbers: np.ndarray) -> pa.Array:
        """Uids of nodes."""
        return uid_column(self.high[numbers], self.low[numbers])

    def edges(self, u: np.ndarray, v: np.ndarray) -> pa.Table:
        """EDGES of pairs of nodes, each once, in order."""
        u, v = np.divmod(distinct(u * len(self.ranks) + v), max(1, len(self.ranks)))
        return pa.table([self.uids(u), self.uids(v), self.ranks[u], self.ranks[v]], schema=EDGES)


def components(edges: pa.Table) -> pa.Table:
    """LABELS of all rows that EDGES name, from the best to the worst; a pair may occur many times."""
    if edges.num_rows == 0:
        return LABELS.empty_table()
    nodes = Nodes(edges)
    label, survivor = _best_of(nodes)
    sizes = np.bincount(label)[label].astype(np.int32)
    every = np.arange(len(label))
    columns = [nodes.uids(every), nodes.ranks, nodes.uids(survivor), nodes.ranks[survivor], sizes]
    return pa.table(columns, schema=LABELS)


def _best_of(nodes: Nodes) -> tuple[np.ndarray, np.ndarray]:
    """The component number of each node, and the best node of its component."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(nodes.ranks)
    graph = coo_array((np.ones(len(nodes.u), np.int8), (nodes.u, nodes.v)), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    best = np.empty(label.max() + 1, np.int64)
    # Nodes are numbered from the best; backwards, the best of a label is the last to be written.
    best[label[::-1]] = np.arange(size)[::-1]
    return label, best[label]


def contracted(edges: pa.Table) -> pa.Table:
    """EDGES from each row to the best row that the same edges lead to: the components, in as few edges as can be."""
    if edges.num_rows == 0:
        return EDGES.empty_table()
    nodes = Nodes(edges)
    _, best = _best_of(nodes)
    others = np.flatnonzero(best != np.arange(len(best)))
    return nodes.edges(others, best[others])


def large_star(edges: pa.Table) -> pa.Table:
    """Each worse neighbour of u linked to the best of u and its neighbours.

    In:  EDGES of all u of a partition, each with all of its neighbours v, in any order.
    Out: EDGES whose v is better than u.
    """
    if edges.num_rows == 0:
        return edges
    nodes = Nodes(edges)
    best = _best_neighbour(nodes)
    worse = nodes.v > nodes.u
    return nodes.edges(nodes.v[worse], best[nodes.u[worse]])


def small_star(edges: pa.Table) -> pa.Table:
    """u and each of its better neighbours linked to the best of them.

    In:  EDGES of all u of a partition, each with all of its better neighbours v.
    Out: EDGES whose v is better than u.
    """
    if edges.num_rows == 0:
        return edges
    nodes = Nodes(edges)
    best = _best_neighbour(nodes)
    sources = np.concatenate([nodes.v, nodes.u])
    targets = np.concatenate([best[nodes.u], best[nodes.u]])
    real = sources != targets
    return nodes.edges(sources[real], targets[real])


def _best_neighbour(nodes: Nodes) -> np.ndarray:
    """The best of each node and its neighbours."""
    best = np.arange(len(nodes.ranks))
    np.minimum.at(best, nodes.u, nodes.v)
    return best


def both_ways(edges: pa.Table) -> pa.Table:
    """EDGES and their reverse."""
    back = pa.table([edges["v"], edges["u"], edges["rank_v"], edges["rank_u"]], schema=EDGES)
    return pa.concat_tables([edges, back])


def checksum(edges: pa.Table) -> int:
    """An order-free sum over distinct edges: equal edges have equal sums."""
    ends = [*uid_words(edges["u"]), *uid_words(edges["v"])]
    total = np.zeros(edges.num_rows, np.uint64)
    for end in ends:
        total = mix(total + mix(end))
    return int(total.sum(dtype=np.uint64))


def distinct_edges(edges: pa.Table) -> pa.Table:
    """EDGES in order, each once."""
    if edges.num_rows == 0:
        return edges
    nodes = Nodes(edges)
    return nodes.edges(nodes.u, nodes.v)


def labels_of(edges: pa.Table) -> pa.Table:
    """LABELS of stars.

    In:  EDGES of all u of a partition, each with all of its neighbours v; u is a survivor, or has one neighbour, its
         survivor.
    Out: the labels of the survivors and of their clusters; those of the others come from their survivors' partitions.
    """
    if edges.num_rows == 0:
        return LABELS.empty_table()
    nodes = Nodes(edges)
    spokes = nodes.u < nodes.v
    centre, member = nodes.u[spokes], nodes.v[spokes]
    sizes = np.bincount(centre, minlength=len(nodes.ranks)) + 1
    survivors = distinct(centre)
    members, best = np.concatenate([survivors, member]), np.concatenate([survivors, centre])
    columns = [
        nodes.uids(members), nodes.ranks[members], nodes.uids(best), nodes.ranks[best], sizes[best].astype(np.int32),
    ]  # fmt: skip
    return pa.table(columns, schema=LABELS)
