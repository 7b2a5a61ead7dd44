"""L2: score first, select after (E of the data flow).

Scores have records of their own, whose fingerprint covers only what decides a score: the rows of L1, the models, the
tokenizer and the window. Another threshold, share or bucket builds L2 again around the scores that are there. Where a
rank decides, shards are counted first, digit by digit of the score; only counts leave a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import tiers
from governance.cluster import Cluster
from governance.errors import CorpusError
from governance.job import Job, data_parts, done_before, models_of
from governance.parts import Annotations, Data, read_parts
from governance.runner import ERROR, fold, refuse_error_rate
from governance.shuffle import Run, gathered, group_runs, map_pending, read_sound
from governance.steps import fold_shard
from manifests.ledger import Ledger, merge
from manifests.records import Record, committed, read_record, read_records, record_path, record_paths
from manifests.schema import tier_schema
from manifests.store import Store
from stages import quality, ranks
from stages.quality import FAILED, FOUND, Cut, QualityConfig
from stages.ranks import Target

STEP = "scores"  # its parts stay in the sealed tier, in a folder of this name
_SCORES = pa.schema([("uid", pa.string()), ("lang", pa.string()), ("score", pa.float32()), (ERROR, pa.string())])
Prefixes = Mapping[str, tuple[int, ...]]  # by language, of the scores to count
_UNREADABLE = (KeyError, ValueError, TypeError)


@dataclass(frozen=True)
class Selecting(Job):
    """The job of L2."""

    scores: str = ""  # fingerprint of what decides a score
    cuts: Mapping[str, Cut] | None = None  # None until they are known
    runs: tuple[Run, ...] = ()  # shards whose scores are counted together
    prefixes: Prefixes | None = None


@done_before(STEP)
def score(job: Selecting, number: int) -> Record:
    """The score of every row of a shard of L1, in their order, and why a row has none that broke the classifier."""
    stages = (quality.scores_stage(job.settings.l2.quality),)
    parent = read_record(job.store, job.parent_base, "data", number)
    part = Annotations(job.store, f"{job.base}/{STEP}/part-{number:05d}")
    ledgers: list[Ledger] = []
    for batch in read_parts(job.store, data_parts(parent), ("uid", "lang", "content")):
        folded = fold(stages, batch, models_of(job, stages))
        part.write(folded.table.select(_SCORES.names).cast(_SCORES))
        ledgers.append(folded.ledger)
    record = Record(STEP, number, parent.name, job.scores, part.finish(), merge(ledgers))
    refuse_error_rate(record.ledger, job.settings.run.max_error_rate)
    return record


@done_before("data")
def select(job: Selecting, number: int) -> Record:
    """The verdict on every row of L1 by its score, and the text of those that are selected."""
    config = job.settings.l2.quality
    found = {one.name: one for one in (quality.found_scores_stage(config), quality.quality_stage(config, job.cuts))}
    stages = tuple(found.get(stage.name, stage) for stage in tiers.stages_of(job.settings, "L2"))
    parent = read_record(job.store, job.parent_base, "data", number)
    stem = f"part-{number:05d}"
    data = Data(job.store, job.base, stem, tier_schema(job.tier), by_language=True)
    notes = Annotations(job.store, f"{job.base}/annotations/{stem}")
    record = Record("data", number, parent.name, job.fingerprint)
    counts: Counter[str] = Counter()
    batches = _with_scores(job, number, read_parts(job.store, data_parts(parent)), counts)
    fold_shard(job, record, stages, batches, notes, data.write)
    record.parts, record.figures = [*data.finish(), *notes.finish()], dict(counts)
    return record


def _with_scores(job: Selecting, number: int, batches: Iterable[pa.Table], counts: Counter[str]) -> Iterator[pa.Table]:
    """The batches of a shard with the scores of their rows; adds up how many are scored and reach the threshold."""
    found = gathered(_scores_of(job, number), _SCORES)
    for language, cut in (job.cuts or {}).items():
        counts.update(figures_of(language, values_of(found, language), cut))
    for batch in batches:
        # By uid: of rows that were taken down the text may be gone, and the scores stay.
        rows = found.take(pc.index_in(batch["uid"], value_set=found["uid"].combine_chunks()))
        if rows["uid"].null_count:
            raise CorpusError("scores and text of a shard do not hold the same rows", "run `governance verify`")
        yield batch.append_column(FOUND, rows["score"]).append_column(FAILED, rows[ERROR])


def figures_of(language: str, values: np.ndarray, cut: Cut) -> dict[str, int]:
    """What a record tells of the scores of a language: how many there are, and how many reach the threshold."""
    selected = int(np.count_nonzero(values >= np.float32(cut.threshold)))
    return {f"scored_{language}": len(values), f"selected_{language}": selected}


def _scores_of(job: Selecting, number: int) -> list[pa.Table]:
    """The scores of a shard; a part that is damaged is scored again. Errors: CorpusError where they are others."""
    record = read_record(job.store, job.base, STEP, number)
    if record.fingerprint != job.scores:
        raise CorpusError(
            f"{record_path(job.base, STEP, number)} is of another model or of other text",
            "another run is writing here: end it, then build again with --rebuild",
        )
    return [read_sound(job, record, part) for part in record.parts]


def values_of(table: pa.Table, language: str) -> np.ndarray:
    """The scores of the rows of a language that have one, float32 (n,); of a table with ``lang`` and ``score``."""
    return table["score"].filter(pc.equal(table["lang"], language)).drop_null().to_numpy()


def _count(level: int, job: Selecting, number: int) -> Record:
    """How often each digit of a score follows the prefixes of its language, among the shards of a run."""
    figures: dict[str, Any] = {}
    for shard in job.runs[number].shards:
        for table in _scores_of(job, shard):
            for language, prefixes in (job.prefixes or {}).items():
                counts = ranks.count_digits(values_of(table, language), prefixes, level)
                _add(figures.setdefault(language, {}), counts)
    return Record(_level(level), number, f"run {number}", job.fingerprint, figures=figures)


def _level(level: int) -> str:
    return f"ranks_{level}"


def _add(figures: dict[str, dict[str, int]], counts: ranks.Counts) -> None:
    """Add counts to figures, which name only digits that occur."""
    for prefix, found in counts.items():
        sums = figures.setdefault(str(prefix), {})
        for digit in np.flatnonzero(found).tolist():
            sums[str(digit)] = sums.get(str(digit), 0) + int(found[digit])


_COUNTERS = [done_before(_level(level))(partial(_count, level)) for level in range(ranks.PASSES)]


def find_cuts(job: Selecting, cluster: Cluster) -> Selecting:
    """The job with the cuts of every language known; counts scores where ranks decide, in steps that each resume."""
    config = job.settings.l2.quality
    if not any(config.needs_ranks(language) for language in config.models):
        return replace(job, cuts=quality.fixed_cuts(config))
    sizes = ((record.number, sum(p.rows for p in record.parts)) for record in read_records(job.store, job.base, STEP))
    job = replace(job, runs=group_runs(list(sizes)))

    def count(level: int, prefixes: Prefixes) -> dict[str, ranks.Counts]:
        counting = replace(job, prefixes=prefixes)
        map_pending(counting, cluster, _COUNTERS[level], range(len(job.runs)), _level(level))
        return _counted(counting, level)

    return replace(job, cuts=counted_cuts(config, count))


def counted_cuts(config: QualityConfig, count: Callable[[int, Prefixes], Mapping[str, ranks.Counts]]) -> dict[str, Cut]:
    """The cuts of every language where ranks decide some; ``count(level, prefixes)`` tells how often each digit of a
    score follows the prefixes of its language, among all scores of the dump."""
    counted = [language for language in sorted(config.models) if config.needs_ranks(language)]
    wanted: dict[str, tuple[int | None, list[int]]] = {}
    targets = {language: [Target(0, 0)] for language in counted}
    for level in range(ranks.PASSES):
        counts = count(
            level, {name: tuple(sorted({target.prefix for target in found})) for name, found in targets.items()}
        )
        if level == 0:
            wanted = {name: quality.ranks_of(config, name, int(counts[name][0].sum())) for name in counted}
            targets = {name: _targets(*wanted[name]) if counts[name][0].any() else [] for name in counted}
        targets = {name: ranks.narrow(found, counts[name]) for name, found in targets.items()}
    return {name: _cut(config, name, targets.get(name, [])) for name in sorted(config.models)}


def _targets(worst: int | None, edges: list[int]) -> list[Target]:
    return [Target(0, rank) for rank in ([] if worst is None else [worst]) + edges]


def _counted(job: Selecting, level: int) -> dict[str, ranks.Counts]:
    """The counts of all runs."""
    sums = {
        name: {prefix: np.zeros(ranks.DIGITS, np.int64) for prefix in prefixes}
        for name, prefixes in (job.prefixes or {}).items()
    }
    for record in read_records(job.store, job.base, _level(level)):
        for name, counts in record.figures.items():
            for prefix, digits in counts.items():
                places = np.array([int(digit) for digit in digits], np.int64)
                sums[name][int(prefix)][places] += np.array(list(digits.values()), np.int64)
    return sums


def _cut(config: QualityConfig, language: str, found: list[Target]) -> Cut:
    """The cut of a language from the scores of its ranks; a language of which nothing is scored needs none."""
    reached = [ranks.score_of(target) for target in found]
    share = config.share_of(language)
    if share is None:
        threshold = config.threshold_of(language) or 0.0
    else:
        threshold, reached = (reached[0], reached[1:]) if reached else (0.0, [])
    return Cut(threshold, tuple(reached) if config.bucket_by == "rank" else None)


def summary(job: Selecting) -> dict[str, Any]:
    """For the manifest: the cuts of every language, and the share that was asked for."""
    config = job.settings.l2.quality
    found: dict[str, Any] = {}
    for language, cut in (job.cuts or {}).items():
        found[language] = {"threshold": cut.threshold}
        if (share := config.share_of(language)) is not None:
            found[language]["keep_share"] = share
        if cut.edges is not None:
            found[language]["edges"] = list(cut.edges)
    return found


def told(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a sealed L2 tells of each language: threshold, pages that have a score, those that reach it, the share."""
    found: dict[str, dict[str, Any]] = {}
    for language, cut in manifest.get("selection", {}).items():
        scored = manifest["figures"].get(f"scored_{language}", 0)
        selected = manifest["figures"].get(f"selected_{language}", 0)
        found[language] = {"threshold": cut["threshold"], "scored": scored, "selected": selected}
        if "keep_share" in cut:
            found[language]["keep_share"] = cut["keep_share"]
    return found


