"""The command line of training: parsing only. Heavy imports happen inside the commands, so that --help is instant."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")

# Options that several verbs have.
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")]
Preset = Annotated[str, typer.Option(help="Model from random weights: 5m, 60m, 250m or 1b.")]
Start = Annotated[
    str | None, typer.Option("--from", help="Weights to go on from: a Hugging Face folder or a checkpoint.")
]
Tokenizer = Annotated[
    str | None, typer.Option(help="Folder of a Hugging Face tokenizer. Default: the model's, or one trained here.")
]
Questions = Annotated[
    list[str] | None, typer.Option(help="Questions with known answers: a JSONL file or a folder of them. Repeatable.")
]
OtherText = Annotated[
    list[str] | None, typer.Option(help="Text that no side was trained on the like of: Parquet or JSONL. Repeatable.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Runs of each way, in other order of the data. A verdict needs 2.")]


@app.command(rich_help_panel="Train and compare")
def anneal(
    data: Annotated[
        list[str] | None,
        typer.Option(help="What to anneal on: a tier (output/L3), Parquet or JSONL, local or s3://. Repeatable."),
    ] = None,
    mix: Annotated[list[str] | None, typer.Option(help="The default mix it is added to. Repeatable.")] = None,
    share: Annotated[float, typer.Option(help="Part of the decay's rows that come from --data.")] = 0.3,
    preset: Preset = "5m",
    start: Start = None,
    recipe: Annotated[str | None, typer.Option(help="TOML with phases and mixes, in place of these flags.")] = None,
    tokenizer: Tokenizer = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to train. Default: by preset and data.")] = None,
    output: Annotated[str, typer.Option(help="Folder for checkpoints, curve and model.")] = "anneal",
    seed: Annotated[int, typer.Option(min=0, help="Of the order of the data and of random weights.")] = 0,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on a tier: stable, then decay with 30 % of it. See docs/annealing.md.

    After a crash or a kill, the same command goes on where it stopped, token for token.
    """
    from governance import anneal as training

    ask = training.Ask(
        tuple(data or ()), tuple(mix or ()), share, preset, start, recipe, tokenizer, tokens, output, seed
    )
    training.anneal(ask, dry_run, as_json)


@app.command(rich_help_panel="Train and compare")
def evaluate(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Hugging Face folder of a Llama-family model; with --rag any."),
    ] = None,
    questions: Questions = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Text to read: a tier (output/L2), Parquet or JSONL. Repeatable.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Tasks of lm-evaluation-harness, by comma, where it is installed.")
    ] = None,
    include: Annotated[str | None, typer.Option(help="Folder of task files of your own for --tasks.")] = None,
    against: Annotated[str | None, typer.Option(metavar="MODEL", help="A second model, on the same items.")] = None,
    holdout: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of --text that was held out. Default: the model's; else 1."),
    ] = None,
    rag: Annotated[
        str | None,
        typer.Option(metavar="OUTPUT", help="Questions about the documents of an L4, with its index and without."),
    ] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="With --rag: URL of an OpenAI-compatible server. Repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Questions of each set, spread over it. Default: all; with --rag 100.")
    ] = None,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes of text of each source and language.")] = 1_048_576,
    seq_len: Annotated[
        int | None, typer.Option(min=2, help="Tokens of a row. Default: as the model was trained; else 1,024.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="JSON file to write the figures to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model: accuracy on questions, bits per byte of held-out text, each with its interval."""
    if rag is not None:
        from governance import rag as retrieval

        retrieval.run(rag, model, tuple(endpoint or ()), limit, output, as_json)
        return
    from governance import evaluate as evaluation

    named = tuple(task.strip() for task in (tasks or "").split(",") if task.strip())
    ask = evaluation.Ask(
        model, tuple(questions or ()), tuple(text or ()), named, include, against, holdout, limit, max_bytes, seq_len
    )
    evaluation.evaluate(ask, output, as_json)


@app.command(rich_help_panel="Train and compare")
def compare(
    candidate: Annotated[
        list[str] | None, typer.Option(help="The data in question: a tier (output/L3), Parquet or JSONL. Repeatable.")
    ] = None,
    mix: Annotated[list[str] | None, typer.Option(help="The default mix. Repeatable.")] = None,
    share: Annotated[float, typer.Option(help="Part of the candidate beside the mix.")] = 0.3,
    preset: Preset = "5m",
    start: Start = None,
    tokenizer: Tokenizer = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of each side, from random weights those of the base included.")
    ] = None,
    seeds: Seeds = 3,
    questions: Questions = None,
    text: OtherText = None,
    output: Annotated[str, typer.Option(help="Folder for the runs, compare.html and compare.json.")] = "compare",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find out whether a data set is worth adding: annealed with 30 % of it and without, from one checkpoint.

    Ends with a verdict where the intervals support one. What was stopped goes on by the same command.
    """
    from governance import compare as comparison

    ask = comparison.Ask(
        tuple(candidate or ()), tuple(mix or ()), share, preset, start, tokenizer, tokens, seeds,
        tuple(questions or ()), tuple(text or ()), output,
    )  # fmt: skip
    comparison.compare(ask, dry_run, as_json)


@app.command(rich_help_panel="Train and compare")
def ladder(
    corpus: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    tiers: Annotated[str, typer.Option(help="Tiers to train on, the lowest first, by comma.")] = "L1,L2,L3",
    language: Annotated[str | None, typer.Option(help="Only rows of this language: en or zh.")] = None,
    preset: Preset = "5m",
    tokenizer: Tokenizer = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of each way. Default: by preset and data.")] = None,
    seeds: Seeds = 3,
    questions: Questions = None,
    text: OtherText = None,
    output: Annotated[str, typer.Option(help="Folder for the runs, ladder.html and ladder.json.")] = "ladder",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train on each tier alone, on all one after the other, and on all mixed: is each better than the one below?"""
    from governance import ladder as steps

    named = tuple(tier.strip() for tier in tiers.split(",") if tier.strip())
    ask = steps.Ask(
        corpus.rstrip("/"), named, language, preset, tokenizer, tokens, seeds, tuple(questions or ()),
        tuple(text or ()), output,
    )  # fmt: skip
    steps.ladder(ask, dry_run, as_json)
