"""The verbs of `governance classifier`: parsing only, like cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Train, evaluate, use and improve the quality classifiers of L2: see docs/classifier.md.",
)


@app.callback()
def classifier() -> None:
    """Keep the verbs below `classifier` while there is only one."""


@app.command()
def train(
    seeds: Annotated[
        str | None, typer.Argument(metavar="SEEDS", help="TOML list of the sources to learn from.")
    ] = None,
    output: Annotated[str, typer.Option(help="Model file to write; its cards are written beside it.")] = "model.bin",
    example: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Write a commented seeds.toml to begin with, and stop.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a model or seed list that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Train a classifier from a seed list, measure it on sites and sources it has not seen, write model and card."""
    if example is not None:
        from governance.classifier_example import write_example

        write_example(example, force)
        return
    if seeds is None:
        raise typer.BadParameter("no seed list: name one, or write one with --example FOLDER")
    from governance import classifier_train

    classifier_train.train(seeds, output, force, as_json)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file or folder, bundled:en or bundled:zh.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="Labelled Parquet or JSONL: a file, folder, glob or s3:// URL; without labels less is told."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Seed list (TOML): its texts that training leaves out, and its test sources."),
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="MODEL", help="A second model, on the same texts.")] = None,
    output: Annotated[str, typer.Option(help="Folder for evaluation.html, evaluation.json and plots.")] = "evaluation",
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep texts with this score or more. Default: 0.5.")
    ] = None,
    keep_share: Annotated[
        float | None, typer.Option(help="Keep this share of the texts, in place of a threshold: 0.1 for a tenth.")
    ] = None,
    window: Annotated[
        int, typer.Option(min=0, help="Characters of each text that are scored, 0 for all; see docs/classifier.md.")
    ] = 0,
    label: Annotated[str | None, typer.Option(help="Column of the labels. Default: label, else positive.")] = None,
    text: Annotated[str | None, typer.Option(help="Column of the texts. Default: content, else text.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Measure a classifier: curves with intervals, calibration, keep shares, its errors as texts, a second model."""
    from governance import classifier_evaluate as evaluation

    ask = evaluation.Ask(
        model, tuple(data or ()), seeds, against, output, threshold, keep_share, window, label, text
    )  # fmt: skip
    evaluation.evaluate(ask, as_json)
