"""Where two searches for duplicates agree, and why they do not where they do not.

Both link pages that share a band of a signature, but of their own hash functions and their own shingles. A link of one
is agreed if the other has both pages in one cluster. One that is not is put down to the first of these that holds:

- ``other_shingles``: by the shingles of the side that misses it, the pair shares a band with a probability below 2 %;
- ``chance``: that probability is 2 % to 98 %, so another seed could have found it. As many links are put down to it as
  chance can explain: the sum of the probabilities of missing them, over all links, and three standard deviations;
- ``unexplained``: it is above 98 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.dedup_datatrove import BUCKETS, HASHES, shingler
from benchmarks.dedup_pairs import shingles
from stages.minhash import collision_probability

SURE = 0.98
DEVIATIONS = 3  # standard deviations by which chance may exceed its expectation
CAUSES = ("other_shingles", "chance", "unexplained")
Link = tuple[str, str]
Shingler = Callable[[str, str], set[Any]]


def similarities(links: Sequence[Link], texts: Mapping[str, str], cut: Shingler) -> list[float]:
    """Jaccard similarity of the pages of each link by the shingles of one side, 0 where a page has none."""
    known = {page: cut(texts[page], language(page)) for page in dict.fromkeys(page for link in links for page in link)}
    return [len(known[a] & known[b]) / max(1, len(known[a] | known[b])) for a, b in links]


def language(page: str) -> str:
    """The language that an address says, see ``dedup_ours.address``."""
    return page.removeprefix("http://")[:2]


def cause(missing: float) -> str:
    """Why a side misses a link whose similarity by its own shingles is given."""
    probability = collision_probability(missing, BUCKETS, HASHES)
    if probability < 1 - SURE:
        return "other_shingles"
    return "chance" if probability <= SURE else "unexplained"


def expected_by_chance(missing: Sequence[float]) -> tuple[float, float]:
    """How many of the other side's links share no band by chance, and the standard deviation of that number. Some of
    them are in one cluster all the same, by way of other pages."""
    chance = np.array([similarity for similarity in missing if cause(similarity) == "chance"])
    probability = np.asarray(collision_probability(chance, BUCKETS, HASHES))
    return float((1 - probability).sum()), float(np.sqrt((probability * (1 - probability)).sum()))


def one_way(found: dict[str, Any], other: dict[str, Any], there: list[float], here: list[float]) -> dict[str, Any]:
    """How much of what one side found the other agrees with, and why not with the rest.

    Args: the sides' answers; similarities of the links of ``found`` by its shingles and by those of ``other``.
    """
    cluster, links = other["clusters"], found["links"]
    rows = [
        (link, a, b, cause(b))
        for link, a, b in zip(links, there, here, strict=True)
        if cluster.get(link[0], link[0]) != cluster.get(link[1], link[1])
    ]
    expected, deviation = expected_by_chance(here)
    count = Counter(why for *_, why in rows)
    surplus = max(0.0, count["chance"] - expected - DEVIATIONS * deviation)
    total = max(1, len(links))
    return {
        "links": len(links),
        "agreed": round(1 - len(rows) / total, 4),
        "agreed_or_explained": round(1 - (count["unexplained"] + surplus) / total, 4),
        "expected_by_chance": [round(expected, 1), round(deviation, 1)],
        "causes": {why: _of_cause([row[:3] for row in rows if row[3] == why]) for why in CAUSES},
    }


def _of_cause(rows: Sequence[tuple[Link, float, float]]) -> dict[str, Any]:
    """Number by language, and the median similarity by the shingles of the side that found and of that which missed."""
    by_language = dict(sorted(Counter("+".join(sorted({*map(language, link)})) for link, _, _ in rows).items()))
    similarity = [round(median(values), 3) for values in list(zip(*rows, strict=True))[1:]]
    return {"links": len(rows), **by_language} | dict(zip(("found", "missed"), similarity, strict=False))


def compare(ours: dict[str, Any], theirs: dict[str, Any], texts: Mapping[str, str], folder: str) -> dict[str, Any]:
    """Agreement both ways, and of the pages that have a duplicate at all."""
    sides = (lambda text, code: set(shingles(text, code)), shingler(folder))
    mine, its = ([similarities(side["links"], texts, cut) for cut in sides] for side in (ours, theirs))
    pages, others = set(ours["clusters"]), set(theirs["clusters"])
    return {
        "datatrove_links": one_way(theirs, ours, its[1], its[0]),
        "our_links": one_way(ours, theirs, *mine),
        "pages_with_duplicates": {
            "both": len(pages & others), "only_ours": len(pages - others), "only_datatrove": len(others - pages),
        },
    }  # fmt: skip