def in_words(language: str, of: Mapping[str, Any]) -> str:
    """One line of the funnel."""
    share = f"{of['selected'] / of['scored']:.1%} of " if of["scored"] else ""
    wanted = f", for a share of {of['keep_share']:g}" if "keep_share" in of else ""
    return (
        f"L2 {language}: {of['selected']:,} selected, {share}{of['scored']:,} scored; "
        f"score {of['threshold']:.4g} or more{wanted}"
    )


def selection_faults(store: Store, base: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where the scores, counted again, do not tell what the manifest says was selected by them."""
    cuts = {name: Cut(found["threshold"]) for name, found in manifest.get("selection", {}).items()}
    counts: Counter[str] = Counter()
    try:
        for record in read_records(store, base, STEP):
            for table in read_parts(store, record.parts, ("lang", "score")):
                for language, cut in cuts.items():
                    counts.update(figures_of(language, values_of(table, language), cut))
    except (CorpusError, *_UNREADABLE):
        return  # what is missing or damaged is told where it lies
    for name, count in sorted(counts.items()):
        if manifest["figures"].get(name) != count:
            yield f"manifest.json says {name} {manifest['figures'].get(name)}, the scores {count}"


def reusable(store: Store, base: str, step: str, lasting: str | None) -> set[str]:
    """The paths of the records of a step that have this fingerprint, and of their parts."""
    found: set[str] = set()
    for number in sorted(committed(store, base, step)) if lasting else ():
        try:
            record = read_record(store, base, step, number)
        except _UNREADABLE:  # damaged: made again
            continue
        if record.fingerprint == lasting:
            found |= {*record_paths(store, base, step, number), *(part.path for part in record.parts)}
    return found
