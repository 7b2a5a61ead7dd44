"""What an evaluation says, as one object: figures by model, source and set, texts to read, and agreement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.agreement import agreement, difference, disagreements
from classifiers.evaluate import at_threshold, by_source, figures, keep_shares, threshold_for_keep_share
from classifiers.score import model_sha256
from governance.classifier_warnings import warnings_of

DEFAULT_THRESHOLD = 0.5  # as published for Ultra-FineWeb, and untuned on purpose
SEED = 0  # of the bootstrap
SHOWN = 20  # texts on each side of the error browser
SHOWN_CHARS = 1500
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(frozen=True)
class Scored:
    """A model, and its score of each document, NaN where nothing is left of the text."""

    name: str
    path: Path
    scores: np.ndarray  # float64 (n,)


def build(
    documents: pa.Table, models: list[Scored], threshold: float | None = None, keep_share: float | None = None
) -> dict[str, Any]:
    """Everything that page and JSON say.

    Args: documents as `labelled.SCHEMA`; models: the one evaluated and, where there are two, that it is set against;
        threshold, or the keep_share that it shall give.
    Errors: ValueError where the labelled documents are of one class, or nothing could be scored.
    """
    sources = [printable(source) for source in documents["source"].to_pylist()]
    documents = documents.set_column(documents.schema.get_field_index("source"), "source", pa.array(sources))
    measured = [_measured(documents, model, threshold, keep_share) for model in models]
    report = measured[0] | {
        "documents": len(documents),
        "labelled": len(documents) - documents["positive"].null_count,
        "sources": _sources(documents, models[0].scores),
        "sets": _sets(documents, models),
        "texts": _worst(documents, models[0].scores, measured[0]["figures"] is not None),
        "against": None,
        "agreement": None,
    }
    if len(models) > 1:
        report |= {"against": measured[1], "agreement": _compared(documents, models, measured)}
    return report | {"warnings": warnings_of(report)}


def _measured(documents: pa.Table, model: Scored, threshold: float | None, keep_share: float | None) -> dict[str, Any]:
    """What one model's own part of the report says."""
    scores = model.scores
    labelled = np.asarray(pc.is_valid(documents["positive"]))
    found = None
    if labelled.any():
        part = documents.filter(pa.array(labelled))
        truth = np.asarray(part["positive"])
        found = figures(truth, scores[labelled], *_columns(part))
        known = ~np.isnan(scores[labelled])
        truth, own = truth[known], scores[labelled][known]
    else:
        truth, own = None, scores[~np.isnan(scores)]
    if not len(own):
        raise ValueError(f"nothing is left of any of the {len(scores)} texts after normalisation")
    limit, origin = _threshold(scores, threshold, keep_share)
    kept = round(float(np.mean(scores[~np.isnan(scores)] >= limit)), 4)
    return {
        "model": {"name": model.name, "sha256": model_sha256(model.path)},
        "name": model.name,
        "nothing_left": int(np.isnan(scores).sum()),
        "threshold": at_threshold(truth, own, limit) | {"keep_share": kept, "from": origin},
        "keep_shares": keep_shares(truth, own),
        "figures": found,
    }


def _threshold(scores: np.ndarray, threshold: float | None, keep_share: float | None) -> tuple[float, str]:
    """The threshold, and in words where it is from."""
    if keep_share is not None:
        return threshold_for_keep_share(scores, keep_share), f"keep share {keep_share:g}"
    if threshold is not None:
        return threshold, "as given"
    return DEFAULT_THRESHOLD, "published default"


def _sources(documents: pa.Table, scores: np.ndarray) -> list[dict[str, Any]]:
    """Figures of every source, those with labels before those without, each in the order of names."""
    labelled = np.asarray(pc.is_valid(documents["positive"]))
    rows = []
    for mask, has_labels in ((labelled, True), (~labelled, False)):
        if mask.any():
            part = documents.filter(pa.array(mask))
            labels = np.asarray(part["positive"]) if has_labels else None
            found = by_source(labels, scores[mask], part["source"].to_pylist())
            rows += [{"name": name} | row for name, row in found.items()]
    return rows


