"""`governance classifier evaluate`: what a model is worth on labelled texts, as figures, plots and readable errors."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.score import Classifier, load_model, model_path, score
from governance.classifier_page import show, write
from governance.classifier_report import Scored, build, printable
from governance.classifier_train import tested_path
from governance.errors import UsageError
from governance.labelled import Columns, read_labelled, read_seeds
from governance.progress import Progress

_AT_ONCE = 256  # texts scored together


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance classifier evaluate``."""

    model: str
    data: tuple[str, ...] = ()
    seeds: str | None = None
    against: str | None = None
    output: str = "evaluation"
    threshold: float | None = None
    keep_share: float | None = None
    window: int = 0
    label: str | None = None
    text: str | None = None


def evaluate(ask: Ask, as_json: bool) -> None:
    """Score the documents, write figures, page and plots, and print the table. Errors: UsageError."""
    _check(ask)
    documents, left_out = _documents(ask)
    names = [name for name in (ask.model, ask.against) if name]
    loaded = [_load(name) for name in names]  # both, before hours go into the scores of the first
    models = [
        Scored(name, _model_file(model), score_all(documents["content"], classifier, name, ask.window))
        for model, name, classifier in zip(names, _names(names), loaded, strict=True)
    ]
    try:
        report = build(documents, models, ask.threshold, ask.keep_share) | {"left_out": left_out}
    except ValueError as error:
        raise UsageError(str(error), "give texts of both classes, for instance with a second --data") from error
    page = write(report, [model.scores for model in models], Path(ask.output))
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        show(report, page)


def _check(ask: Ask) -> None:
    """Errors: UsageError for what can be told to be wrong before anything is read."""
    if ask.threshold is not None and ask.keep_share is not None:
        raise UsageError("--threshold and --keep-share both decide what is kept", "give one of them")
    if ask.seeds and (ask.data or ask.label or ask.text):
        raise UsageError("--seeds says itself what is read", "leave out --data, --label and --text")
    if ask.keep_share is not None and not 0 < ask.keep_share <= 1:
        raise UsageError(f"--keep-share {ask.keep_share} is not above 0 and at most 1", "write 0.1 for ten percent")
    if Path(ask.output).is_file():
        raise UsageError(f"--output {ask.output} is a file", "name a folder")
    for model in (ask.model, ask.against):
        if model:
            _model_file(model)


def _documents(ask: Ask) -> tuple[pa.Table, dict[str, int]]:
    """What is measured on: --data, the tested part of --seeds, or what training wrote beside the model."""
    if ask.seeds:
        return read_seeds(Path(ask.seeds), Progress("live" if sys.stderr.isatty() else "silent")), {}
    beside = tested_path(_model_file(ask.model))
    if not ask.data and not beside.is_file():
        raise UsageError("nothing to evaluate on", "give --data, texts with a label column, or --seeds, a seed list")
    columns = Columns()
    columns = replace(
        columns, text=(ask.text,) if ask.text else columns.text, label=(ask.label,) if ask.label else columns.label
    )
    documents, left_out = read_labelled(ask.data or [str(beside)], columns)
    if ask.label and documents["positive"].null_count == len(documents):
        raise UsageError(f"no row has a label in the column {ask.label}", "correct --label, or leave it out")
    _check_labels(documents["positive"])
    return documents, left_out


def _check_labels(positive: pa.ChunkedArray) -> None:
    """Errors: UsageError for labels of one class only, before anything is scored."""
    known = len(positive) - positive.null_count
    positives = pc.sum(positive).as_py() or 0
    if known and positives in (0, known):
        raise UsageError(
            f"the labels are of one class: {positives} positives and {known - positives} negatives",
            "give texts of both, for instance with a second --data",
        )


def _model_file(model: str) -> Path:
    """The file or folder that a model argument names. Errors: UsageError where there is none."""
    language = model.removeprefix("bundled:") if model.startswith("bundled:") else None
    path = model_path(language) if language else Path(model)
    if language and not path.exists():
        raise UsageError(f"there is no bundled model {language!r}", "write bundled:en or bundled:zh")
    if not path.exists():
        raise UsageError(f"no model at {model!r}", "give a fastText .bin or .ftz, bundled:en or bundled:zh")
    return path


def _names(models: list[str]) -> list[str]:
    """Short names that tell the models apart."""
    names = [printable(model if model.startswith("bundled:") else _model_file(model).name) for model in models]
    return names if len(set(names)) == len(names) else [printable(model) for model in models]


def _load(model: str) -> Classifier:
    """Errors: UsageError for a file that is no classifier."""
    try:
        return load_model(_model_file(model))
    except ValueError as error:
        raise UsageError(str(error), "train one with `governance classifier train`") from error


def score_all(texts: pa.ChunkedArray, classifier: Classifier, name: str, window: int) -> np.ndarray:
    """The scores of all texts, with a bar on stderr where a person watches."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    starts = track(range(0, len(texts), _AT_ONCE), f"Scoring by {name}", console=console, transient=True,
                   disable=not console.is_terminal)  # fmt: skip
    return np.concatenate([score(classifier, texts.slice(at, _AT_ONCE).to_pylist(), window) for at in starts])
