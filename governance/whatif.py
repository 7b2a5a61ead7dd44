"""``governance what-if``: the funnel under other settings beside the one that was built, from annotations alone.

No stage is run on text. Rows that would pass the rules now, and whose duplicates, score or contamination is not known
because an earlier rule rejected them, are counted apart.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import commands, contamination, whatif_page
from governance.errors import UsageError
from governance.pipeline import read_manifest
from governance.status import dumps
from governance.whatif_examples import Sample, explain_l1, explain_l2, with_text
from governance.whatif_rows import COMPARED, SCORED, L1Rows, L2Rows, cuts_of, judge_of
from governance.whatif_settings import Proposal, propose
from manifests.store import Store
from manifests.tombstones import read_tombstones

LEFT_L1 = "L1"  # the fate at L2 of a row that would not reach it
# What is told of a sealed tier above those whose verdicts annotations hold.
_ABOVE = {
    "L3": "a model writes it from L2: only a run tells what it would write of other documents",
    "L4": "its statements are found in the text of L2 and L3, and their status in all pages: only a run tells",
}
_ENTERED = "its rows entered there, as they were"
_UNSURE = (
    "rows that were compared only with a row that would be rejected are not compared with each other here: a run may "
    "find a few more duplicates among them"
)
_LONGER = "a row that would be compared may be the longer copy of one that is kept, and take its place"


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance what-if``."""

    output: str
    overrides: tuple[str, ...]
    config: str | None
    dump: str | None
    examples: int
    tiers: str | None = None


def what_if(ask: Ask, as_json: bool) -> None:
    """Tell what other settings would do, and print it."""
    start = time.monotonic()
    if not ask.overrides and ask.config is None:
        raise UsageError("nothing is proposed", "name a setting: --set l1.gopher_quality.en.min_words=80")
    body = tell(commands.existing(ask.output), ask)
    body["seconds"] = round(time.monotonic() - start, 2)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        whatif_page.show(body)


def tell(store: Store, ask: Ask) -> dict[str, Any]:
    """What would change, as JSON values. Errors: UsageError, CorpusError."""
    dump = dump_of(store, ask.dump)
    manifests = {tier: read_manifest(store, tier, dump) for tier in ("L0", "L1", "L2")}
    sealed = {tier: manifest for tier, manifest in manifests.items() if manifest is not None}
    plans = {tier: manifest["plan"] for tier, manifest in sealed.items()}
    proposal = propose(plans, ask.config, ask.overrides, ask.output, ask.tiers)
    body: dict[str, Any] = {
        "output": ask.output,
        "dump": dump,
        "changes": [vars(change) for change in proposal.changes],
        "tiers": {},
    }
    if proposal.again.get("L1") or "L2" not in sealed:
        body["tiers"] = _both(store, dump, sealed, proposal, ask.examples)
    else:
        body["tiers"] = {"L2": _l2(store, dump, sealed, proposal, ask.examples)}
    above = {tier: {"untold": why} for tier, why in _ABOVE.items() if read_manifest(store, tier, dump) is not None}
    body["tiers"] |= above if proposal.changes else {}
    return body


def dump_of(store: Store, wanted: str | None) -> str:
    """The dump to tell of: the one that is named, or the only one. Errors: UsageError."""
    names = sorted({dump for _, dump in dumps(store)})
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    listed = ", ".join(names)
    if wanted is None:
        raise UsageError(f"{store.url} holds {len(names)} dumps", f"name one with --dump: {listed or 'none is built'}")
    raise UsageError(f"no dump {wanted!r} in {store.url}", f"there are: {listed or 'none'}")


class Tally:
    """Rows by what became of them and by what would."""

    def __init__(self, order: list[str], sample: Sample) -> None:
        self._order, self.sample = order, sample
        self.was: Counter[str | None] = Counter()
        self.now: Counter[str | None] = Counter()
        self.open: Counter[str] = Counter()
        self.newly_kept = self.newly_dropped = 0

    def add(self, table: pa.Table) -> None:
        """Add VERDICTS."""
        opened = table["open"]
        sure = table["now"].filter(pc.is_null(opened))
        for counts, column in ((self.was, table["was"]), (self.now, sure), (self.open, opened.drop_null())):
            found = pc.value_counts(column)
            counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
        was, now = pc.is_null(table["was"]), pc.is_null(table["now"])
        kept, dropped = pc.and_(now, pc.invert(was)), pc.and_(was, pc.invert(now))
        self.newly_kept += pc.sum(kept).as_py() or 0
        self.newly_dropped += pc.sum(dropped).as_py() or 0
        self.sample.add("newly_kept", table.filter(kept))
        self.sample.add("newly_dropped", table.filter(dropped))

    def release(self, victims: pa.Table) -> None:
        """Victims whose survivor would be gone: kept, or to be compared again."""
        for row in victims.group_by(["reason", "kept"], use_threads=False).aggregate([([], "count_all")]).to_pylist():
            count = row["count_all"]
            self.now[f"dedup.{row['reason']}"] -= count
            self.newly_kept += count
            if row["kept"]:
                self.now[None] += count
            else:
                self.open[COMPARED] += count

    def told(self) -> dict[str, Any]:
        """The funnel, reasons in the order of their stages."""
        names = sorted(({*self.was, *self.now} - {None}), key=lambda name: (self._place(str(name)), str(name)))
        return {
            "rows": sum(self.was.values()),
            "kept": {"was": self.was[None], "now": self.now[None]},
            "rejected": [{"reason": name, "was": self.was[name], "now": self.now[name]} for name in names],
            "open": {name: count for name, count in sorted(self.open.items()) if count},
            "newly_kept_rows": self.newly_kept,
            "newly_dropped_rows": self.newly_dropped,
        }

    def _place(self, name: str) -> int:
        stage = name.partition(".")[0]
        return self._order.index(stage) if stage in self._order else len(self._order)


