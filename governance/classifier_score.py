"""`governance classifier score`: any Parquet, JSON Lines or text files, with the score of each text beside its columns.

Scored first, selected after, as L2 does it: the scores of a file lie in ``_scores`` with what decided them, so a run
that was interrupted goes on, and another threshold or share scores nothing again.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from classifiers.normalize import tokenizer_sha256
from classifiers.score import Classifier, check_classifier, load_model, model_path, model_sha256
from classifiers.score import score as score_texts
from governance.cluster import Cluster
from governance.commands import open_output
from governance.errors import RunError, UsageError
from governance.inputs import Shard
from governance.progress import Line, Progress
from governance.texts import find_texts, read_file
from governance.whole_rows import read_whole, schema_of
from manifests.store import Store, is_local, local_path
from manifests.streams import Hashing
from stages import quality, ranks
from stages.quality import Cut, Selection
from stages.ranks import Target

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
ADDED = pa.schema([("score", pa.float32()), ("score_bucket", pa.int16()), ("keep", pa.bool_())])
_IDENTITY = b"governance.classifier"  # in the metadata of what is written: from what, and how
_SCORES = pa.schema([("score", pa.float32())])
_OPEN_SHARE = 0.95  # of a file whose length in texts is not known: the most that counts as done before its end
_PACKED = 4  # bytes of text in a byte of a compressed file, about


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance classifier score``."""

    model: str
    inputs: tuple[str, ...]
    output: str
    text: str | None = None
    threshold: float | None = None
    keep_share: float | None = None
    buckets: int = 20
    language: str | None = None
    window: int = 0
    workers: int = 0


@dataclass(frozen=True)
class Scoring:
    """What a worker must know."""

    ask: Ask
    store: Store
    model: Path
    decides: Mapping[str, Any]  # beside the input, every score
    cut: Cut | None = None


def score(ask: Ask, as_json: bool) -> None:
    """Score files and print the summary."""
    mode = "silent" if as_json else "live" if sys.stderr.isatty() else "plain"
    body = run(ask, Progress(mode))
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        show(body)


def run(ask: Ask, progress: Progress) -> dict[str, Any]:
    """Score the files and write them with their scores; returns the summary.

    Errors: UsageError for a model or input that cannot be used, before anything is scored.
    """
    selection = _selection(ask)
    model, shards = checked_model(ask.model, ask.language), find_texts(ask.inputs)
    job = Scoring(ask, open_output(ask.output), model, _decides(ask, model))
    _refuse_names(job, shards)
    start = time.monotonic()
    with Cluster(None, ask.workers) as cluster:
        pending = [
            shard for shard in shards if not _is_there(job.store, scores_path(shard), _scores_identity(job, shard))
        ]
        fresh = _map(cluster, progress, "score", score_file, job, shards, pending)
        seconds = time.monotonic() - start
        cut, summary = _cut(job, shards, selection)
        job = Scoring(ask, job.store, model, job.decides, cut)
        wanted = [shard for shard in shards if not _is_there(job.store, rows_path(shard), _rows_identity(job, shard))]
        _map(cluster, progress, "write", write_file, job, shards, wanted)
    rate = {"scored_now": fresh, "documents_per_s": round(fresh / seconds, 1) if fresh else None}
    return {"output": ask.output, "files": len(shards), "written": len(wanted), **summary, **rate}


def _selection(ask: Ask) -> Selection:
    """Errors: UsageError for a threshold and a share, or one out of range."""
    if ask.threshold is not None and ask.keep_share is not None:
        raise UsageError("--threshold and --keep-share exclude each other", "give one of them")
    threshold = 0.0 if ask.threshold is None else ask.threshold
    try:
        return Selection(threshold=threshold, keep_share=ask.keep_share, buckets=ask.buckets)
    except ValueError as error:
        raise UsageError(str(error).splitlines()[2].strip(), "give a number in that range") from error


def checked_model(name: str, language: str | None) -> Path:
    """The model that a path or ``bundled:en`` names. Errors: UsageError where it cannot be used."""
    bundled = name.partition(":")[2] if name.startswith("bundled:") else None
    path = model_path(bundled) if bundled else Path(name)
    try:
        check_classifier(path, language or bundled)
    except ValueError as error:
        remedy = "give a path, bundled:en or bundled:zh; `governance classifier train` makes one of your own"
        raise UsageError(str(error), remedy) from error
    return path


def _decides(ask: Ask, model: Path) -> dict[str, Any]:
    return {
        "model": model_sha256(model), "tokenizer": tokenizer_sha256(), "window": ask.window, "text": ask.text,
        "version": quality.SCORES_VERSION,
    }  # fmt: skip


