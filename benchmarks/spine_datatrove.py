"""datatrove's own blocks over a WARC, from reading to the last row without its duplicates; run by benchmarks.spine.

The recipe is that of its FineWeb example: read, extract, language, Gopher, C4, FineWeb, write; then MinHash in four
stages. Chinese rows go through the English filters, which is the same amount of work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Clock, cpu_seconds, rate

BUCKETS = 14  # MinHash: 14 x 8 hashes, as ours
_EXTRACT_LIMIT_S = 60.0  # its default of one second of wall time loses pages on a busy machine
_SAMPLE = (
    "<html><body><article><p>" + "A sentence that is long enough to be kept. " * 20 + "</p></article></body></html>"
)

CLOCK = Clock()  # the executor copies its blocks, so what they charge lies outside of them


class Clocked:
    """A datatrove block whose CPU time is read apart from the blocks before it."""

    def __init__(self, name: str, block: Any, clock: bool) -> None:
        self.name, self.block, self.clock = name, block, clock

    @property
    def stats(self) -> Any:
        """The block's own statistics, which the executor saves."""
        return self.block.stats

    def __repr__(self) -> str:
        return repr(self.block)

    def __call__(self, data: Iterable[Any] | None, rank: int, world_size: int) -> Iterator[Any]:
        if not self.clock:
            yield from self.block(data, rank, world_size) or ()
            return
        with CLOCK.on(self.name):  # some blocks do all of their work here, others as their rows are asked for
            rows = self.block(data and self._counted(data), rank, world_size) or ()
        yield from CLOCK.each(self.name, rows, lambda _: data is None)

    def _counted(self, data: Iterable[Any]) -> Iterator[Any]:
        for document in data:
            CLOCK.rows[self.name] += 1
            yield document


def filters(archive: Path, out: Path) -> list[tuple[str, Any]]:
    """The blocks from the archive to the rows that no filter drops."""
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
    )
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import JsonlWriter

    return [
        ("read", WarcReader(str(archive.parent), glob_pattern=archive.name)),
        ("extract", Trafilatura(favour_precision=True, timeout=_EXTRACT_LIMIT_S)),
        ("language", LanguageFilter(languages=["en", "zh"])),
        ("gopher_repetition", GopherRepetitionFilter()),
        ("gopher_quality", GopherQualityFilter()),
        ("c4", C4QualityFilter(filter_no_terminal_punct=False)),
        ("fineweb", FineWebQualityFilter()),
        ("write", JsonlWriter(str(out / "kept"))),
    ]


def minhash(out: Path) -> list[tuple[list[tuple[str, Any]], int]]:
    """The four stages of MinHash, each with its number of tasks."""
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(num_buckets=BUCKETS, hashes_per_bucket=8, n_grams=5)
    kept, signed, found, gone = (str(out / name) for name in ("kept", "signatures", "buckets", "remove"))
    last = [
        ("minhash read", JsonlReader(kept)),
        ("minhash filter", MinhashDedupFilter(gone)),
        ("minhash write", JsonlWriter(str(out / "unique"))),
    ]
    return [
        ([("minhash read", JsonlReader(kept)), ("minhash signatures", MinhashDedupSignature(signed, config))], 1),
        ([("minhash buckets", MinhashDedupBuckets(signed, found, config=config))], BUCKETS),
        ([("minhash clusters", MinhashDedupCluster(found, gone, config=config))], 1),
        (last, 1),
    ]


def execute(blocks: list[tuple[str, Any]], tasks: int, logs: Path, clock: bool) -> Any:
    """Run one pipeline by datatrove's own executor. Errors: RuntimeError when it left a task undone."""
    from datatrove.executor import LocalPipelineExecutor

    pipeline: list[Callable[..., Any]] = [Clocked(name, block, clock) for name, block in blocks]
    executor = LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(logs))
    stats = executor.run()
    undone = executor.get_incomplete_ranks(skip_completed=True)
    if undone:
        raise RuntimeError(f"datatrove left tasks {undone} of {logs.name} undone")
    return stats


def build(archive: Path, out: Path, clock: bool) -> dict[str, dict[str, int]]:
    """The whole recipe over one archive; returns what each block says it did, in the order of the recipe."""
    counts: dict[str, dict[str, int]] = {}
    for number, (blocks, tasks) in enumerate([(filters(archive, out), 1), *minhash(out)]):
        if number and not (out / "kept").is_dir():  # its writer makes no file for no rows, which its reader then misses
            break
        stats = execute(blocks, tasks, out / "logs" / str(number), clock)
        for (name, _), block in zip(blocks, stats.stats, strict=True):
            counts[name] = _counts(block)
    return counts


def _counts(block: Any) -> dict[str, int]:
    names = ("total", "extracted", "timeout", "broken_process", "clean_error", "forwarded", "dropped", "documents")
    totals = {name: int(block.stats[name].total) for name in names if name in block.stats}
    return {name: count for name, count in totals.items() if count}


def prepare() -> None:
    """Point language identification at the bundled model; load tokenizers and what the extractor inherits."""
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.utils.lid import FT176LID
    from datatrove.utils.text import split_into_sentences, split_into_words

    from classifiers.language_id import model_path

    FT176LID.MODEL_URL = str(model_path())
    text = Trafilatura().extract(_SAMPLE) or _SAMPLE
    split_into_words(text)
    split_into_sentences(text)


def main() -> None:
    """``ARCHIVE WARM_UP PAGES OUT``: prints CPU seconds by block, in all, and of the start-up."""
    archive, warm_up, pages, out = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    prepare()
    build(warm_up, out / "warm-up", clock=False)
    start_up, wall = cpu_seconds(), time.monotonic()
    counts = build(archive, out / "run", clock=True)
    spent = cpu_seconds() - start_up
    result = {
        "stages": CLOCK.table(list(counts)) | {"rest": rate(0, spent - sum(CLOCK.spent.values()))},
        "l0_to_l1": rate(pages, spent),
        "all": rate(pages, spent),
        "wall_s": round(time.monotonic() - wall, 2),
        "start_up_cpu_s": round(start_up, 2),
        "counts": counts,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
