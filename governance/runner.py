"""Folds a tier's stages over a batch: verdicts kept, failing rows quarantined, every row accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import RunError
from manifests.ledger import Account, Ledger, tally
from stages.contract import Stage

FATE = "fate"  # null keeps; "<stage>.<reason>" rejects; "quarantined" with the column error
ERROR = "error"
QUARANTINED = "quarantined"
_ORDER = "_row"
_MESSAGE_CHARS = 300


@dataclass(frozen=True)
class Folded:
    """All rows of a batch in their order, with verdicts, fate and error; and the account of each stage."""

    table: pa.Table
    ledger: Ledger

    def kept(self) -> pa.Table:
        """The rows that no stage rejected."""
        return self.table.filter(pc.is_null(self.table[FATE]))


def load_models(stages: Sequence[Stage]) -> dict[str, Any]:
    """What the stages load once per worker, by stage name."""
    return {stage.name: stage.load(stage.config) for stage in stages if stage.load is not None}


def fold(stages: Sequence[Stage], table: pa.Table, models: Mapping[str, Any], reader: str | None = None) -> Folded:
    """Run stages over a batch.

    Args:
        stages: in order; checked by ``check_plan`` before.
        table: rows with ``uid``; with ``reader`` also ``<reader>.drop``, the verdict of whoever read them.
        models: of ``load_models``.
    Returns: the same rows in the same order. Rows on which a stage raises leave the fold there, quarantined.
    """
    table = table.append_column(_ORDER, pa.array(np.arange(table.num_rows)))
    fate = pa.nulls(table.num_rows, pa.string())
    ledger: Ledger = []
    if reader is not None:
        fate = verdict(reader, table[f"{reader}.drop"], fate)
        ledger.append(_account(reader, table, pa.nulls(len(table), pa.string()), fate))
    broken: list[pa.Table] = []
    for stage in stages:
        came = table
        before = fate
        table, bad = _apply(stage, table, fate, models)
        if bad:
            broken.append(_set_aside(came, before, bad))
            before = before.filter(_mask(len(before), bad))
            came = _drop_rows(came, bad)
        fate = before if stage.reject_on is None else verdict(stage.name, table[stage.reject_on], before)
        account = _account(stage.name, came, before, fate)
        if bad:
            account.quarantined = tally(broken[-1].filter(pc.equal(broken[-1][FATE], QUARANTINED))["uid"])
            account.came += account.quarantined
        ledger.append(account)
    table = table.append_column(FATE, fate).append_column(ERROR, pa.nulls(table.num_rows, pa.string()))
    if broken:
        table = pa.concat_tables([table, *broken], promote_options="default").sort_by(_ORDER)
    return Folded(table.drop_columns([_ORDER]), ledger)


def refuse_error_rate(ledger: Ledger, max_error_rate: float) -> None:
    """Stop when the share of quarantined rows is above the limit (and above five rows, so that one bad page of ten
    does not end a run). Errors: RunError."""
    if not ledger:
        return
    rows, failed = ledger[0].came.rows, sum(account.quarantined.rows for account in ledger)
    if failed > 5 and failed > max_error_rate * rows:
        worst = max(ledger, key=lambda account: account.quarantined.rows)
        raise RunError(
            f"{failed} of {rows} rows failed, most in stage {worst.stage!r}: above run.max_error_rate={max_error_rate}",
            "see the column error of the annotations; fix the stage, or raise run.max_error_rate",
        )


def _apply(stage: Stage, table: pa.Table, fate: pa.Array, models: Mapping[str, Any]) -> tuple[pa.Table, dict[int, str]]:
    """The table after one stage, without the rows it broke on, and those rows' positions with their errors."""
    if not stage.costly:
        out, bad = _attempt(stage, table, models)
        return out, bad
    passing = pc.is_null(fate)
    out, bad_within = _attempt(stage, table.filter(passing), models)
    positions = np.flatnonzero(passing.to_numpy(zero_copy_only=False))
    bad = {int(positions[row]): error for row, error in bad_within.items()}
    return _scatter(stage, _drop_rows(table, bad), out), bad


