"""The real stages of L0 to L2, run in this process over a sample of what a run would read, and what they took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance import tiers
from governance.inputs import tombstones_over
from governance.job import Job, data_parts
from governance.parts import read_parts
from governance.pieces import COUNT, pieces, stream_of
from governance.pipeline import Request, read_manifest
from governance.plan import TierPlan
from governance.repeats import without_repeated
from governance.runner import fold, load_models
from manifests.records import read_records
from manifests.schema import conform, tier_schema
from stages import quality
from stages.contract import Stage
from stages.limits import slow_column
from synth.token_counts import TokenCounter

_ROWS = 24  # of one part of the tier below
_WARM_ROWS = 2  # folded before the clock runs: what is imported and compiled on first use is no cost of a row


@dataclass(frozen=True)
class Piece:
    """A piece of the sample: the rows that each tier kept of it, and the CPU seconds of each tier's stages."""

    weight: float  # bytes of the input, or rows of the tier below, that it stands for
    rows: Mapping[str, pa.Table] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def with_tier(self, tier: str, rows: pa.Table, seconds: float) -> Piece:
        """The piece with one tier more."""
        return replace(self, rows={**self.rows, tier: rows}, seconds={**self.seconds, tier: seconds})


@dataclass(frozen=True)
class Sample:
    """What was measured, and the weight of all that a run would read."""

    pieces: tuple[Piece, ...]
    total: float

    @property
    def share(self) -> float:
        """The part of the whole that was looked at."""
        return min(1.0, sum(piece.weight for piece in self.pieces) / self.total) if self.total else 1.0


def measure(request: Request, plans: Sequence[TierPlan], limit_s: float) -> Sample:
    """Build the tiers of some plans, lowest first, from a sample; what is below them is sealed.

    Reading stops after ``limit_s`` seconds, with one piece at least; what is read is taken through all tiers.
    """
    first = plans[0]
    if first.parent is None:
        total, found = float(sum(shard.size for shard in request.shards)), _entered(request, first.tier, limit_s)
    else:
        manifest = read_manifest(request.store, first.parent, request.dump) or {"rows": 0}
        total, found = float(manifest["rows"]), _rows_below(request, first.parent, limit_s)
    sample = tuple(found)
    for plan in plans[1:] if first.parent is None else plans:
        build = {"L1": _filtered, "L2": _selected}[plan.tier]
        sample = tuple(build(request, plan.parent or "", sample))
    return Sample(sample, total)


def _entered(request: Request, tier: str, limit_s: float) -> Iterator[Piece]:
    """The pieces of the input, read and folded to the tier where rows enter."""
    stages = tiers.entry_stages(request.settings, tier, request.shards[0].is_archive)
    models, schema, end, warm = load_models(stages), tier_schema(tier), time.monotonic() + limit_s, False
    for piece in pieces(request.shards):
        kept, seconds = [schema.empty_table()], 0.0
        began = time.process_time()
        name, key, archive = piece.name, piece.shard.key, piece.shard.is_archive
        out = tombstones_over(piece.shard)
        given = tiers.read_input(stream_of(piece), name, key, archive, request.settings, out) if piece.data else ()
        for batch in given:
            marked = _marked(stages, batch)
            if not warm and marked.num_rows:
                fold(stages, marked.slice(0, _WARM_ROWS), models, "ingest")
                warm, began = True, time.process_time()
            rows = fold(stages, marked, models, "ingest").kept()
            kept.append(conform(tiers.with_defaults(rows, request.dump), schema))
        seconds += time.process_time() - began
        yield Piece(piece.weight).with_tier(tier, pa.concat_tables(kept), seconds)
        if time.monotonic() > end:
            return


