"""lm-evaluation-harness on a model folder, where it is installed: its tasks, its loaders, its few-shot prompts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from governance.errors import UsageError

_Z = 1.96  # standard errors on each side of a figure, 95 %
_ROWS = {"cuda": 16, "cpu": 4}  # scored at once; it holds the logits of a whole batch
_NOT_FIGURES = ("alias", "name", "sample_len", "sample_count")


def run(
    folder: str, tasks: Sequence[str], limit: int | None, include: str | None = None, length: int | None = None
) -> list[dict[str, Any]]:
    """Figures of some tasks: a row a task and metric, with an interval from the standard error that it gives.

    Args: limit, the first items of each task; include, a folder of task files of one's own; length, the tokens that a
    row may have, by default as in training. Errors: UsageError when it is not installed, knows no such task, or cannot
    load the data of one; TrainerError for a folder that holds no model.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import lm_eval
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise UsageError(
            f"--tasks needs lm-evaluation-harness: {error}", "pip install lm-eval accelerate, or use --questions FILE"
        ) from error
    device = "cuda" if _on_gpu() else "cpu"
    how = _model(Path(folder).expanduser(), device, length)
    manager = TaskManager(include_path=include)
    unknown = [task for task in tasks if not manager.match_tasks([task])]
    if unknown:
        raise UsageError(f"lm-evaluation-harness knows no task {unknown[0]!r}", "list them: lm-eval ls tasks")
    try:
        with redirect_stdout(sys.stderr):  # it prints, and stdout is for the figures
            found = lm_eval.simple_evaluate(
                model="hf", model_args=how, device=device, batch_size=_ROWS[device], tasks=list(tasks), limit=limit,
                task_manager=manager, bootstrap_iters=1000, log_samples=False,
            )  # fmt: skip
    except OSError as error:  # datasets raises its kinds for data that is not there, and for a hub out of reach
        raise UsageError(
            f"lm-evaluation-harness cannot load {', '.join(tasks)}: {error}",
            "its own tasks come from a hub; --include a folder of task files over data of yours, or use --questions",
        ) from error
    counts = found.get("n-samples", {})
    return [
        {**row, **({"items": counts[task]["effective"]} if task in counts else {})}
        for task, figures in found["results"].items()
        for row in _rows(task, figures)
    ]


def _on_gpu() -> bool:
    from annealing.parallel import choose_device

    return choose_device("auto").type == "cuda"


def _model(folder: Path, device: str, length: int | None) -> dict[str, Any]:
    """How it shall load a model, so that it sees what our own scoring sees: begun and cut as in training."""
    from annealing.evaluate import row_length
    from annealing.shape import read_shape
    from annealing.tokens import open_tokenizer

    begun = open_tokenizer(folder).bos is not None
    return {
        "pretrained": str(folder), "dtype": "bfloat16" if device == "cuda" else "float32",
        "max_length": length or row_length(folder, read_shape(folder).max_position_embeddings),
        **({"add_bos_token": True} if begun else {}),
    }  # fmt: skip


def _rows(task: str, figures: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for key, value in figures.items():
        metric, _, how = key.partition(",")
        if metric in _NOT_FIGURES or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = figures.get(f"{metric}_stderr,{how}")
        known = isinstance(error, int | float)
        bounds = {"low": value - _Z * error, "high": value + _Z * error} if known else {"low": None, "high": None}
        rows.append({"name": task, "metric": metric, "value": float(value), **bounds})
    return rows
