"""Items of question sets that too many rows of a dump hold, found before L2, and what is told of the whole check.

A question that is a commonplace must not delete half the web, and how common it is only the corpus knows: a pass of its
own counts the rows of L1 that hold each item. What more than ``max_rows`` and ``max_rows_ratio`` of them hold rejects
nothing, at L2 and at L3. Only counts leave a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from governance.cluster import Cluster
from governance.config import Settings
from governance.job import Job, data_parts, done_before
from governance.parts import read_parts
from governance.shuffle import map_pending
from manifests.ledger import OUTPUTS, load
from manifests.records import Record, read_record, read_records
from manifests.store import Store
from stages.decontaminate import CONTAMINATED, find_items, load_questions

STEP = "commonplaces"
NO_SETS = "no question set is configured in l2.decontaminate.sets"


def find(job: Job, cluster: Cluster, numbers: Sequence[int]) -> Job:
    """The job of L2 with the commonplaces of the dump ignored; counts them first, shard by shard, where any set is
    configured."""
    if not job.settings.l2.decontaminate.sets:
        return job
    map_pending(job, cluster, count, numbers, STEP)
    return without_commonplaces(job, job.base)


@done_before(STEP)
def count(job: Job, number: int) -> Record:
    """How many rows of a shard hold each item, as figures of the record."""
    cfg = job.settings.l2.decontaminate
    questions = load_questions(cfg)
    assert questions is not None
    parent = read_record(job.store, job.parent_base, "data", number)
    held: Counter[str] = Counter()
    rows = 0
    for batch in read_parts(job.store, data_parts(parent), ("content",)):
        rows += batch.num_rows
        held.update(find_items(batch["content"], cfg, questions))
    sets = {"items": sum(questions.num_items.values()), "too_short": sum(questions.too_short.values())}
    figures = {"rows": rows, "held": dict(held), "sets": sets}
    return Record(STEP, number, parent.name, job.fingerprint, figures=figures)


def commonplaces(settings: Settings, store: Store, base: str) -> dict[str, int]:
    """The items that are commonplaces of a tier, as set:item, with the number of rows that hold each."""
    cfg = settings.l2.decontaminate
    held: Counter[str] = Counter()
    rows = 0
    for record in read_records(store, base, STEP):
        held.update(record.figures["held"])
        rows += record.figures["rows"]
    most = max(cfg.max_rows, cfg.max_rows_ratio * rows)
    return {item: count for item, count in sorted(held.items()) if count > most}


def without_commonplaces(job: Job, base: str) -> Job:
    """A job in which the commonplaces of a tier are ignored, besides what is."""
    common = commonplaces(job.settings, job.store, base)
    if not common:
        return job
    cfg = job.settings.l2.decontaminate
    ignoring = cfg.model_copy(update={"ignore": tuple(sorted({*cfg.ignore, *common}))})
    l2 = job.settings.l2.model_copy(update={"decontaminate": ignoring})
    return replace(job, settings=job.settings.model_copy(update={"l2": l2}))


def check_of(plan: dict[str, Any]) -> dict[str, Any]:
    """Whether a tier of this plan was compared with question sets: ``sets``, their names, and where there are none
    ``not_checked``, why."""
    identity = plan.get("synthesis") or plan["stages"]
    if "decontaminate" not in identity:
        return {"sets": [], "not_checked": f"rows entered at {plan['tier']}"}
    sets = sorted(identity["decontaminate"].get("model") or ())
    return {"sets": sets} if sets else {"sets": [], "not_checked": NO_SETS}


def summary(store: Store, manifests: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For L2 and L3, as far as they are built: what they were compared with, and what came of it."""
    return {
        tier: check_of(manifest["plan"]) | (_outcome(store, manifest) if check_of(manifest["plan"])["sets"] else {})
        for tier, manifest in manifests.items()
        if tier in ("L2", "L3")
    }


def _outcome(store: Store, manifest: dict[str, Any]) -> dict[str, Any]:
    stage = OUTPUTS if manifest["tier"] == "L3" else "decontaminate"
    accounts = [account for account in load(manifest["ledger"]) if account.stage == stage]
    found: dict[str, Any] = {
        "rejected": sum(account.rejected[CONTAMINATED].rows for account in accounts if CONTAMINATED in account.rejected)
    }
    if manifest["tier"] == "L2":
        base = f"L2/{manifest['dump']}"
        found |= next((record.figures["sets"] for record in read_records(store, base, STEP)), {})
        cfg = manifest["plan"]["stages"]["decontaminate"]["config"]
        settings = Settings.model_validate({"l2": {"decontaminate": cfg}})
        found["commonplaces"] = commonplaces(settings, store, base)
    return found


def in_words(tier: str, told: dict[str, Any]) -> str:
    """One line of the funnel."""
    if "not_checked" in told:
        return f"{tier} not checked: {told['not_checked']}"
    parts = [f"{tier} compared with {len(told['sets'])} question sets, {told['rejected']:,} rejected"]
    if "items" in told:
        parts.append(f"{told['too_short']:,} of {told['items']:,} items too short to look for")
    if told.get("commonplaces"):
        common = ", ".join(f"{item} ({rows:,} rows)" for item, rows in list(told["commonplaces"].items())[:5])
        parts.append(f"{len(told['commonplaces'])} items are commonplaces of this dump and reject nothing: {common}")
    return "; ".join(parts)
