"""How right the search for duplicates is: ``python -m benchmarks.dedup_accuracy``.

Real pages with their natural near-duplicates, edited copies of them and pages of one template run through the
product's L0 and L1, with several hash families. What it confirms is compared with the true similarity of every pair.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import report
from benchmarks.dedup_edits import plant
from benchmarks.dedup_pairs import Pairs, shingle_matrix, true_pairs
from benchmarks.signatures import INPUTS, NAMES, texts_of
from governance import duplicates, pipeline, steps, tiers
from governance.cluster import Cluster
from governance.clusters import CONFIRMED, clusters_of
from governance.config import L1, Settings
from governance.inputs import find_shards
from governance.job import Job, annotation_parts, data_parts, models_of
from governance.parts import read_parts
from governance.progress import Progress
from governance.runner import FATE, fold
from governance.shuffle import Shuffle, gathered, scratch, spilled
from manifests.records import committed, read_record
from manifests.store import Store
from stages.contract import Config
from stages.dedup import EXACT, DedupConfig, uid_from_bytes
from stages.minhash import collision_probability

DUMP = "benchmark"
SHARDS = 4
THRESHOLD, SURE = DedupConfig().threshold, 0.85
PRECISION = ("confirmed pairs that are as similar as the threshold asks, the worse language", 0.98, "of the pairs")
RECALL = ("pairs of similarity 0.85 and above in one cluster, the worse language", 0.95, "of the pairs")
CURVE = ("pairs of 0.75 to 0.85 without a third page, off the curve, the worst twentieth", 0.03, "of the pairs")
BELOW = ("all pairs of 0.75 to 0.85 in one cluster, below the curve, the worst twentieth", 0.03, "of the pairs")
LEAST = 0.4  # similarity from which pairs are known; below, one in a hundred shares a band
_BINS = np.arange(0.5, 1.001, 0.05)
_SEED = 1
RULES = ("gopher_quality", "gopher_repetition", "c4", "fineweb")
_FAR = 1_000_000_000


@dataclass(frozen=True)
class Corpus:
    """What L1 compares of one language: text as it is signed, and how each row came about."""

    uids: pa.Array
    ways: np.ndarray  # "page", or the way it was planted
    pairs: Pairs

    @property
    def alone(self) -> np.ndarray:
        """Mask of the pairs of which neither row has another neighbour."""
        degree = np.bincount(np.concatenate([self.pairs.a, self.pairs.b]), minlength=len(self.uids))
        return (degree[self.pairs.a] == 1) & (degree[self.pairs.b] == 1)


def write_pages(inputs: dict[str, Path], pages: int | None, families: int, folder: Path) -> list[str]:
    """Real and planted pages as JSON lines in some shards, mixed; returns how each came about, by its number."""
    rows: list[tuple[str, str]] = []
    for lang, archive in inputs.items():
        texts = texts_of(archive, lang)["content"].to_pylist()[:pages]
        rows += [("page", text) for text in texts]
        rows += [(planted.way, planted.text) for planted in plant(texts, lang, len(texts), families, _SEED)]
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(len(rows))
    for shard in range(SHARDS):
        with Path(folder, f"pages-{shard}.jsonl").open("w", encoding="utf-8") as out:
            for number in order[shard::SHARDS].tolist():
                # An address of its own, so that text alone makes a duplicate.
                out.write(json.dumps({"url": f"https://pages.example/{number}", "content": rows[number][1]}) + "\n")
    return [way for way, _ in rows]


def settings_of(seed: int) -> Settings:
    """The defaults with one hash family, and with rules that reject nothing: manuals break many."""
    rules = {name: without_limits(getattr(L1(), name)) for name in RULES}
    return Settings(l1=L1(dedup=DedupConfig(seed=seed), **rules))


def without_limits(config: Any) -> Any:
    """The configuration with every limit out of reach."""
    changes: dict[str, Any] = {}
    for name, value in config:
        if isinstance(value, Config):
            changes[name] = without_limits(value)
        elif isinstance(value, bool):
            changes[name] = False
        elif name.startswith("min_"):
            changes[name] = type(value)(0)
        elif name.startswith("max_"):
            changes[name] = type(value)(_FAR)
        elif name.endswith("_n_grams"):
            changes[name] = tuple((size, float(_FAR)) for size, _ in value)
    return config.model_copy(update=changes)


def job_of(request: pipeline.Request) -> Job:
    """The L1 of a request."""
    plan = pipeline.plan_tiers(request)[-1]
    return Job(request.store, plan.tier, request.dump, request.settings, plan.fingerprint, plan.parent)


def build(request: pipeline.Request, cluster: Cluster) -> Shuffle:
    """L1 as far as its duplicates, of a dump whose L0 is built, by the steps that the pipeline takes.

    The tier is not sealed, for sealing sweeps away the confirmed pairs.
    """
    job = job_of(request)
    numbers = sorted(committed(job.store, job.parent_base, "data"))
    cluster.map(steps.annotate, job, numbers, lambda _item, _result: None)
    return duplicates.find(job, cluster)


def read_corpora(job: Job, ways: list[str], langs: tuple[str, ...]) -> dict[str, Corpus]:
    """The rows that L1's rules kept, by language, with the true similarity of all pairs."""
    rows = pa.concat_tables(list(_kept_rows(job)))
    numbers = pc.cast(pc.replace_substring_regex(rows["url"], r".*/", ""), pa.int64()).to_numpy()
    made = np.array(ways)[numbers]
    found = {}
    for lang in langs:
        mask = pc.equal(rows["lang"], lang).to_numpy()
        some = rows.filter(pa.array(mask))
        pairs = true_pairs(shingle_matrix(some["content"].to_pylist(), lang), LEAST)
        found[lang] = Corpus(some["uid"].combine_chunks(), made[mask], pairs)
    return found


