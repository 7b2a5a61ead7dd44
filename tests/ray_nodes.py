"""A Ray cluster of three nodes on loopback, one CPU each, whose nodes can be frozen at a step and killed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
_STORE_BYTES = 80 << 20  # of Ray's object store: little of ours passes through it
_LIMIT_S = 300.0


class Nodes:
    """The cluster: its head, and the workers that come and go. Every node works."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.client_port, self.dashboard_port = free_port(), free_port()
        head = {
            "include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": self.dashboard_port,
            "ray_client_server_port": self.client_port,
            "dashboard_agent_listen_port": None,  # any free one: 52365 is that of every head, and one alone takes jobs
        }  # fmt: skip
        self._cluster = Cluster(initialize_head=True, head_node_args=_node(**head))
        self.address = self._cluster.address
        self.others: list[Any] = []  # the nodes besides the head, the newest last
        for _ in range(2):
            self._add()

    def _add(self) -> None:
        self.others.append(self._cluster.add_node(**_node()))

    def replace_at(self, step: str, among: list[Any]) -> None:
        """Kill a node while it works on a step, the first of some that is seen at it, and add a new one.

        Workers of other nodes freeze at the step until then, so that it is under way, and one of ``among`` is sure to
        get work of it.
        """
        frozen: dict[psutil.Process, Any] = {}
        deadline = time.monotonic() + _LIMIT_S
        while not any(node in among for node in frozen.values()):
            assert time.monotonic() < deadline, f"no node was seen at {step}"
            for node in [self._cluster.head_node, *self.others]:
                for worker in workers_at(node, step):
                    if worker not in frozen:
                        worker.suspend()
                        frozen[worker] = node
            time.sleep(0.005)
        self._kill(next(node for node in frozen.values() if node in among))
        self._add()
        for worker in frozen:
            with suppress(psutil.NoSuchProcess):
                worker.resume()

    def _kill(self, node: Any) -> None:
        """All its processes at once, as when a machine is switched off."""
        below = _raylet(node).children(recursive=True)
        self._cluster.remove_node(node, allow_graceful=False)
        self.others.remove(node)
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def shutdown(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


def _node(**more: Any) -> dict[str, Any]:
    return {"num_cpus": 1, "object_store_memory": _STORE_BYTES, **more}


def _raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def workers_at(node: Any, step: str) -> list[psutil.Process]:
    """The workers of a node that are at a step, by their titles; an engine's step is ``_Actor``."""
    return [one for one in _raylet(node).children(recursive=True) if _title(one).startswith(f"ray::{step}")]


def _title(process: psutil.Process) -> str:
    try:
        return "".join(process.cmdline()[:1])
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def free_port() -> int:
    """A port nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def three_nodes() -> Iterator[Nodes]:
    """A running cluster, whose workers find this repository's code."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    nodes = Nodes()
    try:
        yield nodes
    finally:
        nodes.shutdown()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
