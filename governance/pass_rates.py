"""What L3 came to, for the end of a run: how many outputs passed by prompt, task and language, what each check caught.

Counts come from the manifest's figures, which every record adds to: ``by.<group>.<name>.<count>``. What only this run
knows, seconds and what its engines went through, stands apart under ``engine``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from manifests import ledger as accounts

GROUPS = ("prompt", "task", "language")
_HOUR = 3600
_SHOWN_REASONS = 8
_REPEATED = {
    "near_duplicate": "near-duplicates of other outputs",
    "same_question": "questions asked before",
    "in_l2": "near-duplicates of pages of L2",
}


def synthesis(manifest: Mapping[str, Any], work: Mapping[str, Any] | None) -> dict[str, Any]:
    """The summary of a sealed L3 as JSON values.

    Args: its manifest; of a run that built it now, what its engines did: seconds, engines and the sums of their events.
    """
    figures = manifest["figures"]
    body: dict[str, Any] = {"model": manifest["plan"]["synthesis"]["model"]}
    body |= {name: value for name, value in figures.items() if not name.startswith("by.")}
    body["rejected_by"] = _reasons(manifest)
    body["pass_rates"] = {group: _group(figures, group) for group in GROUPS}
    body["caught_by"] = _caught(figures)
    if work and work.get("seconds"):
        body["engine"] = dict(work)
        body |= _speed(figures, work)
    return body


def _reasons(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Why outputs were not kept, most frequent first."""
    account = next(one for one in accounts.load(manifest["ledger"]) if one.stage == accounts.OUTPUTS)
    return {reason: count.rows for reason, count in sorted(account.rejected.items(), key=lambda item: -item[1].rows)}


def _group(figures: Mapping[str, Any], group: str) -> dict[str, dict[str, Any]]:
    """Counts and pass rate of every member of a group, by name."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in sorted(figures.items()):
        if key.startswith(f"by.{group}."):
            name, _, count = key.removeprefix(f"by.{group}.").rpartition(".")
            found.setdefault(name, {})[count] = value
    for counts in found.values():
        outputs = counts.get("outputs", 0)
        counts["pass_rate"] = round(counts.get("kept", 0) / outputs, 4) if outputs else None
    return found


def _caught(figures: Mapping[str, Any]) -> dict[str, int]:
    """How many outputs each check would reject, whether or not another did before it; most first."""
    found = {key.removeprefix("by.check."): value for key, value in figures.items() if key.startswith("by.check.")}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _speed(figures: Mapping[str, Any], work: Mapping[str, Any]) -> dict[str, float]:
    """Tokens a second of this run, and what of them is verified: every call counts, also those for second readings."""
    if not work.get("output_tokens") or not figures.get("output_tokens"):
        return {}
    rate = work["output_tokens"] / work["seconds"]
    verified = figures.get("verified_tokens", 0) / figures["output_tokens"]
    return {
        "tokens_per_s": round(rate, 1),
        "verified_tokens_per_engine_hour": round(rate * verified * _HOUR / work["engines"]),
    }


def in_words(told: Mapping[str, Any]) -> Iterator[str]:
    """The lines above the table of pass rates."""
    outputs, passed = told.get("outputs", 0), told.get("passed", 0)
    yield (
        f"LLM    {told['model']}: {told['requests']:,} requests, {told.get('prompt_tokens', 0):,} prompt and "
        f"{told.get('output_tokens', 0):,} output tokens"
    )
    if outputs:
        yield f"       {passed:,} of {outputs:,} outputs passed ({passed / outputs:.1%})"
    made = ((told.get("verified_qa_pairs", 0), "question-answer pairs"), (told.get("verified_rewrites", 0), "rewrites"))
    yield f"       verified and kept: {', '.join(f'{count:,} {name}' for count, name in made)}"
    repeated = [f"{told[name]:,} {words}" for name, words in _REPEATED.items() if told.get(name)]
    if repeated:
        yield f"       passed but left out: {', '.join(repeated)}"
    if "tokens_per_s" in told:
        yield (
            f"       {told['tokens_per_s']:,} tokens/s; {told['verified_tokens_per_engine_hour']:,} verified tokens "
            "an engine-hour, every call counted"
        )
    shown = ", ".join(f"{reason} {count:,}" for reason, count in list(told["rejected_by"].items())[:_SHOWN_REASONS])
    yield f"       of its outputs rejected: {shown or 'none'}"
    caught = ", ".join(f"{check} {count:,}" for check, count in told["caught_by"].items() if count)
    if caught:
        yield f"       what each check catches, alone: {caught}"
    happened = ("log_hits", "retries", "failed", "quarantined", "restarts")
    unlucky = [f"{name.replace('_', ' ')} {count:,}" for name in happened if (count := _of(told, name))]
    if unlucky:
        yield f"       {', '.join(unlucky)}"
    if told.get("skipped"):
        yield (
            f"       {told['skipped']:,} requests skipped: their language is not one that the model writes; "
            "name one that does with --model or --endpoint"
        )


def _of(told: Mapping[str, Any], name: str) -> int:
    """A count of the records, else of this run's engines."""
    return told.get(name) or told.get("engine", {}).get(name, 0)


def table(told: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table of pass rates: what, requests, outputs, passed, share; of all that gave outputs."""
    rows = []
    for group in GROUPS:
        for name, counts in told["pass_rates"][group].items():
            if counts["pass_rate"] is not None:
                numbers = (f"{counts.get(count, 0):,}" for count in ("requests", "outputs", "kept"))
                rows.append((f"{group} {name}", *numbers, f"{counts['pass_rate']:.1%}"))
    return rows
