"""What L3 costs around its engine: ``python -m benchmarks.synthesis``.

The stage writes L3 from part of the bundled crawl with the bundled model on CPU, every request noted. The same requests
then go through bare vLLM, and through a vLLM server to our engines and to datatrove's InferenceRunner.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copytree
from typing import Any

from benchmarks import report
from benchmarks.measure import SideError, run_side
from benchmarks.refined import build, by_task
from benchmarks.synthesis_sides import SERVED
from synth.models import DEFAULT_MODEL, resolve_model

SHARE = ("output tokens/s of the stage over those of bare vllm.LLM.generate, same requests", 0.95, "x")
PEER = ("output tokens/s of our engines over those of datatrove's InferenceRunner, same requests and server", None, "x")
VERIFIED = ("verified tokens an engine-hour, every call counted, all tasks", None, "tokens")
DOCUMENTS = 24  # of the bundled crawl, the best ones
AT_SERVER = 150  # requests, the first ones
_START_S = 400.0  # vLLM's server takes about 100 s to start on two cores


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthesis", description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="that the stage writes from")
    parser.add_argument("--runs", type=int, default=3, help="of the stage and of bare vLLM, in turns")
    parser.add_argument("--at-server", type=int, default=AT_SERVER, help="requests to the server; 0: no server")
    parser.add_argument("--limit-s", type=float, default=600.0, help="seconds for each side")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report.show(run(Path(folder), args.documents, args.runs, args.at_server, args.limit_s))


def run(out: Path, documents: int, runs: int, at_server: int, limit_s: float) -> dict[str, Any]:
    """All sides. Returns: the benchmark's body."""
    build(out / "l2", "L2", {})
    requests = out / "requests.jsonl"
    stage: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    wrong = ""
    try:
        for number in range(runs):  # in turns, so that other work on the machine meets both
            stage.append(_stage(out, number, documents, requests, limit_s))
            bare.append(_side("bare", (str(requests),), limit_s))
    except SideError as error:
        wrong = str(error)
    bars = [_share(stage, bare, wrong)]
    figures: dict[str, Any] = {"stage": [_told(one) for one in stage], "bare": bare}
    if stage:
        figures["tasks"] = by_task(stage[-1])
        verified = sum(one["verified_tokens"] for one in figures["tasks"].values())
        bars.append(report.at_least(round(verified / stage[-1]["engine_s"] * 3600), *VERIFIED))
    if at_server and stage:
        figures["server"], bar = _at_server(out, requests, at_server, limit_s)
        bars.append(bar)
    return report.body("synthesis", figures, bars)


def _share(stage: list[dict[str, Any]], bare: list[dict[str, Any]], wrong: str) -> report.Bar:
    """The middle of the ratios of neighbouring runs: what slows the machine down slows both."""
    if wrong or not bare:
        return report.unmeasured(wrong or "no run", *SHARE)
    ratios = [ours["tokens_per_s"] / theirs["tokens_per_s"] for ours, theirs in zip(stage, bare, strict=True)]
    return report.at_least(round(statistics.median(ratios), 3), *SHARE)


def _stage(out: Path, number: int, documents: int, requests: Path, limit_s: float) -> dict[str, Any]:
    corpus = out / f"stage-{number}"
    copytree(out / "l2", corpus)
    settings = json.dumps({"l3": {"max_documents": documents}})
    return _run("benchmarks.refined", (str(corpus), settings, str(requests)), limit_s)


def _side(name: str, arguments: tuple[str, ...], limit_s: float) -> dict[str, Any]:
    return _run("benchmarks.synthesis_sides", (name, *arguments), limit_s)


def _run(module: str, arguments: tuple[str, ...], limit_s: float) -> dict[str, Any]:
    """A side with as many threads as there are cores."""
    return run_side(module, arguments, limit_s, {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}).result


def _told(stage: dict[str, Any]) -> dict[str, Any]:
    names = ("answers", "output_tokens", "engine_s", "tokens_per_s", "loading_s", "seconds", "rows")
    return {name: stage[name] for name in names}


def _at_server(out: Path, requests: Path, most: int, limit_s: float) -> tuple[dict[str, Any], report.Bar]:
    """Ours and the peer at one server, in turns, after a first pass that fills its cache of prefixes for both."""
    some = out / "some.jsonl"
    some.write_text("\n".join(requests.read_text(encoding="utf-8").split("\n")[:most]), encoding="utf-8")
    figures: dict[str, Any] = {"ours": [], "datatrove": []}
    try:
        with server(out / "server.log") as url:
            arguments = (str(some), url)
            figures["first_pass"] = _side("ours", arguments, limit_s)
            for _ in range(2):
                for name in ("datatrove", "ours"):
                    figures[name].append(_side(name, arguments, limit_s))
    except SideError as error:
        return figures, report.unmeasured(str(error), *PEER)
    ours, theirs = (max(one["tokens_per_s"] for one in figures[name]) for name in ("ours", "datatrove"))
    return figures, report.at_least(round(ours / theirs, 3), *PEER)


@contextmanager
def server(log: Path) -> Generator[str]:
    """vLLM's own server with the bundled model; its address. In float32: in bfloat16 its attention computes wrongly on
    CPUs with AMX, which our engine mends in its own process alone. Errors: SideError."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", resolve_model(DEFAULT_MODEL)),
        *("--served-model-name", SERVED, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"),
        *("--max-model-len", "4096", "--max-num-seqs", "128", "--block-size", "32", "--enforce-eager"),
        *("--gpu-memory-utilization", "0.2"),
    ]
    env = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1",
        "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with suppress(ProcessLookupError):  # the group it leads: its engine is a process of its own
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    end = log.read_text(encoding="utf-8", errors="replace")[-800:]
    raise SideError(f"vLLM's server did not start within {_START_S:g} s: {end}")


if __name__ == "__main__":
    main()
