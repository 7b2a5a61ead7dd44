"""What a run would take and give: CPU-hours, bytes, documents and tokens of each tier, from a measured sample."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from governance import dry_run
from governance.cluster import Cluster
from governance.forecast import Estimate
from governance.pipeline import Outcome, Request, read_manifest
from governance.plan import TierPlan
from governance.sampled import Piece, Sample, measure, stored_bytes, tokens_of
from manifests import ledger as accounts
from manifests.store import Store
from synth.token_counts import open_counter

FILE = "forecast.json"  # of a plan that was kept
_DRAWS = 1000
_LEVEL = (2.5, 97.5)  # percentiles of a 95 % interval
_FEW = 30  # documents, below which an interval means little
_L3_ROWS = 40  # whose requests are planned


def outlook(
    request: Request, plans: Sequence[TierPlan], states: Sequence[Mapping[str, Any]], cluster: Cluster, limit_s: float
) -> dict[str, Any]:
    """The forecast of the tiers that are not reused, as JSON values; empty where every tier is."""
    wanted = [plan for plan, state in zip(plans, states, strict=True) if state["state"] != "reused"]
    below = [plan for plan in wanted if plan.tier not in ("L3", "L4")]
    body: dict[str, Any] = {"tiers": {}, "assumptions": []}
    if below:
        sample = measure(request, below, limit_s)
        body |= _told(request, [plan.tier for plan in below], sample)
    tiers = [plan.tier for plan in wanted]
    if "L3" in tiers:
        body["L3"] = _written(request, body, sample) if below else dry_run.dry_run(request, cluster)["forecast"]
    if "L4" in tiers:
        body["assumptions"].append(
            "L4 asks no model and is not foretold: about a second of CPU for 100 documents of L2"
        )
    return body


def scale(values: Sequence[float], weights: Sequence[float], total: float) -> Estimate:
    """The sum over a whole from pieces of it, with an interval of 95 % from a bootstrap over the pieces; exact where
    the pieces are the whole. Of one piece the spread is not known: the interval then reaches from what was counted to
    twice the forecast."""
    sums, looked = float(np.sum(values)), float(np.sum(weights))
    if not looked:
        return Estimate(0, 0, 0)
    share = min(1.0, looked / total) if total else 1.0
    if share >= 1:
        return Estimate(sums, sums, sums)
    value = sums / looked * total
    if len(values) < 2:
        return Estimate(value, sums, 2 * value)
    drawn = np.random.default_rng(1).integers(0, len(values), (_DRAWS, len(values)))
    ratios = np.asarray(values, float)[drawn].sum(1) / np.asarray(weights, float)[drawn].sum(1) * total
    low, high = np.percentile(ratios, _LEVEL)
    narrow = (1 - share) ** 0.5  # what was counted is certain
    return Estimate(value, max(sums, value - (value - low) * narrow), value + max(0.0, high - value) * narrow)


def _told(request: Request, tiers: Sequence[str], sample: Sample) -> dict[str, Any]:
    """The forecast of L0 to L2."""
    engine = request.settings.l3.engine
    counter = open_counter(engine.model, engine.revision)
    unique, said = _unique(request, tiers)
    weights = [piece.weight for piece in sample.pieces]

    def of(value: Callable[[Piece], float]) -> Estimate:
        return scale([value(piece) for piece in sample.pieces], weights, sample.total)

    found: dict[str, dict[str, Any]] = {}
    for tier in tiers:
        left = 1.0 if tier == "L0" else unique
        stored = stored_bytes(tier, [piece.rows[tier] for piece in sample.pieces]) * left
        found[tier] = {
            "documents": of(lambda piece, tier=tier: piece.rows[tier].num_rows).times(left),
            "bytes": of(lambda piece, tier=tier: piece.rows[tier].nbytes).times(stored),
            "tokens": of(lambda piece, tier=tier: tokens_of(piece.rows[tier], counter)).times(left),
            "cpu_hours": of(lambda piece, tier=tier: piece.seconds[tier]).times(1 / 3600),
        }
    total = of(lambda piece: sum(piece.seconds[tier] for tier in tiers)).times(1 / 3600)
    assumptions = [
        f"measured on {len(sample.pieces)} pieces, {sample.share:.2%} of what would be read, with intervals of 95 %",
        "CPU-hours are those of the stages on this machine; reading, writing and the shuffles are not in them",
        f"tokens counted {counter.source}",
    ]
    looked = sum(piece.rows[tiers[0]].num_rows for piece in sample.pieces)
    if sample.share < 1 and looked < _FEW:
        assumptions.append(f"only {looked:,} documents were looked at: trust neither the values nor their intervals")
    return {
        "tiers": {tier: {name: one.to_json() for name, one in values.items()} for tier, values in found.items()},
        "cpu_hours": total.to_json(),
        "sample": {"pieces": len(sample.pieces), "share": sample.share},
        "assumptions": assumptions + said,
    }


def _unique(request: Request, tiers: Sequence[str]) -> tuple[float, list[str]]:
    """The share of the rows of L1 that are no duplicates, as the last build of an L1 here told, and what is assumed."""
    if "L1" not in tiers or (tiers[0] == "L1" and request.enter == "L1"):
        return 1.0, []
    for dump in sorted(request.store.folders("L1"), key=lambda name: (name != request.dump, name)):
        manifest = read_manifest(request.store, "L1", dump)
        last = accounts.load(manifest["ledger"])[-1] if manifest and manifest["ledger"] else None
        if last is not None and last.stage == "dedup" and last.came.rows:
            share = last.kept.rows / last.came.rows
            return share, [f"{1 - share:.1%} of the rows that pass the rules of L1 are duplicates, as in dump {dump!r}"]
    return 1.0, ["no row is a duplicate: a sample cannot tell, and no L1 in this output does yet"]


def _written(request: Request, body: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """The forecast of L3 from the rows of the sample that L2 would hold."""
    rows = [row for piece in sample.pieces for row in piece.rows["L2"].to_pylist()]
    documents = body["tiers"]["L2"]["documents"]
    told = dry_run.forecast_of(request, rows, _L3_ROWS, documents["value"])
    said = f"the documents are a forecast themselves: L2 holds {documents['low']:,.0f} to {documents['high']:,.0f}"
    return told | {"assumptions": [*told["assumptions"], said]}


def against_actual(store: Store, outcome: Outcome) -> dict[str, Any] | None:
    """Of every tier that was built now as a kept plan foresaw it: forecast beside actual; None without such a plan."""
    try:
        kept = json.loads(store.get(FILE))
        prints = kept["fingerprints"]
    except (FileNotFoundError, KeyError, ValueError):
        return None
    found: dict[str, Any] = {}
    for tier in outcome.built:
        manifest, told = outcome.manifests[tier], kept["forecast"]["tiers"].get(tier)
        if prints.get(tier) != manifest["fingerprint"]:
            continue
        if tier == "L3":
            told = kept["forecast"].get("L3")
            names = {name: manifest["figures"].get(name) for name in ("requests", "prompt_tokens", "output_tokens")}
        else:
            names = {"documents": manifest["rows"], "bytes": manifest["bytes"]}
        if told:
            steps = sum(seconds for name, seconds in outcome.seconds.items() if name.startswith(tier))
            found[tier] = {name: _beside(told[name], actual) for name, actual in names.items() if actual is not None}
            found[tier]["cpu_hours"] = {"forecast": told.get("cpu_hours"), "actual_wall_hours": round(steps / 3600, 6)}
    return found or None


def _beside(forecast: Mapping[str, float], actual: float) -> dict[str, Any]:
    ratio = round(forecast["value"] / actual, 4) if actual else None
    return {"forecast": forecast, "actual": actual, "forecast_over_actual": ratio}
