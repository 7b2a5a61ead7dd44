"""A trial's result: JSON that a policy can read, one page that needs nothing else, and a table on the terminal."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from governance.anneal import show_plan as show_phases
from governance.classifier_page import TEMPLATES, data_url, percent, whole
from governance.trial import Trial
from governance.trial_plots import draw

METRICS = {"accuracy": "accuracy", "bits_per_byte": "bits per byte"}


def write(body: dict[str, Any], folder: Path) -> Path:
    """Write <kind>.json and <kind>.html into the trial's folder; returns the page. Errors: OSError."""
    from annealing.weights import write_json

    write_json(folder / f"{body['kind']}.json", body)
    page = folder / f"{body['kind']}.html"
    page.write_text(render(body), encoding="utf-8")
    return page


def render(body: dict[str, Any]) -> str:
    """The page as HTML. Plots go in as images: a browser runs no script of an image."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"percent": percent, "whole": whole, "signed": signed, "duration": duration}
    plots = {name: data_url(text) for name, text in draw(body).items()}
    return environment.get_template("trial.html").render(body=body, plots=plots, metrics=METRICS)


def signed(row: dict[str, Any]) -> str:
    """A difference with its interval."""
    return f"{row['value']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"


def duration(seconds: float) -> str:
    """Minutes, or hours where there are many."""
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def show(body: dict[str, Any], page: Path) -> None:
    """Print the headlines, what is shown, and where the page is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("difference", *(row["name"] for row in body["headlines"]), "shown", box=None)
    for pair in body["pairs"]:
        table.add_row(f"{pair['one']} - {pair['other']}", *(signed(row) for row in pair["headlines"]), pair["word"])
    console.print(table)
    for pair in body["pairs"]:
        console.print(Text(pair["sentence"]))
    for note in body["notes"]:
        console.print(Text(f"! {note}"))
    cost = body["cost"]
    console.print(
        f"{cost['tokens']:,} tokens trained in {duration(cost['seconds'])}, {cost['gpu_hours']:.2f} GPU-hours"
    )
    console.print(Text(f"Page: {page}"), soft_wrap=True)


def show_plan(trial: Trial, as_json: bool) -> None:
    """What would be trained: the phases of the base and of every arm."""
    from annealing import plan

    found = {"base": plan.make(trial.base).rows()} if trial.base is not None else {}
    for arm in trial.arms:
        begun = trial.base is None or Path(arm.recipe.start).is_dir()
        # The checkpoint that arms begin from may not be there yet; the phases are the same from random weights.
        recipe = arm.recipe if begun else replace(arm.recipe, start=trial.base.start)
        found[arm.name] = plan.make(recipe).rows()
    if as_json:
        print(json.dumps({"seeds": trial.seeds, "phases": found}, ensure_ascii=False, indent=1))
        return
    for name, rows in found.items():
        print(f"{name}, {1 if name == 'base' else trial.seeds} times:", file=sys.stderr)
        show_phases(rows)
