"""`governance classifier train`: from a seed list to a measured model with its cards."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from classifiers.card import card_paths, publish, with_interval, write_cards
from classifiers.seeds import Seeds, load_seeds
from classifiers.split import HELD_OUT, OTHER_SOURCES, Sets, prepare
from classifiers.train import train as fit_and_measure
from governance.errors import RunError, UsageError
from governance.progress import Progress
from governance.seed_documents import Found, find_sources, mark_contaminated, read_documents
from manifests.store import is_local

_STEPS = 3  # of training, as classifiers.train tells of them
_SHORT_ABOUT = 40  # characters of `about` below which it says nothing


def train(seeds_path: str, output: str, force: bool, as_json: bool) -> None:
    """Train as the seed list says, write the model and its cards, and print the figures."""
    start = time.monotonic()
    path, out = Path(seeds_path), output_path(output, force)
    with refusals():
        seeds = load_seeds(path)
    report = build(seeds, path.resolve().parent, out, Progress(_mode(as_json)))
    body = report | {"seconds": round(time.monotonic() - start, 1), "output": str(out)}
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        show(body, seeds)


def build(seeds: Seeds, folder: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Read, prepare, train, measure; then put the model and its cards in place, all or nothing.

    Args: folder, where the relative paths of the seed list start.
    Errors: UsageError before training starts; RunError where fastText fails.
    """
    found = find_sources(seeds, folder)
    documents = read_documents(found, seeds.language, progress)
    with progress.stage("prepare", documents.num_rows, unit="documents") as line, refusals():
        documents, sets_identity = mark_contaminated(documents, seeds, folder)
        sets = prepare(documents, seeds.split, {source.name: source.quota for source in seeds.source})
        line.advance(documents.num_rows, documents.num_rows)
    return train_sets(seeds, sets, found, out, progress, {"question_sets": sets_identity})


def train_sets(
    seeds: Seeds, sets: Sets, found: list[Found], out: Path, progress: Progress, more: dict[str, Any]
) -> dict[str, Any]:
    """Train on prepared sets and publish; `more` goes into the card beside what training says."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as staging:
        staged = Path(staging) / out.name
        with progress.stage("train", _STEPS, unit="steps") as line, refusals():

            def tell(step: str) -> None:
                line.advance(0 if line.note == "" else 1, 0, step)

            report = fit_and_measure(sets, seeds.model, staged, tell)
            line.advance(_STEPS - line.done, 0, "done")
        report |= {
            "language": seeds.language,
            "sources": [one.record() for one in found],
            "split": seeds.split.model_dump(),
            **more,
        }
        write_cards(staged, report, seeds.title, seeds.about)
        write_test(tested_path(staged), sets)
        publish(staged, out)
    return report


def tested_path(model: Path) -> Path:
    """Where the documents lie on which a model was measured, for `governance classifier evaluate`."""
    return model.with_suffix(".test.parquet")


def write_test(path: Path, sets: Sets) -> None:
    """The documents of both test sets with their labels, and the name of the set in the column `set`."""
    named = ((HELD_OUT, sets.held_out), (OTHER_SOURCES, sets.other_sources))
    tables = [table.append_column("set", pa.repeat(pa.scalar(name), table.num_rows)) for name, table in named]
    pq.write_table(pa.concat_tables(tables).drop_columns(["test"]), path, compression="zstd")


@contextmanager
def refusals() -> Generator[None]:
    """Turn what the classifiers refuse into a message for the user."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
    except RuntimeError as error:
        raise RunError(str(error), "lower model.lr, or give more documents") from error


def output_path(output: str, force: bool) -> Path:
    """Where the model goes. Errors: UsageError when something is there already, or it cannot be written to."""
    if not is_local(output):
        raise UsageError(f"cannot write a model to {output!r}", "name a local file; copy it to a store afterwards")
    out = Path(output.removeprefix("file://")).expanduser()
    there = [path for path in (out, *card_paths(out), tested_path(out)) if path.exists()]
    if out in card_paths(out):
        raise UsageError(f"--output {output!r} has the suffix of a card", "name it .bin, or .ftz when it is quantised")
    if there and not force:
        raise UsageError(f"{there[0]} is there already", "choose another name, or add --force")
    if out.is_dir() and not (out / "head.json").is_file():
        raise UsageError(f"--output {output!r} is a folder", "name a file in it, such as model.bin")
    blocked = next((parent for parent in out.parents if parent.exists() and not parent.is_dir()), None)
    if blocked:
        raise UsageError(f"cannot write {output!r}: {blocked} is no folder", "choose another place")
    return out


def show(body: dict[str, Any], seeds: Seeds) -> None:
    """The figures, and what to type next."""
    lines = body["counts"]["lines"]
    print(
        f"trained on {lines['positives']:,} positives and {lines['negatives']:,} negatives in {body['seconds']:.0f} s"
    )
    left_out = {name: n for name, n in body["counts"]["total"].items() if n and name not in ("in", *body["metrics"])}
    left_out.pop("train", None)
    if left_out:
        print(f"left out: {', '.join(f'{name} {n:,}' for name, n in left_out.items())}")
    for name, found in body["metrics"].items():
        print(
            f"{name}: AUC {with_interval(found, 'auc')}, of the length alone {found['auc_of_length']:.3f};"
            f" {found['documents']:,} documents"
        )
    if "other_sources" not in body["metrics"]:
        print("no source is marked test = true: how it does on sources it has not seen is not known")
    if len(seeds.about.strip()) < _SHORT_ABOUT:
        print("`about` says little: write there what the model is good for and what not, for its card")
    out = body["output"]
    for_machines, for_people = card_paths(Path(out))
    print(f"wrote {out}, {for_people}, {for_machines}, {tested_path(Path(out))}; next:")
    print(f"  governance classifier evaluate {out}")
    print(f'  l2.quality.models.{body["language"]} = "{Path(out).resolve()}"  # in the settings of governance run')


def _mode(as_json: bool) -> Any:
    if as_json:
        return "silent"
    return "live" if sys.stderr.isatty() else "plain"