def _kept_rows(job: Job) -> Iterator[pa.Table]:
    """Uid, url, lang and edited text of the rows that duplicates are looked for among."""
    editing = tuple(stage for stage in tiers.stages_of(job.settings, "L1") if stage.replaces)
    for number in sorted(committed(job.store, job.parent_base, "data")):
        parent = read_record(job.store, job.parent_base, "data", number)
        notes = read_record(job.store, job.base, "annotations", number)
        text = pa.concat_tables(read_parts(job.store, data_parts(parent))).combine_chunks()
        verdict = pa.concat_tables(read_parts(job.store, annotation_parts(notes), ("uid", FATE, "lang")))
        kept = pc.is_null(verdict[FATE])
        edited = fold(editing, text.filter(kept), models_of(job, editing)).table.select(["uid", "url", "content"])
        yield edited.append_column("lang", verdict["lang"].filter(kept))


def read_found(job: Shuffle, corpus: Corpus) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """What the product says of the rows of a corpus.

    Returns the confirmed pairs, with the similarity that it gives them; a mask of those of equal text; and for each
    row the number of its cluster, its own where it stands alone.
    """
    parts = (spilled(job, "confirmed", scratch(job, "confirmed"), number) for number in range(job.partitions))
    table = gathered((table for part in parts for table in part), CONFIRMED)
    ends = [_number(uid_from_bytes(table[side]), corpus.uids) for side in ("a", "b")]
    both = (ends[0] >= 0) & (ends[1] >= 0)
    a, b = np.sort(np.stack(ends)[:, both], axis=0)
    similarity = table["similarity"].to_numpy()[both].astype(float)
    clusters = np.arange(len(corpus.uids))
    named = clusters_of(job, pa.chunked_array([corpus.uids]))
    if named is not None:
        clusters[_number(uid_from_bytes(named["uid"]), corpus.uids)] = _number(
            uid_from_bytes(named["survivor"]), corpus.uids
        )
    return Pairs(a, b, similarity), table["kind"].to_numpy()[both] == EXACT, clusters


