"""Publishing against a bare upload: the wall time of `governance publish`, checks and compaction and card included,
beside that of huggingface_hub's own upload_folder of the same files to the same hub on loopback.

The corpus is L3 in parts of about 20 MB, as shards of a crawl leave them; each round begins with an empty hub. Both
sides start a new interpreter each time, with the byte code of all modules written before, as an installation has it.
Run as ``python -m benchmarks.handover_publish``; ``measure`` is for whoever puts it beside other figures.
"""

from __future__ import annotations

import os
import resource
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
LINE_BYTES_PER_S = 125e6
FILE_MB = 64  # so that there are several files of so small a corpus
_ROWS = 20_000  # of a part
_GROUP_ROWS = 7_000  # about 16 MB of text, as a run writes
_WORDS = 350  # of a row
_BARE = (
    "import sys; from huggingface_hub import HfApi; api = HfApi(); "
    "api.create_repo('acme/bare', repo_type='dataset', exist_ok=True); "
    "api.upload_folder(repo_id='acme/bare', repo_type='dataset', folder_path=sys.argv[1])"
)


def measure(megabytes: int = 1200, rounds: int = 3, folder: Path | None = None) -> tuple[dict[str, Any], list[Bar]]:
    """Publish and upload about ``megabytes`` of Parquet in turns; the figures of all rounds and the bars of medians.

    Once as fast as loopback goes, where all sides share the processors, and once on a line of 1 Gbit/s.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch, hub_server(Path(scratch, "hub")) as server:
        place = Path(scratch)
        figures: dict[str, Any] = {"parts": _write(Store(str(place / "corpus")), megabytes)}
        bars = []
        for name, rate in (("loopback", None), ("line", LINE_BYTES_PER_S)):
            server.bytes_per_s = rate
            figures[name] = _side_by_side(server, place, rounds)
            where = "" if rate is None else " on a line of 1 Gbit/s"
            ratio = figures[name]["bare_upload"]["wall_s"] / figures[name]["publish"]["wall_s"]
            bars.append(at_least(round(ratio, 3), f"rate of publish to that of a bare upload{where}", BAR, "x"))
    return figures, bars


def _side_by_side(server: HubServer, place: Path, rounds: int) -> dict[str, Any]:
    """Both sides in turns, each with an empty hub; medians of their wall and processor seconds."""
    env = _environment(server.endpoint, place)
    ours = [sys.executable, "-m", "governance.cli", "publish", str(place / "corpus"), "--repo-id", "acme/ours"]
    ours += ["--json", "--file-size", str(FILE_MB), "--work", str(place / "work")]
    bare = [sys.executable, "-c", _BARE, str(place / "files")]
    taken: dict[str, list[tuple[float, float]]] = {"publish": [], "bare_upload": []}
    sizes: list[int] = []
    _empty(server)
    _write_byte_code([*ours, "--dry-run"], bare, env, place / "nothing")
    for _ in range(rounds):
        _empty(server)
        taken["publish"].append(_timed(ours, env))
        sizes = _kept(server, place / "files")
        _empty(server)
        taken["bare_upload"].append(_timed(bare, env))
        if _of(server, "acme/bare") != sizes:
            raise RuntimeError("the bare upload sent other bytes")
    told: dict[str, Any] = {"bytes": sum(sizes), "files": len(sizes)}
    for side, pairs in taken.items():
        wall, cpu = (round(statistics.median(values), 2) for values in zip(*pairs, strict=True))
        speed = round(sum(sizes) / wall / 1e6, 1)
        told[side] = {"wall_s": wall, "cpu_s": cpu, "mb_per_s": speed, "wall_s_of_rounds": [one for one, _ in pairs]}
    return told


def _environment(endpoint: str, place: Path) -> dict[str, str]:
    """The variables of both sides; byte code is kept, in a folder of its own, whatever the caller's variables say."""
    env = environment(endpoint, place) | {"PYTHONPYCACHEPREFIX": str(place / "code")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def _write_byte_code(ours: list[str], bare: list[str], env: dict[str, str], nothing: Path) -> None:
    """Start both sides once without work; the bare one imports the client, which ours then finds too."""
    nothing.mkdir(exist_ok=True)
    _timed(ours, env)
    _timed([*bare[:-1], str(nothing)], env)


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


def _timed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of a command. Errors: RuntimeError with what it said."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return round(wall, 2), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    figures, bars = measure()
    show(body("handover_publish", figures, bars))


if __name__ == "__main__":
    main()
