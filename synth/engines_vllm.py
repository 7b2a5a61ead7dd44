"""vLLM in this process: its start on a GPU or without one, and requests that join the running batch."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synth.engines import Answer, EngineConfig, Request, failed
from synth.models import ModelNotFound, model_identity, resolve_model


class VllmEngine:
    """vLLM in this process. New requests join the running batch between two steps, as others finish."""

    def __init__(self, cfg: EngineConfig) -> None:
        model = resolve_model(cfg.model)
        identity = model_identity(model, cfg.revision)
        self.name, self.revision, self.capacity = identity["name"], identity["revision"], cfg.max_num_seqs
        self._engine = _load_vllm(model, cfg)
        self._tokenizer = self._engine.get_tokenizer()
        self._max_model_len, self._structured = cfg.max_model_len, cfg.structured_output
        self._started: dict[str, float] = {}
        self._refused: list[Answer] = []

    def submit(self, request: Request) -> None:
        """Queue a request; one too long for the model comes back as a failed answer. Errors: a key in flight twice."""
        if request.key in self._started:
            raise ValueError(f"request {request.key} is already in flight")
        tokens = prompt_tokens(self._tokenizer, request)
        params = sampling_parameters(request, self._structured)
        if len(tokens) + (params.max_tokens or 0) > self._max_model_len:
            self._refused.append(failed(request.key, f"prompt_too_long: {len(tokens)} tokens"))
            return
        self._engine.add_request(request.key, {"prompt_token_ids": tokens}, params)
        self._started[request.key] = time.monotonic()

    def poll(self, timeout: float) -> list[Answer]:
        """Run one step, and more until a request finishes or the time is over."""
        answers, self._refused = self._refused, []
        deadline = time.monotonic() + timeout
        while not answers and self._started:
            answers = [self._answer(output) for output in self._engine.step() if output.finished]
            if time.monotonic() >= deadline:
                break
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


def prompt_tokens(tokenizer: Any, request: Request) -> list[int]:
    """A request's prompt as token ids, by the model's chat template, which writes the special tokens itself."""
    prompt = tokenizer.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(prompt, add_special_tokens=False)


def sampling_parameters(request: Request, structured: bool) -> Any:
    """vLLM's SamplingParams of a request. Args: structured, whether an answer is held to its JSON schema."""
    from vllm import SamplingParams
    from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind, StructuredOutputsParams

    sampling = dict(request.sampling)
    schema = sampling.pop("schema", None)
    return SamplingParams(
        **sampling,
        output_kind=RequestOutputKind.FINAL_ONLY,
        structured_outputs=StructuredOutputsParams(json=schema) if schema and structured else None,
        # A small model often falls into a loop; what it would write until max_tokens is thrown away anyway.
        repetition_detection=RepetitionDetectionParams(max_pattern_size=48, min_pattern_size=4, min_count=3),
    )


def _load_vllm(model: str, cfg: EngineConfig) -> Any:
    """A vLLM engine for this machine. Errors: ModelNotFound when a hub id cannot be fetched."""
    set_environment(cfg)
    from vllm import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    args = EngineArgs(**engine_arguments(model, cfg), disable_log_stats=True)
    try:
        return LLMEngine.from_engine_args(args)
    except OSError as error:
        raise ModelNotFound(f"model {model!r} could not be loaded: {error}") from error


def set_environment(cfg: EngineConfig) -> None:
    """What vLLM reads while it is imported; call before that."""
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
    # A moment of spinning spares most of the some hundred wakings of a step: 8 % more tokens, no fewer beside a busy
    # process. Ten times as long: 15 % more, but a quarter fewer beside one.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def engine_arguments(model: str, cfg: EngineConfig) -> dict[str, Any]:
    """The arguments of vLLM's EngineArgs, or of its LLM, on this machine; mends what vLLM 0.32 does wrong here."""
    from vllm.platforms import current_platform

    on_cpu, kernels = current_platform.is_cpu(), {}
    _let_vllm_scan_modules()
    if on_cpu:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(cfg.cpu_cache_gib))
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        _leave_amx_attention()
        from synth import engines_vllm_norms

        kernels = engines_vllm_norms.register()
    return {
        "model": model,
        "revision": cfg.revision,
        "dtype": cfg.dtype or ("bfloat16" if not on_cpu or _multiplies_bfloat16() else "float32"),
        "ir_op_priority": kernels,
        "seed": cfg.seed,
        "max_model_len": cfg.max_model_len,
        "max_num_seqs": cfg.max_num_seqs,
        "tensor_parallel_size": cfg.tensor_parallel,
        "enforce_eager": on_cpu,
        "enable_prefix_caching": True,
        "speculative_config": _speculation(cfg, on_cpu),
        # A weak model asked for JSON may write white space to the limit.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        # Small blocks share the worked examples of a prompt almost whole; the CPU default is 128 tokens.
        "block_size": 32 if on_cpu else None,
        # On a CPU this is a share of RAM that must be free, not what is used: the default fails.
        "gpu_memory_utilization": 0.2 if on_cpu else cfg.gpu_memory_utilization,
    }


def _multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products in bfloat16: then it writes 2.4 times as fast as in float32 (543
    tokens/s against 199, SmolLM2-135M, two cores); without them it is slower."""
    info = Path("/proc/cpuinfo")
    return info.is_file() and re.search(r"\b(?:amx|avx512)_bf16\b", info.read_text()) is not None


def _leave_amx_attention() -> None:
    """Let vLLM take its vector kernel of attention where it would take the one for AMX (0.32).

    That one, the default in bfloat16, computes wrongly: SmolLM2 no longer knows the capital of France. With the vector
    kernel it does, and writes no slower.
    """
    from vllm.v1.attention.backends import cpu_attn

    choose = cpu_attn._get_attn_isa

    def choose_without_amx(*args: Any, **kwargs: Any) -> str:
        isa = choose(*args, **kwargs)
        return "vec" if isa == "amx" else isa

    setattr(cpu_attn, "_get_attn_isa", choose_without_amx)  # noqa: B010 - replaces a function of that module


def _speculation(cfg: EngineConfig, on_cpu: bool) -> dict[str, Any] | None:
    """Guesses from n-grams of the prompt: text written from a passage repeats much of it. Errors: ValueError."""
    if not cfg.speculative_tokens:
        return None
    if on_cpu:
        raise ValueError("l3.engine.speculative_tokens needs a GPU; set it to 0")
    return {
        "method": "ngram",
        "num_speculative_tokens": cfg.speculative_tokens,
        "prompt_lookup_min": 2,
        "prompt_lookup_max": 5,
    }


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
