"""datatrove's four stages of MinHash over JSON Lines of both languages; run by benchmarks.dedup.

One run over all files: each task of the signatures has the word tokenizer of its files' language, the other stages know
no language.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

BUCKETS, HASHES, NGRAM = 14, 8, 5  # as ours
WORKERS = 2
CODES = {"en": "eng", "zh": "cmn"}  # its names of the languages


def signature_block(language: str, folder: str) -> Any:
    """The first stage with the tokenizer of a language."""
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    config = MinhashConfig(num_buckets=BUCKETS, hashes_per_bucket=HASHES, n_grams=NGRAM)
    return MinhashDedupSignature(folder, config, language=CODES[language])


class ByLanguage:
    """The block of the language of a task's files."""

    def __init__(self, languages: Sequence[str], folder: str) -> None:
        self.languages, self.folder = languages, folder

    def __call__(self, data: Iterable[Any], rank: int, world_size: int) -> Iterator[Any]:
        yield from signature_block(self.languages[rank], self.folder)(data, rank, world_size) or ()


def stages(source: Path, out: Path) -> list[tuple[str, list[Any], int]]:
    """Name, blocks and number of tasks of each stage."""
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(num_buckets=BUCKETS, hashes_per_bucket=HASHES, n_grams=NGRAM)
    signed, found, gone, unique = (str(out / name) for name in ("signatures", "buckets", "remove", "unique"))
    languages = [path.name[:2] for path in files(source)]
    cluster = MinhashDedupCluster(found, gone, config=config, save_cluster_id=True)
    kept: list[Any] = [JsonlReader(str(source)), MinhashDedupFilter(gone), JsonlWriter(unique)]
    return [
        ("signatures", [JsonlReader(str(source)), ByLanguage(languages, signed)], len(languages)),
        ("buckets", [MinhashDedupBuckets(signed, found, config=config)], BUCKETS),
        ("clusters", [cluster], 1),
        ("filter", kept, len(languages)),
    ]


def files(source: Path) -> list[Path]:
    """The input in the order of the tasks that read it."""
    return sorted(source.glob("*.jsonl"))


def execute(name: str, blocks: list[Any], tasks: int, logs: Path) -> float:
    """Run one stage; returns its wall seconds. Errors: RuntimeError when it left a task undone."""
    from datatrove.executor import LocalPipelineExecutor

    start = time.monotonic()
    executor = LocalPipelineExecutor(blocks, tasks=tasks, workers=min(tasks, WORKERS), logging_dir=str(logs / name))
    executor.run()
    undone = executor.get_incomplete_ranks(skip_completed=True)
    if undone:
        raise RuntimeError(f"datatrove left tasks {undone} of {name} undone")
    return time.monotonic() - start


def answer(source: Path, out: Path) -> dict[str, Any]:
    """What was found: links, pairs of ids that share a bucket next to each other, and the cluster of each id."""
    ids = [[json.loads(line)["id"] for line in path.open(encoding="utf-8")] for path in files(source)]
    links, clusters = set(), {}
    for path in sorted((out / "buckets").glob("*.dups")):
        links |= {(ids[a][b], ids[c][d]) for a, b, c, d in struct.iter_unpack("<4I", path.read_bytes())}
    for path in sorted((out / "remove").glob("*.clusters")):
        rows = np.frombuffer(path.read_bytes(), "<u4").reshape(-1, 2)
        clusters |= {ids[int(path.stem)][row]: int(cluster) for row, cluster in rows.tolist()}
    return {"links": sorted(links), "clusters": clusters}


def shingler(folder: str) -> Callable[[str, str], set[int]]:
    """datatrove's own shingles of a text in a language."""
    block = cache(lambda language: signature_block(language, folder))
    return lambda text, language: set(block(language).get_shingles(text).ravel().tolist())


def kept_rows(out: Path) -> int:
    """The rows that were written."""
    import gzip

    return sum(1 for path in (out / "unique").glob("*.gz") for _ in gzip.open(path))


def main() -> None:
    """``IN OUT``: prints wall seconds by stage and in all; writes the answer to OUT/answer.json."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    planned = stages(source, out)
    start = time.monotonic()
    seconds = {name: round(execute(name, blocks, tasks, out / "logs"), 2) for name, blocks, tasks in planned}
    result = {
        "wall_s": round(time.monotonic() - start, 2),
        "stages_s": seconds,
        "kept": kept_rows(out),
    }
    (out / "answer.json").write_text(json.dumps(answer(source, out)))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
