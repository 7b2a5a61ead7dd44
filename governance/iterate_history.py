"""What a loop of training rounds did: a record of each, why it stopped, which round is the best, and a table of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEADLINE = (
    "documents", "positives", "auc", "auc_interval", "average_precision", "average_precision_interval",
    "auc_of_length", "accuracy", "precision", "recall",
)  # fmt: skip


@dataclass(frozen=True)
class State:
    """Where the rounds so far lead."""

    best: int  # the round of the highest held-out AUC, the first of equals
    stopped: str | None  # why no further round follows; None: one does


def headline(figures: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figures of a set that the history holds; the round's own report has them all."""
    return None if figures is None else {name: figures[name] for name in HEADLINE}


def judge(records: Sequence[dict[str, Any]], rounds: int, min_gain: float) -> State:
    """The best round, and whether and why the loop ends.

    Held-out documents decide, not the test sources: choosing by those would make their figures too good.
    """
    trained = [record for record in records if record["model"] is not None]
    scores = [record["metrics"]["held_out"]["auc"] for record in trained]
    best = trained[scores.index(max(scores))]["round"]
    last = records[-1]
    if last["model"] is None:
        return State(best, last["why_not"])
    if len(scores) > 1 and scores[-1] - max(scores[:-1]) < min_gain:
        gain = scores[-1] - max(scores[:-1])
        reason = f"round {last['round']} changed the held-out AUC by {gain:+.4f}, less than {min_gain:g}"
        full = "; no round could win as much, for it was nearly 1 before: hold out harder documents"
        return State(best, reason + (full if max(scores[:-1]) + min_gain > 1 else ""))
    if last["round"] >= rounds:
        return State(best, f"all {rounds} rounds are done")
    return State(best, None)


def history(plan: dict[str, Any], records: Sequence[dict[str, Any]], state: State) -> dict[str, Any]:
    """Everything the loop did so far, for JSON."""
    return {"plan": plan, "rounds": list(records), "best": state.best, "stopped": state.stopped}


def markdown(body: dict[str, Any]) -> str:
    """The history as a page for people."""
    plan, stopped = body["plan"], body["stopped"]
    lines = [
        f"# {plan['title']}: rounds of training",
        "",
        "| round | positives | negatives | added a side | of them by the LLM | AUC held-out | AUC other sources "
        "| sample | kept before -> after | same verdict as before | model |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(record) for record in body["rounds"]),
        "",
        f"Best: round {body['best']}. {f'Stopped: {stopped}.' if stopped else 'Not finished.'}",
        "",
        "The AUC has its 95 % interval. Rounds are judged by the held-out documents; the other sources are only looked",
        "at. Kept: share of the sample at or above 0.5, by the model before the round and by the one after it.",
        "",
        *_details(body["rounds"]),
        "Whether what the best model selects also anneals better is asked by `governance compare`: docs/classifier.md.",
        "",
        "Settings:",
        "",
        "```json",
        json.dumps(plan, indent=1, ensure_ascii=False),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _row(record: dict[str, Any]) -> str:
    if record["model"] is None:
        return f"| {record['round']} | not trained: {record['why_not']} |" + " |" * 9
    added, sample = record["added"], record["sample"]
    cells = (
        record["round"],
        f"{record['train']['positives']:,}",
        f"{record['train']['negatives']:,}",
        f"{added['a_side']:,}" if added else "",
        added["by_llm"] if added else "",
        _auc(record["metrics"]["held_out"]),
        _auc(record["metrics"]["other_sources"]),
        f"{sample['screened']:,} of {sample['drawn']:,}" if sample else "",
        f"{record['keep_share']['before']:.3f} -> {record['keep_share']['after']:.3f}" if sample else "",
        record["agreement"]["equal_share"] if sample else "",
        f"`{record['model']['sha256'][:12]}`",
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _auc(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return "no test sources"
    low, high = figures["auc_interval"]
    return f"{figures['auc']:.4f} ({low:.4f} to {high:.4f})"


def _details(records: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each round on what its documents went through."""
    lines = []
    for record in records:
        if record["sample"] is None:
            continue
        left_out = ", ".join(f"{name} {count:,}" for name, count in record["sample"]["left_out"].items())
        candidates = ", ".join(f"{name} {count:,}" for name, count in record["candidates"].items())
        lines.append(f"- Round {record['round']}: left out of the sample: {left_out}. Candidates: {candidates}.")
        if record["llm"]:
            outcomes = ", ".join(f"{name} {count:,}" for name, count in record["llm"]["outcomes"].items())
            lines[-1] += f" LLM: {outcomes}."
    return [*lines, ""] if lines else []
