"""OpenAI-compatible servers, spoken to from one thread with an event loop of its own.

Spoken to over aiohttp and not by the client of the package ``openai``, which takes three times the CPU time for a
request (1.7 ms against 0.6) and refuses what vLLM and SGLang take beside the protocol, such as top_k.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Coroutine, Mapping
from typing import Any

from synth.engines import Answer, EngineConfig, Request, failed
from synth.engines_member import Mailbox, News

CONNECT_S = 10.0  # to reach a server, and to hear from one that was away
_WRONG_REQUEST = (400, 413, 422)  # such as a prompt longer than the model's context
_MISCONFIGURED = (401, 403, 404, 405)
_LATER = (429, 503)
_UNFINISHED = ("abort", "error")  # finish reasons of an answer that its server gave up


class Loop:
    """The thread, its event loop, and the connections of all servers."""

    def __init__(self, timeout_s: float) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="servers", daemon=True)
        self._thread.start()
        self.session = asyncio.run_coroutine_threadsafe(_session(timeout_s), self.loop).result()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine from another thread."""
        self.loop.call_soon_threadsafe(self.loop.create_task, work)

    def close(self) -> None:
        """End the thread and all connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()

    async def _end(self) -> None:
        waiting = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self.session.close()


async def _session(timeout_s: float) -> Any:
    import aiohttp

    limits = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
    return aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0))


class ServerMember:
    """One server; see ``synth.engines_member.Member``."""

    def __init__(self, url: str, cfg: EngineConfig, slots: int, loop: Loop, mailbox: Mailbox) -> None:
        self.name, self.slots = url, slots
        self.starts: int | None = None
        self.quiet_s = cfg.timeout_s
        self._cfg, self._loop, self._mailbox = cfg, loop, mailbox
        key = os.environ.get(cfg.api_key_env)
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._tasks: set[asyncio.Task[None]] = set()  # touched by the loop's thread alone

    def send(self, request: Request) -> None:
        """Post a request; what becomes of it comes as one news."""
        self._loop.run(self._post(request))

    def drop(self) -> None:
        """Cancel what is in flight."""
        self._loop.loop.call_soon_threadsafe(self._cancel)

    def revive(self) -> None:
        """Ask for the list of models: any answer but an error of a gateway says that the server is there."""
        self._loop.run(self._look())

    def close(self) -> None:
        """Cancel what is in flight."""
        self.drop()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _look(self) -> None:
        try:
            async with self._loop.session.get(self._url("models"), headers=self._headers) as reply:
                dead = reply.status in (500, 502, 503, 504)
                news = News(self, "dead" if dead else "alive", why=f"HTTP {reply.status}")
        except Exception as error:  # whatever it is, the server is not there
            news = News(self, "dead", why=_said(error))
        self._mailbox.put(news)

    async def _post(self, request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            self._mailbox.put(await self._ask(request))
        finally:
            self._tasks.discard(task)

    async def _ask(self, request: Request) -> News:
        """Ask once. Every way out but a cancellation is one news."""
        import aiohttp

        try:
            body = json.dumps(_body(request, self._cfg), ensure_ascii=False).encode()
            url = self._url("chat/completions")
            async with self._loop.session.post(url, data=body, headers=self._headers) as reply:
                return self._judge(request.key, reply.status, reply.headers, await reply.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return News(self, "unreachable", request.key, why=_said(error))
        except aiohttp.ClientPayloadError as error:
            return News(self, "fault", request.key, why=f"the reply ended early: {_said(error)}")
        except TimeoutError:
            return News(self, "lost", request.key, why=f"no answer within {self._cfg.timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return News(self, "lost", request.key, why=_said(error))
        except Exception as error:  # a request must come back whatever happened here, such as sampling that is no JSON
            return News(self, "answer", request.key, failed(request.key, _said(error)))

    def _judge(self, key: str, status: int, headers: Mapping[str, str], body: bytes) -> News:
        """What a reply says: an answer, or whose fault it is that there is none."""
        if status == 200:
            try:
                return News(self, "answer", key, read_reply(key, body))
            except MalformedReply as error:
                return News(self, "fault", key, why=str(error))
        why = f"HTTP {status}: {body[:300].decode(errors='replace')}"
        if status in _WRONG_REQUEST:
            return News(self, "answer", key, failed(key, why))
        wait_s = _seconds(headers.get("Retry-After"))
        if status == 429 or (status in _LATER and wait_s is not None):
            return News(self, "busy", key, why=why, wait_s=wait_s)
        return News(self, "misconfigured" if status in _MISCONFIGURED else "fault", key, why=why)

    def _url(self, what: str) -> str:
        return f"{self.name.rstrip('/')}/{what}"


def _body(request: Request, cfg: EngineConfig) -> dict[str, Any]:
    """The JSON of a request: sampling as it is, but a schema as the protocol names it."""
    sampling = dict(request.sampling)
    schema = sampling.pop("schema", None)
    if schema and cfg.structured_output:
        named = {"name": "answer", "schema": schema, "strict": True}
        sampling["response_format"] = {"type": "json_schema", "json_schema": named}
    return {"model": cfg.model, "messages": request.messages, **sampling}


def read_reply(key: str, body: bytes) -> Answer:
    """The answer in the JSON of a chat completion. Errors: MalformedReply where there is no text that ended."""
    try:
        reply = json.loads(body)
        choice = reply["choices"][0]
        text, usage = choice["message"]["content"], reply.get("usage") or {}
        prompt_tokens, output_tokens = (int(usage.get(f"{kind}_tokens") or 0) for kind in ("prompt", "completion"))
        finish = choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise MalformedReply(f"the reply is no chat completion: {body[:200]!r}") from error
    if not isinstance(text, str) or finish in _UNFINISHED or not (text or output_tokens):
        raise MalformedReply(f"the reply holds no text: {body[:200]!r}")
    # JSON can name half a surrogate pair, which is no character and in no encoding.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Answer(key, whole, finish, prompt_tokens, output_tokens)


class MalformedReply(ValueError):
    """A server's reply without a text where a text belongs."""


def _seconds(retry_after: str | None) -> float | None:
    """The header Retry-After as seconds, at most ten minutes; None where it is missing or is a date."""
    try:
        return min(600.0, max(0.0, float(retry_after or "")))
    except ValueError:
        return None


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
