"""Figures for Prometheus: what workers told, served on loopback while a run lasts."""

from __future__ import annotations

import socket
from typing import Any
from urllib.request import urlopen

import pytest

from governance.errors import UsageError
from governance.metrics import Metrics


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def event(in_flight: int, **counts: int) -> dict[str, Any]:
    engine = {"state": "up", "why": "", "in_flight": in_flight, "answers": 1, "output_tokens": 30}
    return {"worker": "host:1", "counts": counts, "engines": {"http://a/v1": engine}}


def test_counts_add_up_and_gauges_are_the_last() -> None:
    port = free_port()
    with Metrics(port) as metrics:
        metrics.take(event(5, answers=3, log_hits=2))
        metrics.take(event(4, answers=4, something_new=1))
        with urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            lines = reply.read().decode().splitlines()
    assert "governance_l3_answers_total 7.0" in lines
    assert "governance_l3_log_hits_total 2.0" in lines
    assert 'governance_l3_in_flight{engine="http://a/v1",worker="host:1"} 4.0' in lines
    assert 'governance_l3_engine_up{engine="http://a/v1",worker="host:1"} 1.0' in lines


def test_without_a_port_nothing_listens_and_nothing_fails() -> None:
    with Metrics(None) as metrics:
        metrics.take(event(1, answers=1))


def test_a_port_in_use_is_named_before_work_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="metrics_port"):
            Metrics(taken.getsockname()[1])
