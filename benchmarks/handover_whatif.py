"""What-if on a million rows: wall and CPU seconds of the whole command, start of Python included.

The annotations of a small built corpus are repeated under other uids until there are as many rows; L0 lies beside them
with the start of each page's text, for the examples. L1 alone, as a tier whose thresholds are being looked for. Run as
``python -m benchmarks.handover_whatif``; ``measure`` is for whoever puts it beside other figures.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import Bar, at_most, body, show
from governance import commands
from governance.clusters import CLUSTERS
from governance.job import annotation_parts, data_parts
from governance.parts import read_all
from manifests.records import PartWriter, Record, commit, read_records, write_part
from manifests.store import Store
from stages.uids import UID, uid_to_bytes

ROWS = 1_000_000
BAR_S = 5.0
SETTINGS = (
    "l1.gopher_quality.en.min_words=300",
    "l1.gopher_quality.en.min_alpha_words_ratio=0.7",
    "l1.c4.zh.min_sentences=12",
    "l1.fineweb.en.max_char_dup_ratio=0.1",
)
_SHARD_ROWS = 50_000
_ROOT = Path(__file__).resolve().parent.parent
_TEXT_CHARS = 300


def measure(
    corpus: Path | None = None,
    rows: int = ROWS,
    rounds: int = 3,
    folder: Path | None = None,
    settings: tuple[str, ...] = SETTINGS,
) -> tuple[dict[str, Any], list[Bar]]:
    """The figures of all rounds, and the bar of their median wall time.

    corpus: one that is built to L1 or above, with one dump; None builds the bundled crawl to L1 first.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        small = corpus or _built(Path(scratch, "small"))
        large = Path(scratch, "large")
        written = replicate(small, large, rows)
        rounds_of = [_timed(large, settings) for _ in range(rounds)]
    figures = {
        "rows": written,
        "settings": list(settings),
        "wall_s": round(statistics.median(one["wall_s"] for one in rounds_of), 2),
        "cpu_s": round(statistics.median(one["cpu_s"] for one in rounds_of), 2),
        "rounds": rounds_of,
    }
    return figures, [at_most(figures["wall_s"], f"what-if on {written:,} rows, wall time", BAR_S, "s")]


def replicate(small: Path, large: Path, rows: int) -> int:
    """Write L0 and L1 of a corpus again with its rows repeated, each under a uid of its own; returns the rows.

    The manifests are copied as they are: their counts are those of the small corpus, which what-if does not read.
    """
    source, target = Store(str(small)), Store(str(large))
    (dump,) = source.folders("L1")
    notes = _tables(source, f"L1/{dump}", "annotations", None)
    texts = _tables(source, f"L0/{dump}", "data", ("uid", "url", "content"))
    texts = texts.set_column(2, "content", pc.utf8_slice_codeunits(texts["content"], 0, _TEXT_CHARS))
    for tier in ("L0", "L1"):
        for name in ("plan.json", "manifest.json"):
            target.put(f"{tier}/{dump}/{name}", source.get(f"{tier}/{dump}/{name}"))
    fingerprints = [json.loads(source.get(f"{tier}/{dump}/manifest.json"))["fingerprint"] for tier in ("L0", "L1")]
    for number, start in enumerate(range(0, rows, _SHARD_ROWS)):
        place = pa.array(np.arange(start, min(start + _SHARD_ROWS, rows)) % notes.num_rows)
        uids = _uids(np.arange(start, start + len(place)))
        for base, step, folder, table, fingerprint in (
            (f"L0/{dump}", "data", "data", texts, fingerprints[0]),
            (f"L1/{dump}", "annotations", "annotations", notes, fingerprints[1]),
        ):
            some = _told_apart(table.take(place), number).set_column(0, "uid", uids)
            writer = PartWriter(target, f"{base}/{folder}/part-{number:05d}", some.schema)
            writer.write(some)
            commit(target, base, Record(step, number, f"{number}.warc.gz", fingerprint, [writer.finish()]))
    clusters = _clusters(source, f"L1/{dump}", notes["uid"], rows)
    part = write_part(target, f"L1/{dump}/duplicates/clusters-00000", [clusters], CLUSTERS)
    commit(target, f"L1/{dump}", Record("duplicates", 0, "run 0", fingerprints[1], [part]))
    return rows


def _uids(places: np.ndarray) -> pa.Array:
    """The uids of rows by their place among all: shard, and number in it."""
    return pa.array([f"{place // _SHARD_ROWS:08x}{place % _SHARD_ROWS:024x}" for place in places.tolist()], pa.string())


def _clusters(store: Store, base: str, uids: pa.ChunkedArray, rows: int) -> pa.Table:
    """The clusters of duplicates of every whole repetition."""
    parts = [part for record in read_records(store, base, "duplicates") for part in record.parts]
    table = read_all(store, parts, CLUSTERS.names)
    if table is None:
        return CLUSTERS.empty_table()
    first = np.arange(rows // len(uids)) * len(uids)
    table = pa.concat_tables([table.combine_chunks()] * len(first)).combine_chunks()
    known = uid_to_bytes(uids)
    for place, name in enumerate(table.column_names):
        if name in ("uid", "survivor", "match"):
            found = pc.index_in(table[name].combine_chunks(), value_set=known)
            there = pc.is_valid(found).to_numpy(zero_copy_only=False)
            places = pc.fill_null(found, 0).to_numpy() + np.repeat(first, len(table) // len(first))
            values = pc.if_else(pa.array(there), uid_to_bytes(_uids(places)), pa.scalar(None, UID))
            table = table.set_column(place, CLUSTERS.field(name), values)
    return table


def _told_apart(table: pa.Table, seed: int) -> pa.Table:
    """The rows with their ratios changed by less than any limit tells, so that repeating them does not make the columns
    easier to store and to read than those of other pages."""
    rng = np.random.default_rng(seed)
    for place, column in enumerate(table.schema):
        if column.type == pa.float64():
            factors = pa.array(1 + 1e-12 * rng.random(table.num_rows))
            table = table.set_column(place, column, pc.multiply(table[column.name], factors))
    return table


def _tables(store: Store, base: str, step: str, columns: tuple[str, ...] | None) -> pa.Table:
    parts = [p for r in read_records(store, base, step) for p in (annotation_parts(r) or data_parts(r))]
    if columns is not None:
        parts = [p for r in read_records(store, base, step) for p in data_parts(r)]
    names = columns or tuple(pa.parquet.read_schema(str(Path(store.url, parts[0].path))).names)
    table = read_all(store, parts, names)
    if table is None:
        raise ValueError(f"{base} holds no rows")
    return table.combine_chunks()


def _built(output: Path) -> Path:
    """The bundled crawl, built to L1."""
    commands.run(commands.Ask("L1", (), str(output), None, "L0", None, None, 0, (), False), as_json=True)
    return output


def _timed(output: Path, settings: tuple[str, ...]) -> dict[str, Any]:
    """One command in a process of its own."""
    command = [sys.executable, "-m", "governance.cli", "what-if", str(output), "--json"]
    for setting in settings:
        command += ["--set", setting]
    env = os.environ | {"PYTHONPATH": str(_ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(said.stdout)
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "inside_s": told["seconds"],
        "newly_kept": told["tiers"]["L1"]["newly_kept_rows"],
        "newly_dropped": told["tiers"]["L1"]["newly_dropped_rows"],
    }


def main() -> None:
    """Measure and print the figures."""
    show(body("handover_whatif", *measure()))


if __name__ == "__main__":
    main()
