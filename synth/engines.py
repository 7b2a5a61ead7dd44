"""Engines that answer requests: vLLM in this process, or any OpenAI-compatible server.

An engine takes requests at any moment and hands back answers as they finish, in any order. An answer either holds text
or says what went wrong; a failure is never an empty text.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field

from synth.models import DEFAULT_MODEL, ModelNotFound, model_identity, model_languages, resolve_model

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": ...}


class EngineConfig(BaseModel):
    """Who writes, and with what resources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL  # bundled name, model folder, or Hugging Face id; the served name with an endpoint
    revision: str | None = None  # of a Hugging Face id
    endpoint: str | None = None  # base URL of an OpenAI-compatible server, such as http://host:8000/v1
    api_key_env: str = "OPENAI_API_KEY"  # the variable that holds the key; the key itself is never in a config
    languages: tuple[str, ...] | None = None  # what the model is trusted to write; None: what is known of the model
    max_num_seqs: int = Field(default=64, ge=1)  # requests in flight
    max_model_len: int = 4096  # prompt and answer together, in tokens
    # None: bfloat16 on a GPU and float32 without one. In bfloat16 a CPU with AMX computes wrongly under vLLM: SmolLM2
    # no longer knows the capital of France, which under transformers it does in the same precision.
    dtype: str | None = None
    seed: int = 0  # of the engine: seeds per request crash the CPU build
    tensor_parallel: int = 1
    gpu_memory_utilization: float = 0.9
    # Without a GPU. 0 leaves one core to everything else: where one thread waits for its core all the others wait for
    # it, and two threads on two busy cores wrote a tenth of what one wrote.
    cpu_threads: int = Field(default=0, ge=0)
    cpu_cache_gib: int = 1  # key-value cache without a GPU
    timeout_s: float = Field(default=120.0, gt=0)  # one attempt at a server
    max_attempts: int = Field(default=5, ge=1)  # at a server, with growing waits between them
    backoff_s: float = 1.0  # first wait; doubles each time, at most 30 s


@dataclass(frozen=True)
class Request:
    """One question to a model."""

    key: str  # names the question and everything its answer depends on: a stored answer is found by it
    messages: tuple[Message, ...]
    sampling: dict[str, Any]  # temperature, top_p, max_tokens, stop ... as vLLM and OpenAI name them
    meta: dict[str, Any] = field(default_factory=dict)  # for the asker; engines ignore it


@dataclass(frozen=True)
class Answer:
    """What came back for one request; ``error`` is None exactly when ``text`` is the model's own."""

    key: str
    text: str
    finish_reason: str | None
    prompt_tokens: int
    output_tokens: int
    error: str | None = None
    seconds: float = 0.0  # from submission to the last token


class Engine(Protocol):
    """Something that answers requests. Not thread-safe: one owner submits and polls."""

    name: str
    revision: str
    capacity: int  # more than this in flight only waits

    def submit(self, request: Request) -> None: ...

    def poll(self, timeout: float) -> list[Answer]:
        """Answers finished by now, waiting at most ``timeout`` seconds for the first one."""
        ...

    @property
    def in_flight(self) -> int: ...

    def close(self) -> None: ...


def open_engine(cfg: EngineConfig) -> Engine:
    """The engine a configuration describes. Errors: ModelNotFound with the remedy."""
    return OpenAIEngine(cfg) if cfg.endpoint else VllmEngine(cfg)


def engine_languages(cfg: EngineConfig) -> tuple[str, ...]:
    """Languages this configuration may write, without loading anything."""
    return model_languages(cfg.model, cfg.languages)


def failed(key: str, error: str, seconds: float = 0.0) -> Answer:
    """An answer that says what went wrong."""
    return Answer(key=key, text="", finish_reason=None, prompt_tokens=0, output_tokens=0, error=error, seconds=seconds)


