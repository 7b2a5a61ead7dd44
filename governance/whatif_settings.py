"""What a corpus was built with, what someone would change, and whether annotations can tell what that does.

A stage whose verdict follows from columns that are stored is judged anew by its own code; whatever else changes would
need the text, a model or the pages beside it, and is refused with the command that would tell.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from governance import config as settings_file
from governance import tiers
from governance.commands import overrides_of
from governance.config import L1, Settings
from governance.errors import CorpusError, UsageError
from governance.own_tiers import OwnTiers
from governance.plan import stage_identity
from manifests.schema import schema_file
from stages.contract import Stage, judges_from

TIERS = ("L1", "L2")
_TEXT = {"content", "title"}  # what annotations do not hold
_MODELS = ("l2.quality.models", "l2.quality.tokenizer")  # a plan names their bytes, not their paths
_SHOWN = 3


@dataclass(frozen=True)
class Change:
    """A setting that is another than the one a tier was built with."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Proposal:
    """The settings of a built corpus, those proposed, and where they differ."""

    built: Settings
    new: Settings
    changes: tuple[Change, ...]
    again: Mapping[str, frozenset[str]]  # by tier, the stages that judge anew

    def alone(self, change: Change) -> Settings | None:
        """What was built with only this one change; None where it can not stand alone."""
        values = self.built.model_dump(mode="json")
        *path, last = change.name.split(".")
        group = values
        for key in path:
            group = group[key]
        group[last] = change.new
        try:
            return Settings.model_validate(values)
        except ValidationError:
            return None


def propose(
    plans: Mapping[str, Mapping[str, Any]], config: str | None, overrides: Sequence[str], out: str,
    own_tiers: str | None = None,
) -> Proposal:  # fmt: skip
    """Read what is proposed. Without a settings file all that is not named stays as it was built.

    plans: of the sealed tiers; own_tiers: the file of own stages that they were built with, as FILE:FUNCTION.
    Errors: UsageError for settings that are unknown, or whose effect only a run can tell.
    """
    values = built_values(plans)
    overrides = [*overrides, *overrides_of(tiers=own_tiers)]
    try:
        built = Settings.model_validate(values)
    except ValidationError as error:
        raise CorpusError(
            f"the settings that this was built with are not those of this version: {error.errors()[0]['msg']}",
            "build again with --rebuild",
        ) from error
    new = (
        settings_file.load(config, overrides)
        if config is not None
        else settings_file.validated(copy.deepcopy(values), overrides)
    )
    _refuse_other_stages(plans, new.tiers)
    built = built.model_copy(update={"tiers": new.tiers})
    names = [override.partition("=")[0].strip() for override in overrides]
    whole = config is not None
    changes = tuple(_changes(built, new))
    proposal = Proposal(built, new, changes, {})
    remedy = _remedy(out, config, overrides)
    _refuse_other_tiers(names, changes, remedy)
    models_named = whole or any(name.startswith(_MODELS) for name in names)
    again = {
        tier: _judged_anew(proposal, tier, plans[tier], whole, models_named, remedy) for tier in TIERS if tier in plans
    }
    for tier in TIERS:
        if tier not in plans and any(change.name.startswith(f"{tier.lower()}.") for change in changes):
            raise UsageError(f"{tier} is not sealed, so nothing can be told of it", f"finish it first: {remedy}")
    return Proposal(built, new, changes, again)


