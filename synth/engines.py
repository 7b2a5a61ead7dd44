"""What an engine is: it takes requests at any moment and hands back answers as they finish, in any order.

An answer either holds text or says what went wrong; a failure is never an empty text. ``open_engine`` gives one engine
over everything a configuration names: vLLM on this machine, OpenAI-compatible servers, or both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

from synth.models import DEFAULT_MODEL, model_languages

if TYPE_CHECKING:
    from synth.engines_pool import EnginePool

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": ...}
LOCAL = "local"  # among endpoints: vLLM on this machine
STRIKES = 3  # engines that died under a request before it is never asked again
QUARANTINED = "quarantined"  # the error of such a request


class EngineConfig(BaseModel):
    """Who writes, and with what resources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL  # bundled name, model folder, or Hugging Face id; the served name with endpoints
    revision: str | None = None  # of a Hugging Face id
    # Base URLs of OpenAI-compatible servers, such as http://host:8000/v1; none: vLLM here, and so does "local" among
    # them.
    endpoints: tuple[str, ...] = ()
    api_key_env: str = "OPENAI_API_KEY"  # the variable that holds the key; the key itself is never in a config
    languages: tuple[str, ...] | None = None  # what the model is trusted to write; None: what is known of the model
    # 543 tokens/s with 128, 481 with 64 and 456 with 256 (SmolLM2-135M in bfloat16, two cores).
    max_num_seqs: int = Field(default=128, ge=1)  # requests in flight at vLLM here, and at each server
    max_model_len: int = 4096  # prompt and answer together, in tokens
    # None: bfloat16 on a GPU, and on a CPU with instructions for it; else float32.
    dtype: str | None = None
    seed: int = 0  # of the engine: seeds per request crash the CPU build
    tensor_parallel: int = 1
    gpu_memory_utilization: float = 0.9
    speculative_tokens: int = Field(default=0, ge=0)  # guessed by n-grams of the prompt; 0: none; needs a GPU
    structured_output: bool = True  # hold answers to the prompt's JSON schema; off for servers that refuse one
    # Without a GPU. 0: OMP_NUM_THREADS, which Ray sets to the CPUs of its worker, else one for each core. Beside other
    # busy processes fewer may write faster: where one thread waits for its core all the others wait for it.
    cpu_threads: int = Field(default=0, ge=0)
    cpu_cache_gib: int = 1  # key-value cache without a GPU
    timeout_s: float = Field(default=120.0, gt=0)  # one attempt at a server
    max_attempts: int = Field(default=5, ge=1)  # of one request at servers that answer, with growing waits between them
    backoff_s: float = Field(default=1.0, ge=0)  # first wait; doubles each time, at most 60 s
    hang_after_s: float = Field(default=180.0, gt=0)  # without a sign of progress an engine is ended, or set aside
    load_within_s: float = Field(default=1800.0, gt=0)  # or the engine is ended and started again
    down_after_s: float = Field(default=600.0, gt=0)  # without any engine at work the run stops

    @field_validator("endpoints", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def servers(self) -> tuple[str, ...]:
        """The endpoints that are servers."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint != LOCAL)

    @property
    def is_local(self) -> bool:
        """Whether vLLM runs on this machine."""
        return not self.endpoints or LOCAL in self.endpoints


@dataclass(frozen=True)
class Request:
    """One question to a model."""

    key: str  # names the question and everything its answer depends on: a stored answer is found by it
    messages: tuple[Message, ...]
    # temperature, top_p, max_tokens, stop ... as vLLM and OpenAI name them; "schema": the JSON schema of the answer
    sampling: dict[str, Any]
    meta: dict[str, Any] = field(default_factory=dict)  # for the asker; engines ignore it
    affinity: str = ""  # requests of one affinity go to one engine, so that the prefix they share is computed once


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

    @property
    def capacity(self) -> int:
        """More than this in flight only waits."""
        ...

    @property
    def in_flight(self) -> int: ...

    def submit(self, request: Request) -> None: ...

    def poll(self, timeout: float) -> list[Answer]:
        """Answers finished by now, waiting about ``timeout`` seconds for the first one."""
        ...

    def close(self) -> None: ...


class EngineError(RuntimeError):
    """No engine can work: none could be loaded, or all servers are down. The message says which and why."""


OnDeath = Callable[[tuple[str, ...]], None]  # (keys): an engine died under these requests, and none is asked again yet


def open_engine(
    cfg: EngineConfig, on_death: OnDeath = lambda _: None, strikes: dict[str, int] | None = None, workers: int = 1
) -> EnginePool:
    """One engine over all that a configuration names; it loads while requests already wait.

    Args: strikes, by request key, of earlier runs, grown by whoever asks; workers that share the servers.
    Errors: ModelNotFound with the remedy.
    """
    from synth.engines_pool import open_pool

    return open_pool(cfg, on_death, {} if strikes is None else strikes, workers)


def engine_languages(cfg: EngineConfig) -> tuple[str, ...]:
    """Languages this configuration may write, without loading anything."""
    return model_languages(cfg.model, cfg.languages)


def failed(key: str, error: str, seconds: float = 0.0) -> Answer:
    """An answer that says what went wrong."""
    return Answer(key=key, text="", finish_reason=None, prompt_tokens=0, output_tokens=0, error=error, seconds=seconds)
