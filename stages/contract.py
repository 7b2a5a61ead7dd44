"""What a stage is: data plus a pure function, Arrow table to Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Base of every configuration: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Resources:
    """What one worker of a stage needs."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_gib: float = 1.0  # of the whole process, interpreter and batch included


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step over a batch of rows. It never drops a row: it writes a reason and the runner selects.

    ``fn(batch, config)``, or ``fn(batch, config, model)`` when ``load`` is given, returns the same rows in the
    same order with the columns ``adds`` appended and the columns ``replaces`` replaced.
    """

    name: str
    fn: Callable[..., pa.Table]
    config: Config
    needs: tuple[str, ...]  # columns read
    adds: tuple[str, ...] = ()  # columns appended; figures and verdicts are named "<stage>.<figure>"
    replaces: tuple[str, ...] = ()  # columns rewritten in place, such as content
    reject_on: str | None = None  # one of adds, string: null keeps, a word says why not
    makes_rows: bool = False  # True: new ids and a parent_uid column
    scope: Literal["batch", "group", "all"] = "batch"  # rows fn must see at once
    group_by: str | None = None  # shuffle key, with scope="group"
    load: Callable[[Any], Any] | None = None  # config -> model, once per worker
    identity: Callable[[Any], Any] | None = None  # config -> what the fingerprint records of the model, e.g. its sha256
    resources: Resources = Resources()
    costly: bool = False  # run only on rows that no earlier stage rejected; the others get nulls
    version: int = 1  # bump if output changes for the same config


def needs_of(stages: Sequence[Stage]) -> Resources:
    """What one worker needs that runs stages one after the other: of each kind the most that any of them needs."""
    all_needs = [Resources(), *(stage.resources for stage in stages)]
    return Resources(
        max(each.cpus for each in all_needs),
        max(each.gpus for each in all_needs),
        max(each.memory_gib for each in all_needs),
    )


def judges_from(stage: Stage, columns: Collection[str]) -> bool:
    """Whether a stage's verdict on a row follows from these columns of that row alone, and nothing else changes by it:
    its verdict under another configuration can then be had by calling it on them."""
    alone = stage.scope == "batch" and not stage.makes_rows and not stage.replaces
    return alone and stage.reject_on is not None and set(stage.needs) <= set(columns)


class PlanError(ValueError):
    """A tuple of stages that cannot run: a stage reads a column nobody wrote."""


def check_plan(stages: Sequence[Stage], columns: Sequence[str]) -> None:
    """Check that every stage finds the columns it reads, before any work starts.

    Args: stages in order; columns of the input rows.
    Errors: PlanError naming the stage and the missing or doubled column.
    """
    known = set(columns)
    for stage in stages:
        missing = [name for name in (*stage.needs, *stage.replaces) if name not in known]
        if missing:
            raise PlanError(
                f"stage {stage.name!r} reads column {missing[0]!r}, which no earlier stage writes; "
                f"columns there: {', '.join(sorted(known))}"
            )
        doubled = [name for name in stage.adds if name in known]
        if doubled:
            raise PlanError(f"stage {stage.name!r} adds column {doubled[0]!r}, which is already there")
        if stage.reject_on is not None and stage.reject_on not in stage.adds:
            raise PlanError(f"stage {stage.name!r} rejects on {stage.reject_on!r}, which it does not add")
        known.update(stage.adds)
