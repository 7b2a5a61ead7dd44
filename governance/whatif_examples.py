"""A few of the rows whose fate changes: the same ones on every run, with the figure that decides and the settings.

Which figure decides is asked of the rule itself: it is the one without which the rule would say something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.job import data_parts
from governance.parts import read_parts
from governance.whatif_rows import Judge, judge_of
from governance.whatif_settings import Proposal
from manifests.records import Part, read_records
from manifests.store import Store
from manifests.tombstones import Tombstones
from stages.contract import Stage
from stages.quality import Cut
from stages.uids import uid_to_bytes, uid_words

KINDS = ("newly_kept", "newly_dropped")
_SHARED = ("uid", "lang", "was", "now", "open")
_CHARS = 200
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Sample:
    """Of each kind the ``size`` rows whose uids hash lowest, so that any order of shards gives the same; none that was
    taken down."""

    size: int
    tombstones: tuple[Tombstones, ...] = ()  # of the outputs that the rows come from
    found: dict[str, list[pa.Table]] = field(default_factory=dict)

    def add(self, kind: str, table: pa.Table) -> None:
        """Offer rows."""
        for tombstones in self.tombstones:
            table = tombstones.visible(table)
        if self.size and table.num_rows:
            held = [*self.found.get(kind, []), *_lowest([table], self.size)]
            self.found[kind] = _lowest(held, self.size)


def _lowest(tables: Sequence[pa.Table], size: int) -> list[pa.Table]:
    """The rows that hash lowest, in that order; tables of several kinds of columns stay apart."""
    hashes = [_hashes(table["uid"]) for table in tables]
    every = np.sort(np.concatenate(hashes))
    limit = every[min(size, len(every)) - 1]
    return [
        table.filter(pa.array(hash_ <= limit))
        for table, hash_ in zip(tables, hashes, strict=True)
        if (hash_ <= limit).any()
    ]


def _hashes(uids: pa.ChunkedArray) -> np.ndarray:
    high, low = uid_words(uid_to_bytes(uids))
    mixed = (low ^ high) * _MIX
    return (mixed ^ (mixed >> np.uint64(29))) * _MIX


def explain_l1(sample: Sample, proposal: Proposal, judge: Judge) -> dict[str, list[dict[str, Any]]]:
    """The examples of L1 by kind."""
    before = judge_of(proposal.built, "L1", judge.again)
    lone = {change.name: settings for change in proposal.changes if (settings := proposal.alone(change))}
    judges = {name: judge_of(settings, "L1", judge.again) for name, settings in lone.items()}
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS:
        examples = []
        for table in _alike(sample.found.get(kind, [])):
            shared = [
                _shared(values)
                for values in table.select([name for name in _SHARED if name in table.column_names]).to_pylist()
            ]
            if not judge.again or "error" not in table.column_names:
                examples += [one | {"figures": {}, "settings": []} for one in shared]
                continue
            figures = _figures(before if kind == "newly_kept" else judge, table, kind)
            moved = _moved(table, before, judges, proposal)
            examples += [one | {"figures": f, "settings": m} for one, f, m in zip(shared, figures, moved, strict=True)]
        found[kind] = sorted(examples, key=lambda example: example["uid"])
    return found


def _alike(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables of the same columns put together."""
    groups: dict[tuple[str, ...], list[pa.Table]] = {}
    for table in tables:
        groups.setdefault(tuple(table.column_names), []).append(table)
    return [pa.concat_tables(group).combine_chunks() for group in groups.values()]


def _shared(values: Mapping[str, Any]) -> dict[str, Any]:
    """What every example says of a row."""
    told = {name: values[name] for name in ("uid", "lang", "was", "now") if name in values}
    return told | ({"open": values["open"]} if values["open"] else {})


def _moved(
    table: pa.Table, before: Judge, judges: Mapping[str, Judge], proposal: Proposal
) -> list[list[dict[str, Any]]]:
    """For each row the settings that change its fate, each alone; where only several together do, all of them."""
    old = before.fates(table).to_pylist()
    alone = {name: judge.fates(table).to_pylist() for name, judge in judges.items()}
    found = []
    for row, fate in enumerate(old):
        mine = [c for c in proposal.changes if c.name in alone and alone[c.name][row] != fate]
        found.append([vars(change) for change in (mine or proposal.changes)])
    return found


