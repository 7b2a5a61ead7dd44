"""The driver: which tiers to build, in which steps, and the seal of each. It sees numbers, never text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from governance import (
    answered,
    contamination,
    duplicates,
    index_settings,
    layout,
    output_duplicates,
    policy,
    refine,
    repeats,
    select_outputs,
    selection,
    steps,
    tiers,
)  # fmt: skip
from governance.cluster import Cluster
from governance.config import Settings
from governance.errors import CorpusError, RunError, UsageError
from governance.inputs import Shard, sources
from governance.job import Job, data_parts
from governance.older import older_dumps
from governance.plan import TierPlan, differences, lasting_fingerprint, make_plan
from governance.progress import Progress
from governance.refined import Refining
from manifests import ledger as accounts
from manifests.records import Record, committed, read_records, sweep
from manifests.store import Store
from stages.contract import Resources, needs_of
from stages.dedup import signature_stage

LEVELS = ("L0", "L1", "L2", "L3", "L4")
# Steps whose records make up the ledger of a sealed tier; where rows enter, it is the last of them alone.
RECORDED = {"L0": ("data",), "L1": ("annotations", "data"), "L2": ("data",), "L3": ("annotations", "data"),
            "L4": ("annotations", "data")}  # fmt: skip
# Steps whose parts stay in a sealed tier beside its rows.
BESIDE = {"L1": ("keys", "buckets", "duplicates"), "L2": (selection.STEP,), "L3": (output_duplicates.STEP,)}
# The steps whose parts outlast a rebuild where what decides them is the same, and what they are.
LASTING = {"L2": (selection.STEP, "scores"), "L3": ("annotations", "answers")}
_FOLDERS = ("data", "annotations", selection.STEP, "duplicates", "index", "_shuffle", "_answers")  # of parts


@dataclass(frozen=True)
class Request:
    """What a user asked for."""

    level: str
    shards: Sequence[Shard]
    store: Store
    dump: str
    settings: Settings
    enter: str = "L0"
    rebuild: bool = False


@dataclass
class Outcome:
    """The manifests of the tiers, which of them were built now, the seconds of each step, and what the engines of L3
    did in them: the sums of their events."""

    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    engine: dict[str, int] = field(default_factory=dict)


def run(request: Request, cluster: Cluster, progress: Progress) -> Outcome:
    """Build every tier up to the level, reusing what is sealed with the same fingerprint.

    Errors: RunError where a tier is to be built from one that does not pass its gates.
    """
    outcome = Outcome()
    plans = plan_tiers(request)
    stale = [plan for plan in plans if _clashes(request, plan)]
    if stale and not request.rebuild:
        _refuse(request, stale[0])
    if stale:
        lasting = {plan.tier: plan.lasting for plan in plans}
        for tier in LEVELS[LEVELS.index(stale[0].tier) :]:
            discard(request.store, tier, request.dump, lasting.get(tier))
    gates = policy.record(request.store, request.settings)
    if request.level == "L4":
        index_settings.record(request.store, request.settings)
    for plan in plans:
        manifest = read_manifest(request.store, plan.tier, request.dump)
        if manifest is None:
            if plan.parent:
                below, purpose = outcome.manifests[plan.parent], f"{plan.tier} is not built from it"
                policy.demand(request.store, below, gates.get(plan.parent), purpose)
            manifest = _build(request, plan, cluster, progress, outcome)
            outcome.built.append(plan.tier)
        outcome.manifests[plan.tier] = manifest
    return outcome


def plan_tiers(request: Request) -> list[TierPlan]:
    """The plans of the tiers from where rows enter up to the level, each with its parent's fingerprint."""
    if LEVELS.index(request.enter) > LEVELS.index(request.level):
        raise UsageError(
            f"rows enter at {request.enter}, above the level {request.level}", "raise --level or lower --enter"
        )
    plans: list[TierPlan] = []
    for tier in LEVELS[LEVELS.index(request.enter) : LEVELS.index(request.level) + 1]:
        parent = plans[-1] if plans else None
        compared = tier == "L1" and parent is not None and request.settings.l1.dedup.scope == "corpus"
        signatures = signature_stage(request.settings.l1.dedup)
        older = older_dumps(request.store, request.dump, signatures) if compared else None
        plans.append(make_plan(tier, request.dump, request.settings, request.shards, parent, older))
    return plans


