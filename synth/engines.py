"""Engines that answer requests: vLLM in this process, or any OpenAI-compatible server.

An engine takes requests at any moment and hands back answers as they finish, in any order. An answer either holds text or
says what went wrong; a failure is never an empty text.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

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
    max_num_seqs: int = 64  # requests in flight
    max_model_len: int = 4096  # prompt and answer together, in tokens
    dtype: str = "bfloat16"
    seed: int = 0  # of the engine: seeds per request crash the CPU build
    tensor_parallel: int = 1
    gpu_memory_utilization: float = 0.9
    cpu_cache_gib: int = 1  # key-value cache without a GPU
    timeout_s: float = 120.0  # one attempt at a server
    max_attempts: int = 5  # at a server, with growing waits between them
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
        prompt = self._tokenizer.apply_chat_template(
            list(request.messages), tokenize=False, add_generation_prompt=True
        )
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
        dtype=cfg.dtype,
        seed=cfg.seed,
        max_model_len=cfg.max_model_len,
        max_num_seqs=cfg.max_num_seqs,
        tensor_parallel_size=cfg.tensor_parallel,
        enforce_eager=on_cpu,
        enable_prefix_caching=True,
        # Small blocks let worked examples of a few hundred tokens be shared; the CPU default of 128 wastes most of them.
        block_size=32 if on_cpu else None,
        # On a CPU this is a share of RAM that must be free, not what is used: the default fails.
        gpu_memory_utilization=0.2 if on_cpu else cfg.gpu_memory_utilization,
        disable_log_stats=True,
    )
    try:
        return LLMEngine.from_engine_args(args)
    except OSError as error:
        raise ModelNotFound(f"model {model!r} could not be loaded: {error}") from error
