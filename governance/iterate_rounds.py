"""A classifier teaches its successor from a pool of documents, round by round, until nothing is won.

FOLDER/start.json             what was asked for; another question to the same folder is refused
FOLDER/samples/01.parquet     the documents of the pool that round 1 looks at
FOLDER/labels/                answers of the language model
FOLDER/rounds/01/             added.parquet, the model, report.json, and last record.json: the round is done
FOLDER/history.json, .md      all rounds
FOLDER/model.bin ...          the best round's model with its card
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from classifiers.agreement import agreement
from classifiers.card import publish, write_cards
from classifiers.score import load_model, score
from classifiers.seeds import Seeds
from classifiers.split import DOCUMENTS, Sets
from classifiers.train import train
from governance.answers import AnswerLog
from governance.classifier_train import tested_path, write_test
from governance.errors import UsageError
from governance.iterate_history import State, headline, history, judge, markdown
from governance.labelling import LabelConfig, Labels, label
from governance.pool_sample import balanced, draw, screen
from governance.texts import read_texts
from manifests.store import Store
from stages.contract import Config
from synth.engines import EngineConfig

_VERDICT = 0.5  # score from which a document counts as kept, in keep shares and agreement
_BATCH = 2_000  # documents scored between two signs of life
Tell = Callable[[str, int], None]


class IterateConfig(Config):
    """How the rounds go."""

    sample: int = Field(default=20_000, ge=1)  # documents of the pool that a round looks at
    # Scores from which the model's own verdict is a positive, and up to which it is a negative.
    confident: tuple[float, float] = (0.9, 0.1)
    llm_labels: int = Field(default=0, ge=0)  # documents of a round that the language model is asked about
    site_share: float = Field(default=0.1, gt=0, le=1)  # of what a round adds to a side, at most from one site
    seed: int = 0  # of the samples

    @model_validator(mode="after")
    def _apart(self) -> IterateConfig:
        high, low = self.confident
        if not 0 <= low < high <= 1:
            raise ValueError(f"confident {high},{low} must be the positives' score, then the negatives', as 0.9,0.1")
        return self


@dataclass(frozen=True)
class Loop:
    """Everything the rounds share."""

    folder: Path
    seeds: Seeds
    sets: Sets  # what the seeds were made into: the measured sets stay the same in every round
    sources: tuple[dict[str, Any], ...]  # of the seeds, for the card
    cfg: IterateConfig
    labels: LabelConfig
    pool: tuple[str, ...]
    columns: tuple[str | None, str | None] = (None, None)  # of the pool: text, site
    engine: EngineConfig | None = None  # needed for llm_labels
    tell: Callable[[str], None] = lambda step: None

    @property
    def store(self) -> Store:
        """The folder's objects: each is written whole, so a kill leaves none half written."""
        return Store(str(self.folder))

    @property
    def model_name(self) -> str:
        """File, or folder, of a round's model."""
        if self.seeds.model.kind == "static":
            return "model"
        return "model.ftz" if self.seeds.model.quantise else "model.bin"

    def model(self, number: int) -> Path:
        """Where the model of a round lies."""
        return self.folder / "rounds" / f"{number:02d}" / self.model_name


def iterate(loop: Loop, rounds: int, min_gain: float, tell: Tell = lambda step, rounds: None) -> dict[str, Any]:
    """Run the rounds that are not done yet; returns the history, which lies in the folder too.

    Args: tell is given each step as it begins, and how many rounds are done since.
    Errors: UsageError for a folder that holds another loop; ValueError and RunError as training and labelling.
    """
    loop = replace(loop, tell=lambda step: tell(step, 0))
    plan = _claim(loop)
    records: list[dict[str, Any]] = []
    state = State(0, None)
    while state.stopped is None:
        number = len(records)
        records.append(_done(loop, number) or _finish(loop, number, _round(loop, number, records, rounds)))
        state = judge(records, rounds, min_gain)
        body = history(plan | {"rounds": rounds, "min_gain": min_gain}, records, state)
        _write_history(loop, body)
        tell(f"round {number} is done", 1)
    _publish(loop, state)
    return body


