"""A second opinion: the mean of static token embeddings (model2vec) under a linear head trained by us.

A folder holds everything: ``head.json`` (written last), the weights ``head.npy``, and below ``embeddings`` the files of
the static model itself, so that it can be hashed, moved and used without a hub.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

HEAD, WEIGHTS, EMBEDDINGS = "head.json", "head.npy", "embeddings"
LABELS = ["neg", "pos"]
# model2vec averages texts of one length in one array of (texts, tokens, dimensions): 64 full ones are 33 MB at 256.
_BATCH = 64
_MAX_STEPS = 2_000


class StaticConfig(BaseModel):
    """Settings of a static classifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embeddings: str  # folder of a static model, or its hub id, such as minishlab/potion-base-8M
    max_tokens: int = Field(512, ge=1)  # of a text, from its start
    # Penalty on the weights of standardised features, beside the mean loss. A strong one: what tells the seeds apart
    # on single dimensions seldom holds on sources that training has not seen.
    l2: float = Field(0.1, gt=0)


@dataclass(frozen=True)
class StaticClassifier:
    """A static model and the head on it: P(pos) = sigmoid(weights . embedding + bias)."""

    model: Any  # model2vec.StaticModel
    weights: np.ndarray  # float64 (dim,), of features as they come
    bias: float
    max_tokens: int

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """P(pos) of each text, float64 (n,), in 0 to 1; NaN for a text of which nothing is left."""
        return score_static(self, texts)


def fit_static(train: pa.Table, cfg: StaticConfig, out: Path) -> None:
    """Train the head on a documents table and write the folder ``out``; the same rows in any order give the same bytes.

    A row that is there twice counts twice.

    Args: train with content string and positive bool; texts without a known token are left out.
    Errors: ValueError for one class only, for embeddings that cannot be had, and where model2vec is not installed;
    RuntimeError when the fit does not converge.
    """
    rows = [(text, positive) for text, positive in zip(*_columns(train), strict=True) if text]
    rows.sort(key=lambda row: (hashlib.sha256(row[0].encode("utf-8")).digest(), row[1]))
    model = _open(cfg.embeddings)
    features = _features(model, [text for text, _ in rows], cfg.max_tokens)
    known = features.any(axis=1)
    labels = np.array([positive for _, positive in rows], dtype=bool)[known]
    if labels.all() or not labels.any():
        counts = f"{int(labels.sum())} positives and {int((~labels).sum())} negatives"
        raise ValueError(f"a classifier needs both classes, and the training texts are {counts}: give seeds of both")
    weights = _fit_logistic(features[known], labels, cfg.l2)
    _write(model, weights, cfg, len(labels), out)


def _columns(train: pa.Table) -> tuple[list[str | None], list[bool]]:
    return train["content"].to_pylist(), train["positive"].to_pylist()


def _open(embeddings: str | Path) -> Any:
    """The static model of a folder or hub id. Errors: ValueError with the remedy."""
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise ValueError(
            "static embeddings need the package model2vec: pip install 'governance[static]', or use kind fasttext"
        ) from error
    try:
        return StaticModel.from_pretrained(embeddings, force_download=False)
    except Exception as error:  # files of all kinds, a tokenizer's bare Exception, the hub's many errors
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"static model {str(embeddings)!r} cannot be loaded: {reason}: give a folder with model.safetensors, "
            "tokenizer.json and config.json, or the hub id of such a model"
        ) from error


def _features(model: Any, texts: Sequence[str], max_tokens: int) -> np.ndarray:
    """Mean embeddings, float64 (n, dim); a row of zeros for a text without a known token."""
    if not texts:
        return np.zeros((0, model.dim))
    plain = [text if text.strip() else "" for text in texts]  # some tokenizers know white space as a token
    found = model.encode(plain, max_length=max_tokens, batch_size=_BATCH, use_multiprocessing=False)
    return np.asarray(found, dtype=np.float64)


