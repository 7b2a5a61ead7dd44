"""The other sides of benchmarks.synthesis, each in a process of its own; its last line is its result.

python -m benchmarks.synthesis_sides bare REQUESTS           vllm.LLM.generate on all of them at once
python -m benchmarks.synthesis_sides ours REQUESTS URL       our engines at a server
python -m benchmarks.synthesis_sides datatrove REQUESTS URL  datatrove's InferenceRunner at the same server
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from synth.engines import Answer, EngineConfig, Request, open_engine
from synth.models import DEFAULT_MODEL, resolve_model

SERVED = "small"  # the model's name at the server
AT_ONCE = 64  # requests in flight at the server


def read_requests(path: Path) -> list[Request]:
    """The requests that the stage made, in its order."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return [
        Request(told["key"], tuple(told["messages"]), told["sampling"], affinity=told["affinity"]) for told in lines
    ]


def bare(requests: list[Request]) -> dict[str, Any]:
    """The same prompts, sampling and engine, without anything around: vLLM fills its batch as it likes."""
    from synth import engines_vllm

    cfg = EngineConfig()
    engines_vllm.set_environment(cfg)
    from vllm import LLM

    model = LLM(**engines_vllm.engine_arguments(resolve_model(DEFAULT_MODEL), cfg))
    tokenizer = model.get_tokenizer()
    started = time.monotonic()
    prompts = [{"prompt_token_ids": engines_vllm.prompt_tokens(tokenizer, request)} for request in requests]
    params = [engines_vllm.sampling_parameters(request, structured=True) for request in requests]
    outputs = model.generate(prompts, params, use_tqdm=False)
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    return rate(len(outputs), tokens, time.monotonic() - started)


def ours(requests: list[Request], url: str) -> dict[str, Any]:
    """Our pool of engines at the server."""
    pool = open_engine(EngineConfig(model=SERVED, endpoints=(url,), max_num_seqs=AT_ONCE))
    started = time.monotonic()
    for request in requests:
        pool.submit(request)
    answers: list[Answer] = []
    while pool.in_flight:
        answers += pool.poll(1.0)
    seconds = time.monotonic() - started
    pool.close()
    failed = [answer.error for answer in answers if answer.error is not None]
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed, the first one: {failed[0]}")
    return rate(len(answers), sum(answer.output_tokens for answer in answers), seconds)


def datatrove(requests: list[Request], url: str) -> dict[str, Any]:
    """datatrove's runner at the same server, each request a document of its own."""
    from datatrove.data import Document
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter

    tokens: list[int] = []

    async def ask(document: Document, generate: Any) -> str:
        result = await generate({"messages": document.metadata["messages"], **document.metadata["sampling"]})
        tokens.append(result.usage["completion_tokens"])
        return result.text

    def documents() -> Iterator[Document]:
        for request in requests:
            told = {"messages": list(request.messages), "sampling": dict(request.sampling)}
            yield Document(text=request.messages[-1]["content"], id=request.key, metadata=told)

    config = InferenceConfig(
        server_type="endpoint",
        model_name_or_path=SERVED,
        endpoint_url=url.removesuffix("/v1"),
        max_concurrent_generations=AT_ONCE,
    )
    with tempfile.TemporaryDirectory() as folder:
        runner = InferenceRunner(cast(Any, ask), config, JsonlWriter(folder))
        started = time.monotonic()
        runner.run(documents(), rank=0, world_size=1)
        seconds = time.monotonic() - started
    if len(tokens) != len(requests):
        raise RuntimeError(f"{len(tokens)} of {len(requests)} requests were answered")
    return rate(len(tokens), sum(tokens), seconds)


def rate(answers: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Answers, the tokens in them, the seconds they took, and tokens a second."""
    per_second = round(tokens / max(seconds, 1e-9), 1)
    return {"answers": answers, "output_tokens": tokens, "seconds": round(seconds, 2), "tokens_per_s": per_second}


def main() -> None:
    """See above."""
    side, requests = sys.argv[1], read_requests(Path(sys.argv[2]))
    result = {"bare": bare, "ours": ours, "datatrove": datatrove}[side](requests, *sys.argv[3:])
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
