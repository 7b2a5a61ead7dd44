"""What a worker that judges rows must know of what was taken down: the rules, and the uids of its shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.inputs import shard_key
from governance.job import Job
from manifests.store import Store
from manifests.tombstones import read_rules, read_tombstones
from stages.contract import Stage
from stages.takedown import NAME, Takedowns, rules_of


def takedowns_of(store: Store, dump: str, shard: str) -> Takedowns:
    """The rules for a dump, and the uids that are out among those of the shard of a name."""
    rules: dict[str, tuple[str, ...]] = {}
    for rule in read_rules(store):
        if rule.dump in (None, dump):
            rules[rule.kind] = (*rules.get(rule.kind, ()), rule.value)
    tombstones, key = read_tombstones(store), shard_key(dump, shard)
    known = tombstones.of(key, key) if tombstones else None
    uids = dict(zip(known["uid"].to_pylist(), known["rule"].to_pylist(), strict=True)) if known else {}
    return rules_of(rules, uids)


def with_takedowns(
    job: Job, shard: str, stages: tuple[Stage, ...], models: Mapping[str, Any]
) -> Mapping[str, Any]:  # fmt: skip
    """The models of stages with what the corpus says now in the place of the takedown stage's."""
    if NAME not in {stage.name for stage in stages}:
        return models
    return {**models, NAME: takedowns_of(job.store, job.dump, shard)}