def _refuse_names(job: Scoring, shards: list[Shard]) -> None:
    """Errors: UsageError for two inputs of one name, or an output that would replace its input."""
    seen: dict[str, Shard] = {}
    for shard in shards:
        other = seen.setdefault(rows_path(shard), shard)
        if other is not shard:
            raise UsageError(f"two inputs are both named {shard.name!r}", "rename one, or score them one by one")
        base = str(local_path(job.store.url)) if is_local(job.store.url) else job.store.url.rstrip("/")
        if f"{base}/{rows_path(shard)}" == f"{shard.folder.rstrip('/')}/{shard.path}":
            raise UsageError(f"--output {job.ask.output!r} holds the input {shard.name!r}", "give another folder")


def scores_path(shard: Shard) -> str:
    """Where the scores of a file lie."""
    return f"_scores/{shard.name}.parquet"


def rows_path(shard: Shard) -> str:
    """Where its rows lie, with all their columns."""
    return shard.name if shard.name.endswith(".parquet") else f"{shard.name}.parquet"


def _scores_identity(job: Scoring, shard: Shard) -> dict[str, Any]:
    return {"input": shard.identity, **job.decides}


def _rows_identity(job: Scoring, shard: Shard) -> dict[str, Any]:
    threshold = job.cut.threshold if job.cut else None
    return {**_scores_identity(job, shard), "threshold": threshold, "buckets": job.ask.buckets}


def _is_there(store: Store, path: str, identity: Mapping[str, Any]) -> bool:
    """Whether an object was written whole from this, in this way."""
    if not store.exists(path):
        return False
    try:
        with store.open(path) as stream:
            metadata = pq.read_schema(stream).metadata or {}
    except pa.ArrowInvalid:
        return False
    return metadata.get(_IDENTITY) == _canonical(identity)


def _canonical(identity: Mapping[str, Any]) -> bytes:
    return json.dumps(identity, sort_keys=True).encode()


def _map(
    cluster: Cluster, progress: Progress, title: str, work: Any, job: Scoring, shards: list[Shard], pending: list[Shard]
) -> int:
    """Run a step for the files that lack its output; returns the number of texts in them."""
    texts = 0
    with progress.stage(title, total=len(shards), done=len(shards) - len(pending), unit="files") as line:

        def done(_: Shard, rows: int) -> None:
            nonlocal texts
            texts += rows
            if job.ask.workers:
                line.advance(1, rows)

        if not job.ask.workers:  # in this process, a file tells how far it is
            for shard in pending:
                done(shard, work(job, shard, line))
        elif pending:
            cluster.map(work, job, pending, done)
    return texts


@cache
def _loaded(model: Path) -> Classifier:
    try:
        return load_model(model)
    except ValueError as error:
        raise UsageError(str(error), "give another model") from error


def score_file(job: Scoring, shard: Shard, line: Line | None = None) -> int:
    """The scores of a file's texts, in their order; returns their number."""
    classifier = _loaded(job.model)
    tables = (_scored(table["content"], classifier, job.ask.window) for table in _told(shard, _texts(job, shard), line))
    return _write(job.store, scores_path(shard), _SCORES, tables, _scores_identity(job, shard))


def _texts(job: Scoring, shard: Shard) -> Iterator[pa.Table]:
    return read_file(shard, job.ask.text, "")


