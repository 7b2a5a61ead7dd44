"""What is tried before any work starts, so that hours of it are not lost to a model or a server that is not there."""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from classifiers.fasttext_file import read_model
from classifiers.normalize import load_normalizer
from classifiers.score import check_classifier, model_path
from governance import doctor
from governance.config import L3, Settings
from governance.errors import GovernanceError, RunError, UsageError
from governance.plan import model_errors
from stages.decontaminate import check_sets
from synth.engines import LOCAL, EngineConfig
from synth.entailment import check_entailment
from synth.models import check_model

_TIMEOUT_S = 20.0  # for a server to say what it serves
_SERVERS_AT_ONCE = 32


def check_classifiers(settings: Settings, levels: tuple[str, ...]) -> None:
    """Every model that the levels need can be read, knows its labels and its language; and the tokenizer of L2.

    Errors: UsageError naming setting and file.
    """
    if "L1" in levels and settings.l1.language.model:
        with model_errors("l1.language.model"):
            read_model(Path(settings.l1.language.model))
    if "L2" in levels:
        for language, path in settings.l2.quality.models.items():
            with model_errors(f"l2.quality.models.{language}"):
                check_classifier(model_path(language, path), language)
        if tokenizer := settings.l2.quality.tokenizer_path:
            with model_errors("l2.quality.tokenizer"):
                load_normalizer(tokenizer)


def check_question_sets(settings: Settings, levels: tuple[str, ...]) -> None:
    """Every question set that L2 and L3 are compared with can be read. Errors: UsageError naming the set."""
    if {"L2", "L3"} & set(levels):
        with model_errors("l2.decontaminate"):
            check_sets(settings.l2.decontaminate)


def check_engine(engine: EngineConfig) -> None:
    """The model of L3 can be had, and every server answers and serves it. Errors: UsageError, RunError."""
    for endpoint in engine.servers:
        if not endpoint.startswith(("http://", "https://")):
            raise UsageError(
                f"--endpoint {endpoint!r} is no URL", f"write for example http://127.0.0.1:8000/v1, or {LOCAL}"
            )
    twice = [url for url, count in Counter(one.rstrip("/") for one in engine.endpoints).items() if count > 1]
    if twice:
        remedy = "name each once; how much it takes at once is l3.engine.max_num_seqs"
        raise UsageError(f"--endpoint {twice[0]} is given twice", remedy)
    if engine.is_local:
        with model_errors("l3.engine.model"):
            check_model(engine.model, engine.revision)
    _check_servers(engine)


def check_inference(settings: Settings) -> None:
    """The model of inference, where one is configured, can be had and tells entailment. Errors: UsageError."""
    cfg = settings.l3.synthesize.entailment
    if cfg.model:
        with model_errors("l3.synthesize.entailment.model"):
            check_entailment(cfg.model, cfg.revision)


def check_gpus(l3: L3, address: str | None) -> None:
    """GPUs that engines on this machine ask Ray for are there: it would wait for them for ever. Errors: UsageError."""
    if l3.gpus_per_engine > 0 and l3.engine.is_local and address is None and not doctor.has_gpu():
        raise UsageError(
            f"l3.gpus_per_engine = {l3.gpus_per_engine:g}, and this machine has no GPU",
            "set it to 0, name servers with --endpoint, or a cluster that has GPUs with --address",
        )


def _check_servers(engine: EngineConfig) -> None:
    """All servers at once, so that dead ones are waited for together. Errors: the first, saying how many there are."""
    with ThreadPoolExecutor(_SERVERS_AT_ONCE) as pool:
        faults = [fault for fault in pool.map(lambda one: _server_fault(engine, one), engine.servers) if fault]
    if not faults:
        return
    if len(engine.servers) > 1:
        first = faults[0]
        raise type(first)(f"{first}; {len(faults)} of {len(engine.servers)} endpoints cannot be used", first.remedy)
    raise faults[0]


def _server_fault(engine: EngineConfig, endpoint: str) -> GovernanceError | None:
    try:
        _check_server(engine, endpoint)
    except GovernanceError as fault:
        return fault
    return None


def _check_server(engine: EngineConfig, endpoint: str) -> None:
    """Ask for the list of models, which every OpenAI-compatible server has; one without it still answered."""
    key = os.environ.get(engine.api_key_env)
    request = Request(f"{endpoint.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as reply:
            body = reply.read()
    except HTTPError as error:
        _judge_status(error.code, engine, endpoint)
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise RunError(f"no server answers at {endpoint}: {reason}", "start it, or correct --endpoint") from error
    _check_served(engine.model, endpoint, body)


def _judge_status(status: int, engine: EngineConfig, endpoint: str) -> None:
    if status in (401, 403):
        raise UsageError(f"{endpoint} refuses the key (HTTP {status})", f"put a valid one into ${engine.api_key_env}")
    if status >= 500 and status != 501:  # 501: it has no such list
        raise RunError(f"the server at {endpoint} answers HTTP {status}", "wait until it is ready, or restart it")


def _check_served(model: str, endpoint: str, body: bytes) -> None:
    """The configured model is in the server's list, where it gives a readable one."""
    try:
        served = [str(entry["id"]) for entry in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        return
    if served and model not in served:
        near = (difflib.get_close_matches(model, served, 1) or served)[0]
        raise UsageError(f"{endpoint} serves {', '.join(served[:5])}, not {model!r}", f"use --model {near}")
