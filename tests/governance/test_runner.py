"""The fold keeps every row, names the first reason, and sets aside exactly the rows on which a stage raises."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import RunError
from governance.runner import FATE, QUARANTINED, fold, refuse_error_rate
from manifests.ledger import faults
from stages.contract import Config, PlanError, Stage, check_plan


class Limit(Config):
    """Fewest characters."""

    min_chars: int = 3


def short(batch: pa.Table, cfg: Limit) -> pa.Table:
    reason = pc.if_else(pc.less(pc.utf8_length(batch["content"]), cfg.min_chars), "short", pa.scalar(None, pa.string()))
    return batch.append_column("short.drop", reason)


def breaks_on_bad(batch: pa.Table, cfg: Config) -> pa.Table:
    if "bad" in batch["content"].to_pylist():
        raise ValueError("a row that breaks it")
    return batch.append_column("b.chars", pc.utf8_length(batch["content"]))


def shout(batch: pa.Table, cfg: Config) -> pa.Table:
    place = batch.column_names.index("content")
    return batch.set_column(place, "content", pc.utf8_upper(batch["content"])).append_column(
        "shout.rows", pa.array([batch.num_rows] * batch.num_rows, pa.int64())
    )


SHORT = Stage(name="short", fn=short, config=Limit(), needs=("content",), adds=("short.drop",), reject_on="short.drop")
BREAKS = Stage(name="b", fn=breaks_on_bad, config=Config(), needs=("content",), adds=("b.chars",))
SHOUT = Stage(
    name="shout",
    fn=shout,
    config=Config(),
    needs=("content",),
    adds=("shout.rows",),
    replaces=("content",),
    costly=True,
)


def rows(*texts: str) -> pa.Table:
    return pa.table({"uid": [uuid.uuid4().hex for _ in texts], "content": pa.array(texts, pa.string())})


@given(st.lists(st.sampled_from(["bad", "ok", "fine", "", "long enough"]), max_size=30))
def test_every_row_has_exactly_one_fate_in_its_place_and_the_ledger_balances(texts: list[str]) -> None:
    table = rows(*texts)
    folded = fold((SHORT, BREAKS, SHOUT), table, {})
    assert folded.table["uid"].to_pylist() == table["uid"].to_pylist()
    expected = [QUARANTINED if t == "bad" else "short.short" if len(t) < 3 else None for t in texts]
    assert folded.table[FATE].to_pylist() == expected
    assert faults(folded.ledger) == []
    assert folded.ledger[0].came.rows == len(texts)
    assert folded.kept()["content"].to_pylist() == [
        t.upper() for t, fate in zip(texts, expected, strict=True) if not fate
    ]


def test_a_costly_stage_sees_only_rows_that_passed_and_the_others_get_null() -> None:
    folded = fold((SHORT, SHOUT), rows("a", "hello", "b", "world"), {})
    assert folded.table["shout.rows"].to_pylist() == [None, 2, None, 2]
    assert folded.table["content"].to_pylist() == ["a", "HELLO", "b", "WORLD"]


def test_a_cheap_rule_is_computed_for_rejected_rows_too() -> None:
    folded = fold((SHORT, BREAKS), rows("a", "hello"), {})
    assert folded.table["b.chars"].to_pylist() == [1, 5]


def test_a_quarantined_row_carries_stage_type_and_message() -> None:
    folded = fold((BREAKS,), rows("fine", "bad"), {})
    assert folded.table["error"].to_pylist() == [None, "b: ValueError: a row that breaks it"]


def test_a_row_that_was_rejected_and_then_breaks_a_stage_keeps_its_first_fate() -> None:
    reject_bad = Stage(
        name="first",
        fn=lambda batch, _: batch.append_column("first.drop", pa.array(["why"] * len(batch), pa.string())),
        config=Config(),
        needs=(),
        adds=("first.drop",),
        reject_on="first.drop",
    )
    folded = fold((reject_bad, BREAKS), rows("bad", "fine"), {})
    assert folded.table[FATE].to_pylist() == ["first.why", "first.why"]
    assert folded.ledger[1].quarantined.rows == 0
    assert faults(folded.ledger) == []


def test_the_readers_verdict_is_the_first_account() -> None:
    table = rows("one", "two").append_column("ingest.drop", pa.array([None, "not_html"], pa.string()))
    folded = fold((SHORT,), table, {}, reader="ingest")
    assert folded.ledger[0].rejected["not_html"].rows == 1
    assert folded.ledger[1].came.rows == 1


def test_a_stage_that_loses_a_row_is_a_bug_and_says_so() -> None:
    loses = Stage(name="loses", fn=lambda batch, _: batch.slice(1), config=Config(), needs=())
    with pytest.raises(RunError, match="returned 1 rows for 2"):
        fold((loses,), rows("a", "b"), {})


def test_a_model_is_handed_to_the_stage_that_loads_it() -> None:
    loads = Stage(
        name="m",
        fn=lambda batch, _, model: batch.append_column("m.v", pa.array([model] * len(batch), pa.string())),
        config=Config(),
        needs=(),
        adds=("m.v",),
        load=lambda _: "loaded",
    )
    assert fold((loads,), rows("a"), {"m": "loaded"}).table["m.v"].to_pylist() == ["loaded"]


def test_a_run_stops_above_the_error_rate_and_names_the_stage() -> None:
    ledger = fold((BREAKS,), rows(*["bad"] * 6, *["fine"] * 94), {}).ledger
    refuse_error_rate(ledger, 0.06)
    with pytest.raises(RunError, match=r"6 of 100 rows failed, most in stage 'b'"):
        refuse_error_rate(ledger, 0.05)


def test_a_few_bad_rows_of_a_small_shard_do_not_stop_a_run() -> None:
    refuse_error_rate(fold((BREAKS,), rows("bad", "fine"), {}).ledger, 0.01)


def test_a_plan_that_reads_a_missing_column_is_refused_with_the_stage_and_the_column() -> None:
    with pytest.raises(PlanError, match=r"stage 'short' reads column 'content'"):
        check_plan((SHORT,), ["uid"])


def test_a_plan_that_adds_a_column_twice_is_refused() -> None:
    with pytest.raises(PlanError, match=r"adds column 'short.drop', which is already there"):
        check_plan((SHORT, SHORT), ["uid", "content"])