def built_values(plans: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings that decided tiers, from their plans, as nested values. Models stand as bundled: a plan has their
    sha256 only."""
    values: dict[str, Any] = {"l0": {}, "l1": {}, "l2": {}}
    first = plans.get("L0", {})
    if "reader" in first:
        values["l0"]["ingest"] = first["reader"]
    stages = {name: one["config"] for plan in plans.values() for name, one in plan["stages"].items()}
    if "extract" in stages:
        values["l0"]["extract"] = stages["extract"]
    values["own"] = next((plan["tiers"]["own"] for plan in plans.values() if "tiers" in plan), {})
    values["l1"] = {name: stages[name] for name in L1.model_fields if name in stages}
    if "quality" in stages:
        identity = plans["L2"]["stages"]["scores"].get("model", {})
        models = {language: "bundled" for language in identity if language != "tokenizer"}
        values["l2"]["quality"] = {**stages["quality"], **stages["scores"], "models": models}
    if "decontaminate" in stages:
        values["l2"]["decontaminate"] = stages["decontaminate"]
    return copy.deepcopy(values)


def _changes(old: BaseModel, new: BaseModel) -> list[Change]:
    """Where the settings of L0 to L2 differ."""
    before, after = (dict(_flat(one.model_dump(mode="json"))) for one in (old, new))
    names = sorted(name for name in {*before, *after} if name.startswith(("l0.", "l1.", "l2.", "own.")))
    return [Change(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, dict) and name not in ("threshold", "keep_share", "fields")
        found += _flat(value, f"{prefix}{name}.") if inner else [(f"{prefix}{name}", value)]
    return found


def _refuse_other_stages(plans: Mapping[str, Mapping[str, Any]], own: OwnTiers | None) -> None:
    """Errors: UsageError for another file of own stages than the one a tier was built with. A plan holds its text, but
    what lies in a corpus is not run: it may be anybody's."""
    for tier, plan in plans.items():
        built = plan.get("tiers")
        if built and (own is None or own.sha256 != built["sha256"]):
            raise UsageError(
                f"{tier} was built with own stages, of another {built['file']}"
                if own
                else f"{tier} was built with own stages",
                f"name it: --tiers {built['file']}:{built['function']}; its text stands in {tier}'s plan.json",
            )
    if own is not None and not any("tiers" in plan for plan in plans.values()):
        raise UsageError(f"nothing here was built with {own.named}", "leave --tiers out; only a run tells what it does")


def _refuse_other_tiers(names: Sequence[str], changes: Sequence[Change], remedy: str) -> None:
    """Errors: UsageError for what decides no verdict of L1 or L2."""
    for name in names:
        if name.startswith("run."):
            raise UsageError(f"{name} changes how a run behaves, not what it writes", "name a setting of l1 or l2")
        if name.startswith("l3."):
            raise UsageError(
                f"what {name} does cannot be told from annotations: L3 is written by a model",
                f"only a run tells: {remedy}",
            )
        if name.startswith("l4.index."):
            raise UsageError(f"{name} decides no tier, only the index over L4", "make it: governance index")
        if name.startswith("l4."):
            raise UsageError(
                f"what {name} does cannot be told from annotations: statements are found in the text of L2 and L3",
                f"only a run tells: {remedy}",
            )
    for change in changes:
        if change.name.startswith("l0."):
            raise UsageError(
                f"what {change.name} does cannot be told from annotations: it changes the text of L0",
                f"only a run tells: {remedy}",
            )


def _judged_anew(
    proposal: Proposal, tier: str, plan: Mapping[str, Any], whole: bool, models_named: bool, remedy: str
) -> frozenset[str]:
    """The stages of a tier that judge otherwise than when it was built. Errors: UsageError for what cannot be told."""
    if "parent" not in plan:  # its rows entered here and were taken as they are
        mine = [change.name for change in proposal.changes if change.name.startswith(f"{tier.lower()}.")]
        if any(name.startswith("l1.language.") for name in mine):
            raise _unknown(proposal, tier, "language", _WHY["config"].format(stage="language"), remedy)
        if mine and not whole:
            raise UsageError(
                f"{mine[0]} does nothing here: rows entered at {tier}, as they were", "name another setting"
            )
        return frozenset()
    stages = tiers.stages_of(proposal.new, tier)
    if [stage.name for stage in stages] != plan["order"]:
        raise _unknown(proposal, tier, "", "a stage that reads the text comes or goes", remedy)
    columns = stored_columns(stages, tier, plan)
    again = []
    for stage in stages:
        why = _difference(stage, plan["stages"][stage.name], whole, models_named)
        if why and not (why == "config" and judges_from(stage, columns)):
            raise _unknown(proposal, tier, stage.name, _WHY[why].format(stage=stage.name), remedy)
        again += [stage.name] if why else []
    return frozenset(again)


_WHY = {
    "config": "the stage {stage} would read the text again",
    "version": "this version of governance has another {stage} than the one that built it",
    "model": "the stage {stage} would use other files than those that it was built with",
}


def _difference(stage: Stage, built: Mapping[str, Any], whole: bool, models_named: bool) -> str | None:
    """What of a stage is another than when it was built: config, version or model."""
    if stage.config.model_dump(mode="json") != built["config"]:
        return "config"
    if stage.version != built["version"]:
        return "version"
    named = models_named if stage.name == "scores" else whole
    return "model" if named and stage_identity(stage).get("model") != built.get("model") else None


def stored_columns(stages: Sequence[Stage], tier: str, plan: Mapping[str, Any]) -> set[str]:
    """The columns of a tier's rows that lie beside the text: what its stages found, and the narrow ones of the tier
    below."""
    below = schema_file({"L1": "L0", "L2": "L1"}[tier])
    added = {name for stage in stages for name in stage.adds}
    return ({field["name"] for field in below["fields"]} | added) - _TEXT


def _unknown(proposal: Proposal, tier: str, stage: str, why: str, remedy: str) -> UsageError:
    """The refusal of what only a run can tell, naming the settings that are why."""
    mine = [change for change in proposal.changes if change.name.startswith((f"{tier.lower()}.", "own."))]
    guilty = [change.name for change in mine if _moves(proposal, change, tier, stage)] or [c.name for c in mine]
    names = ", ".join(guilty[:_SHOWN]) or "this"
    return UsageError(f"what {names} does cannot be told from annotations: {why}", f"only a run tells: {remedy}")


def _moves(proposal: Proposal, change: Change, tier: str, stage: str) -> bool:
    """Whether a setting alone changes a stage."""
    settings = proposal.alone(change)
    if settings is None:
        return False
    after, before = tiers.stages_of(settings, tier), tiers.stages_of(proposal.built, tier)
    if not stage:
        return [one.name for one in after] != [one.name for one in before]
    return [one.config for one in after if one.name == stage] != [one.config for one in before if one.name == stage]


def _remedy(out: str, config: str | None, overrides: Sequence[str]) -> str:
    level = max(("L2", *(name[:2].upper() for name in overrides if name.startswith(("l3.", "l4.")))))
    words = ["governance", "run", "--level", level, "--output", out, *(["--config", config] if config else [])]
    for override in overrides:
        words += ["--set", override]
    return f"{shlex.join(words)} --rebuild, with the same --input"
