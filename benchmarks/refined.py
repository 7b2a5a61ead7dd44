"""L3 of the bundled crawl in a process of its own, watched: what was asked, when engines were ready, when they ended.

    python -m benchmarks.refined CORPUS SETTINGS [REQUESTS]

CORPUS is a folder that holds the bundled crawl up to L2, or will; SETTINGS is JSON, as in a settings file; REQUESTS, a
file that gets every request, one JSON object a line. Run by benchmarks.bundled_l3 and benchmarks.synthesis.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from governance import pipeline
from governance.cluster import Cluster
from governance.commands import BUNDLED_CRAWL
from governance.config import Settings
from governance.inputs import find_shards
from governance.progress import Progress
from manifests.store import Store
from synth.engines import Answer, Request
from synth.engines_pool import EnginePool

DUMP = "benchmark"
_LOOK_S = 0.02  # until the engine is ready


@dataclass
class Watch:
    """What passed between the stage and its engines."""

    opened: float | None = None
    ready: float | None = None
    last: float | None = None
    answers: int = 0
    output_tokens: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)

    def put_around(self) -> None:
        """Listen at the pool of engines, which the stage opens itself."""
        submit, poll = EnginePool.submit, EnginePool.poll

        def watched_submit(pool: EnginePool, request: Request) -> None:
            self.opened = self.opened or time.monotonic()
            told = asdict(request)
            self.requests.append({name: told[name] for name in ("key", "messages", "sampling", "affinity")})
            submit(pool, request)

        def watched_poll(pool: EnginePool, timeout: float) -> list[Answer]:
            answers = poll(pool, timeout if self.ready else _LOOK_S)
            now = time.monotonic()
            if self.ready is None and any(station.state == "up" for station in pool.stations):
                self.ready = now
            if answers:
                self.last = now
                self.answers += len(answers)
                self.output_tokens += sum(answer.output_tokens for answer in answers)
            return answers

        EnginePool.submit, EnginePool.poll = watched_submit, watched_poll  # ty: ignore[invalid-assignment]

    @property
    def seconds(self) -> float:
        """From when the engine was ready to its last answer."""
        return (self.last or 0.0) - (self.ready or 0.0)


def build(corpus: Path, level: str, settings: dict[str, Any]) -> pipeline.Outcome:
    """Build the bundled crawl up to a level, on from what is there."""
    shards = find_shards([str(BUNDLED_CRAWL)], DUMP)
    request = pipeline.Request(level, shards, Store(str(corpus)), DUMP, Settings.model_validate(settings))
    with Cluster(workers=0) as cluster:
        return pipeline.run(request, cluster, Progress("plain"))


def refine(corpus: Path, settings: dict[str, Any], requests: Path | None = None) -> dict[str, Any]:
    """Write L3 and tell what it took.

    Returns: figures of the tier's manifest, and of the engine: seconds from when it was ready to its last answer, and
        what it answered meanwhile; seconds of all of L3; seconds of loading.
    """
    watch = Watch()
    watch.put_around()
    started = time.monotonic()
    outcome = build(corpus, "L3", settings)
    if requests is not None:
        lines = (json.dumps(request, ensure_ascii=False) for request in watch.requests)
        requests.write_text("\n".join(lines), encoding="utf-8")
    return {
        "seconds": round(time.monotonic() - started, 2),
        "loading_s": round((watch.ready or 0.0) - (watch.opened or 0.0), 2),
        "engine_s": round(watch.seconds, 2),
        "answers": watch.answers,
        "output_tokens": watch.output_tokens,
        "tokens_per_s": round(watch.output_tokens / max(watch.seconds, 1e-9), 1),
        "figures": outcome.manifests["L3"]["figures"],
        "rows": outcome.manifests["L3"]["rows"],
    }


def by_task(refined: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Of each task: verified outputs and tokens, all tokens its calls wrote, second readings and what was rejected
    included, and verified tokens for each hour of the engine, shared out by tokens written."""
    figures, hours = refined["figures"], refined["engine_s"] / 3600
    total = max(1, refined["output_tokens"])
    table = {}
    for task in sorted({name.split(".")[2] for name in figures if name.startswith("by.task.")}):
        told = {name: figures.get(f"by.task.{task}.{name}", 0) for name in ("outputs", "verified", "verified_tokens")}
        written = figures.get(f"by.task.{task}.output_tokens", 0)
        if written:
            per_hour = told["verified_tokens"] / max(hours * written / total, 1e-9)
            table[task] = told | {"written_tokens": written, "verified_tokens_per_engine_hour": round(per_hour)}
    return table


def main() -> None:
    """See above; prints the figures."""
    corpus, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    requests = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    print(json.dumps(refine(corpus, settings, requests)), flush=True)


if __name__ == "__main__":
    main()
