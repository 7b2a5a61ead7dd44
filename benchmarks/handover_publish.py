"""Publishing against a bare upload: the wall time of `governance publish`, checks and compaction and card included,
beside that of huggingface_hub's own upload_folder of the same files to the same hub on loopback.

The corpus is L3 in parts of about 20 MB, as shards of a crawl leave them; each round begins with an empty hub. Run as
``python -m benchmarks.handover_publish``; ``measure`` is for whoever puts it beside other figures.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.report import Bar, at_least, body, show
from governance.inputs import shard_key
from manifests.schema import conform, tier_schema
from manifests.store import Store
from tests.hub_server import HubServer, hub_server
from tests.published_corpus import write_tables
from tests.publisher import ROOT, environment

BAR = 0.8
FILE_MB = 64
_ROWS = 20_000  # of a part
_GROUP_ROWS = 7_000  # about 16 MB of text, as a run writes
_WORDS = 350  # of a row
_BARE = (
    "import sys; from huggingface_hub import HfApi; api = HfApi(); "
    "api.create_repo('acme/bare', repo_type='dataset', exist_ok=True); "
    "api.upload_folder(repo_id='acme/bare', repo_type='dataset', folder_path=sys.argv[1])"
)


def measure(megabytes: int = 600, rounds: int = 3, folder: Path | None = None) -> tuple[dict[str, Any], Bar]:
    """Publish and upload about ``megabytes`` of Parquet in turns; figures of all rounds, the bar of their medians."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch, hub_server(Path(scratch, "hub")) as server:
        place = Path(scratch)
        corpus = place / "corpus"
        parts = _write(Store(str(corpus)), megabytes)
        env = environment(server.endpoint, place)
        command = ["-m", "governance.cli", "publish", str(corpus), "--repo-id", "acme/ours", "--json"]
        command += ["--file-size", str(FILE_MB), "--work", str(place / "work")]
        seconds: dict[str, list[float]] = {"ours": [], "bare": []}
        sizes: list[int] = []
        for _ in range(rounds):
            _empty(server)
            seconds["ours"].append(_timed([sys.executable, *command], env))
            sizes = _kept(server, place / "files")
            _empty(server)
            seconds["bare"].append(_timed([sys.executable, "-c", _BARE, str(place / "files")], env))
            assert _of(server, "acme/bare") == sizes, "the bare upload sent other bytes"
    ours, bare = (statistics.median(seconds[side]) for side in ("ours", "bare"))
    figures = {
        "bytes": sum(sizes), "files": len(sizes), "parts": parts, "publish_s": seconds["ours"],
        "bare_upload_s": seconds["bare"], "publish_mb_per_s": round(sum(sizes) / ours / 1e6, 1),
        "bare_mb_per_s": round(sum(sizes) / bare / 1e6, 1),
    }  # fmt: skip
    return figures, at_least(round(bare / ours, 3), "rate of publish to that of a bare upload", BAR, "x")


def _write(store: Store, megabytes: int) -> int:
    """Write parts until they come to the size; returns their number."""
    done = 0

    def shards() -> Iterator[tuple[str, pa.Table]]:
        nonlocal done
        while sum(item.size for item in store.list("L3/data")) < megabytes * 1_000_000:
            yield f"shard-{done}", _table(f"shard-{done}", done)
            done += 1

    write_tables(store, shards(), group_rows=_GROUP_ROWS)
    return done


def _table(shard: str, number: int) -> pa.Table:
    """Rows of random words, which compress about as text does."""
    draw = np.random.default_rng(number)
    words = np.array(["".join(chr(97 + c) for c in draw.integers(0, 26, 2 + n % 8)) for n in range(5000)])
    places = (draw.random((_ROWS, _WORDS)) ** 3 * len(words)).astype(int)
    key = shard_key("web", shard)
    rows = {
        "uid": [f"{key}{n:024x}" for n in range(_ROWS)],
        "content": [" ".join(words[row]) for row in places],
        "style": ["qa"] * _ROWS,
        "lang": ["en"] * _ROWS,
        "url": [f"https://example.org/{shard}/{n}" for n in range(_ROWS)],
        "parent_uid": [f"{key}{n // 3 + 1_000_000:024x}" for n in range(_ROWS)],
        "prompt_id": ["en.qa"] * _ROWS,
        "model": ["org/model@1234"] * _ROWS,
        "sampling": [f'[{{"seed": {n}, "temperature": 0.7}}]' for n in range(_ROWS)],
    }
    return conform(pa.table(rows), tier_schema("L3"))


def _empty(server: HubServer) -> None:
    """Forget all repositories and what was sent."""
    server.repos = {}
    for path in (server.folder / "objects").iterdir():
        path.unlink()
    os.sync()


def _timed(command: list[str], env: dict[str, str]) -> float:
    """Wall seconds of a command. Errors: RuntimeError with what it said."""
    start = time.monotonic()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return round(time.monotonic() - start, 2)


def _kept(server: HubServer, folder: Path) -> list[int]:
    """Put the published files into a folder, as somebody who compacted them by hand would have them."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, file in server.repo("acme/ours").files_of("main").items():
        if path != ".gitattributes":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(server.place(file), folder / path)
    return _of(server, "acme/ours")


def _of(server: HubServer, repo: str) -> list[int]:
    files = server.repo(repo).files_of("main")
    return sorted(file["size"] for path, file in files.items() if path != ".gitattributes")


def main() -> None:
    """Measure and print the figures."""
    figures, bar = measure()
    show(body("handover_publish", figures, [bar]))


if __name__ == "__main__":
    main()
