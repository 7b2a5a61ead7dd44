"""``governance plan``: what a run would do to each tier and why, and what it would take. It builds nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from governance import config as settings_file
from governance.changes import discarded, tier_states
from governance.cluster import Cluster
from governance.commands import Ask, open_output, readable, request_of
from governance.errors import UsageError
from governance.outlook import FILE, outlook
from governance.pipeline import Request, plan_tiers
from manifests.store import Store, is_local, local_path

_UNITS = {"documents": "documents", "bytes": "bytes", "tokens": "tokens", "cpu_hours": "CPU-hours"}
_WRITTEN = {"documents": "documents", "requests": "requests", "output_tokens": "output tokens",
            "engine_hours": "engine hours", "cost": "cost"}  # fmt: skip


def plan(ask: Ask, seconds: float, save: bool, as_json: bool) -> None:
    """Print the plan and the forecast; with ``save`` keep them in the output. Errors: UsageError."""
    if save and not seconds:
        raise UsageError("--save keeps a forecast, and --seconds 0 makes none", "leave one of them out")
    settings = settings_file.load(ask.config, ask.overrides)
    with tempfile.TemporaryDirectory() as empty:
        # A folder that is not there is not made: an empty one stands for it.
        missing = is_local(ask.output) and not local_path(ask.output).exists()
        request = request_of(ask, settings, lambda url: Store(empty) if missing else readable(url))
        body = {"output": ask.output, "dump": request.dump, "level": ask.level} | planned(request, seconds)
    if save:
        _keep(open_output(ask.output), body)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        for line in in_words(body):
            print(line)


def planned(request: Request, seconds: float) -> dict[str, Any]:
    """The states of the tiers and the forecast, as JSON values."""
    plans = plan_tiers(request)
    states = tier_states(request, plans)
    body: dict[str, Any] = {
        "tiers": states,
        "needs_rebuild": any(state["state"] == "rebuilt" for state in states),
        "discarded": discarded(request, states),
    }
    if seconds:
        with Cluster(None, 0) as cluster:
            body["forecast"] = outlook(request, plans, states, cluster, seconds)
    return body


def _keep(store: Store, body: Mapping[str, Any]) -> None:
    prints = {tier["tier"]: tier["fingerprint"] for tier in body["tiers"]}
    kept = {"dump": body["dump"], "fingerprints": prints, "forecast": body["forecast"]}
    store.put(FILE, json.dumps(kept, ensure_ascii=False, indent=1).encode())


def in_words(body: Mapping[str, Any]) -> Iterator[str]:
    """The plan, line by line."""
    yield f"Plan for dump {body['dump']} in {Path(body['output']) if is_local(body['output']) else body['output']}"
    for tier in body["tiers"]:
        yield from _of_tier(tier)
    if body["discarded"]:
        yield f"{', '.join(body['discarded'])} above would be removed, for they rest on what is rebuilt"
    if body["needs_rebuild"]:
        yield "a run refuses this without --rebuild"
    if "forecast" in body:
        yield from _of_forecast(body["forecast"])


def _of_tier(tier: Mapping[str, Any]) -> Iterator[str]:
    kept = f"; its {tier['kept']} are kept" if tier.get("kept") else ""
    done = ", ".join(f"{step} of {count:,} shards" for step, count in tier.get("shards", {}).items())
    why = {
        "reused": "sealed with the same input, settings, stages and models",
        "continued": f"begun with the same settings; committed: {done or 'nothing yet'}",
        "built": "not there yet",
        "rebuilt": f"built otherwise{kept}",
    }
    yield f"  {tier['tier']} {tier['state']}: {why[tier['state']]}"
    yield from (f"       {change['told']}" for change in tier["changes"])
    yield from (f"       the tier below does not pass its gate {gate}" for gate in tier["blocked"])


def _of_forecast(forecast: Mapping[str, Any]) -> Iterator[str]:
    yield "Forecast" if forecast["tiers"] or forecast["assumptions"] or "L3" in forecast else "Nothing is to be built"
    for tier, values in forecast["tiers"].items():
        told = "; ".join(f"{_range(values[name])} {unit}" for name, unit in _UNITS.items())
        yield f"  {tier} {told}"
    if (written := forecast.get("L3")) is not None:
        told = "; ".join(f"{_range(written[name])} {unit}" for name, unit in _WRITTEN.items() if written.get(name))
        yield f"  L3 {told}"
    for said in (*forecast["assumptions"], *(written or {}).get("assumptions", ())):
        yield f"  assumed: {said}"


def _range(one: Any) -> str:
    if not isinstance(one, Mapping):
        return f"{one:,}"
    if one["low"] == one["high"]:
        return f"{one['value']:,}"
    return f"{one['value']:,} ({one['low']:,} to {one['high']:,})"
