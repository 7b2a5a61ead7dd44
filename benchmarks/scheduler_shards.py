"""The driver over very many empty shards, in a process of its own; run by benchmarks.scheduler.

The inputs are web archives of one warcinfo record each, so all of the work is the scheduler's, the ledger's and the
store's.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import peak, reset_peak
from governance import pipeline
from governance.cluster import Cluster
from governance.config import Settings
from governance.inputs import find_shards
from governance.progress import Progress
from manifests.store import Store

DUMP = "benchmark"
_FILES_A_FOLDER = 1000
_BLOCK = b"software: generated, no pages\r\n"


def write_inputs(folder: Path, count: int) -> None:
    """Write ``count`` archives without pages."""
    head = (
        b"WARC/1.1\r\nWARC-Type: warcinfo\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-%012d>\r\n"
        b"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: application/warc-fields\r\nContent-Length: %d\r\n\r\n"
    )
    for number in range(count):
        below = folder / f"{number // _FILES_A_FOLDER:04d}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"shard-{number:06d}.warc").write_bytes(head % (number, len(_BLOCK)) + _BLOCK + b"\r\n\r\n")


def build(inputs: Path, out: Path, level: str, cluster: Cluster) -> dict[str, Any]:
    """One run to a level: seconds of finding the inputs, of each step and in all, and what was built."""
    start, cpu = time.monotonic(), time.process_time()
    shards = find_shards([str(inputs)], DUMP)
    found = time.monotonic() - start
    request = pipeline.Request(level, shards, Store(str(out)), DUMP, Settings())
    outcome = pipeline.run(request, cluster, Progress("plain"))
    return {
        "find_inputs_s": round(found, 2),
        "steps_s": outcome.seconds,
        "wall_s": round(time.monotonic() - start, 2),
        "driver_cpu_s": round(time.process_time() - cpu, 2),
        "built": outcome.built,
        "shards": {tier: manifest["shards"] for tier, manifest in outcome.manifests.items()},
        "records": {tier: manifest["ledger"][0]["in"][0] for tier, manifest in outcome.manifests.items()},
    }


def main() -> None:
    """``INPUTS OUT LEVEL``: builds, or finds everything built; prints seconds and how the driver's memory grew."""
    inputs, out, level = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    with Cluster() as cluster:
        if not (out / level).exists():
            cluster.slots()  # starts Ray: its own memory is no growth; a finished run needs none
        before = reset_peak()
        result = build(inputs, out, level, cluster)
        grown = peak() - before
    print(json.dumps(result | {"driver_before_mib": before >> 20, "driver_growth_mib": grown >> 20}), flush=True)


if __name__ == "__main__":
    main()
