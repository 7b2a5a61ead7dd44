"""What changed from one output to another: rows, what each rule rejects, figures, and the settings behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.plan import differences
from governance.report_tiers import Tier

_SETTINGS = 200  # differences of settings that are named
_LINE = 300  # characters of one


def compare(
    mine: Mapping[str, Any], other: Mapping[str, Any], tiers: Sequence[Tier], theirs: Sequence[Tier]
) -> dict[str, Any]:
    """Rows of tiers, rules and figures as ``name``, ``was`` and ``is`` where they differ; and ``settings`` in words."""
    return {
        "tiers": _changed(_tier_rows(other), _tier_rows(mine)),
        "rules": sorted(_changed(_rule_rows(other), _rule_rows(mine), 0), key=lambda row: -abs(row["is"] - row["was"])),
        "figures": _changed(_figures(other), _figures(mine)),
        "settings": _settings(theirs, tiers)[:_SETTINGS],
    }


def _changed(was: Mapping[str, Any], now: Mapping[str, Any], missing: int | None = None) -> list[dict[str, Any]]:
    """What differs; ``missing`` stands for what only the other one tells."""
    names = [*now, *(name for name in was if name not in now)]
    found = [{"name": name, "was": was.get(name, missing), "is": now.get(name, missing)} for name in names]
    return [row for row in found if row["was"] != row["is"]]


def _tier_rows(body: Mapping[str, Any]) -> dict[str, int]:
    return {f"{level['tier']} {name}": level[name] for level in body["tiers"] for name in ("in", "rows", "bytes")}


def _rule_rows(body: Mapping[str, Any]) -> dict[str, int]:
    return {f"{rule['tier']} {rule['fate']}": rule["rows"] for rule in body["rules"]}


def _figures(body: Mapping[str, Any]) -> dict[str, float]:
    """Single figures by name: languages, masked values, clusters, pass rates."""
    found: dict[str, float] = {}
    for row in body["figures"]["languages"]:
        found[f"L1 rows in {row['lang']}"] = row["rows"]
        found[f"L1 passed the rules in {row['lang']}"] = row["kept"]
    for kind, counts in body["figures"]["pii"].items():
        found[f"masked: {kind}"] = counts["values"]
    clusters = body["figures"]["clusters"].items()
    found["rows of L1 with a duplicate"] = sum(rows for size, rows in clusters if int(size) > 1)
    for lang, threshold in body["thresholds"].items():
        found[f"threshold of L2 in {lang}"] = threshold
    for one in (body["statements"] or {}).get("statuses", ()):
        found[f"statements of L4, {one['status']}"] = one["rows"]
    for group, members in (body["synthesis"] or {}).get("pass_rates", {}).items():
        for name, counts in members.items():
            if counts["pass_rate"] is not None:
                found[f"pass rate of {group} {name}"] = counts["pass_rate"]
    return found


def _settings(was: Sequence[Tier], now: Sequence[Tier]) -> list[str]:
    """Where the plans of tiers differ that both have: of the same dump, or of the only ones."""
    found = []
    for tier in now:
        same = [other for other in was if other.name == tier.name]
        other = next((one for one in same if one.dump == tier.dump), same[0] if len(same) == 1 else None)
        if other is not None:
            lines = differences(_decisive(other.plan), _decisive(tier.plan))
            found += [f"{tier.base}: {line}"[:_LINE] for line in lines]
    return found


def _decisive(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without the fingerprint of the tier below, which differs whenever that does."""
    return {name: value for name, value in plan.items() if name not in ("parent", "tier")}
