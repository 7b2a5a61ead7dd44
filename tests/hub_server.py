"""A hub on loopback that speaks the Hugging Face Hub's protocol to its real client, keeps files on disk, plays faults.

Repositories of data sets, branches, commits, trees, LFS uploads in one piece or in parts, downloads with ranges. It has
no Xet: clients run with HF_HUB_DISABLE_XET=1. ``python -m tests.hub_server FOLDER`` serves until it is killed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.hub_handler import Handler
from tests.hub_repo import Refused, Repo


@dataclass
class Fault:
    """What goes wrong with the next requests of a method and path: ``status`` is answered, or the connection is ``cut``
    in the middle of what is sent, or the work is done and the answer ``lost``. ``before`` is called first; with "" as
    ``what`` nothing else happens."""

    request: str  # a regular expression of "METHOD path"
    what: str  # "cut", "lost", an HTTP status, or ""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], Any] = lambda: None


class HubServer(ThreadingHTTPServer):
    """The server and its state."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, chunk_bytes: int | None = None, small_parquet: bool = False) -> None:
        """``chunk_bytes``: uploads come in parts of this size; ``small_parquet``: small Parquet files are no LFS."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.chunk_bytes, self.small_parquet = folder, chunk_bytes, small_parquet
        self.repos: dict[str, Repo] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.uploaded = 0  # bytes of LFS objects that were sent
        self.bytes_per_s: float | None = None  # of the line that all uploads share; None: as fast as it goes
        self._line_free = 0.0  # when what was sent before is through
        self.lock = threading.RLock()
        for name in ("objects", "blobs", "parts"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def repo(self, name: str) -> Repo:
        """A repository. Errors: Refused."""
        if name not in self.repos:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return self.repos[name]

    def content(self, repo: str, path: str, revision: str = "main") -> bytes:
        """The bytes of a file."""
        return self.place(self.repo(repo).files_of(revision)[path]).read_bytes()

    def place(self, file: dict[str, Any]) -> Path:
        """Where a file's bytes lie."""
        return self.folder / ("objects" if "sha256" in file else "blobs") / file.get("sha256", file["oid"])

    def take(self, size: int) -> None:
        """Return when so many bytes would have come through the line."""
        if self.bytes_per_s is None:
            return
        with self.lock:
            self._line_free = max(self._line_free, time.monotonic()) + size / self.bytes_per_s
            left = self._line_free - time.monotonic()
        time.sleep(max(0.0, left))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def hub_server(folder: Path, **options: Any) -> Iterator[HubServer]:
    """A running server in a thread."""
    server = HubServer(folder, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with hub_server(Path(sys.argv[1])) as running:
        print(running.endpoint, flush=True)
        threading.Event().wait()
