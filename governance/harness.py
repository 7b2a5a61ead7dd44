"""lm-evaluation-harness on a model folder, where it is installed: its tasks, its loaders, its few-shot prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from governance.errors import UsageError

_Z = 1.96  # standard errors on each side of a figure, 95 %


def run(folder: str, tasks: Sequence[str], limit: int | None, include: str | None = None) -> list[dict[str, Any]]:
    """Figures of some tasks: a row a task and metric, with an interval from the standard error that it gives.

    Args: include, a folder of task files of one's own. Errors: UsageError when it is not installed, or knows no such
    task.
    """
    try:
        import lm_eval
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise UsageError(
            f"--tasks needs lm-evaluation-harness: {error}", 'pip install "lm-eval[hf]", or use --questions FILE'
        ) from error
    manager = TaskManager(include_path=include)
    unknown = [task for task in tasks if not manager.match_tasks([task])]
    if unknown:
        raise UsageError(f"lm-evaluation-harness knows no task {unknown[0]!r}", "list them: lm-eval ls tasks")
    found = lm_eval.simple_evaluate(
        model="hf", model_args={"pretrained": folder, "dtype": "auto"}, tasks=list(tasks), limit=limit,
        task_manager=manager, bootstrap_iters=1000, log_samples=False,
    )  # fmt: skip
    return [row for task, figures in found["results"].items() for row in _rows(task, figures)]


def _rows(task: str, figures: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for key, value in figures.items():
        metric, _, how = key.partition(",")
        if metric in ("alias", "sample_len") or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = figures.get(f"{metric}_stderr,{how}")
        known = isinstance(error, int | float)
        bounds = {"low": value - _Z * error, "high": value + _Z * error} if known else {"low": None, "high": None}
        rows.append({"name": task, "metric": metric, "value": float(value), **bounds})
    return rows