def _rows_below(request: Request, tier: str, limit_s: float) -> Iterator[Piece]:
    """Rows of a sealed tier, from parts spread over it."""
    base, end = f"{tier}/{request.dump}", time.monotonic() + limit_s
    parts = [part for record in read_records(request.store, base, "data") for part in data_parts(record)]
    picked = parts[:: max(1, -(-len(parts) // COUNT))]
    wanted = max(_ROWS, -(-COUNT * _ROWS // max(1, len(picked))))
    for part in picked:
        for table in read_parts(request.store, [part]):
            for start in range(0, min(table.num_rows, wanted), _ROWS):
                rows = table.slice(start, min(_ROWS, wanted - start))
                yield Piece(float(rows.num_rows)).with_tier(tier, rows, 0.0)
            break
        if time.monotonic() > end:
            return


def _filtered(request: Request, parent: str, sample: Sequence[Piece]) -> Iterator[Piece]:
    """L1 without the duplicates' shuffle, which only the whole of a dump can decide."""
    stages = tiers.stages_of(request.settings, "L1")
    job = Job(request.store, "L1", request.dump, request.settings, "", parent)
    editing = tuple(stage for stage in stages if stage.replaces)
    models = load_models(stages)
    _warm(sample, parent, lambda rows: fold(stages, _marked(stages, without_repeated(job, rows)), models))
    for piece in sample:
        if not piece.rows[parent].num_rows:
            yield piece.with_tier("L1", tier_schema("L1").empty_table(), 0.0)
            continue
        began = time.process_time()
        batch = _marked(stages, without_repeated(job, piece.rows[parent]))
        folded = fold(stages, batch, models)
        kept = folded.kept()
        # A run edits the rows that it keeps a second time, rather than store their text twice.
        again = batch.filter(pc.is_in(batch["uid"], value_set=kept["uid"].combine_chunks()))
        fold(editing, again, models)
        seconds = time.process_time() - began
        yield piece.with_tier("L1", conform(kept, tier_schema("L1")), seconds)


def _selected(request: Request, parent: str, sample: Sequence[Piece]) -> Iterator[Piece]:
    """L2: scores first; a share that is to be kept is a share of the sample."""
    config = request.settings.l2
    scoring = (quality.scores_stage(config.quality),)
    models = load_models(scoring)
    _warm(sample, parent, lambda rows: fold(scoring, rows, models))
    scored, spent = [], []
    filled = [piece for piece in sample if piece.rows[parent].num_rows]
    for piece in filled:
        began = time.process_time()
        scored.append(fold(scoring, piece.rows[parent], models).kept())
        spent.append(time.process_time() - began)
    cuts = _cuts(request, scored)
    rest = [stage for stage in tiers.stages_of(request.settings, "L2") if stage.name not in ("scores", "quality")]
    selecting = (quality.quality_stage(config.quality, cuts), *rest)
    models = load_models(selecting)
    for piece, rows, before in zip(filled, scored, spent, strict=True):
        began = time.process_time()
        kept = fold(selecting, rows.drop_columns(["fate", "error"]), models).kept()
        yield piece.with_tier("L2", conform(kept, tier_schema("L2")), before + time.process_time() - began)
    nothing = tier_schema("L2").empty_table()
    yield from (piece.with_tier("L2", nothing, 0.0) for piece in sample if not piece.rows[parent].num_rows)


def _cuts(request: Request, scored: Sequence[pa.Table]) -> dict[str, quality.Cut]:
    """Where the scores of each language are cut; of one whose share is set, the quantile of the sample."""
    config = request.settings.l2.quality
    cuts: dict[str, quality.Cut] = {}
    if not scored:
        return cuts
    table = pa.concat_tables(rows.select(["lang", "score"]) for rows in scored)
    for language in config.models:
        share = config.share_of(language)
        if share is None:
            cuts[language] = quality.Cut(config.threshold_of(language) or 0.0)
            continue
        values = table.filter(pc.equal(table["lang"], language))["score"].drop_null().to_numpy()
        cuts[language] = quality.Cut(float(np.quantile(values, 1 - share)) if len(values) else 0.0)
    return cuts


def _warm(sample: Sequence[Piece], tier: str, work: Any) -> None:
    rows = next((piece.rows[tier] for piece in sample if piece.rows[tier].num_rows), None)
    if rows is not None:
        work(rows.slice(0, _WARM_ROWS))


def _marked(stages: Sequence[Stage], batch: pa.Table) -> pa.Table:
    """The batch as if no row had ever been too slow."""
    for stage in stages:
        if slow_column(stage.name) in stage.needs:
            batch = batch.append_column(slow_column(stage.name), pa.repeat(pa.scalar(False), batch.num_rows))
    return batch


def stored_bytes(tier: str, tables: Sequence[pa.Table]) -> float:
    """Bytes in Parquet for each byte in memory, of a tier's rows in files of one language, as a run writes them."""
    table = pa.concat_tables(tables) if tables else tier_schema(tier).empty_table()
    if not table.num_rows:
        return 1.0
    languages = [""] if tier == "L0" else pc.unique(table["lang"]).to_pylist()
    total = 0
    for language in languages:
        sink = pa.BufferOutputStream()
        rows = table.filter(pc.equal(table["lang"], language)) if language else table
        pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
        total += sink.getvalue().size
    return total / table.nbytes


def tokens_of(table: pa.Table, counter: TokenCounter) -> int:
    """Tokens of the text of some rows."""
    languages = table["lang"].to_pylist() if "lang" in table.column_names else [""] * table.num_rows
    total = 0
    for language in sorted(set(languages)):
        texts = [text for text, own in zip(table["content"].to_pylist(), languages, strict=True) if own == language]
        total += sum(counter.count(texts, language))
    return total