def _number(uids: pa.Array, known: pa.Array) -> np.ndarray:
    """Places among the known uids, -1 for others."""
    return pc.fill_null(pc.index_in(uids, value_set=known), -1).to_numpy(zero_copy_only=False).astype(np.int64)


def score(job: Shuffle, corpus: Corpus) -> pa.Table:
    """Each pair that is alike, confirmed, or a removed row and its survivor: true similarity (0 below LEAST), and what
    was found."""
    found, equal, clusters = read_found(job, corpus)
    size = len(corpus.uids)
    known, confirmed = (pairs.a * size + pairs.b for pairs in (corpus.pairs, found))
    gone = np.flatnonzero(clusters != np.arange(size))
    removed = np.minimum(gone, clusters[gone]) * size + np.maximum(gone, clusters[gone])
    keys = np.union1d(np.union1d(known, confirmed), removed)
    a, b = np.divmod(keys, size)
    places = np.searchsorted(keys, known)
    jaccard, alone = np.zeros(len(keys)), np.zeros(len(keys), bool)
    jaccard[places], alone[places] = corpus.pairs.jaccard, corpus.alone
    near, given = np.zeros(len(keys), bool), np.full(len(keys), np.nan)
    where = np.searchsorted(keys, confirmed)
    near[where[~equal]], given[where] = True, found.jaccard
    planted = (corpus.ways[a] != "page") | (corpus.ways[b] != "page")
    columns = {"jaccard": jaccard, "alone": alone, "confirmed": np.isin(keys, confirmed), "near": near, "given": given}
    columns |= {"together": clusters[a] == clusters[b], "planted": planted, "removed": np.isin(keys, removed)}
    return pa.table(columns)


def shares(pairs: pa.Table) -> list[dict[str, Any]]:
    """Of each twentieth of similarity: the curve, what was found of all pairs, and of those without a third page."""
    jaccard = pairs["jaccard"].to_numpy()
    found = []
    for low in _BINS[:-1]:
        high = low + 0.05 if low < _BINS[-2] else 1.1
        # Half a rounding error lower, for the grid is not exact.
        mask = (jaccard >= low - 1e-9) & (jaccard < high - 1e-9)
        row: dict[str, Any] = {"from": round(float(low), 2)}
        for name, some in (("all", mask), ("alone", mask & pairs["alone"].to_numpy())):
            row[name] = _found(pairs.filter(pa.array(some)))
        found.append(row)
    return found


def _found(pairs: pa.Table) -> dict[str, Any] | None:
    if pairs.num_rows == 0:
        return None
    curve = np.mean(collision_probability(pairs["jaccard"].to_numpy(), *DedupConfig().banding))
    row = {name: float(pc.mean(pairs[name]).as_py()) for name in ("confirmed", "together")}
    return {"pairs_and_seeds": pairs.num_rows} | {
        name: round(x, 4) for name, x in (("curve", float(curve)), *row.items())
    }


def summary(pairs: pa.Table) -> dict[str, Any]:
    """Precision, recall and the shares by similarity of one language."""
    jaccard = pairs["jaccard"].to_numpy()
    near, planted = pairs["near"].to_numpy(), pairs["planted"].to_numpy()
    alike, true = jaccard >= THRESHOLD, jaccard >= SURE
    counted = near & (np.abs(pairs["given"].to_numpy() - jaccard) < 1e-6)
    together = pairs["together"].to_numpy()
    return {
        "confirmed": int(near.sum()),
        "of_equal_text": int((pairs["confirmed"].to_numpy() & ~near).sum()),
        "precision": _mean(alike[near]),
        "precision_real": _mean(alike[near & ~planted]),
        "precision_planted": _mean(alike[near & planted]),
        "similarity_counted": _mean(counted[near]),
        "recall_sure": _mean(together[true]),
        "recall_sure_real": _mean(together[true & ~planted]),
        "recall_sure_planted": _mean(together[true & planted]),
        "removed_that_are_like_their_survivor": _mean(alike[pairs["removed"].to_numpy()]),
        "by_similarity": shares(pairs),
    }