def _claim(loop: Loop) -> dict[str, Any]:
    """Write down what is asked for, or compare it with what was. Errors: UsageError naming what differs."""
    plan = {
        "title": loop.seeds.title,
        "language": loop.seeds.language,
        "seeds": {name: _digest(getattr(loop.sets, name)) for name in ("train", "held_out", "other_sources")},
        "model": loop.seeds.model.model_dump(mode="json"),
        "pool": list(loop.pool),
        "columns": list(loop.columns),
        "iterate": loop.cfg.model_dump(mode="json"),
    }
    if loop.cfg.llm_labels:
        if loop.engine is None:
            raise UsageError("labels of a language model are asked for, but no engine is", "give --model or --endpoint")
        plan["llm"] = {"model": loop.engine.model, "labels": loop.labels.model_dump(mode="json")}
    body = json.dumps(plan, indent=1, ensure_ascii=False).encode()
    if loop.store.create("start.json", body):
        return plan
    before = json.loads(loop.store.get("start.json"))
    other = sorted(name for name in plan.keys() | before.keys() if plan.get(name) != before.get(name))
    raise UsageError(
        f"{loop.folder} holds a loop with another {' and '.join(other)}", "choose another --output, or ask as before"
    )


def _digest(table: pa.Table) -> str:
    """Sha256 of a table's rows in their order."""
    digest = hashlib.sha256()
    for row in zip(*(table[name].to_pylist() for name in DOCUMENTS.names), strict=True):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _done(loop: Loop, number: int) -> dict[str, Any] | None:
    """The record of a finished round."""
    path = f"rounds/{number:02d}/record.json"
    return json.loads(loop.store.get(path)) if loop.store.exists(path) else None