def _attempt(stage: Stage, table: pa.Table, models: Mapping[str, Any]) -> tuple[pa.Table, dict[int, str]]:
    """Call the stage; where it raises, halve the batch until the rows that break it stand alone."""
    arguments = (stage.config, models[stage.name]) if stage.load is not None else (stage.config,)
    try:
        out = stage.fn(table, *arguments)
    except MemoryError:
        raise
    except Exception as error:
        if table.num_rows == 0:
            message = f"stage {stage.name!r} fails on a table without rows too: {type(error).__name__}: {error}"
            raise RunError(message, "mend the stage: it must take any number of rows") from error
        if table.num_rows == 1:
            message = f"{stage.name}: {type(error).__name__}: {error}"[:_MESSAGE_CHARS]
            empty, _ = _attempt(stage, table.slice(0, 0), models)
            return empty, {0: message}
        half = table.num_rows // 2
        left, bad_left = _attempt(stage, table.slice(0, half), models)
        right, bad_right = _attempt(stage, table.slice(half), models)
        return pa.concat_tables([left, right]), bad_left | {half + row: text for row, text in bad_right.items()}
    _check(stage, table, out)
    return out, {}


def _check(stage: Stage, table: pa.Table, out: Any) -> None:
    """Errors: RunError for a stage that gives anything but the same rows in the same order, with what it adds."""
    if not isinstance(out, pa.Table):
        fault = f"{type(out).__name__}, no table"
    elif out.num_rows != table.num_rows:
        fault = f"{out.num_rows} rows for {table.num_rows}"
    elif missing := sorted({*table.column_names, *stage.adds} - set(out.column_names)):
        fault = f"a table without the column {missing[0]!r}"
    elif not out[_ORDER].equals(table[_ORDER]):
        fault = "its rows in another order"
    else:
        return
    raise RunError(f"stage {stage.name!r} returned {fault}: a bug in the stage", "mend the stage")


def _scatter(stage: Stage, table: pa.Table, out: pa.Table) -> pa.Table:
    """Bring the columns that a costly stage wrote for some rows back to all rows, null elsewhere."""
    place = pc.index_in(table[_ORDER], value_set=out[_ORDER])
    for name in stage.replaces:
        filled = pc.coalesce(out[name].take(place), table[name])
        table = table.set_column(table.column_names.index(name), name, filled)
    for name in stage.adds:
        table = table.append_column(name, out[name].take(place))
    return table


def verdict(stage: str, reasons: pa.Array | pa.ChunkedArray, fate: pa.Array) -> pa.Array:
    """The fate after one stage's reasons: the first reason stands."""
    named = pc.binary_join_element_wise(pa.scalar(f"{stage}."), reasons.cast(pa.string()), "")
    fate = pc.coalesce(fate, named)
    return fate.combine_chunks() if isinstance(fate, pa.ChunkedArray) else fate


def _account(stage: str, table: pa.Table, before: pa.Array, after: pa.Array) -> Account:
    """Count the rows that reached a stage, by what became of them there."""
    came = table.filter(pc.is_null(before))["uid"]
    reasons = pc.filter(after, pc.is_null(before))
    account = Account(stage, tally(came), tally(came.filter(pc.is_null(reasons))))
    for reason in pc.unique(reasons.drop_null()).to_pylist():
        rejected = came.filter(pc.fill_null(pc.equal(reasons, reason), False))
        account.rejected[reason.removeprefix(f"{stage}.")] = tally(rejected)
    return account


def _drop_rows(table: pa.Table, bad: Mapping[int, str]) -> pa.Table:
    return table.filter(_mask(table.num_rows, bad)) if bad else table


def _mask(rows: int, bad: Mapping[int, str]) -> pa.Array:
    mask = np.ones(rows, dtype=bool)
    mask[list(bad)] = False
    return pa.array(mask)


def _set_aside(table: pa.Table, fate: pa.Array, bad: Mapping[int, str]) -> pa.Table:
    """The broken rows as they came to the stage, with their error; one that was rejected before keeps that fate."""
    rows = sorted(bad)
    broken = table.take(pa.array(rows))
    broken = broken.append_column(FATE, pc.fill_null(fate.take(pa.array(rows)), QUARANTINED))
    return broken.append_column(ERROR, pa.array([bad[row] for row in rows], pa.string()))