def _mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 5) if len(values) else None


def bars(languages: dict[str, dict[str, Any]] | str) -> list[report.Bar]:
    """The bars; a string says why there is nothing to judge."""
    every = (PRECISION, RECALL, CURVE, BELOW)
    if isinstance(languages, str):
        return [report.unmeasured(languages, *bar) for bar in every]
    found = [
        report.at_least(min(worst), *bar) if (worst := _figures(languages, name)) else report.unmeasured(_NONE, *bar)
        for bar, name in ((PRECISION, "precision"), (RECALL, "recall_sure"))
    ]
    rows = [row for figures in languages.values() for row in figures["by_similarity"] if 0.75 <= row["from"] < 0.85]
    off = [abs(row["alone"]["confirmed"] - row["alone"]["curve"]) for row in rows if row["alone"]]
    below = [row["all"]["curve"] - row["all"]["together"] for row in rows if row["all"]]
    for bar, values in ((CURVE, off), (BELOW, below)):
        found.append(report.at_most(round(max(values), 4), *bar) if values else report.unmeasured(_NONE, *bar))
    return found


_NONE = "no pair of pages is so alike"


def _figures(languages: dict[str, dict[str, Any]], name: str) -> list[float]:
    return [figures[name] for figures in languages.values() if figures[name] is not None]


def measure(inputs: dict[str, Path], pages: int | None, families: int, seeds: int) -> dict[str, Any]:
    """Plant, run the product once for each hash family, compare; the object to print."""
    scored: dict[str, list[pa.Table]] = {lang: [] for lang in inputs}
    corpora: dict[str, Corpus] = {}
    with tempfile.TemporaryDirectory() as folder, Cluster(workers=0) as cluster:
        ways = write_pages(inputs, pages, families, Path(folder))
        store, shards = Store(str(Path(folder, "out"))), find_shards([folder], DUMP)
        for seed in range(1, seeds + 1):
            settings = settings_of(seed)
            pipeline.run(pipeline.Request("L0", shards, store, DUMP, settings), cluster, Progress("silent"))
            job = build(pipeline.Request("L1", shards, store, DUMP, settings), cluster)
            # The seed changes signatures alone, so the corpora are the same for all.
            corpora = corpora or read_corpora(job, ways, tuple(inputs))
            for lang, corpus in corpora.items():
                scored[lang].append(score(job, corpus))
            pipeline.discard(store, "L1", DUMP)
            print(f"hash family {seed}/{seeds}", file=sys.stderr, flush=True)
    languages = {lang: summary(pa.concat_tables(tables)) for lang, tables in scored.items()}
    figures = {
        "threshold": THRESHOLD,
        "hash_families": seeds,
        "written": dict(Counter(ways)),
        "compared": {lang: dict(Counter(corpus.ways.tolist())) for lang, corpus in corpora.items()},
        "languages": languages,
    }
    return report.body("dedup_accuracy", figures, bars(languages))


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup_accuracy", description=__doc__)
    for lang, name in NAMES.items():
        help_text = f"a WARC with {name} pages (default: the shared documentation pages)"
        parser.add_argument(f"--{name.lower()}", type=Path, default=INPUTS[lang], dest=lang, help=help_text)
    parser.add_argument("--pages", type=int, help="only the first so many pages of a language")
    parser.add_argument("--families", type=int, default=50, help="templates of a language, each with six pages")
    parser.add_argument("--seeds", type=int, default=8, help="hash families that the search is judged over")
    options = parser.parse_args(arguments)
    inputs = {lang: getattr(options, lang) for lang in NAMES}
    missing = [path for path in inputs.values() if not path.is_file()]
    if missing:
        reason = f"no input at {missing[0]}; name WARCs with --english and --chinese"
        report.show(report.body("dedup_accuracy", {}, bars(reason)))
        return
    report.show(measure(inputs, options.pages, options.families, options.seeds))


if __name__ == "__main__":
    main()