def _finish(loop: Loop, number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Write a round's record: from here on it is done."""
    loop.store.put(f"rounds/{number:02d}/record.json", json.dumps(record, indent=1, ensure_ascii=False).encode())
    return record


def _round(loop: Loop, number: int, records: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """Train one round's model and say what came of it."""
    record: dict[str, Any] = {"round": number, "sample": None, "candidates": None, "llm": None, "added": None}
    record |= {"train": None, "model": None, "metrics": None, "keep_share": None, "agreement": None}
    if not number:
        return record | _train(loop, number, loop.sets.train)
    drawn = _sample(loop, number, rounds)
    learnt = [loop.sets.train, *(_added(loop, before) for before in range(1, number))]
    measured = pa.concat_tables([loop.sets.held_out, loop.sets.other_sources])
    loop.tell("comparing the sample with what is known")
    sample, left_out = screen(drawn, measured, learnt, loop.seeds.language)
    record["sample"] = {"drawn": len(drawn), "screened": len(sample), "left_out": left_out, "sha256": _hashes(drawn)}
    before = _scores(loop, number - 1, sample)
    chosen, notes = _choose(loop, number, sample, before)
    record |= notes | {"scores": _quantiles(before)}
    if len(chosen) == 0:
        return record | {"why_not": _why_not(number, record)}
    loop.store.put(f"rounds/{number:02d}/added.parquet", _parquet(chosen))
    record |= _train(loop, number, pa.concat_tables([*learnt, chosen.select(DOCUMENTS.names)]))
    after = _scores(loop, number, sample)
    shares = {
        name: round(float((found >= _VERDICT).mean()), 4) for name, found in (("before", before), ("after", after))
    }
    return record | {"keep_share": shares, "agreement": agreement(before, after, (_VERDICT, _VERDICT))}


def _quantiles(scores: np.ndarray) -> dict[str, float | None]:
    """Where the scores of a sample lie: at these shares of its documents, in order."""
    known = scores[~np.isnan(scores)]
    shares = (0, 0.01, 0.1, 0.5, 0.9, 0.99, 1)
    return {f"{share:g}": round(float(np.quantile(known, share)), 4) if len(known) else None for share in shares}


def _why_not(number: int, record: dict[str, Any]) -> str:
    """Why nothing could be added, and what to do about it."""
    if record["sample"]["screened"] == 0:
        return f"nothing of the pool is left for round {number}: give a larger --pool"
    found, scores = record["candidates"], record["scores"]
    return (
        f"round {number} has {found['positives']} sure positives and {found['negatives']} sure negatives, and needs"
        f" both; its sample scores {scores['0']} to {scores['1']}, half of it {scores['0.5']} or more: train longer"
        " (model.epochs, model.lr), or widen --confident"
    )


def _sample(loop: Loop, number: int, rounds: int) -> pa.Table:
    """The documents that a round looks at; one pass over the pool draws those of all rounds."""
    path = f"samples/{number:02d}.parquet"
    if not loop.store.exists(path):
        loop.tell("drawing samples from the pool")
        samples = draw(read_texts(loop.pool, *loop.columns), rounds, loop.cfg.sample, loop.cfg.seed)
        for other, sample in enumerate(samples, 1):
            if other >= number:
                loop.store.put(f"samples/{other:02d}.parquet", _parquet(sample))
    return pq.read_table(io.BytesIO(loop.store.get(path)))


def _added(loop: Loop, number: int) -> pa.Table:
    """What a round added to the training documents."""
    table = pq.read_table(io.BytesIO(loop.store.get(f"rounds/{number:02d}/added.parquet")))
    return table.select(DOCUMENTS.names).cast(DOCUMENTS)


def _scores(loop: Loop, number: int, sample: pa.Table) -> np.ndarray:
    """P(pos) of each document by a round's model, float64 (n,), NaN where nothing is left."""
    classifier, texts = load_model(loop.model(number)), sample["content"].to_pylist()
    parts = []
    for start in range(0, len(texts), _BATCH):
        loop.tell(f"scoring {len(texts):,} documents with the model of round {number}, {start:,} done")
        parts.append(score(classifier, texts[start : start + _BATCH]))
    return np.concatenate([np.empty(0), *parts])


def _choose(loop: Loop, number: int, sample: pa.Table, scores: np.ndarray) -> tuple[pa.Table, dict[str, Any]]:
    """The documents that a round adds, as DOCUMENTS with file, score and by, and what the record says of them.

    The model's own verdict counts where it is confident. The language model is asked first about documents where it is
    not, and its verdict goes before the model's own: a middling score takes a document out.
    """
    high, low = loop.cfg.confident
    verdict = np.where(scores >= high, 1, np.where(scores <= low, 0, -1))
    by_llm = np.zeros(len(scores), bool)
    notes: dict[str, Any] = {}
    if loop.cfg.llm_labels:
        unsure = (scores < high) & (scores > low)
        asked = np.sort(np.lexsort((np.arange(len(scores)), ~unsure))[: loop.cfg.llm_labels])
        labels = _ask(loop, sample.take(pa.array(asked)))
        scored = asked[~np.isnan(labels.scores)]
        verdict[scored], by_llm[scored] = labels.verdicts(loop.labels)[~np.isnan(labels.scores)], True
        counts = Counter(labels.scores[~np.isnan(labels.scores)].astype(int).tolist())
        points = {str(point): counts[point] for point in sorted(counts)}
        notes["llm"] = {"asked": len(asked), "outcomes": labels.outcomes, "points": points, **labels.asked_with}
    table = sample.append_column("score", pa.array(scores)).append_column("by", _names(by_llm))
    # Where one side has more than is taken, what the language model said goes first.
    order = np.lexsort((np.arange(len(scores)), ~by_llm))
    sides = [table.take(pa.array(order[verdict[order] == kind])) for kind in (1, 0)]
    notes["candidates"] = {"positives": len(sides[0]), "negatives": len(sides[1])}
    lines = Counter(loop.sets.train["positive"].to_pylist())
    sides = balanced(sides, min(lines.values()), loop.cfg.site_share)
    return _as_documents(sides, number), notes | {"added": _about(sides)}


def _names(by_llm: np.ndarray) -> pa.Array:
    return pa.array(np.where(by_llm, "llm", "model").tolist(), pa.string())


def _ask(loop: Loop, sample: pa.Table) -> Labels:
    """The language model's scores of some documents."""
    assert loop.engine is not None, "checked when the folder was claimed"
    loop.tell(f"asking the language model about {len(sample):,} documents")
    return label(
        sample["content"].to_pylist(),
        loop.seeds.language,
        loop.engine,
        loop.labels,
        AnswerLog(loop.store, "labels"),
        lambda done, total: loop.tell(f"asking the language model, {done:,} of {total:,} answers"),
    )


def _as_documents(sides: list[pa.Table], number: int) -> pa.Table:
    """Both sides as one table: DOCUMENTS, then file, score and by."""
    parts = []
    for side, positive in zip(sides, (True, False), strict=True):
        n = len(side)
        fixed = {"positive": [positive] * n, "source": [_source(number)] * n, "test": [False] * n}
        columns = {name: side[name] if name in side.column_names else fixed[name] for name in DOCUMENTS.names}
        table = pa.table(columns, schema=DOCUMENTS)
        parts.append(table.append_column("file", side["file"]).append_column("score", side["score"]))
        parts[-1] = parts[-1].append_column("by", side["by"])
    return pa.concat_tables(parts)


def _source(number: int) -> str:
    """The name, among the sources of a model, of what a round added."""
    return f"pool, round {number}"


def _about(sides: list[pa.Table]) -> dict[str, Any]:
    """How many documents a round adds, by whose word, and how far one site makes up a side."""
    by = Counter(word for side in sides for word in side["by"].to_pylist())
    largest = [max(Counter(side["site"].drop_null().to_pylist()).values(), default=0) for side in sides]
    return {
        "a_side": len(sides[0]),
        "by_model": by["model"],
        "by_llm": by["llm"],
        "sites": [pc.count_distinct(side["site"]).as_py() for side in sides],
        "largest_site": largest,
        "without_site": [side["site"].null_count for side in sides],
    }


def _train(loop: Loop, number: int, documents: pa.Table) -> dict[str, Any]:
    """Train on the documents, measure on the same sets as every round, and keep the whole report."""
    loop.tell("training")
    sets = replace(loop.sets, train=documents, counts=_counts(loop.sets.counts, documents))
    report = train(sets, loop.seeds.model, loop.model(number), loop.tell)
    loop.store.put(f"rounds/{number:02d}/report.json", json.dumps(report, ensure_ascii=False).encode())
    return {
        "train": report["counts"]["lines"] | {"sha256": _digest(documents)},
        "model": {name: report[name] for name in ("model", "kind", "sha256", "bytes")},
        "metrics": {name: headline(report["metrics"].get(name)) for name in ("held_out", "other_sources")},
    }


def _counts(seeds: dict[str, Any], documents: pa.Table) -> dict[str, Any]:
    """The counts of the seeds, and beside them what the rounds added."""
    lines = Counter(documents["positive"].to_pylist())
    added = Counter(documents["source"].to_pylist())
    fixed = {"held_out": 0, "other_sources": 0, "label": "both", "split_by": "document"}
    pool = {
        name: {"in": count, "train": count} | fixed for name, count in added.items() if name not in seeds["sources"]
    }
    return seeds | {
        "sources": seeds["sources"] | pool,
        "lines": {"positives": lines[True], "negatives": lines[False]},
    }


def _hashes(sample: pa.Table) -> str:
    """Sha256 over the hashes of a sample's texts."""
    return hashlib.sha256(sample["hash"].to_numpy().astype("<u8").tobytes()).hexdigest()


def _parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def _write_history(loop: Loop, body: dict[str, Any]) -> None:
    loop.store.put("history.json", (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode())
    loop.store.put("history.md", markdown(body).encode())


def _publish(loop: Loop, state: State) -> None:
    """Put the best round's model and its card at the top of the folder."""
    report = json.loads(loop.store.get(f"rounds/{state.best:02d}/report.json"))
    pool = [{"name": _source(number), "version": "", "licence": ""} for number in range(1, state.best + 1)]
    more = {"language": loop.seeds.language, "sources": [*loop.sources, *pool], "split": loop.seeds.split.model_dump()}
    with tempfile.TemporaryDirectory(dir=loop.folder, prefix=".best.") as staging:
        staged = Path(staging) / loop.model_name
        source = loop.model(state.best)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, staged)
        about = f"{loop.seeds.about.strip()}\n\nRound {state.best} of a loop: see history.md. Stopped: {state.stopped}."
        write_cards(staged, report | more | {"round": state.best}, loop.seeds.title, about)
        write_test(tested_path(staged), loop.sets)
        publish(staged, loop.folder / loop.model_name)
