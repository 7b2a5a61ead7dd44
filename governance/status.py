"""What is built in an output folder, what is under way and how far."""

from __future__ import annotations

import json
from typing import Any

from governance import funnel, selection
from governance.errors import CorpusError
from manifests.records import committed
from manifests.store import Store
from manifests.tombstones import read_tombstones, under_way

_STEPS = {"L0": ("data",), "L1": ("annotations", "data"), "L2": ("scores", "data"), "L3": ("annotations", "data"),
          "L4": ("annotations", "data")}  # fmt: skip


def dumps(store: Store) -> list[tuple[str, str]]:
    """(tier, dump) of every plan in the store, sorted."""
    return [(tier, dump) for tier in _STEPS for dump in store.folders(tier) if store.exists(f"{tier}/{dump}/plan.json")]


def read(store: Store) -> dict[str, Any]:
    """The state of every tier of every dump."""
    body = {"output": store.url, "tiers": [_state(store, tier, dump) for tier, dump in dumps(store)]}
    return {**body, "taken_down": read_tombstones(store).count(), "compaction": under_way(store)}


def _state(store: Store, tier: str, dump: str) -> dict[str, Any]:
    base = f"{tier}/{dump}"
    try:
        manifest = json.loads(store.get(f"{base}/manifest.json"))
    except FileNotFoundError:
        shards = {step: len(committed(store, base, step)) for step in _STEPS[tier]}
        return {"tier": tier, "dump": dump, "state": "under way", "shards": shards}
    except ValueError as error:
        raise CorpusError(f"{base}/manifest.json is damaged: {error}", "see `governance verify`") from error
    row = funnel.tier_row(manifest)
    body = {"dump": dump, "state": "sealed", "shards": {"data": manifest["shards"]}, **row}
    return {**body, "selection": selection.told(manifest)} if tier == "L2" else body


def show(body: dict[str, Any], out: str) -> None:
    """Print the state for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not body["tiers"]:
        console.print(f"{out} holds no tier. Start with: governance run --output {out}", highlight=False)
        return
    table = Table(title=out, title_justify="left")
    for name in ("tier", "dump", "state", "shards done", "rows", "bytes"):
        table.add_column(name)
    for tier in body["tiers"]:
        done = ", ".join(f"{step} {count:,}" for step, count in tier["shards"].items())
        rows = f"{tier['rows']:,}" if "rows" in tier else ""
        table.add_row(tier["tier"], tier["dump"], tier["state"], done, rows, funnel.size(tier["bytes"]) if rows else "")
    console.print(table)
    for tier in body["tiers"]:
        for language, told in tier.get("selection", {}).items():
            console.print(f"{tier['dump']}: {selection.in_words(language, told)}", highlight=False, soft_wrap=True)
    if body["taken_down"]:
        console.print(f"{body['taken_down']:,} documents and rows are taken down.", highlight=False)
    if body["compaction"] is not None:
        console.print(f"Compaction {body['compaction']} did not end: governance compact {out}", highlight=False)
    if any(tier["state"] != "sealed" for tier in body["tiers"]):
        console.print("The same `governance run` command goes on from here.", highlight=False)
