"""The plan of a tier: everything that decides its content, and the fingerprint of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from governance import tiers
from governance.config import Settings
from governance.errors import UsageError
from governance.inputs import Shard
from governance.synthesis import synthesis_identity
from manifests.schema import schema_file
from stages import host_lines, paragraphs
from stages.contract import PlanError, Stage, check_plan
from stages.limits import slow_column
from stages.organize import OrganizeConfig


@dataclass(frozen=True)
class TierPlan:
    """What one tier of one dump is made from and how. ``parent`` is None where rows enter from outside."""

    tier: str
    dump: str
    parent: str | None
    body: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON of the plan."""
        return _sha256(self.body)

    @property
    def lasting(self) -> str | None:
        """The fingerprint of what decides the parts that outlast a rebuild: see ``lasting_fingerprint``."""
        return lasting_fingerprint(self.body)

    def to_bytes(self) -> bytes:
        """The plan with its fingerprint, as stored."""
        stored = {"fingerprint": self.fingerprint, "plan": self.body}
        return json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=False).encode()


def make_plan(
    tier: str, dump: str, settings: Settings, shards: Sequence[Shard], parent: TierPlan | None,
    older: Mapping[str, str] | None = None,
) -> TierPlan:  # fmt: skip
    """The plan of a tier, its stages checked against the columns they read.

    older: names and fingerprints of the dumps that rows are compared with, of a tier that does so.
    Errors: UsageError.
    """
    body: dict[str, Any] = {"tier": tier, "schema": schema_file(tier)["version"]}
    own: dict[str, Any] | None = None
    if parent is None:
        archives = any(shard.is_archive for shard in shards)
        stages = tiers.entry_stages(settings, tier, archives)
        own = tiers.own_of(settings, tier) if archives else None
        body["inputs"] = {shard.name: shard.identity for shard in shards}
        body["reader"] = settings.l0.ingest.model_dump(mode="json")
        columns = tiers.entry_columns(archives)
    elif tier == "L3":
        stages, columns = (), []
        with model_errors("L3"):
            body["synthesis"] = synthesis_identity(settings)
        body["dedup"] = settings.l3.dedup.model_dump(mode="json")
    elif tier == "L4":
        stages, columns = (), []
        body["organize"] = organize_identity(settings.l4.organize)
    else:
        stages, own = tiers.stages_of(settings, tier), tiers.own_of(settings, tier)
        columns = [field["name"] for field in schema_file(parent.tier)["fields"]]
    added = (host_lines.REPEATED, paragraphs.REPEATED, *(slow_column(stage.name) for stage in stages))
    try:
        check_plan(stages, [*columns, *added])  # the runner adds these
    except PlanError as error:
        raise UsageError(f"{tier}: {error}", "mend the tuple of stages") from error
    if own is not None:
        body["tiers"] = own
    if parent is not None:
        body["parent"] = parent.fingerprint
    if older is not None:
        body["against"] = dict(older)
    body["stages"] = {stage.name: stage_identity(stage) for stage in stages}
    body["order"] = [stage.name for stage in stages]
    return TierPlan(tier, dump, parent.tier if parent else None, body)


def organize_identity(cfg: OrganizeConfig) -> dict[str, Any]:
    """What decides the statements of L4 and what is said of them."""
    from stages import edges, entities, organize, topics  # polars, which takes a quarter of a second: for L4 alone

    versions = {
        "organize": organize.VERSION,
        "entities": entities.VERSION,
        "edges": edges.VERSION,
        "topics": topics.VERSION,
    }
    return {"versions": versions, "config": cfg.model_dump(mode="json")}


def stage_identity(stage: Stage) -> dict[str, Any]:
    """What of a stage decides its output: version, configuration, and the hash of the model it loads."""
    identity: dict[str, Any] = {"version": stage.version, "config": stage.config.model_dump(mode="json")}
    if stage.identity is not None:
        with model_errors(f"stage {stage.name!r}"):
            identity["model"] = stage.identity(stage.config)
    return identity


def lasting_fingerprint(plan: Mapping[str, Any]) -> str | None:
    """sha256 of the part of a plan that decides what is dear: the scores of L2, the answers of L3 with their verdicts;
    None for other tiers. Parts of this fingerprint stay where a tier is built again."""
    if "scores" in plan.get("stages", {}):
        return _sha256({"parent": plan["parent"], "scores": plan["stages"]["scores"]})
    if "synthesis" in plan:
        return _sha256({"parent": plan["parent"], "synthesis": plan["synthesis"]})
    return None


def _sha256(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@contextmanager
def model_errors(where: str) -> Generator[None]:
    """Turn what a model or prompt that cannot be used raises into a message for the user, before work starts."""
    try:
        yield
    except FileNotFoundError as error:
        missing = f"no file {error.filename}" if error.filename else str(error)
        raise UsageError(f"{where}: {missing}", "check the path in the settings") from error
    except ValueError as error:  # ModelNotFound, PromptError and the classifiers' own
        raise UsageError(f"{where}: {error}", "check the settings; `governance init` lists them all") from error


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two plans differ, as ``path: old -> new``."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for key in sorted({*old, *new}):
            below = f"{path}.{key}" if path else str(key)
            found += differences(old.get(key), new.get(key), below)
        return found
    if old == new:
        return []
    return [f"{path} was {_short(old)}, is {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