def _figures(judge: Judge, table: pa.Table, kind: str) -> list[dict[str, Any]]:
    """For each row the columns without which the stage that rejects it would say something else, with their values.

    A stage knows by its first figure whether a row was measured, so that one is named only where no other is.
    """
    fates = table["was" if kind == "newly_kept" else "now"].to_pylist()
    found: list[dict[str, Any]] = [{} for _ in fates]
    for stage in judge.stages:
        rows = [row for row, fate in enumerate(fates) if fate.partition(".")[0] == stage.name]
        if not rows or stage.name not in judge.again:
            continue
        some = table.take(pa.array(rows))
        named = _deciding(judge, stage, some)
        first = next((name for name in stage.needs if name != "lang"), "")
        for row, names in zip(rows, named, strict=True):
            shown = [name for name in names if name != first] or names
            found[row] = {name: table[name][row].as_py() for name in shown}
    return found


def _deciding(judge: Judge, stage: Stage, table: pa.Table) -> list[list[str]]:
    """For each row the columns that a stage's verdict changes without."""
    reasons = judge.again_by(stage, table)[stage.reject_on].to_pylist()
    found: list[list[str]] = [[] for _ in reasons]
    for name in stage.needs:
        if name == "lang":
            continue
        without = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), table[name].type))
        others = judge.again_by(stage, without)[stage.reject_on].to_pylist()
        for names, reason, other in zip(found, reasons, others, strict=True):
            names += [name] if reason != other else []
    return found


def explain_l2(sample: Sample, built: Mapping[str, float], cuts: Mapping[str, Cut]) -> dict[str, list[dict[str, Any]]]:
    """The examples of L2 by kind: the score, and where it is and would be cut."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS:
        rows = [row for table in sample.found.get(kind, []) for row in _rows(table)]
        found[kind] = []
        for values in sorted(rows, key=lambda row: row["uid"]):
            language, opened = values["lang"], {"open": values["open"]} if values["open"] else {}
            cut = cuts.get(language)
            by_score = "quality.low_score" in (values["was"], values["now"]) and cut is not None
            threshold = (
                {"name": f"threshold of {language}", "old": built.get(language), "new": cut.threshold} if cut else {}
            )
            found[kind].append(
                {name: values[name] for name in ("uid", "lang", "was", "now")}
                | opened
                | {"figures": {"score": values["score"]}, "settings": [threshold] if by_score else []}
            )
    return found


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    return table.select(["uid", "lang", "was", "now", "open", "score"]).to_pylist()


def with_text(store: Store, base: str, told: dict[str, Any]) -> None:
    """Give each example its address and the start of its text, from the tier below."""
    examples = {one["uid"]: one for kind in KINDS for one in told[kind]}
    for uid, start in starts_of(store, base, examples):
        examples[uid] |= start


def starts_of(store: Store, base: str, uids: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Address and start of the text of some rows of a tier; only the row groups that hold them are read."""
    keys = {uid[:8] for uid in uids}
    wanted = pa.array(sorted(uids), pa.string())
    for record in read_records(store, base, "data") if uids else ():
        for part in data_parts(record):
            groups = _groups_with(store, part, wanted, keys)
            for table in read_parts(store, [part], ("uid", "url", "content"), groups) if groups else ():
                for row in table.filter(pc.is_in(table["uid"], value_set=wanted)).to_pylist():
                    yield row["uid"], {"url": row["url"], "text": (row["content"] or "")[:_CHARS]}


def _groups_with(store: Store, part: Part, wanted: pa.Array, keys: set[str]) -> list[int]:
    """The row groups of a part that hold any of some uids; one uid tells whether the part is of their shards."""
    found = []
    for group, table in enumerate(read_parts(store, [part], ("uid",))):
        if table.num_rows and table["uid"][0].as_py()[:8] not in keys:
            break
        found += [group] if pc.any(pc.is_in(table["uid"], value_set=wanted)).as_py() else []
    return found
