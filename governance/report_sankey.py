"""The funnel as a Sankey diagram: a trunk that runs down and narrows, and a band to the right for what leaves it.

matplotlib's own Sankey draws single arrows by hand-set angles and lengths, and lays out no chain of thirty flows; so
the layout is done here, in a few lines, and the template draws it as SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.report_rules import rule_of

WIDTH = 400.0  # of the drawing, in its own units: letters of 12 are readable on a phone
_TRUNK = 130.0  # width of the most rows
_BEND = 150.0  # where a band ends and its label begins
_LINE = 19.0  # least height of a label
_ABOVE = 5.0  # space over a node
_SHOWN = 4  # reasons of a stage with a band of their own; the others share one
_LABEL_CHARS = 34  # that fit beside the bands
LEFT, BROKEN, WAITING = "left", "broken", "waiting"


@dataclass(frozen=True)
class Step:
    """What stands at one height: a node of the trunk where ``kind`` is empty, else what leaves it."""

    label: str
    rows: int
    kind: str = ""


def document_steps(
    levels: Sequence[Mapping[str, Any]], documents: Mapping[str, int], written_from: int | None
) -> list[Step]:
    """The way of documents from archive records to those that an output of L3 was kept of.

    Args: levels of ``report_funnel.funnel``; documents asked about and passed; rows of L2 that L3 had to choose from.
    """
    steps: list[Step] = []
    before: int | None = None
    for level in levels:
        if level["tier"] in ("L3", "L4"):
            continue
        if before is None:
            steps.append(Step("archive records" if level["tier"] == "L0" else "rows that came in", level["in"]))
        elif before > level["in"]:
            steps.append(Step("not looked at yet", before - level["in"], WAITING))
        for stage in level["stages"]:
            steps += _leaving(stage)
        before = level["out"]
        steps.append(Step(f"{level['tier']}{'' if level['whole'] else ', unfinished'}", before))
    if written_from is not None and before:
        asked, passed = documents.get("asked", 0), documents.get("passed", 0)
        steps += _if_some("not written from", before - asked, WAITING)
        steps.append(Step("L3 wrote from", asked))
        steps += _if_some("nothing passed the checks", asked - passed, LEFT)
        steps.append(Step("L3, something passed", passed))
    return steps


def output_steps(levels: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The way of L3's outputs through its checks."""
    for level in levels:
        if level["tier"] == "L3" and level["in"]:
            steps = [Step("outputs", level["in"])]
            for stage in level["stages"]:
                steps += _leaving(stage, 10)
            return [*steps, Step("kept", level["out"])]
    return []


def _if_some(label: str, rows: int, kind: str) -> list[Step]:
    return [Step(label, rows, kind)] if rows > 0 else []


def _leaving(stage: Mapping[str, Any], shown: int = _SHOWN) -> list[Step]:
    """What a stage turned away, the most frequent reasons apart."""
    items = list(stage["rejected"].items())
    named = items if len(items) <= shown + 1 else items[:shown]
    steps = []
    for reason, rows in named:
        kind = BROKEN if reason == "quarantined" else LEFT
        steps.append(Step(_short(f"{stage['stage']}.{reason}", reason), rows, kind))
    rest = items[len(named) :]
    if rest:
        steps.append(Step(f"{stage['stage']}: {len(rest)} more rules", sum(rows for _, rows in rest), LEFT))
    return steps


def _short(fate: str, reason: str) -> str:
    words = rule_of(fate).words
    stage = fate.partition(".")[0]
    told = reason.replace("_", " ") if stage == "outputs" else f"{stage}: {reason.replace('_', ' ')}"
    label = words if words and len(words) <= _LABEL_CHARS else told
    return label if len(label) <= _LABEL_CHARS else f"{label[: _LABEL_CHARS - 1]}…"


def layout(steps: Sequence[Step]) -> dict[str, Any] | None:
    """Where everything stands: ``height``, ``bands`` (path, kind), ``nodes`` (x, y, width) and ``labels``; None where
    there is nothing to draw."""
    most = max((step.rows for step in steps if not step.kind), default=0)
    if not most:
        return None
    scale = _TRUNK / most
    bands, nodes, labels = [], [], []
    y, width = 6.0, steps[0].rows * scale
    for step in steps:
        if not step.kind:
            width = step.rows * scale
            y += _ABOVE
            nodes.append({"y": y, "width": max(width, 1.0)})
            labels.append({"y": y + 9, "text": step.label, "rows": step.rows, "node": True})
            y += _LINE + 4
            continue
        thick = min(max(step.rows * scale, 0.7), max(width, 0.7))
        height = max(thick, _LINE - 5)
        top = y + (height - thick) / 2 + 3
        bands.append({"kind": step.kind, "path": _band(width, thick, y - 4, top)})
        labels.append({"y": top + thick / 2 + 4, "text": step.label, "rows": step.rows, "node": False})
        width -= thick
        y += height + 5
    return {"width": WIDTH, "height": y + 4, "bands": bands, "trunk": _trunk(steps, nodes, scale), "nodes": nodes,
            "labels": labels, "x": _BEND + 6}  # fmt: skip


def _band(width: float, thick: float, start: float, top: float) -> str:
    """A strip of the trunk's right edge that bends to the right."""
    inner, outer, bottom = width, width - thick, top + thick
    return (
        f"M{inner:.1f},{start:.1f} Q{inner:.1f},{top:.1f} {max(inner + 12, _BEND - 6):.1f},{top:.1f} "
        f"L{_BEND:.1f},{top:.1f} L{_BEND:.1f},{bottom:.1f} "
        f"Q{outer:.1f},{bottom:.1f} {outer:.1f},{start:.1f} Z"
    )


def _trunk(steps: Sequence[Step], nodes: Sequence[Mapping[str, float]], scale: float) -> str:
    """The outline of the trunk: it narrows where a band leaves it."""
    right, y, width = [], 6.0, steps[0].rows * scale
    right.append((width, y + _ABOVE))
    for step in steps:
        if not step.kind:
            y += _ABOVE
            right.append((width, y))
            width = step.rows * scale
            right += [(width, y), (width, y + _LINE + 4)]
            y += _LINE + 4
            continue
        thick = min(max(step.rows * scale, 0.7), max(width, 0.7))
        right.append((width, y - 4))
        width = max(width - thick, 0.0)
        right.append((width, y - 4))
        y += max(thick, _LINE - 5) + 5
    points = " ".join(f"L{max(x, 0.7):.1f},{at:.1f}" for x, at in right)
    return f"M0,{6 + _ABOVE:.0f} {points} L0,{right[-1][1]:.1f} Z"