class VllmEngine:
    """vLLM in this process. New requests join the running batch between two steps, as others finish."""

    def __init__(self, cfg: EngineConfig) -> None:
        model = resolve_model(cfg.model)
        identity = model_identity(model, cfg.revision)
        self.name, self.revision, self.capacity = identity["name"], identity["revision"], cfg.max_num_seqs
        self._engine = _load_vllm(model, cfg)
        self._tokenizer = self._engine.get_tokenizer()
        self._max_model_len = cfg.max_model_len
        self._started: dict[str, float] = {}
        self._refused: list[Answer] = []

    def submit(self, request: Request) -> None:
        """Queue a request; one too long for the model comes back as a failed answer. Errors: a key in flight twice."""
        from vllm import SamplingParams
        from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind

        if request.key in self._started:
            raise ValueError(f"request {request.key} is already in flight")
        prompt = self._tokenizer.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
        # The template writes the special tokens itself.
        tokens = self._tokenizer.encode(prompt, add_special_tokens=False)
        params = SamplingParams(
            **request.sampling,
            output_kind=RequestOutputKind.FINAL_ONLY,
            # A small model often falls into a loop; what it would write until max_tokens is thrown away anyway.
            repetition_detection=RepetitionDetectionParams(max_pattern_size=48, min_pattern_size=4, min_count=3),
        )
        if len(tokens) + (params.max_tokens or 0) > self._max_model_len:
            self._refused.append(failed(request.key, f"prompt_too_long: {len(tokens)} tokens"))
            return
        self._engine.add_request(request.key, {"prompt_token_ids": tokens}, params)
        self._started[request.key] = time.monotonic()

    def poll(self, timeout: float) -> list[Answer]:
        """Run steps until a request finishes or the time is over."""
        answers, self._refused = self._refused, []
        deadline = time.monotonic() + timeout
        while not answers and self._started and time.monotonic() < deadline:
            answers = [self._answer(output) for output in self._engine.step() if output.finished]
        return answers

    def _answer(self, output: Any) -> Answer:
        completion = output.outputs[0]
        return Answer(
            key=output.request_id,
            text=completion.text,
            finish_reason=completion.finish_reason,
            prompt_tokens=len(output.prompt_token_ids),
            output_tokens=len(completion.token_ids),
            seconds=time.monotonic() - self._started.pop(output.request_id),
        )

    @property
    def in_flight(self) -> int:
        return len(self._started) + len(self._refused)

    def close(self) -> None:
        """Drop what is in flight and free the model."""
        self._engine.abort_request(list(self._started))
        self._started.clear()
        self._engine.engine_core.shutdown()


def _load_vllm(model: str, cfg: EngineConfig) -> Any:
    """A vLLM engine for this machine. Errors: ModelNotFound when a hub id cannot be fetched."""
    # Start-up takes 3-7 s with the engine core in this process, over 2 minutes beside it.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # Read when torch is loaded, so set before vllm. A Ray actor finds the number of its CPUs here.
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    if cfg.cpu_threads:
        os.environ["OMP_NUM_THREADS"] = str(cfg.cpu_threads)
    # Threads that wait by spinning starve each other where a core is busy: 32 tokens/s with two threads against 354
    # with one. Waiting passively, two give 131 beside light work and 85 beside two busy processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.llm_engine import LLMEngine

    on_cpu = current_platform.is_cpu()
    if on_cpu:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(cfg.cpu_cache_gib))
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    args = EngineArgs(
        model=model,
        revision=cfg.revision,
        dtype=cfg.dtype or ("float32" if on_cpu else "bfloat16"),
        seed=cfg.seed,
        max_model_len=cfg.max_model_len,
        max_num_seqs=cfg.max_num_seqs,
        tensor_parallel_size=cfg.tensor_parallel,
        enforce_eager=on_cpu,
        enable_prefix_caching=True,
        # Small blocks share the worked examples of a prompt almost whole; the CPU default is 128 tokens.
        block_size=32 if on_cpu else None,
        # On a CPU this is a share of RAM that must be free, not what is used: the default fails.
        gpu_memory_utilization=0.2 if on_cpu else cfg.gpu_memory_utilization,
        disable_log_stats=True,
    )
    _let_vllm_scan_modules()
    try:
        return LLMEngine.from_engine_args(args)
    except OSError as error:
        raise ModelNotFound(f"model {model!r} could not be loaded: {error}") from error