def _fit_logistic(features: np.ndarray, labels: np.ndarray, l2: float) -> np.ndarray:
    """Weights and bias, float64 (dim + 1,), for features as they come; fitted on standardised ones by L-BFGS.

    Args: features (n, dim), labels bool (n,). Errors: RuntimeError when it does not converge.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1.0
    standard, sign = (features - mean) / scale, np.where(labels, 1.0, -1.0)

    def loss(head: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (standard @ head[:-1] + head[-1])
        value = np.logaddexp(0, -margin).mean() + l2 / 2 * head[:-1] @ head[:-1]
        slope = -sign * expit(-margin) / len(sign)
        return value, np.append(standard.T @ slope + l2 * head[:-1], slope.sum())

    start = np.zeros(features.shape[1] + 1)
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS, "maxfun": _MAX_STEPS})
    if not fitted.success:
        raise RuntimeError(f"the linear head did not converge: {fitted.message}")
    weights = fitted.x[:-1] / scale
    return np.append(weights, fitted.x[-1] - weights @ mean)


def _write(model: Any, weights: np.ndarray, cfg: StaticConfig, documents: int, out: Path) -> None:
    """Write the folder, head.json last: without it a folder is no classifier."""
    from model2vec.persistence import save_pretrained

    (out / HEAD).unlink(missing_ok=True)
    save_pretrained(
        out / EMBEDDINGS,
        model.embedding,
        model.tokenizer,
        model.config,
        create_model_card=False,
        weights=model.weights,
        mapping=model.token_mapping,
    )
    np.save(out / WEIGHTS, weights)
    # Of a folder its name: where it lay is no part of the model.
    name = Path(cfg.embeddings).resolve().name if Path(cfg.embeddings).is_dir() else cfg.embeddings
    head = {
        "kind": "static",
        "labels": LABELS,
        "embeddings": name,
        "dim": model.dim,
        "max_tokens": cfg.max_tokens,
        "l2": cfg.l2,
        "documents": documents,
        "files": {file: _sha256(out / file) for file in _files(out)},
    }
    (out / HEAD).write_text(json.dumps(head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _files(folder: Path) -> list[str]:
    """The weights and the files of the static model, by their path in the folder."""
    below = sorted(path for path in (folder / EMBEDDINGS).rglob("*") if path.is_file())
    return [WEIGHTS, *(path.relative_to(folder).as_posix() for path in below)]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_static(path: Path) -> bool:
    """Whether a path is the folder of a static classifier."""
    return (path / HEAD).is_file()


def check_static(folder: Path) -> dict[str, Any]:
    """What head.json says, after a look that loads nothing. Errors: ValueError naming the folder and what it lacks."""
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        kind, labels, files = head["kind"], head["labels"], list(head["files"])
    except FileNotFoundError as error:
        raise ValueError(f"classifier {folder} has no {HEAD}: give the folder that training wrote") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"classifier {folder / HEAD} is damaged ({error!r}): train it anew") from error
    if kind != "static" or labels != LABELS:
        raise ValueError(f"classifier {folder} is of kind {kind!r} with labels {labels}: it needs static and {LABELS}")
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise ValueError(f"classifier {folder} lacks {', '.join(missing)}: copy the whole folder")
    return head


def load_static(folder: Path) -> StaticClassifier:
    """Load a folder that ``fit_static`` wrote. Errors: ValueError for files that are not those it wrote."""
    head = check_static(folder)
    changed = [file for file, sha256 in head["files"].items() if _sha256(folder / file) != sha256]
    if changed:
        raise ValueError(f"classifier {folder}: {', '.join(changed)} is not what training wrote: train it anew")
    weights = np.load(folder / WEIGHTS, allow_pickle=False)
    return StaticClassifier(_open(folder / EMBEDDINGS), weights[:-1], float(weights[-1]), head["max_tokens"])


def score_static(classifier: StaticClassifier, texts: Sequence[str]) -> np.ndarray:
    """P(pos) of each text, float64 (n,), in 0 to 1; NaN for a text without a known token."""
    from scipy.special import expit

    features = _features(classifier.model, texts, classifier.max_tokens)
    # Summed row by row: a matrix product rounds differently with the number of rows beside it.
    scores = expit((features * classifier.weights).sum(axis=1) + classifier.bias)
    return np.where(features.any(axis=1), scores, np.nan)


def static_sha256(folder: Path) -> str:
    """Sha256 over the names and hashes of all files that make the classifier, in hex. Errors: ValueError."""
    names = [HEAD, *check_static(folder)["files"]]
    lines = "".join(f"{_sha256(folder / name)}  {name}\n" for name in sorted(names))
    return hashlib.sha256(lines.encode()).hexdigest()
