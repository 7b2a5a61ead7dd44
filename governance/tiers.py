"""L0 to L2 as literal tuples of stages: read this file to know the pipeline. Users put their own in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from governance.config import Settings
from governance.errors import UsageError
from governance.own_tiers import stages_by_tier
from manifests.tombstones import OWNERS, Tombstones
from stages.c4 import c4_stage
from stages.clean import clean_stage
from stages.contract import Stage
from stages.decontaminate import decontaminate_stage
from stages.dedup import signature_stage
from stages.extract import extract_stage
from stages.figures import figures_of, figures_stage
from stages.fineweb import fineweb_stage
from stages.gopher import gopher_quality_stage, gopher_repetition_stage
from stages.host_lines import host_lines_stage
from stages.ingest import ROW_SCHEMA, WARC_SCHEMA, Withdrawn, read_table, read_warc
from stages.language import language_stage
from stages.paragraphs import paragraphs_stage
from stages.pii import pii_stage
from stages.policy import policy_stage
from stages.quality import quality_stage, scores_stage
from stages.takedown import TakedownConfig, takedown_stage

# What the annotations of a tier that is read from outside say of each record, beside verdicts.
ENTRY_ANNOTATIONS = ("uid", "url", "record_id", "record_type", "archive_offset", "status", "mime")


def l0(cfg: Settings) -> tuple[Stage, ...]:
    """Records to text."""
    return (extract_stage(cfg.l0.extract), takedown_stage(TakedownConfig()))


def l1(cfg: Settings) -> tuple[Stage, ...]:
    """Text to clean text: cheap rejects first; signatures only for what passed them."""
    return (
        takedown_stage(TakedownConfig()),
        policy_stage(cfg.l1.policy),
        *([host_lines_stage(cfg.l1.host_lines)] if cfg.l1.host_lines.enabled else ()),
        *([paragraphs_stage(cfg.l1.paragraphs)] if cfg.l1.paragraphs.enabled else ()),
        clean_stage(cfg.l1.clean),
        language_stage(cfg.l1.language),
        figures_stage(figures_of(cfg.l1.gopher_quality, cfg.l1.gopher_repetition, cfg.l1.c4, cfg.l1.fineweb)),
        gopher_repetition_stage(cfg.l1.gopher_repetition),
        gopher_quality_stage(cfg.l1.gopher_quality),
        c4_stage(cfg.l1.c4),
        fineweb_stage(cfg.l1.fineweb),
        pii_stage(cfg.l1.pii),
        signature_stage(cfg.l1.dedup),
    )


def l2(cfg: Settings) -> tuple[Stage, ...]:
    """Clean text to its score; what is selected by it is compared with question sets."""
    return (
        takedown_stage(TakedownConfig()),
        scores_stage(cfg.l2.quality),
        quality_stage(cfg.l2.quality),
        decontaminate_stage(cfg.l2.decontaminate),
    )


def stages_of(cfg: Settings, tier: str) -> tuple[Stage, ...]:
    """The stages that make a tier from the one below: the user's own, where they give some, else those above.

    Errors: UsageError for a file of own tiers that gives none.
    """
    own = stages_by_tier(cfg.tiers, cfg) if cfg.tiers else {}
    return own[tier] if tier in own else {"L0": l0, "L1": l1, "L2": l2}[tier](cfg)


def own_of(cfg: Settings, tier: str) -> dict[str, Any] | None:
    """What a plan records of the user's own tuple of a tier: the file, and the settings that it read; None for a
    built-in one."""
    if cfg.tiers is None or tier not in stages_by_tier(cfg.tiers, cfg):
        return None
    return {**cfg.tiers.identity, "own": cfg.model_dump(mode="json", include={"own"})["own"]}


def after(name: str, stages: Sequence[Stage], *more: Stage) -> tuple[Stage, ...]:
    """The stages with more behind the one of this name. Errors: UsageError where there is none."""
    names = [stage.name for stage in stages]
    if name not in names:
        raise UsageError(f"no stage {name!r} to put others behind", f"there are: {', '.join(names)}")
    place = names.index(name) + 1
    return (*stages[:place], *more, *stages[place:])


def entry_stages(cfg: Settings, tier: str, is_archive: bool) -> tuple[Stage, ...]:
    """The stages of a tier whose rows come from outside: archives enter at L0 only; rows that enter above L0 are taken
    as they are, but for what was taken down, and their language, which every tier above relies on."""
    if is_archive:
        return stages_of(cfg, "L0")
    out = takedown_stage(TakedownConfig())
    return (out,) if tier == "L0" else (out, language_stage(cfg.l1.language))


def entry_columns(is_archive: bool) -> list[str]:
    """The columns that the reader of an input gives."""
    return (WARC_SCHEMA if is_archive else ROW_SCHEMA).names


def read_input(
    stream: BinaryIO, name: str, key: str, is_archive: bool, cfg: Settings, out: Tombstones | None = None
) -> Iterator[pa.Table]:
    """The records of an archive or the rows of a file, batch by batch, with the reader's verdict.

    Args: out, what was taken down of the corpus that a file of rows lies in.
    """
    if is_archive:
        return read_warc(stream, name, key, cfg.l0.ingest)
    return read_table(stream, name, key, cfg.l0.ingest, Withdrawn(OWNERS, out.hidden) if out else None)


def with_defaults(table: pa.Table, dump: str) -> pa.Table:
    """Rows from outside name their source: the upstream corpus where they say so, else the dump."""
    if "source" not in table.column_names:
        return table.append_column("source", pa.array([dump] * table.num_rows, pa.string()))
    filled = pc.fill_null(table["source"].cast(pa.string()), dump)
    return table.set_column(table.column_names.index("source"), "source", filled)
