"""What a run would do to each tier, and why: reused, continued, built or rebuilt, with every change by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from governance import policy
from governance.config import Settings, setting_names
from governance.errors import CorpusError
from governance.pipeline import BESIDE, LASTING, LEVELS, Request, read_manifest
from governance.plan import TierPlan, lasting_fingerprint
from manifests.records import committed

_GROUPS = {
    "scores": "l2.quality",
    "host_lines": "l1.host_lines",
    "language": "l1.language",
}  # of stages named otherwise
_VALUE_CHARS = 60


@dataclass(frozen=True)
class Change:
    """One difference between how a tier was built and how it would be. A value that is not there is None."""

    kind: str  # setting, stage version, model, prompt, stage, input, parent tier, older dump, schema, other
    name: str
    old: Any
    new: Any

    def in_words(self) -> str:
        """One line for people."""
        if self.kind == "parent tier":
            return f"parent tier: {self.name} is another one"
        if self.kind != "setting" and (self.old is None or self.new is None):
            return f"{self.kind} {self.name}: {'new' if self.old is None else 'gone'}"
        return f"{self.kind} {self.name}: was {_short(self.old)}, is {_short(self.new)}"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def tier_states(request: Request, plans: Sequence[TierPlan]) -> list[dict[str, Any]]:
    """For each tier its ``state`` (reused, continued, built, rebuilt), the ``changes`` that make it rebuilt, what is
    ``kept`` of it then, the ``shards`` committed of one that goes on, and by which gates of its parent it is
    ``blocked``."""
    gates = policy.in_force(request.store, request.settings)
    found: list[dict[str, Any]] = []
    for plan in plans:
        one = _state(request, plan)
        below = found[-1] if found else None
        if one["state"] != "reused" and below and below["state"] == "reused":
            manifest = read_manifest(request.store, below["tier"], request.dump)
            checked = policy.check(request.store, manifest, gates.get(below["tier"])) if manifest else []
            one["blocked"] = [f"{gate.name}: {gate.told}" for gate in checked if not gate.holds]
        found.append(one)
    return found


def discarded(request: Request, states: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tiers above the level that --rebuild would remove too, for they rest on one that is rebuilt."""
    if not any(one["state"] == "rebuilt" for one in states):
        return []
    above = LEVELS[LEVELS.index(request.level) + 1 :]
    return [tier for tier in above if request.store.exists(f"{tier}/{request.dump}/plan.json")]


def _state(request: Request, plan: TierPlan) -> dict[str, Any]:
    base = f"{plan.tier}/{plan.dump}"
    one: dict[str, Any] = {"tier": plan.tier, "fingerprint": plan.fingerprint, "changes": [], "blocked": []}
    old = _stored(request, base)
    if old is None:
        return one | {"state": "built"}
    if old["fingerprint"] != plan.fingerprint:
        lasts = plan.lasting is not None and plan.lasting == lasting_fingerprint(old["plan"])
        kept = LASTING[plan.tier][1] if lasts else None
        changes = [change.to_json() | {"told": change.in_words()} for change in changes_of(old["plan"], plan.body)]
        return one | {"state": "rebuilt", "changes": changes, "kept": kept}
    if read_manifest(request.store, plan.tier, plan.dump) is not None:
        return one | {"state": "reused"}
    steps = dict.fromkeys(("annotations", "data", *BESIDE.get(plan.tier, ())))
    shards = {step: len(committed(request.store, base, step)) for step in steps}
    return one | {"state": "continued", "shards": {step: count for step, count in shards.items() if count}}


def _stored(request: Request, base: str) -> dict[str, Any] | None:
    """The plan that a tier was begun with. Errors: CorpusError."""
    try:
        found = json.loads(request.store.get(f"{base}/plan.json"))
        return {"fingerprint": found["fingerprint"], "plan": found["plan"]}
    except FileNotFoundError:
        return None
    except (KeyError, ValueError, TypeError) as error:
        raise CorpusError(f"{base}/plan.json is not what a run writes: {error}", "see `governance verify`") from error


