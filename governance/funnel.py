"""The table a run ends with: rows and bytes per tier, what was rejected and why, and what the LLM did."""

from __future__ import annotations

from typing import Any

from governance import contamination, pass_rates, selection
from governance.job import data_parts
from governance.parts import read_visible
from governance.pipeline import Outcome
from manifests import ledger as accounts
from manifests.records import read_records
from manifests.store import Store


def as_json(
    store: Store, outcome: Outcome, output: str, dump: str, seconds: float, work: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The whole result of a run as JSON values; ``work``: what the engines of L3 did in it."""
    tiers = [tier_row(manifest) for manifest in outcome.manifests.values()]
    body: dict[str, Any] = {
        "output": output,
        "dump": dump,
        "built": outcome.built,
        "tiers": tiers,
        "wall_s": round(seconds, 2),
    }
    body["selection"] = selection.told(outcome.manifests.get("L2", {}))
    body["contamination"] = contamination.summary(store, outcome.manifests)
    refined = outcome.manifests.get("L3")
    if refined is not None:
        body["synthesis"] = pass_rates.synthesis(refined, work)
    body["next"] = next_commands(store, output, outcome.manifests)
    return body


def tier_row(manifest: dict[str, Any]) -> dict[str, Any]:
    """One line of the funnel: rows in, kept, rejected by reason, quarantined, and the bytes of the data parts."""
    ledger = accounts.load(manifest["ledger"])
    rows = [account for account in ledger if account.stage != accounts.REQUESTS]
    rejected = {
        f"{account.stage}.{reason}": count.rows for account in rows for reason, count in account.rejected.items()
    }
    return {
        "tier": manifest["tier"],
        "in": rows[0].came.rows if rows else 0,
        "rows": manifest["rows"],
        "bytes": manifest["bytes"],
        "rejected": dict(sorted(rejected.items(), key=lambda item: -item[1])),
        "quarantined": sum(account.quarantined.rows for account in rows),
    }


def next_commands(store: Store, output: str, manifests: dict[str, dict[str, Any]]) -> list[str]:
    """The commands a person would type next: check it all, read it on a page, and follow one row to its source."""
    uids = (sample_uid(store, manifests[tier]) for tier in sorted(manifests, reverse=True))
    uid = next((found for found in uids if found), None)
    verify = f"governance verify {output}"
    follow = f"governance explain {uid} --output {output}" if uid else f"governance status {output}"
    return [verify, f"governance report {output}", follow]


def sample_uid(store: Store, manifest: dict[str, Any]) -> str | None:
    """The uid of the first row of a tier's data, None where it has none."""
    for record in read_records(store, f"{manifest['tier']}/{manifest['dump']}", "data"):
        for part in data_parts(record):
            uids = (table["uid"] for table in read_visible(store, [part], ["uid"]) if table.num_rows)
            if (first := next(uids, None)) is not None:
                return str(first[0])
    return None


def show(body: dict[str, Any]) -> None:
    """Print the funnel for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not body["built"]:
        console.print(
            f"Nothing to do: {body['output']} holds all of this already, built from the same input and settings."
        )
    table = Table(title=f"{body['output']}, dump {body['dump']}", title_justify="left")
    table.add_column("tier")
    for name in ("in", "rows", "bytes", "quarantined"):
        table.add_column(name, justify="right")
    table.add_column("rejected, by reason")
    for row in body["tiers"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in list(row["rejected"].items())[:6])
        more = len(row["rejected"]) - 6
        reasons += f", and {more} more reasons" if more > 0 else ""
        cells = (
            row["tier"],
            f"{row['in']:,}",
            f"{row['rows']:,}",
            size(row["bytes"]),
            f"{row['quarantined']:,}",
            reasons,
        )
        table.add_row(*cells)
    console.print(table)
    for language, told in body["selection"].items():
        console.print(selection.in_words(language, told), highlight=False, soft_wrap=True)
    for tier, told in body["contamination"].items():
        console.print(f"Contamination: {contamination.in_words(tier, told)}", highlight=False)
    if "synthesis" in body:
        _show_synthesis(console, body["synthesis"])
    console.print(f"Result: {body['output']}   ({body['wall_s']:.1f} s)", highlight=False)
    console.print("Next:")
    for command in body["next"]:
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def _show_synthesis(console: Any, told: dict[str, Any]) -> None:
    """What the LLM was asked, what came of it, and how much of it passed by prompt, task and language."""
    from rich.table import Table

    for line in pass_rates.in_words(told):
        console.print(line, highlight=False, soft_wrap=True)
    rows = pass_rates.table(told)
    if not rows:
        return
    table = Table("", title="L3 by prompt, task and language", title_justify="left")
    for name in ("requests", "outputs", "passed", "pass rate"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
