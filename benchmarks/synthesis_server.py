"""L3 against servers that fail: ``python -m benchmarks.synthesis_server``.

Generated passages, English and Chinese, enter at L2; the whole command writes L3 from them against two loopback
servers in processes of their own, which answer late (log-normal), stall, answer 429, 500, broken JSON or wrong text.
One of them is killed on the way. The servers' own logs are the witness of what was asked.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report, synthesis_server_passages
from benchmarks.synthesis_server_model import FAULTS, MEAN_S, SIGMA

DEATH_AT = 0.3  # of the passages answered, when the first server is killed
_SETTLED_S = 5.0  # after the death, from when the survivor's rate counts
_ALL_BUSY = 0.95  # of the passages answered, until which there is work for all its slots
_EVERY_S = 0.25
_SETTINGS = (
    'l3.synthesize.tasks=["blog"]',
    "l3.synthesize.max_passages=1",
    "l3.synthesize.checks.max_copied_ratio=1.0",  # the servers answer with what they are shown
    "l3.engine.timeout_s=5",
    "l3.engine.backoff_s=0.2",
    'l3.engine.languages=["en", "zh"]',
)
LOST = ("requests neither answered nor accounted for", 0, "requests")
DOUBLED = ("questions answered twice, beyond those in flight when the server died or the time was over", 0, "questions")
FAULTY = ("faults that `governance verify` finds", 0, "faults")
THROUGHPUT = ("answers/s of the survivor over its capacity (slots over mean delay)", 0.85, "x")
FLAT = ("highest resident memory of the driver while answers came, over that in their second tenth", 1.1, "x")


@dataclass
class Watch:
    """What is seen from outside while the command runs: answers of each server, and the driver's memory."""

    started: float = field(default_factory=time.monotonic)
    seen: list[tuple[float, int, int, int]] = field(default_factory=list)  # seconds, answers of both, resident bytes
    died_at: float | None = None
    dead_answers: int = 0
    last: dict[str, Any] = field(default_factory=dict)  # the survivor's statistics


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=16, help="requests at once of each server")
    parser.add_argument("--limit-s", type=float, default=1800.0)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), chosen.passages, chosen.slots, chosen.limit_s)
    report.show(result)


def measure(folder: Path, passages: int, slots: int, limit_s: float) -> dict[str, Any]:
    """The benchmark's object."""
    synthesis_server_passages.write(folder / "documents", passages)
    servers, ports = zip(*(_server(folder / f"server-{number}.log", slots, number) for number in range(2)), strict=True)
    try:
        with (folder / "result.json").open("wb") as out, (folder / "messages").open("wb") as messages:
            command = _command(folder, ports, slots)
            driver = subprocess.Popen(command, stdout=out, stderr=messages, start_new_session=True)
            cpu_s, watch = _watch(driver, servers, ports, passages, limit_s)
    finally:
        for server in servers:
            server.kill()
            server.wait()
    if driver.returncode:
        said = (folder / "messages").read_text(errors="replace").strip()[-800:]
        reason = f"the command ended with {driver.returncode}: {said}"
        bars = [report.unmeasured(reason, *bar) for bar in (LOST, DOUBLED, FAULTY, THROUGHPUT, FLAT)]
        return report.body("synthesis_server", {"passages": passages}, bars)
    return _judged(folder, slots, cpu_s, watch)


