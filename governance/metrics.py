"""Figures of a run under way for Prometheus, on a loopback port of the driver's machine."""

from __future__ import annotations

from typing import Any

from governance.errors import UsageError

COUNTS = {
    "documents": "documents finished",
    "answers": "answers that came, failures among them",
    "failed": "requests that failed after all attempts",
    "prompt_tokens": "tokens read",
    "output_tokens": "tokens written",
    "outputs": "outputs judged",
    "passed": "outputs that passed every check",
    "log_hits": "answers found in the log of an earlier run",
    "retries": "requests asked anew after a rejected output",
    "quarantined": "requests given up because engines died under them",
    "restarts": "engines that died with requests in flight",
}


class Metrics:
    """Counters and gauges on ``port``, by worker and engine; nothing without a port. Errors: UsageError."""

    def __init__(self, port: int | None) -> None:
        self._server = None
        if port is None:
            return
        from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

        registry = CollectorRegistry()
        self._counts = {
            name: Counter(f"governance_l3_{name}", text, registry=registry) for name, text in COUNTS.items()
        }
        labels = ("worker", "engine")
        self._in_flight = Gauge("governance_l3_in_flight", "requests at an engine", labels, registry=registry)
        self._up = Gauge("governance_l3_engine_up", "1 while an engine takes requests", labels, registry=registry)
        self._tokens = Gauge("governance_l3_engine_output_tokens", "tokens an engine wrote", labels, registry=registry)
        try:
            self._server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
        except OSError as error:
            raise UsageError(f"l3.metrics_port = {port}: {error.strerror}", "name a port that is free") from error

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, event: dict[str, Any]) -> None:
        """Add what a worker told: ``counts`` since the last time, and the state of its ``engines``."""
        if self._server is None:
            return
        for name, count in event["counts"].items():
            if name in self._counts:
                self._counts[name].inc(count)
        for engine, found in event["engines"].items():
            where = (event["worker"], engine)
            self._in_flight.labels(*where).set(found["in_flight"])
            self._up.labels(*where).set(found["state"] == "up")
            self._tokens.labels(*where).set(found["output_tokens"])
