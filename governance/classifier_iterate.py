"""`governance classifier iterate`: from the command line to the loop of rounds, and what it shows."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from classifiers.seeds import load_seeds
from classifiers.split import prepare
from governance import config as settings_file
from governance import preflight
from governance.classifier_train import refusals
from governance.commands import overrides_of
from governance.errors import UsageError
from governance.iterate_rounds import IterateConfig, Loop, iterate
from governance.labelling import LabelConfig, rubric
from governance.progress import Progress
from governance.seed_documents import find_sources, mark_contaminated, read_documents
from governance.texts import find_texts
from manifests.store import is_local, local_path


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance classifier iterate``."""

    seeds: str
    pool: tuple[str, ...]
    output: str
    rounds: int = 3
    min_gain: float = 0.001
    sample: int = 20_000
    confident: str = "0.9,0.1"
    site_share: float = 0.1
    llm_labels: int = 0
    llm_limits: str = "3,1"
    model: str | None = None
    endpoint: str | None = None
    config: str | None = None
    overrides: tuple[str, ...] = ()
    text: str | None = None
    site: str | None = None


def run(ask: Ask, as_json: bool) -> None:
    """Go through the rounds, show each, and say what to type next. Errors: UsageError before work starts, RunError."""
    start = time.monotonic()
    progress = Progress("silent" if as_json else "live" if sys.stderr.isatty() else "plain")
    loop = prepared(ask, progress)
    with progress.stage("iterate", ask.rounds + 1, unit="rounds") as line, refusals():

        def tell(step: str, rounds: int = 0) -> None:
            line.advance(rounds, 0, step)

        body = iterate(loop, ask.rounds, ask.min_gain, tell)
    if as_json:
        print(json.dumps(body | {"output": str(loop.folder)}, ensure_ascii=False, indent=1))
    else:
        show(body, loop, time.monotonic() - start)


def prepared(ask: Ask, progress: Progress) -> Loop:
    """The loop, with everything read and tried that can be before anything is trained. Errors: UsageError."""
    cfg, labels = _configs(ask)
    endpoints = (ask.endpoint,) if ask.endpoint else ()
    settings = settings_file.load(ask.config, [*ask.overrides, *overrides_of(ask.model, endpoints)])
    labels = labels.model_copy(
        update={
            "prompt_folder": settings.l3.synthesize.prompt_folder,
            "max_failure_rate": settings.l3.max_failure_rate,
        }
    )
    folder = _folder(ask.output)
    find_texts(ask.pool)
    path = Path(ask.seeds)
    with refusals():
        seeds = load_seeds(path)
    if ask.llm_labels:
        rubric(seeds.language, labels)
        preflight.check_engine(settings.l3.engine)
    found = find_sources(seeds, path.resolve().parent)
    with refusals():
        documents = read_documents(found, seeds.language, progress)
        documents, _ = mark_contaminated(documents, seeds, path.resolve().parent)
        sets = prepare(documents, seeds.split, {source.name: source.quota for source in seeds.source})
    return Loop(
        folder=folder,
        seeds=seeds,
        sets=sets,
        sources=tuple(one.record() for one in found),
        cfg=cfg,
        pool=ask.pool,
        columns=(ask.text, ask.site),
        engine=settings.l3.engine,
        labels=labels,
    )


def _configs(ask: Ask) -> tuple[IterateConfig, LabelConfig]:
    """The settings behind the flags. Errors: UsageError naming the flag's value."""
    high, low = _pair("--confident", ask.confident)
    above, upto = _pair("--llm-limits", ask.llm_limits)
    try:
        cfg = IterateConfig(
            sample=ask.sample, confident=(high, low), llm_labels=ask.llm_labels, site_share=ask.site_share
        )
        return cfg, LabelConfig(above=above, upto=upto)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{name}: {first['msg']}".removeprefix(": "), "see governance classifier iterate --help"
        ) from error


def _pair(flag: str, value: str) -> tuple[float, float]:
    try:
        first, second = map(float, value.split(","))
    except ValueError as error:
        raise UsageError(f"{flag} {value!r} is not two numbers", f"write for example {flag} 0.9,0.1") from error
    return first, second


def _folder(output: str) -> Path:
    """The folder of the loop. Errors: UsageError for a store, a file, or a folder that holds something else."""
    if not is_local(output):
        raise UsageError(f"cannot train in {output!r}", "name a local folder; copy it to a store afterwards")
    folder = local_path(output)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {output!r} is a file", "name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "start.json").is_file():
        raise UsageError(f"--output {output!r} holds something else", "name a new folder, or that of an earlier loop")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create {output!r}: {error.strerror}", "choose another --output") from error
    return folder


def show(body: dict[str, Any], loop: Loop, seconds: float) -> None:
    """The rounds, why they ended, and what to type next."""
    for record in body["rounds"]:
        print(f"round {record['round']}: {_line(record)}")
    model = loop.folder / loop.model_name
    print(f"stopped after {seconds:.0f} s: {body['stopped']}; best: round {body['best']}")
    print(f"wrote {model}, its card, and {loop.folder / 'history.md'}; next:")
    print(f"  governance classifier evaluate {model}")
    print("  governance compare: does what it selects anneal better? See docs/classifier.md, the last gate")


def _line(record: dict[str, Any]) -> str:
    """One round in a line."""
    if record["model"] is None:
        return f"not trained: {record['why_not']}"
    found = record["metrics"]
    aucs = [f"{name} AUC {found[name]['auc']:.4f}" for name in ("held_out", "other_sources") if found[name]]
    added = f", {record['added']['a_side']:,} more a side" if record["added"] else ""
    kept = f", keeps {record['keep_share']['after']:.1%} of the sample" if record["keep_share"] else ""
    lines = record["train"]
    return f"{lines['positives']:,} + {lines['negatives']:,} documents{added}; {', '.join(aucs)}{kept}"