def _let_vllm_scan_modules() -> None:
    """Give vLLM's module scan a ``vars`` that answers with a mapping, always.

    It calls ``vars(value).get(...)`` on every attribute of every module (vllm/triton_utils/dispatcher.py, 0.32). The
    library object of llvmlite has an attribute for any name, ``__dict__`` too, so where numba ran before, the engine
    would not load.
    """
    from vllm.triton_utils import dispatcher

    def mapping_of(value: object) -> Mapping[str, Any]:
        found = vars(value)
        return found if isinstance(found, Mapping) else {}

    setattr(dispatcher, "vars", mapping_of)  # noqa: B010 - shadows the builtin in that module alone


class OpenAIEngine:
    """Any OpenAI-compatible server, spoken to from a thread with an event loop of its own."""

    def __init__(self, cfg: EngineConfig) -> None:
        from openai import AsyncOpenAI

        # What the server says it serves under that name is not known here: its revision is the one configured.
        self.name, self.revision, self.capacity = cfg.model, cfg.revision or "served", cfg.max_num_seqs
        self._cfg = cfg
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._pending: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(cfg.max_num_seqs)
        # Retries are ours, so that each one is counted and the last failure is told.
        self._client = AsyncOpenAI(
            base_url=cfg.endpoint,
            api_key=os.environ.get(cfg.api_key_env) or "none",
            timeout=cfg.timeout_s,
            max_retries=0,
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-engine", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Queue a request. Errors: a key in flight twice."""
        if request.key in self._pending:
            raise ValueError(f"request {request.key} is already in flight")
        self._pending.add(request.key)
        asyncio.run_coroutine_threadsafe(self._serve(request), self._loop)

    def poll(self, timeout: float) -> list[Answer]:
        """Whatever has come back by now, waiting for the first of it."""
        answers: list[Answer] = []
        try:
            answers.append(self._answers.get(timeout=timeout))
            while True:
                answers.append(self._answers.get_nowait())
        except queue.Empty:
            self._pending.difference_update(answer.key for answer in answers)
        return answers

    async def _serve(self, request: Request) -> None:
        """Ask until an answer comes or the attempts are spent; every way out leaves exactly one answer."""
        started = time.monotonic()
        async with self._slots:
            try:
                answer = await self._ask_with_retries(request, started)
            except Exception as error:  # an answer must come back for every request, whatever the client did
                answer = failed(request.key, f"{type(error).__name__}: {error}"[:500], time.monotonic() - started)
        self._answers.put(answer)

    async def _ask_with_retries(self, request: Request, started: float) -> Answer:
        from openai import APIConnectionError, APIStatusError

        for attempt in range(1, self._cfg.max_attempts + 1):
            try:
                return await self._ask(request, started)
            except (APIConnectionError, APIStatusError, MalformedReply) as error:
                refused = isinstance(error, APIStatusError) and error.status_code < 500
                # A request the server calls wrong stays wrong; too many of them (429) and timeouts (408) pass.
                if attempt == self._cfg.max_attempts or (refused and error.status_code not in (408, 409, 429)):
                    raise
            await asyncio.sleep(min(30.0, self._cfg.backoff_s * 2 ** (attempt - 1)))
        raise AssertionError("max_attempts is at least 1")

    async def _ask(self, request: Request, started: float) -> Answer:
        reply = await self._client.chat.completions.create(
            model=self._cfg.model, messages=cast(Any, request.messages), **request.sampling
        )
        if not getattr(reply, "choices", None) or reply.choices[0].message.content is None:
            raise MalformedReply("the server's reply holds no text")
        choice, usage = reply.choices[0], reply.usage
        return Answer(
            key=request.key,
            text=choice.message.content,
            finish_reason=choice.finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            output_tokens=usage.completion_tokens if usage else 0,
            seconds=time.monotonic() - started,
        )

    @property
    def in_flight(self) -> int:
        return len(self._pending)

    def close(self) -> None:
        """Drop what is in flight and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _end(self) -> None:
        waiting = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._client.close()


class MalformedReply(ValueError):
    """A server's reply without a text where a text belongs."""
