"""The cards of a trained model: one for people (.md), one for machines (.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_cards(model: Path, report: dict[str, Any], title: str, about: str) -> None:
    """Write MODEL.json and MODEL.md beside the model.

    Args: report as `train` returns it, with `sources` added; about: what the model is good for and what not.
    """
    text = json.dumps(report, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    model.with_suffix(".json").write_text(text, encoding="utf-8")
    model.with_suffix(".md").write_text(markdown(report, title, about), encoding="utf-8")


def markdown(report: dict[str, Any], title: str, about: str) -> str:
    """The card as Markdown text."""
    training, config = report["training"], report["config"]
    settings = ", ".join(f"{name} {value}" for name, value in config.items())
    lines = [
        f"# {title}",
        "",
        about.strip(),
        "",
        f"`{report['model']}`, {report['bytes']:,} bytes, sha256 `{report['sha256']}`",
        "",
        f"Trained on {training['positives']:,} positives and {training['negatives']:,} negatives.",
        f"fastText settings: {settings}.",
        "",
        "| measured on | documents | positives | AUC | AUC of the length alone | accuracy | precision | recall |",
        "|---|---|---|---|---|---|---|---|",
        *(metrics_row(name, figures) for name, figures in report["metrics"].items()),
        "",
        "Accuracy, precision and recall at the threshold 0.5. `held_out`: texts of the training sources that were kept",
        "back. `other_sources`: the sources marked test, of which training saw nothing.",
        "",
        "| source | version | licence | role | positives | negatives |",
        "|---|---|---|---|---|---|",
        *(source_row(source) for source in report.get("sources", [])),
    ]
    return "\n".join(lines) + "\n"


def metrics_row(name: str, figures: dict[str, float]) -> str:
    """One row of the table of metrics."""
    columns = ("documents", "positives", "auc", "auc_of_length", "accuracy", "precision", "recall")
    return f"| {name} | {' | '.join(str(figures[column]) for column in columns)} |"


def source_row(source: dict[str, Any]) -> str:
    """One row of the table of sources."""
    role = f"{source['role']}, test" if source["test"] else source["role"]
    counts = f"{source['positives']} | {source['negatives']}"
    return f"| {source['name']} | {source['version']} | {source['licence']} | {role} | {counts} |"
