"""The verbs of `governance classifier`: parsing only, like cli.py."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Train, evaluate, use and improve the quality classifiers of L2: see docs/classifier.md.",
)


@app.callback()
def classifier() -> None:
    """Keep the verbs below `classifier` while there is only one."""
