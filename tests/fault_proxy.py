"""A proxy before the loopback S3 server that plays the faults of a store; everything else goes through as it is.

A fault names the requests that it meets, what happens to them, and how often: of each object, or at random by a seed.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

_ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>a fault that was asked for</Message></Error>'
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_SLOW_PIECES = 6
SLOW_S = 0.02  # between the pieces of a slow body


@dataclass
class Fault:
    """What happens to requests whose "METHOD /bucket/path?query" matches.

    what:
        "503 SlowDown" and the like: that status and code is answered, and the server sees nothing;
        "cut": the connection breaks in the middle of the answer's body;
        "cut body": it breaks in the middle of the request's, of which the server sees nothing;
        "lost": the server does its work, and the connection breaks before the answer;
        "slow": the answer's body comes in pieces with waits between them.
    """

    request: str
    what: str
    times: int = 1  # of each method and path, the first so many
    share: float = 1.0  # of the requests, drawn by the proxy's seed
    when: Callable[[web.Request], bool] = lambda _: True


@dataclass
class FaultProxy:
    """The running proxy: its endpoint, the faults in force, and what was done."""

    upstream: str
    seed: int = 0
    faults: list[Fault] = field(default_factory=list)
    played: Counter[str] = field(default_factory=Counter)  # by what
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""
    role_key: str = ""  # the key that /role gives, as a container's credentials come

    def __post_init__(self) -> None:
        self._drawn = random.Random(self.seed)
        self._met: Counter[tuple[int, str]] = Counter()

    def play(self, *faults: Fault) -> None:
        """Put these faults into force, in the place of those before."""
        self.faults = list(faults)
        self._met.clear()
        self.played.clear()
        self.requests.clear()

    def _fault(self, request: web.Request) -> str:
        name = f"{request.method} {request.path_qs}"
        self.requests.append(name)
        for number, fault in enumerate(self.faults):
            key = (number, f"{request.method} {request.path}")
            if not re.search(fault.request, name) or self._met[key] >= fault.times or not fault.when(request):
                continue
            if self._drawn.random() < fault.share:
                self._met[key] += 1
                self.played[fault.what] += 1
                return fault.what
        return ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.path == "/role":
            keys = {"AccessKeyId": self.role_key, "SecretAccessKey": "secret", "Token": "token"}
            return web.json_response(keys | {"Expiration": "2099-01-01T00:00:00Z"})
        what = self._fault(request)
        if re.match(r"\d", what):
            status, _, code = what.partition(" ")
            await request.read()
            return web.Response(status=int(status), text=_ERROR.format(code), content_type="application/xml")
        if what == "cut body":
            await request.content.read(1)
            return self._break(request)
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = f"{self.upstream}{request.raw_path}"
        async with self._session.request(
            request.method, aiohttp.client.URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
        ) as answer:
            data = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        if what == "lost":
            return self._break(request)
        return await self._send(request, answer, kept, data, what)

    async def _send(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str], data: bytes, what: str
    ) -> web.StreamResponse:  # fmt: skip
        told = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        told.content_length = int(answer.headers.get("Content-Length", len(data)))
        await told.prepare(request)
        if what == "cut" and data:
            await told.write(data[: len(data) // 2])
            return self._break(request, told)
        pieces = _SLOW_PIECES if what == "slow" else 1
        size = -(-len(data) // pieces) or 1
        for start in range(0, len(data), size):
            await told.write(data[start : start + size])
            if what == "slow":
                await asyncio.sleep(SLOW_S)
        return told

    @staticmethod
    def _break(request: web.Request, begun: web.StreamResponse | None = None) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close() if begun else request.transport.abort()
        return begun or web.Response()

    async def _run(self, started: threading.Event, stop: asyncio.Event) -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            app = web.Application(client_max_size=1 << 30)
            app.router.add_route("*", "/{path:.*}", self.serve)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
            started.set()
            await stop.wait()
            await runner.cleanup()


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in a thread of its own, before a server."""
    proxy, loop = FaultProxy(upstream), asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy._run(started, stop),), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
