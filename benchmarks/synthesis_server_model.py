"""A stand-in for a language model's server, in a process of its own: late, sometimes wrong, a witness of all it did.

    python -m benchmarks.synthesis_server_model LOG SLOTS SEED

It prints the port it listens on. It answers with the sentences it is shown, after a log-normal delay; a fixed share of
requests gets a fault instead, drawn by the question and how often it was put. Every answer that was sent whole is one
line of LOG, so that the witness survives the server's death.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

MEAN_S, SIGMA = 0.4, 0.5  # of the delay
# Share of requests, by the fault they get. "429" comes in spells, as of a limit on the rate.
FAULTS = {"500": 0.01, "truncated": 0.01, "cut": 0.005, "null": 0.005, "wrong": 0.02, "stall": 0.002}
_SPELL_EVERY_S, _SPELL_S = 40.0, 0.5
SENTENCES = re.compile(r"[A-Z][^.\n]*report \d{6}[^.]*\.|[^。\n]*记录\d{6}[^。]*。")
WRONG = "Nobody asked for this sentence, which has nothing to do with anything that was shown."


@dataclass
class Witness:
    """What was asked and what came of it."""

    log: TextIO
    slots: int
    seed: int
    started: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)  # requests by what they got
    asked: Counter[str] = field(default_factory=Counter)  # times each question was put
    delays: list[float] = field(default_factory=lambda: [0, 0.0])  # how many were answered, and their seconds
    busy: int = 0
    most_busy: int = 0

    def fault(self, question: str) -> str:
        """What a question gets this time: "ok", or a fault."""
        if (time.monotonic() - self.started) % _SPELL_EVERY_S > _SPELL_EVERY_S - _SPELL_S:
            return "429"
        self.asked[question] += 1
        draw = random.Random(f"{self.seed} {question} {self.asked[question]}").random()
        for fault, share in FAULTS.items():
            if draw < share:
                return fault
            draw -= share
        return "ok"

    def note(self, question: str, what: str, seconds: float) -> None:
        """An answer was sent whole."""
        self.counts[what] += 1
        self.delays[0] += 1
        self.delays[1] += seconds
        self.log.write(f"{question} {what}\n")
        self.log.flush()


def completion(text: str | None) -> bytes:
    """The JSON of a chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 300, "completion_tokens": len((text or "").split()) + 1, "total_tokens": 301}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "model": "echo", "choices": [choice], "usage": usage}
    ).encode()


async def answer(request: Any) -> Any:
    """One request: its delay, and its answer or fault."""
    witness: Witness = request.app["witness"]
    start = time.monotonic()
    body = await request.json()
    question = hashlib.sha256(json.dumps([body["messages"], body.get("temperature")]).encode()).hexdigest()[:24]
    what = witness.fault(question)
    witness.busy += 1
    witness.most_busy = max(witness.most_busy, witness.busy)
    try:
        return await _play(request, witness, what, question, body["messages"][-1]["content"], start)
    finally:
        witness.busy -= 1


async def _play(request: Any, witness: Witness, what: str, question: str, shown: str, start: float) -> Any:
    from aiohttp import web

    if what == "429":
        witness.counts[what] += 1
        return web.Response(status=429, headers={"Retry-After": "1"}, body=b"slow down")
    if what == "500":
        witness.counts[what] += 1
        return web.Response(status=500, body=b"played")
    if what == "stall":
        witness.counts[what] += 1
        await asyncio.sleep(3600)
    await asyncio.sleep(random.lognormvariate(0.0, SIGMA) * MEAN_S / 2.718281828 ** (SIGMA**2 / 2))
    text = WRONG if what == "wrong" else "\n".join(SENTENCES.findall(shown))
    reply = completion(None if what == "null" else text)
    whole = what in ("ok", "wrong")
    length = len(reply) // 2 if what == "truncated" else len(reply)
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(length)})
    await response.prepare(request)
    if what == "cut":
        witness.counts[what] += 1
        await response.write(reply[: length // 2])
        request.transport.close()
        return response
    await response.write(reply[:length])
    await response.write_eof()
    if whole:
        witness.note(question, what, time.monotonic() - start)
    else:
        witness.counts[what] += 1
    return response


async def stats(request: Any) -> Any:
    """What the witness saw so far."""
    from aiohttp import web

    witness: Witness = request.app["witness"]
    answered, seconds = witness.delays
    body = {
        "answered": answered, "answer_s": seconds, "counts": dict(witness.counts), "most_busy": witness.most_busy,
    }  # fmt: skip
    return web.json_response(body)


async def models(request: Any) -> Any:
    """The one model there is."""
    from aiohttp import web

    return web.json_response({"data": [{"id": "echo"}]})


async def serve(log: Path, slots: int, seed: int) -> None:
    """Listen until killed."""
    from aiohttp import web

    with log.open("w") as stream:
        app = web.Application(client_max_size=1 << 24)
        app["witness"] = Witness(stream, slots, seed)
        app.add_routes([
            web.post("/v1/chat/completions", answer), web.get("/v1/models", models), web.get("/stats", stats),
        ])  # fmt: skip
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
