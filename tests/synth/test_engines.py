"""The real small model through vLLM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from stages.conversation import Finished, ask, read
from stages.notes import to_table
from stages.synthesize import SynthesizeConfig, open_conversation, plan_row
from synth.engines import (
    Answer,
    Engine,
    EngineConfig,
    Request,
    engine_languages,
)
from synth.engines_vllm import VllmEngine, _speculation


def ask_for(key: str, text: str = "Say hello.", **sampling: Any) -> Request:
    return Request(key, ({"role": "user", "content": text},), {"temperature": 0.0, "max_tokens": 8} | sampling)


def drain(engine: Engine, seconds: float = 60) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    deadline = time.monotonic() + seconds
    while engine.in_flight and time.monotonic() < deadline:
        for answer in engine.poll(1.0):
            assert answer.key not in answers
            answers[answer.key] = answer
    return answers


def test_languages_are_known_without_loading_anything() -> None:
    assert engine_languages(EngineConfig()) == ("en",)
    assert engine_languages(EngineConfig(languages=("en", "zh"))) == ("en", "zh")


@pytest.fixture(scope="module")
def vllm_engine() -> Iterator[VllmEngine]:
    engine = VllmEngine(EngineConfig(max_model_len=2048, max_num_seqs=16))
    yield engine
    engine.close()


def test_vllm_answers_as_requests_finish_and_takes_new_ones_meanwhile(vllm_engine: VllmEngine) -> None:
    vllm_engine.submit(ask_for("long", "Count from one to fifty.", max_tokens=40))
    vllm_engine.submit(ask_for("short", "What is the capital of France?", max_tokens=2))
    first = vllm_engine.poll(60)
    assert [answer.key for answer in first] == ["short"]
    assert (first[0].finish_reason, first[0].output_tokens) == ("length", 2)
    # Every word of its answer leads the next likely one by 1.9 and more in log probability: of "What is the capital of
    # France?" the first by 0.12, which another processor's or batch's rounding turns.
    vllm_engine.submit(ask_for("joined", "Complete the sentence: The capital of France is", max_tokens=20))
    answers = drain(vllm_engine)
    assert set(answers) == {"long", "joined"}
    # An engine that computes wrongly still writes fluent text; this it does not know.
    assert "Paris" in answers["joined"].text
    assert answers["joined"].prompt_tokens > 10


def test_vllm_holds_an_answer_to_the_schema(vllm_engine: VllmEngine) -> None:
    text = {"type": "string", "maxLength": 40}
    schema = {"type": "object", "properties": {"q": text, "a": text}, "required": ["q", "a"]}
    schema["additionalProperties"] = False
    vllm_engine.submit(ask_for("a", "Write a question on Paris and its answer.", max_tokens=80, schema=schema))
    assert set(json.loads(drain(vllm_engine)["a"].text)) == {"q", "a"}


def test_speculation_on_a_cpu_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="speculative_tokens"):
        _speculation(EngineConfig(speculative_tokens=3), on_cpu=True)
    assert _speculation(EngineConfig(), on_cpu=True) is None
    guesses = _speculation(EngineConfig(speculative_tokens=3), on_cpu=False)
    assert guesses is not None and guesses["num_speculative_tokens"] == 3


def test_vllm_refuses_a_prompt_that_does_not_fit(vllm_engine: VllmEngine) -> None:
    vllm_engine.submit(ask_for("big", "word " * 3000))
    assert vllm_engine.in_flight == 1
    answer = drain(vllm_engine)["big"]
    assert answer.error is not None and answer.error.startswith("prompt_too_long")


def test_the_small_model_goes_through_the_whole_conversation(vllm_engine: VllmEngine) -> None:
    content = (
        "The GNOME and KDE communities still work together under the FreeDesktop.org umbrella, where the projects "
        "defined standards for interoperability across applications.\nPostfix was selected for the electronic mail "
        "server by the administrators, due to its reliability and its ease of configuration."
    )
    row = {"uid": "ab" * 16, "content": content, "lang": "en", "score": 0.9, "source": "s", "url": "u", "title": "t"}
    config = SynthesizeConfig(tasks=("qa", "encyclopedia"), retries=0, max_rewrites=1)
    talk = open_conversation(config, vllm_engine.name, vllm_engine.revision, ("en",), ("en",))
    notes: list[dict[str, Any]] = []
    answers: dict[str, Answer] = {}
    for task in plan_row(row, talk):
        result: Any = ask(task, talk)
        while not isinstance(result, Finished):
            for request in result:
                vllm_engine.submit(request)
            answers |= drain(vllm_engine)
            result = read(task, answers, talk)
        notes += result.annotations
    annotations = to_table(notes)
    assert len(set(annotations["request_uid"].to_pylist())) == len(answers) > 0
    assert all("SmolLM2-135M-Instruct@gguf-sha256-" in model for model in annotations["model"].to_pylist())
