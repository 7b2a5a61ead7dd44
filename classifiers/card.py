"""The cards of a trained model: one for people (.md), one for machines (.json)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LENGTH_TELLS = 0.7  # AUC of the bare length from which a set hardly says more than that
_CLASSES = {"positive": "positives", "negative": "negatives", "both": "documents of both classes"}


def card_paths(model: Path) -> tuple[Path, Path]:
    """Where the cards of a model lie: MODEL.json and MODEL.md."""
    return model.with_suffix(".json"), model.with_suffix(".md")


def write_cards(model: Path, report: dict[str, Any], title: str, about: str) -> None:
    """Write MODEL.json and MODEL.md beside the model.

    Args: report as `train` returns it, with `sources` (name, version, licence of each) and where it is known
    `language`; about: what the model is good for and what not.
    """
    for_machines, for_people = card_paths(model)
    text = json.dumps(report, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    for_machines.write_text(text, encoding="utf-8")
    for_people.write_text(markdown(report, title, about), encoding="utf-8")


def publish(staged: Path, out: Path) -> None:
    """Move a model and all that was written beside it, from a folder of the same disk, to its place; the model last."""
    beside = [(path, out.parent / path.name) for path in sorted(staged.parent.iterdir()) if path != staged]
    for source, target in (*beside, (staged, out)):
        if target.is_dir():
            shutil.rmtree(target)
        source.replace(target)


def markdown(report: dict[str, Any], title: str, about: str) -> str:
    """The card as Markdown text."""
    settings = ", ".join(f"{name} {value}" for name, value in report["config"].items())
    lines = report["counts"]["lines"]
    return "\n".join(
        [
            f"# {title}",
            "",
            *([about.strip(), ""] if about.strip() else []),
            f"`{report['model']}`, {report['bytes']:,} bytes, sha256 `{report['sha256']}`.",
            f"Trained on {lines['positives']:,} positives and {lines['negatives']:,} negatives. Settings: {settings}.",
            "",
            "## Figures",
            "",
            "| measured on | documents | positives | AUC | average precision | accuracy | precision | recall |"
            " AUC of the length alone |",
            "|---|---|---|---|---|---|---|---|---|",
            *(metrics_row(name, found) for name, found in report["metrics"].items()),
            "",
            "Brackets: 95 % intervals. Accuracy, precision and recall at the threshold 0.5. `held_out`: documents",
            "of the training sources, on sites that were kept back. `other_sources`: sources that training never saw.",
            "A model no better than the length alone has learnt nothing else.",
            "",
            "## Sources",
            "",
            "| source | version | licence | label | documents | trained on | held out | other sources | left out |",
            "|---|---|---|---|---|---|---|---|---|",
            *(source_row(source, report["counts"]["sources"][source["name"]]) for source in report["sources"]),
            "",
            "## What it does not know",
            "",
            *(f"- {gap}" for gap in gaps(report)),
            "",
        ]
    )


def metrics_row(name: str, found: dict[str, Any]) -> str:
    """One row of the table of figures."""
    cells = [name, f"{found['documents']:,}", f"{found['positives']:,}"]
    cells += [with_interval(found, "auc"), with_interval(found, "average_precision")]
    cells += [f"{found[column]:.3f}" for column in ("accuracy", "precision", "recall", "auc_of_length")]
    return f"| {' | '.join(cells)} |"


def with_interval(found: dict[str, Any], name: str) -> str:
    """A figure and its interval: 0.981 [0.972, 0.988]."""
    low, high = found[f"{name}_interval"]
    return f"{found[name]:.3f} [{low:.3f}, {high:.3f}]"


def source_row(source: dict[str, Any], counts: dict[str, Any]) -> str:
    """One row of the table of sources."""
    sets = ("train", "held_out", "other_sources")
    reasons = {name: n for name, n in counts.items() if name not in (*sets, "in", "label", "split_by") and n}
    left_out = ", ".join(f"{name} {n:,}" for name, n in reasons.items()) or "none"
    cells = [source["name"], source["version"] or "-", source["licence"] or "not stated", counts["label"]]
    return f"| {' | '.join([*cells, *(f'{counts[name]:,}' for name in ('in', *sets)), left_out])} |"


def gaps(report: dict[str, Any]) -> Iterator[str]:
    """What the seeds and figures themselves say of the limits of a model."""
    counts, metrics = report["counts"]["sources"], report["metrics"]
    if "language" in report:
        yield f"Languages other than `{report['language']}`: it was never shown any."
    yield "Whether a text is true: it has seen how texts are written, in the sources above and nowhere else."
    for label in ("positive", "negative"):
        trained = {name: c["train"] for name, c in counts.items() if c["label"] == label and c["train"]}
        if trained and max(trained.values()) > sum(trained.values()) / 2:
            name = max(trained, key=lambda one: trained[one])
            share = trained[name] / sum(trained.values())
            yield f"Much beyond `{name}`, which gave {share:.0%} of the {_CLASSES[label]}."
    if "other_sources" not in metrics:
        yield "How it does on sources that it has not seen: none was marked `test = true`, so expect less there."
    by_document = [name for name, found in counts.items() if found["split_by"] == "document" and found["held_out"]]
    if by_document:
        yield (
            f"How it does on other sites than those of {', '.join(f'`{name}`' for name in by_document)}: without sites"
            " they were split by document, so their part of `held_out` is easier than new pages are."
        )
    for name, found in metrics.items():
        if found["auc_of_length"] >= _LENGTH_TELLS:
            yield (
                f"How much of its figures on `{name}` is more than length: the length alone has an AUC of"
                f" {found['auc_of_length']:.3f} there."
            )