def _server(log: Path, slots: int, seed: int) -> tuple[subprocess.Popen[bytes], int]:
    arguments = [sys.executable, "-m", "benchmarks.synthesis_server_model", str(log), str(slots), str(seed)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _command(folder: Path, ports: Sequence[int], slots: int) -> list[str]:
    settings = [*_SETTINGS, f"l3.engine.max_num_seqs={slots}"]
    flags = [word for setting in settings for word in ("--set", setting)]
    flags += [word for port in ports for word in ("--endpoint", f"http://127.0.0.1:{port}/v1")]
    start = "from governance.cli import main; main()"
    return [
        sys.executable, "-c", start, "run", "--level", "L3", "--enter", "L2", "--dump", "passages",
        "--input", f"{folder}/documents/*.jsonl", "--output", f"{folder}/out", "--model", "echo", "--workers", "0",
        "--json", *flags,
    ]  # fmt: skip


def _watch(
    driver: subprocess.Popen[bytes], servers: Sequence[subprocess.Popen[bytes]], ports: Sequence[int], passages: int,
    limit_s: float,
) -> tuple[float, Watch]:  # fmt: skip
    """Look at both sides until the command ends; kill the first server on the way. Returns its CPU seconds, and all."""
    import psutil

    process, watch, cpu_s = psutil.Process(driver.pid), Watch(), 0.0
    while driver.poll() is None and time.monotonic() - watch.started < limit_s:
        watch.last = _stats(ports[1])
        if watch.died_at is None:
            watch.dead_answers = _stats(ports[0])["answered"]
        answers = watch.dead_answers + watch.last["answered"]
        with suppress(psutil.Error):
            cpu_s, resident = sum(process.cpu_times()[:2]), process.memory_info().rss
            watch.seen.append((time.monotonic() - watch.started, answers, watch.last["answered"], resident))
        if watch.died_at is None and answers >= DEATH_AT * passages:
            servers[0].kill()
            watch.died_at = time.monotonic() - watch.started
        time.sleep(_EVERY_S)
    if driver.poll() is None:
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    return cpu_s, watch


def _stats(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=30) as reply:
        return json.loads(reply.read())


def _judged(folder: Path, slots: int, cpu_s: float, watch: Watch) -> dict[str, Any]:
    """Figures and bars of a run that ended well."""
    told = json.loads((folder / "result.json").read_text())["synthesis"]
    answered = Counter(
        line.split()[0] for number in range(2) for line in (folder / f"server-{number}.log").read_text().splitlines()
    )
    doubled = sum(answered.values()) - len(answered)
    planned = _documents(folder)
    rate, capacity = throughput(watch, planned, slots)
    memory = memory_of(watch, planned)
    figures = {
        "passages": planned, "slots": slots, "delay_s": {"mean": MEAN_S, "sigma": SIGMA}, "faults": FAULTS,
        "told": told, "survivor": watch.last, "wall_s": round(watch.seen[-1][0], 1),
        "driver_cpu_ms_per_request": round(1000 * cpu_s / max(1, told["requests"]), 2),
        "questions_answered": len(answered), "answered_twice": doubled,
        "answers_per_s": rate, "capacity_per_s": capacity, "memory_mib": memory,
    }  # fmt: skip
    planned = _documents(folder)
    lost = abs(planned - told["requests"]) + abs(told["requests"] - told.get("failed", 0) - len(answered))
    bars = [
        report.at_most(lost, *LOST),
        report.at_most(max(0, doubled - slots), *DOUBLED),
        report.at_most(_audit(folder), *FAULTY),
        report.unmeasured("the work was over before the survivor's rate had settled", *THROUGHPUT)
        if rate is None
        else report.at_least(round(rate / capacity, 3), *THROUGHPUT),
        report.at_most(round(max(memory["by_tenth"][1:]) / (memory["by_tenth"][1] or 1), 3), *FLAT),
    ]
    return report.body("synthesis_server", figures, bars)


def throughput(watch: Watch, passages: int, slots: int) -> tuple[float | None, float]:
    """Answers/s of the survivor while it had work for all slots, None where it had for too short a time; and what its
    slots can do at the mean delay of its own answers."""
    settled = float("inf") if watch.died_at is None else watch.died_at + _SETTLED_S
    window = [(at, own) for at, all_, own, _ in watch.seen if at > settled and all_ < _ALL_BUSY * passages]
    capacity = round(slots * watch.last["answered"] / watch.last["answer_s"], 2)
    if len(window) < 2:
        return None, capacity
    (first, before), (last, after) = window[0], window[-1]
    return round((after - before) / (last - first), 2), capacity


def memory_of(watch: Watch, passages: int) -> dict[str, Any]:
    """Resident MiB while answers came: its highest in each tenth of them; and after the last one, when outputs are
    compared with each other and rows are written, which under Ray the workers do."""
    tenths: list[float] = [0.0] * 10
    after = 0.0
    for _, answers, _, resident in watch.seen:
        mib = round(resident / 2**20, 1)
        if answers < passages:
            tenths[10 * answers // passages] = max(mib, tenths[10 * answers // passages])
        else:
            after = max(mib, after)
    return {"by_tenth": tenths, "afterwards": after}


def _documents(folder: Path) -> int:
    """Documents of L2 in the languages that are written; one taken for another language is not asked about."""
    import pyarrow.parquet as pq

    parts = [part for lang in ("en", "zh") for part in (folder / "out/L2/passages/data" / lang).glob("*.parquet")]
    return sum(pq.read_metadata(part).num_rows for part in parts)


def _audit(folder: Path) -> int:
    """How many faults the audit finds in the corpus."""
    from governance.progress import Progress
    from governance.verify import audit
    from manifests.store import Store

    return len(audit(Store(f"{folder}/out"), Progress("silent"))["faults"])


if __name__ == "__main__":
    main()