def read_manifest(store: Store, tier: str, dump: str) -> dict[str, Any] | None:
    """The manifest of a sealed tier, None while it is not sealed."""
    try:
        return json.loads(store.get(f"{tier}/{dump}/manifest.json"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CorpusError(f"{tier}/{dump}/manifest.json is damaged: {error}", "see `governance verify`") from error


def discard(store: Store, tier: str, dump: str, lasting: str | None = None) -> None:
    """Remove a tier of a dump: the seal first, then the records, so that nothing half removed looks whole or done, and
    the plan last, so that a killed removal is taken up again. Scores or answers of the fingerprint ``lasting`` stay,
    with their records; other answers are set aside."""
    base = f"{tier}/{dump}"
    parts = [part.path for record in read_records(store, base, "data") for part in record.parts]
    spared = selection.reusable(store, base, LASTING[tier][0], lasting) if tier in LASTING else set[str]()
    if tier == "L3":
        spared |= answered.set_aside(store, base, lasting)
    store.delete([f"{base}/manifest.json"])
    store.delete([found.path for found in store.list(f"{base}/_shards") if found.path not in spared])
    store.delete(parts)
    spared.add(f"{base}/plan.json")
    store.delete([found.path for found in store.list(base) if found.path not in spared])
    store.delete([f"{base}/plan.json"])


def _clashes(request: Request, plan: TierPlan) -> bool:
    """Whether the output holds this tier by another plan."""
    found = _stored_plan(request.store, plan)
    return found is not None and found["fingerprint"] != plan.fingerprint


def _stored_plan(store: Store, plan: TierPlan) -> dict[str, Any] | None:
    try:
        return json.loads(store.get(f"{plan.tier}/{plan.dump}/plan.json"))
    except FileNotFoundError:
        return None


def _refuse(request: Request, plan: TierPlan) -> None:
    found = _stored_plan(request.store, plan)
    old = found["plan"] if found else {}
    changed = "; ".join(differences(old, plan.body)[:3])
    same = plan.lasting is not None and plan.lasting == lasting_fingerprint(old)
    kept = f"; the {LASTING[plan.tier][1]} are kept" if same else ""
    if plan.tier == "L3" and not same:
        kept = "; answers to requests that stay the same are kept"
    raise UsageError(
        f"{request.store.url} holds {plan.tier} of dump {plan.dump!r} built differently: {changed}",
        "use another --output or --dump, go back to the old settings, or add --rebuild to replace "
        f"{plan.tier} and the tiers above it{kept}",
    )


def _build(request: Request, plan: TierPlan, cluster: Cluster, progress: Progress, outcome: Outcome) -> dict[str, Any]:
    """Build one tier and seal it."""
    parent = plan.parent
    older = tuple(plan.body.get("against", ()))
    job = Job(request.store, plan.tier, request.dump, request.settings, plan.fingerprint, parent, older=older)
    if not request.store.create(f"{job.base}/plan.json", plan.to_bytes()):
        raise UsageError(
            f"another run with other settings is writing {job.base}", "wait for it, or use another --output"
        )
    if parent is None:
        with _timed(outcome.seconds, f"{plan.tier} ingest"):
            _map(cluster, progress, f"{plan.tier} ingest", steps.ingest, job, list(request.shards), "data")
        found = sources(request.shards)
        return seal(job, ["data"], found={"sources": found} if found else None)
    numbers = sorted(committed(request.store, job.parent_base, "data"))
    if plan.tier == "L1":
        for each in repeats.enabled(job.settings):
            with _timed(outcome.seconds, f"L1 {each.name.replace('_', ' ')}"):
                repeats.find(job, cluster, each)
        with _timed(outcome.seconds, "L1 annotate"):
            _map(cluster, progress, "L1 annotate", steps.annotate, job, numbers, "annotations")
        with _timed(outcome.seconds, "L1 duplicates"):
            shuffle = duplicates.find(job, cluster, progress)
        with _timed(outcome.seconds, "L1 select"):
            _map(cluster, progress, "L1 select", steps.select, shuffle, numbers, "data")
        return seal(job, ["annotations", "data"], BESIDE["L1"])
    if plan.tier == "L2":
        with _timed(outcome.seconds, "L2 commonplaces"):
            job = contamination.find(job, cluster, numbers)
        job = selection.Selecting(**vars(job), scores=plan.lasting or "")
        with _timed(outcome.seconds, "L2 score"):
            _map(cluster, progress, "L2 score", selection.score, job, numbers, selection.STEP)
        with _timed(outcome.seconds, "L2 select"):
            job = selection.find_cuts(job, cluster)
            _map(cluster, progress, "L2 select", selection.select, job, numbers, "data")
        return seal(job, ["data"], BESIDE["L2"], {"selection": selection.summary(job)})
    if plan.tier == "L4":
        with _timed(outcome.seconds, "L4 organise"):
            return build_statements(job, cluster, progress)
    job = Refining(**vars(contamination.without_commonplaces(job, job.parent_base)), asked=plan.lasting or "")
    with _timed(outcome.seconds, "L3 refine"):
        outcome.engine = refine.build(job, cluster, progress, numbers)
    with _timed(outcome.seconds, "L3 duplicates"):
        outputs = output_duplicates.find(job, cluster, progress)
    with _timed(outcome.seconds, "L3 select"):
        _map(cluster, progress, "L3 select", select_outputs.select, outputs, numbers, "data")
    return seal(job, ["annotations", "data"], BESIDE["L3"])


def build_statements(job: Job, cluster: Cluster, progress: Progress) -> dict[str, Any]:
    """Build L4 from what is sealed below, and seal it."""
    from governance import organize  # polars, which takes a quarter of a second: for L4 alone

    organize.build(job, cluster, progress, sorted(committed(job.store, job.parent_base, "data")))
    return seal(job, list(RECORDED["L4"]))


def _map(
    cluster: Cluster,
    progress: Progress,
    title: str,
    work: Callable[[Job, Any], dict[str, Any]],
    job: Job,
    items: Sequence[Any],
    step: str,
) -> None:
    """Run a step for the shards that have no record of it yet."""
    there = committed(job.store, job.base, step)
    pending = [item for item in items if getattr(item, "number", item) not in there]
    with progress.stage(title, total=len(items), done=len(items) - len(pending)) as line:
        if pending:
            cluster.map(work, job, pending, lambda _, result: line.advance(1, result["rows"]), _needs(job))


def _needs(job: Job) -> Resources:
    """What a worker of a tier's maps needs; L3's only write what its engines' workers have judged."""
    return needs_of(tiers.stages_of(job.settings, job.tier)) if job.tier != "L3" else Resources()


def seal(
    job: Job, step_names: Sequence[str], extra_steps: Sequence[str] = (), found: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Sum up the records, check that the ledger balances, sweep strays, and write the manifest, create-only.

    found: what else the manifest tells of the tier.
    """
    sums = summed(job.store, job.base, step_names)
    sweep_tier(job.store, job.tier, job.dump, (*step_names, *extra_steps))
    if job.tier == "L3":
        layout.write_card(job.store)
        answered.forget(job.store, job.base)
    plan = json.loads(job.store.get(f"{job.base}/plan.json"))
    manifest = {
        "tier": job.tier,
        "dump": job.dump,
        "fingerprint": job.fingerprint,
        "parent": job.parent,
        "plan": plan["plan"],
        **sums,
        **(found or {}),
    }
    if not job.store.create(f"{job.base}/manifest.json", manifest_bytes(manifest)):
        raise RunError(f"{job.base} was sealed by another run with another result", "run `governance verify`")
    return manifest


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as it is stored."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode()


def summed(store: Store, base: str, step_names: Sequence[str]) -> dict[str, Any]:
    """What a manifest says of the records of steps: ledger, figures, and the totals of the data.

    Errors: CorpusError where the ledger does not balance.
    """
    ledger: accounts.Ledger = []
    figures: dict[str, Any] = {}
    totals = {"rows": 0, "bytes": 0, "parts": 0, "shards": 0}
    for step in step_names:
        share: accounts.Ledger = []
        for record in read_records(store, base, step):
            share = accounts.merge([share, record.ledger])
            _add_figures(figures, record)
            _add_totals(totals, record)
        ledger += share
    faults = accounts.faults(ledger)
    if faults:
        raise CorpusError(f"the ledger of {base} does not balance: {faults[0]}", "this is a bug; please report it")
    return {"ledger": accounts.dump(ledger), "figures": figures, **totals}


def sweep_tier(store: Store, tier: str, dump: str, step_names: Sequence[str]) -> None:
    """Remove the parts of a tier of a dump that no record of these steps names."""
    base = f"{tier}/{dump}"
    records = (record for step in step_names for record in read_records(store, base, step))
    named = {part.path for record in records for part in record.parts}
    sweep(store, [f"{base}/{name}" for name in _FOLDERS], named)
    if tier == "L3":  # its data lies in the published layout, which all dumps share
        sweep(store, [layout.DATA], named, stem=f"{dump}-part-")


def _add_figures(figures: dict[str, Any], record: Record) -> None:
    for name, value in record.figures.items():
        figures[name] = figures.get(name, 0) + value


def _add_totals(totals: dict[str, int], record: Record) -> None:
    if record.step != "data":
        return
    totals["shards"] += 1
    for part in data_parts(record):
        totals["rows"] += part.rows
        totals["bytes"] += part.bytes
        totals["parts"] += 1


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Generator[None]:
    """Note the wall seconds of a step."""
    start = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - start, 2)
