"""Accounts balance, add up in any order, and show what was lost or doubled."""

from __future__ import annotations

import uuid
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.ledger import REQUESTS, Account, Tally, dump, faults, load, merge, tally

uids = st.lists(st.uuids().map(lambda u: u.hex), unique=True, max_size=40)


def account(stage: str, kept: list[str], rejected: dict[str, list[str]]) -> Account:
    everything = kept + [uid for group in rejected.values() for uid in group]
    return Account(
        stage,
        tally(pa.array(everything, pa.string())),
        tally(pa.array(kept, pa.string())),
        {reason: tally(pa.array(group, pa.string())) for reason, group in rejected.items()},
    )


@given(uids, st.randoms())
def test_a_tally_does_not_depend_on_the_order_or_the_cut(values: list[str], random: Random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    cut = random.randint(0, len(values))
    whole = tally(pa.array(values, pa.string()))
    assert whole == tally(
        pa.chunked_array([pa.array(shuffled[:cut], pa.string()), pa.array(shuffled[cut:], pa.string())])
    )
    assert whole == tally(pa.array(values[:cut], pa.string())) + tally(pa.array(values[cut:], pa.string()))


def test_a_slice_of_an_array_is_tallied_alone() -> None:
    values = pa.array([uuid.uuid4().hex for _ in range(5)])
    assert tally(values.slice(2, 2)) == tally(pa.array(values.slice(2, 2).to_pylist()))


def test_one_row_lost_and_another_doubled_do_not_cancel() -> None:
    a, b, c = (uuid.uuid4().hex for _ in range(3))
    assert tally(pa.array([a, b, c])) != tally(pa.array([a, a, c]))


def test_what_is_no_uid_is_an_error() -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        tally(pa.array(["short"]))


def test_a_balanced_chain_has_no_faults() -> None:
    a, b, c = (uuid.uuid4().hex for _ in range(3))
    assert faults([account("one", [a, b], {"why": [c]}), account("two", [a], {"why": [b]})]) == []


def test_a_row_lost_between_two_stages_is_named() -> None:
    a, b = (uuid.uuid4().hex for _ in range(2))
    found = faults([account("one", [a, b], {}), account("two", [a], {})])
    assert found == ["one kept 2 rows, two received 1"]


def test_a_row_lost_inside_a_stage_is_named() -> None:
    a, b = (uuid.uuid4().hex for _ in range(2))
    broken = account("one", [a, b], {})
    broken.kept = tally(pa.array([a]))
    assert faults([broken]) == ["one: 2 rows in, another number or other rows out"]


def test_requests_stand_beside_the_chain_of_rows() -> None:
    a, b = (uuid.uuid4().hex for _ in range(2))
    assert faults([account(REQUESTS, [b], {"numbers": [a]}), account("rows", [a], {})]) == []


@given(st.lists(uids, max_size=5), st.randoms())
def test_ledgers_of_shards_add_up_in_any_order_and_survive_json(groups: list[list[str]], random: Random) -> None:
    ledgers = [[account("one", group[::2], {"why": group[1::2]})] for group in groups]
    total = dump(merge(ledgers))
    random.shuffle(ledgers)
    assert dump(merge(ledgers)) == total
    assert dump(load(total)) == total
    assert all(part.balances() for part in load(total))


def test_an_empty_tally_is_zero() -> None:
    assert tally(pa.array([], pa.string())) == Tally() == Tally.from_json([0, "0" * 16])