def _scored(texts: pa.ChunkedArray, classifier: Classifier, window: int) -> pa.Table:
    """The score of each text, null where there is none or nothing is left of it."""
    found = np.full(len(texts), np.nan)
    rows = np.flatnonzero(pc.is_valid(texts).to_numpy())
    for chunk in np.array_split(rows, max(1, -(-len(rows) // quality.ROWS_AT_ONCE))):
        found[chunk] = score_texts(classifier, texts.take(pa.array(chunk)).to_pylist(), window=window)
    return pa.table([pa.array(found, pa.float32(), from_pandas=True)], schema=_SCORES)


def _told(shard: Shard, tables: Iterable[pa.Table], line: Line | None) -> Iterator[pa.Table]:
    """The tables, and to a line of progress the share of the file that they are, by the bytes of text in them."""
    told, seen = 0.0, 0
    size = max(1, shard.size) * (_PACKED if shard.name.endswith((".parquet", ".gz", ".zst")) else 1)
    for table in tables:
        yield table
        seen += table.nbytes
        share = min(_OPEN_SHARE, round(seen / size, 2))
        if line:
            line.advance(max(0.0, share - told), table.num_rows)
        told = max(told, share)
    if line:
        line.advance(1 - told, 0)


def _write(store: Store, path: str, schema: pa.Schema, tables: Iterable[pa.Table], identity: Mapping[str, Any]) -> int:
    """Write tables as one object, whole, with its identity; returns the number of rows."""
    schema = schema.with_metadata({**(schema.metadata or {}), _IDENTITY: _canonical(identity)})
    spool, rows = Hashing.spooled(), 0
    with pq.ParquetWriter(
        pa.PythonFile(spool, mode="w"), schema, compression="zstd", write_page_checksum=True
    ) as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(schema.metadata))
            rows += table.num_rows
    store.put(path, spool.content())
    return rows


def _read_scores(store: Store, shard: Shard) -> np.ndarray:
    """The scores of a file, float32 with NaN for none."""
    with store.map(scores_path(shard)) as stream:
        return pq.read_table(stream, use_threads=False)["score"].to_numpy()


def _cut(job: Scoring, shards: list[Shard], selection: Selection) -> tuple[Cut | None, dict[str, Any]]:
    """Where the scores are cut, None where nothing is asked for; and the summary of all scores."""
    documents = scored = 0
    for shard in shards:
        found = _read_scores(job.store, shard)
        documents, scored = documents + len(found), scored + int(np.count_nonzero(~np.isnan(found)))
    worst, _ = quality.ranks_of(selection, "", scored)
    wanted = ([] if worst is None else [worst]) + [math.floor(share * (scored - 1)) for share in QUANTILES]
    reached = _scores_at(job.store, shards, wanted) if scored else []
    quantiles = dict(zip(map(str, QUANTILES), reached[-len(QUANTILES) :], strict=True)) if reached else {}
    summary: dict[str, Any] = {"documents": documents, "scored": scored, "quantiles": quantiles}
    if job.ask.threshold is None and job.ask.keep_share is None:
        return None, summary
    cut = Cut(job.ask.threshold or 0.0) if worst is None or not reached else Cut(reached[0])
    kept = sum(int(np.count_nonzero(_read_scores(job.store, shard) >= np.float32(cut.threshold))) for shard in shards)
    share = round(kept / scored, 6) if scored else None
    return cut, {**summary, "threshold": cut.threshold, "kept": kept, "kept_share": share}


def _scores_at(store: Store, shards: list[Shard], wanted: list[int]) -> list[float]:
    """The scores of ranks among all files, which are read once a pass: never all at once."""
    targets = [Target(0, rank) for rank in wanted]
    for level in range(ranks.PASSES):
        prefixes = sorted({target.prefix for target in targets})
        sums = {prefix: np.zeros(ranks.DIGITS, np.int64) for prefix in prefixes}
        for shard in shards:
            found = _read_scores(store, shard)
            for prefix, counts in ranks.count_digits(found[~np.isnan(found)], prefixes, level).items():
                sums[prefix] += counts
        targets = ranks.narrow(targets, sums)
    return [ranks.score_of(target) for target in targets]


def write_file(job: Scoring, shard: Shard, line: Line | None = None) -> int:
    """A file's rows with all their columns, and those that its scores make; returns their number."""
    schema = schema_of(shard)
    new = [field for field in ADDED if job.cut or field.name != "keep"]
    taken = {field.name for field in new}
    own = [field.with_name(f"input_{field.name}") if field.name in taken else field for field in schema]
    whole = pa.schema([*own, *new])
    if len(set(whole.names)) < len(whole):
        raise UsageError(f"{shard.name} has both a column {min(taken)} and input_{min(taken)}", "rename one of them")
    tables = _with_scores(job, shard, _told(shard, read_whole(shard, schema), line), whole)
    return _write(job.store, rows_path(shard), whole, tables, _rows_identity(job, shard))


def _with_scores(job: Scoring, shard: Shard, tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    scores, done = _read_scores(job.store, shard), 0
    for table in tables:
        values = scores[done : done + table.num_rows]
        done += table.num_rows
        if len(values) < table.num_rows:
            raise _changed(job, shard)
        nothing = np.isnan(values)
        bucket = quality.bucket_of(np.where(nothing, 0, values), job.ask.buckets, job.cut or Cut(0.0))
        new = [pa.array(values, mask=nothing), pa.array(bucket, mask=nothing)]
        new += [pa.array(values >= np.float32(job.cut.threshold))] if job.cut else []
        yield pa.Table.from_arrays([*table.columns, *new], schema=schema)
    if done < len(scores):
        raise _changed(job, shard)


def _changed(job: Scoring, shard: Shard) -> RunError:
    where = f"{job.store.url}/{scores_path(shard)}"
    return RunError(f"{shard.name} has other rows than when it was scored", f"remove {where} and run it again")


def show(body: Mapping[str, Any]) -> None:
    """Print the summary for people."""
    told = f"{body['documents']:,} documents in {body['files']} files, {body['scored']:,} scored"
    rate = f", {body['documents_per_s']:,.0f} documents/s" if body["scored_now"] else ", all of them before"
    print(told + rate)
    if body["quantiles"]:
        print("scores  " + "  ".join(f"{float(share):.0%} {value:.4f}" for share, value in body["quantiles"].items()))
    if "kept" in body:
        share = f" ({body['kept_share']:.1%})" if body["scored"] else ""
        print(f"kept    {body['kept']:,}{share} with score {body['threshold']:.6g} or more")
    print(f"Result: {body['output']}   ({body['written']} of {body['files']} files written now)")