def changes_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences between two plans of a tier, each once, by kind and name."""
    tier = str(new["tier"])
    named = [_named(tier, path, before, after) for path, before, after in _leaves(old, new, ())]
    stages = any(change.kind == "stage" for change in named)
    found = [change for change in named if not (stages and change.name == "order")]
    return [change for place, change in enumerate(found) if change not in found[:place]]


def _leaves(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The places where two trees differ; a stage that is on one side only is one place."""
    whole = len(path) == 2 and path[0] == "stages" and (old is None or new is None)
    if isinstance(old, dict | None) and isinstance(new, dict | None) and not whole and (old or new):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}):
            yield from _leaves(before.get(key), after.get(key), (*path, str(key)))
    elif old != new:
        yield path, old, new


def _named(tier: str, path: tuple[str, ...], old: Any, new: Any) -> Change:
    """What a place in a plan is called."""
    head, rest = path[0], path[1:]
    if head == "stages":
        return _of_stage(tier, rest, old, new)
    if head == "synthesis":
        return _of_synthesis(rest, old, new)
    name = ".".join(rest)
    if head == "organize":
        kind, group = ("stage version", "L4") if rest[0] == "versions" else ("setting", "l4.organize")
        return Change(kind, ".".join((group, *rest[1:])), old, new)
    if head == "tiers":
        return Change("setting", name, old, new) if rest[0] == "own" else _own_stages(old, new)
    if head in ("reader", "dedup"):
        return Change("setting", f"{'l0.ingest' if head == 'reader' else 'l3.dedup'}.{name}", old, new)
    if head == "parent":
        return Change("parent tier", f"L{int(tier[1]) - 1}" if tier[1:].isdigit() else "parent", old, new)
    kinds = {"inputs": ("input", name), "against": ("older dump", name), "schema": ("schema", tier)}
    kind, called = kinds.get(head, ("other", ".".join(path)))
    return Change(kind, called, old, new)


def _own_stages(old: Any, new: Any) -> Change:
    """A file of own stages that comes, goes or is another, whatever of it differs."""
    there = [None if value is None else "there" for value in (old, new)]
    return Change("own stages", "tiers", *(there if None in there else ("a file", "another")))


def _of_stage(tier: str, rest: tuple[str, ...], old: Any, new: Any) -> Change:
    stage, inside = rest[0], rest[1:]
    if not inside:
        return Change("stage", stage, None if old is None else "there", None if new is None else "there")
    if inside[0] == "version":
        return Change("stage version", stage, old, new)
    if inside[0] == "model":
        return Change("model", ".".join((stage, *inside[1:])), old, new)
    group = _GROUPS.get(stage, f"{tier.lower()}.{stage}")
    return Change("setting", _setting(group, inside[1:], stage), old, new)


def _setting(group: str, inside: Sequence[str], stage: str) -> str:
    """The name of a setting as a user writes it; of one that has none, its place in the stage."""
    known = set(setting_names(Settings))
    return ".".join((group if f"{group}.{inside[0]}" in known else f"stage {stage}", *inside))


def _of_synthesis(rest: tuple[str, ...], old: Any, new: Any) -> Change:
    head, name = rest[0], ".".join(rest[1:])
    if head == "synthesize":
        return Change("setting", f"l3.synthesize.{name}", old, new)
    if head == "decontaminate" and rest[1] == "config":
        return Change("setting", ".".join(("l2.decontaminate", *rest[2:])), old, new)
    if head == "decontaminate":
        kind = "model" if rest[1] == "model" else "stage version"
        return Change(kind, ".".join(("decontaminate", *rest[2:])), old, new)
    if head == "prompts":
        return Change("prompt", name, old, new)
    if head == "version":
        return Change("stage version", "synthesize", old, new)
    if head in ("revision", "entailment"):
        return Change("model", ".".join(("l3.engine" if head == "revision" else "l3.synthesize", *rest)), old, new)
    return Change("setting", f"l3.{'max_documents' if head == 'max_documents' else f'engine.{head}'}", old, new)


def _short(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_CHARS else f"{text[: _VALUE_CHARS - 3]}..."
