"""``governance evaluate``: what a model knows, with intervals, and beside a second model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from annealing.errors import TrainerError
from governance import statistics
from governance.errors import UsageError
from governance.measure import Held, Yardstick, figure, items, measure
from governance.progress import Progress, progress_mode


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance evaluate``."""

    model: str | None
    questions: tuple[str, ...]
    text: tuple[str, ...]
    tasks: tuple[str, ...]
    include: str | None
    against: str | None
    holdout: float | None
    limit: int | None
    max_bytes: int
    seq_len: int | None


def evaluate(ask: Ask, output: str | None, as_json: bool) -> None:
    """Score, print the table, and write the figures as JSON where asked. Errors: UsageError."""
    if not (ask.questions or ask.text or ask.tasks):
        raise UsageError(
            "nothing to measure", "name --questions FILE.jsonl, --text output/L2, or --tasks of lm-evaluation-harness"
        )
    try:
        body = report(ask, progress_mode(as_json))
    except TrainerError as error:
        raise UsageError(str(error), error.remedy) from error
    text = json.dumps(body, ensure_ascii=False, indent=1)
    if output is not None:
        Path(output).write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
    else:
        _show(body)


def report(ask: Ask, mode: Any) -> dict[str, Any]:
    """All figures of a model, and of the second one beside them. Errors: TrainerError, UsageError."""
    from annealing.evaluate import trained_with
    from annealing.shape import read_shape

    if ask.model is None:
        raise UsageError("no model to measure", "name its folder: governance evaluate anneal/model")
    folder = Path(ask.model).expanduser()
    shape = read_shape(folder)
    holdout = trained_with(folder).get("holdout", 1.0) if ask.holdout is None else ask.holdout
    held = tuple(Held(place, (place,), holdout) for place in ask.text)
    yardstick = Yardstick(ask.questions, held, ask.limit, ask.max_bytes, ask.seq_len)
    rows = _figures(yardstick, [Path(place).expanduser() for place in (ask.model, ask.against) if place], mode)
    return {
        "model": ask.model, "against": ask.against, "parameters": shape.parameters, "holdout": holdout,
        "figures": rows, "tasks": _tasks(ask),
    }  # fmt: skip


def _figures(yardstick: Yardstick, folders: list[Path], mode: Any) -> list[dict[str, Any]]:
    measured = []
    for folder in folders:
        with Progress(mode).stage(f"evaluate {folder.name}", yardstick.parts, unit="sets") as line:
            measured.append(measure(folder, yardstick, partial(line.advance, 1, 0)))
    rows = [figure(group) for group in measured[0]]
    if len(measured) > 1:
        for row, one, other in zip(rows, *measured, strict=True):
            beside = figure(other)
            gap = statistics.of_difference([[items(one)]], [[items(other)]])
            row["against"] = {name: beside[name] for name in ("value", "low", "high")}
            row["difference"] = {"value": gap.value, "low": gap.low, "high": gap.high}
    return rows


def _tasks(ask: Ask) -> list[dict[str, Any]]:
    from governance import harness

    if not ask.tasks:
        return []
    assert ask.model is not None  # as report demands
    rows = harness.run(ask.model, ask.tasks, ask.limit, ask.include, ask.seq_len)
    if ask.against:
        beside = {
            (row["name"], row["metric"]): row
            for row in harness.run(ask.against, ask.tasks, ask.limit, ask.include, ask.seq_len)
        }
        for row in rows:
            row["against"] = {name: beside[row["name"], row["metric"]][name] for name in ("value", "low", "high")}
    return rows


def _show(body: dict[str, Any]) -> None:
    """The table: a row a figure."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("set", "metric", "items", "value (95 %)", "guess", box=None)
    if body["against"]:
        table.add_column(Text(Path(body["against"]).name))
        table.add_column("difference (95 %)")
    for row in (*body["figures"], *body["tasks"]):
        cells = [Text(row["name"]), row["metric"].replace("_", " "), f"{row['items']:,}" if "items" in row else ""]
        cells += [bounds(row), f"{row['chance']:.3f}" if row.get("chance") else ""]
        if body["against"]:
            cells += [bounds(row["against"]), bounds(row["difference"], "+") if "difference" in row else ""]
        table.add_row(*cells)
    console = Console()
    console.print(f"{body['model']}: {body['parameters']:,} parameters", highlight=False)
    console.print(table)
    if body["against"]:
        console.print("The difference is of these two models; how they were trained needs seeds: `governance compare`.")


def bounds(row: dict[str, Any], sign: str = "") -> str:
    """A value with its interval."""
    value = f"{row['value']:{sign}.4f}"
    return value if row["low"] is None else f"{value} ({row['low']:{sign}.4f} to {row['high']:{sign}.4f})"