def _sets(documents: pa.Table, models: list[Scored]) -> list[dict[str, Any]]:
    """The AUC of each model on each set of labelled documents alone, where the documents are of several sets."""
    names = sorted(name for name in documents["set"].unique().to_pylist() if name)
    rows = []
    for name in names if len(names) > 1 else []:
        mine = pc.fill_null(pc.and_(pc.equal(documents["set"], name), pc.is_valid(documents["positive"])), False)
        part, mask = documents.filter(mine), np.asarray(mine)
        truth = np.asarray(part["positive"])
        row: dict[str, Any] = {"name": name, "documents": len(part), "positives": int(truth.sum()), "models": []}
        for model in models:
            known = truth[~np.isnan(model.scores[mask])]
            if known.any() and not known.all():
                found = figures(truth, model.scores[mask], *_columns(part))
                kept = ("auc", "auc_interval", "interval_of", "auc_of_length", "average_precision")
                row["models"].append({"name": model.name} | {key: found[key] for key in kept})
        rows.append(row)
    return rows


def _columns(part: pa.Table) -> tuple[list[str], np.ndarray, int, list[str | None]]:
    """What `figures` wants beside labels and scores."""
    return part["source"].to_pylist(), np.asarray(pc.utf8_length(part["content"])), SEED, part["site"].to_pylist()


def _worst(documents: pa.Table, scores: np.ndarray, labelled: bool) -> dict[str, list[dict[str, Any]]]:
    """The texts a person should read: the worst on each side, or without labels the best and the last."""
    order = np.argsort(scores, kind="stable")  # NaN last
    order = order[~np.isnan(scores[order])]
    if not labelled:
        return {
            "highest": _texts(documents, order[::-1][:SHOWN], scores),
            "lowest": _texts(documents, order[:SHOWN], scores),
        }
    positive = np.asarray(pc.fill_null(documents["positive"], False))
    negative = np.asarray(pc.fill_null(pc.invert(documents["positive"]), False))
    return {
        "negatives": _texts(documents, order[negative[order]][::-1][:SHOWN], scores),
        "positives": _texts(documents, order[positive[order]][:SHOWN], scores),
    }


def _texts(documents: pa.Table, rows: np.ndarray, scores: np.ndarray, other: np.ndarray | None = None) -> list[dict]:
    """Texts as the error browser shows them: their start, and what is known of them."""
    shown = []
    for row, document in zip(rows.tolist(), documents.take(pa.array(rows)).to_pylist(), strict=True):
        content = document["content"]
        text = {
            "score": round(float(scores[row]), 4),
            "positive": document["positive"],
            "source": document["source"],
            "site": printable(document["site"]) if document["site"] else None,
            "characters": len(content),
            "start": printable(content[:SHOWN_CHARS]),
        }
        shown.append(text if other is None else text | {"other_score": round(float(other[row]), 4)})
    return shown


def _compared(documents: pa.Table, models: list[Scored], measured: list[dict]) -> dict[str, Any]:
    """Agreement of two models, the texts they disagree on most, and with labels which one is better."""
    first, second = (model.scores for model in models)
    limits = measured[0]["threshold"]["threshold"], measured[1]["threshold"]["threshold"]
    sides = disagreements(first, second, SHOWN // 2)
    found = agreement(first, second, limits)
    found |= {
        side: _texts(documents, rows, first, second) for side, rows in zip(("higher", "lower"), sides, strict=True)
    }
    labelled = np.asarray(pc.is_valid(documents["positive"]))
    found["difference"] = None
    if labelled.any():
        part = documents.filter(pa.array(labelled))
        known = np.asarray(part["positive"]), first[labelled], second[labelled]
        found["difference"] = difference(*known, part["source"].to_pylist(), part["site"].to_pylist(), SEED)
    return found


def printable(text: str) -> str:
    """The text with control characters, and those that turn the direction of a line, made visible: SVG forbids the
    first, and the second would let a text disguise what stands beside it."""
    return _UNPRINTABLE.sub("\ufffd", text)