def _both(
    store: Store, dump: str, sealed: Mapping[str, Any], proposal: Proposal, examples: int
) -> dict[str, dict[str, Any]]:
    """L1, and what it means for L2 where that is built."""
    if "L1" not in sealed:
        raise UsageError(f"neither L1 nor L2 of dump {dump!r} is sealed", "build one first: governance run --level L2")
    plan = sealed["L1"]["plan"]
    if "parent" not in plan:
        return {"L1": {"untold": _ENTERED}}
    judge = judge_of(proposal.new, "L1", proposal.again["L1"])
    rows = L1Rows(store, dump, plan, sealed["L1"]["fingerprint"], judge)
    one = Tally(plan["order"], Sample(examples, (read_tombstones(store),)))
    untold = _untold(proposal, sealed["L2"]["plan"]) if "L2" in sealed else None
    above = None if "L2" not in sealed or untold else _Above(store, dump, sealed, proposal, examples)
    for number in rows.shards():
        gone: list[pa.Array] = []
        for table in rows.of(number):
            one.add(table)
            left = pc.and_(pc.is_null(table["was"]), pc.is_valid(table["now"]))
            gone += table["uid"].filter(left).chunks
        if above is not None:
            above.add(number, pa.chunked_array(gone, pa.string()).combine_chunks())
    victims = rows.clusters.settled()
    one.release(victims)
    one.sample.add("newly_kept", _as_verdicts(victims))
    told = one.told() | explain_l1(one.sample, proposal, judge)
    told["notes"] = [note for note, holds in ((_UNSURE, one.newly_dropped), (_LONGER, one.open)) if holds]
    with_text(store, f"L0/{dump}", told)
    found = {"L1": told}
    if untold:
        found["L2"] = {"untold": untold}
    elif above is not None:
        found["L2"] = above.told(one.newly_kept)
    return found


def _as_verdicts(victims: pa.Table) -> pa.Table:
    was = pc.binary_join_element_wise(pa.scalar("dedup."), victims["reason"].cast(pa.string()), "")
    opened = pc.if_else(victims["kept"], pa.scalar(None, pa.string()), pa.scalar(COMPARED))
    return pa.table({"uid": victims["uid"], "was": was, "now": pa.nulls(len(victims), pa.string()), "open": opened})


def _untold(proposal: Proposal, plan: Mapping[str, Any]) -> str | None:
    """Why nothing certain can be said of L2 when other rows reach it; None where it can."""
    config = proposal.new.l2.quality
    if "scores" not in plan["stages"]:
        return _ENTERED
    if any(config.share_of(language) is not None for language in config.models):
        return "with keep_share the threshold depends on the scores of all rows that would reach it"
    if contamination.check_of(dict(plan))["sets"]:
        return "which items are commonplaces depends on all rows that would reach it"
    return None


class _Above:
    """L2 when other rows reach it."""

    def __init__(self, store: Store, dump: str, sealed: Mapping[str, Any], proposal: Proposal, examples: int) -> None:
        self._store, self._base = store, f"L1/{dump}"
        self.cuts = cuts_of(store, dump, proposal.new)
        self.built = built_cuts(sealed["L2"])
        judge = judge_of(proposal.new, "L2", proposal.again["L2"], self.cuts)
        checks = bool(contamination.check_of(sealed["L2"]["plan"])["sets"])
        self._rows = L2Rows(store, dump, judge, checks)
        self.tally = Tally([LEFT_L1, *sealed["L2"]["plan"]["order"]], Sample(examples, (read_tombstones(store),)))
        self._there = set(self._rows.shards())

    def add(self, number: int, gone: pa.Array | None = None) -> None:
        """Add a shard, of which some rows have left L1."""
        table = self._rows.of(number, gone) if number in self._there else None
        if table is not None:
            self.tally.add(table)

    def all(self) -> None:
        """Add every shard as L1 is."""
        for number in self._rows.shards():
            self.add(number)

    def told(self, newcomers: int = 0) -> dict[str, Any]:
        """The funnel of L2; newcomers: rows that L1 may keep now, which have no score."""
        if newcomers:
            self.tally.open[SCORED] = newcomers
        found = self.tally.told() | explain_l2(self.tally.sample, self.built, self.cuts)
        found["thresholds"] = {
            name: {"was": self.built[name], "now": cut.threshold}
            for name, cut in self.cuts.items()
            if name in self.built
        }
        with_text(self._store, self._base, found)
        return found


def _l2(store: Store, dump: str, sealed: Mapping[str, Any], proposal: Proposal, examples: int) -> dict[str, Any]:
    """L2 alone: L1 is as it was."""
    if "scores" not in sealed["L2"]["plan"]["stages"]:
        return {"untold": _ENTERED}
    above = _Above(store, dump, sealed, proposal, examples)
    above.all()
    return above.told()


def built_cuts(manifest: Mapping[str, Any]) -> dict[str, float]:
    """The threshold of each language in a sealed L2."""
    return {language: cut["threshold"] for language, cut in manifest.get("selection", {}).items()}
