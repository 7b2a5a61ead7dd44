"""The funnel of a report: what came to each stage, what it rejected and why, and what was left, tier by tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from governance.report_tiers import LEVELS, Tier, of_level, summed
from manifests.ledger import OUTPUTS, REQUESTS, ROWS, Account

_BESIDE = (REQUESTS, OUTPUTS, ROWS)
QUARANTINED = "quarantined"


def funnel(tiers: Sequence[Tier]) -> list[dict[str, Any]]:
    """One entry a level that is there: rows in and out, bytes, its stages that turned rows away, whether it is whole.

    ``stages`` of L3 are those of its outputs, not of documents; ``came`` and ``rows`` there are outputs and rows.
    """
    return [_level(level, found) for level in LEVELS if (found := of_level(tiers, level))]


def _level(level: str, tiers: Sequence[Tier]) -> dict[str, Any]:
    chain, own = _chain(level, summed(tiers)), [_chain(level, tier.ledger) for tier in tiers]
    return {
        "tier": level,
        "dumps": [tier.dump for tier in tiers],
        "whole": all(tier.sealed for tier in tiers),
        "shards": {tier.dump: dict(tier.shards) for tier in tiers if not tier.sealed},
        # Dump by dump: archives have a stage that rows of a file have not.
        "in": sum(accounts[0].came.rows for accounts in own if accounts),
        "out": sum(accounts[-1].kept.rows for accounts in own if accounts),
        "rows": sum(tier.rows for tier in tiers),
        "bytes": sum(tier.bytes for tier in tiers),
        "stages": [_stage(account) for account in chain if account.rejected or account.quarantined.rows],
    }


def _chain(level: str, ledger: Sequence[Account]) -> list[Account]:
    """The accounts that follow each other: at L3 those of outputs, below it all."""
    if level == "L3":
        return [account for account in ledger if account.stage not in (REQUESTS, ROWS)]
    return [account for account in ledger if account.stage not in _BESIDE]


def _stage(account: Account) -> dict[str, Any]:
    turned_away = {reason: count.rows for reason, count in account.rejected.items()}
    if account.quarantined.rows:
        turned_away[QUARANTINED] = account.quarantined.rows
    ranked = dict(sorted(turned_away.items(), key=lambda item: (-item[1], item[0])))
    return {"stage": account.stage, "in": account.came.rows, "kept": account.kept.rows, "rejected": ranked}


def rules(levels: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every rule that turned rows away, in the order of the pipeline: tier, stage, reason, ``fate``, its name in the
    annotations, rows, and their share of what came to the stage. Quarantined rows of a tier are told together.
    Sentences that are no statements for L4 are no rows that a rule turned away."""
    for level in levels:
        if level["tier"] == "L4":
            continue
        broken: dict[str, int] = {}
        for stage in level["stages"]:
            for reason, rows in stage["rejected"].items():
                if reason == QUARANTINED:
                    broken[stage["stage"]] = rows
                else:
                    yield _rule(level, stage["stage"], reason, f"{stage['stage']}.{reason}", rows, stage["in"])
        if broken:
            yield _rule(level, ", ".join(broken), QUARANTINED, QUARANTINED, sum(broken.values()), level["in"])


def _rule(level: dict[str, Any], stage: str, reason: str, fate: str, rows: int, came: int) -> dict[str, Any]:
    share = rows / came if came else 0.0
    return {
        "tier": level["tier"], "stage": stage, "reason": reason, "fate": fate, "rows": rows, "share": round(share, 6)
    }  # fmt: skip
