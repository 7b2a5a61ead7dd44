"""The verbs of `governance classifier`: parsing only, like cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Train, evaluate, use and improve the quality classifiers of L2: see docs/classifier.md.",
)

# Arguments and options that several verbs have.
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model file or folder, bundled:en or bundled:zh.")]
TextColumn = Annotated[str | None, typer.Option(help="Column of the texts. Default: content, else text.")]
Window = Annotated[
    int, typer.Option(min=0, help="Characters of each text that are scored, 0 for all; see docs/classifier.md.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


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
    force: Annotated[bool, typer.Option("--force", help="Overwrite a model or seed list that is there.")] = False,
    as_json: AsJson = False,
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
def score(
    model: Model,
    input: Annotated[
        list[str], typer.Option(help="Parquet, JSONL or .txt: a file, folder, glob or s3:// URL. Repeatable.")
    ],
    output: Annotated[str, typer.Option(help="Folder or s3:// URL to write to, one Parquet file an input.")],
    text: TextColumn = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Mark texts with this score or more as keep.")
    ] = None,
    keep_share: Annotated[
        float | None, typer.Option(help="Mark this share of all scored texts, the best, as keep: 0.1 for a tenth.")
    ] = None,
    buckets: Annotated[int, typer.Option(min=1, max=1000, help="score_bucket is 0 (worst) to this less one.")] = 20,
    language: Annotated[str | None, typer.Option(help="Refuse a model of another language: en or zh.")] = None,
    window: Window = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes at work, a file each. 0: this one alone.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Score the texts of any files; writes every column of theirs with score and score_bucket, and keep where asked."""
    from governance import classifier_score as scoring

    texts = tuple(input)
    ask = scoring.Ask(model, texts, output, text, threshold, keep_share, buckets, language, window, workers)
    scoring.score(ask, as_json)


@app.command()
def evaluate(
    model: Model,
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
    window: Window = 0,
    label: Annotated[str | None, typer.Option(help="Column of the labels. Default: label, else positive.")] = None,
    text: TextColumn = None,
    as_json: AsJson = False,
) -> None:
    """Measure a classifier: curves with intervals, calibration, keep shares, its errors as texts, a second model."""
    from governance import classifier_evaluate as evaluation

    texts = tuple(data or ())
    ask = evaluation.Ask(model, texts, seeds, against, output, threshold, keep_share, window, label, text)
    evaluation.evaluate(ask, as_json)


@app.command()
def iterate(
    seeds: Annotated[str, typer.Argument(metavar="SEEDS", help="TOML list of the sources to begin with.")],
    pool: Annotated[
        list[str], typer.Option(help="Parquet, JSONL or text to learn from: a file, folder, glob or s3:// URL.")
    ],
    output: Annotated[str, typer.Option(help="Folder of the rounds, the history and the best model.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the first model, at most.")] = 3,
    min_gain: Annotated[float, typer.Option(help="Held-out AUC that a round must win for another to follow.")] = 0.001,
    sample: Annotated[int, typer.Option(min=1, help="Documents of the pool that a round looks at.")] = 20_000,
    confident: Annotated[
        str, typer.Option(help="Scores from which the model's verdict is positive, and up to which it is negative.")
    ] = "0.9,0.1",
    site_share: Annotated[
        float, typer.Option(help="Of what a round adds to a side, at most this share from one site.")
    ] = 0.1,
    llm_labels: Annotated[int, typer.Option(min=0, help="Documents of a round to ask the language model about.")] = 0,
    llm_limits: Annotated[
        str, typer.Option(help="Its score, 0 to 5, above which a document is positive, and up to which it is negative.")
    ] = "3,1",
    model: Annotated[str | None, typer.Option(help="Language model: Hugging Face id or folder.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="URL of an OpenAI-compatible server, ending in /v1.")] = None,
    config: Annotated[str | None, typer.Option(help="TOML file of settings, of which l3.engine is used.")] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, e.g. l3.engine.max_num_seqs=16. Repeatable.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the pool's texts. Default: content, else text.")] = None,
    site: Annotated[str | None, typer.Option(help="Column of the pool's sites. Default: the host of url.")] = None,
    as_json: AsJson = False,
) -> None:
    """Improve a classifier round by round: it labels documents of a pool, and is trained on those it is sure of.

    After a crash or a kill, the same command goes on where it stopped.
    """
    from governance import classifier_iterate

    ask = classifier_iterate.Ask(
        seeds, tuple(pool), output, rounds, min_gain, sample, confident, site_share, llm_labels, llm_limits, model,
        endpoint, config, tuple(set or ()), text, site,
    )  # fmt: skip
    classifier_iterate.run(ask, as_json)
