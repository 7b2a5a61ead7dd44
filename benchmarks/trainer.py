"""The trainer beside Hugging Face's, on the same rows in one run: ``python -m benchmarks.trainer``.

On a GPU: MiniCPM5-1B's shape, rows of 4096 tokens, bf16. Elsewhere the 5M preset in float32. Both sides get the same
micro-batches, rows, optimiser and learning rate; each runs in a process of its own, by turns. The text is generated, so
nothing needs to lie beside it. Only torch, pyarrow, tokenizers, safetensors and numpy are needed for our side.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report

TEXT_MB = 12
_WARM = 8  # steps before the clock runs: compiling, memory, caches


@dataclass(frozen=True)
class Case:
    """What both sides train."""

    preset: str
    seq_len: int
    rows: int  # of a micro-batch, and of a step
    steps: int
    device: str

    @property
    def tokens(self) -> int:
        """Of one step."""
        return self.seq_len * self.rows


CASES = {"cpu": Case("5m", 256, 16, 48, "cpu"), "cuda": Case("1b", 4096, 8, 60, "cuda")}


def write_text(folder: Path, seed: int = 0) -> None:
    """Documents of words that are as frequent as words are (Zipf), so that a tokenizer has something to learn."""
    chance = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(chance.choice(letters, chance.integers(2, 11))) for _ in range(30_000)])
    texts, size = [], 0
    while size < TEXT_MB << 20:
        picks = np.minimum(chance.zipf(1.3, chance.integers(50, 1200)), len(words)) - 1
        texts.append(" ".join(words[picks]))
        size += len(texts[-1])
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"content": texts}), folder / "part.parquet", row_group_size=256)


def recipe(case: Case, folder: Path, output: str, steps: int) -> Any:
    """The run of our side."""
    from annealing.recipe import Data, Machine, Phase, Recipe, Safety

    data = (Data(str(folder / "text"), max_epochs=1000),)
    phase = Phase("run", steps * case.tokens, data, case.seq_len, case.tokens, "constant", 1e-3)
    machine = Machine(device=case.device, micro_tokens=case.tokens, log_every=1, compile="auto")
    return Recipe((phase,), case.preset, str(folder / "tokenizer"), output, holdout=0.0, machine=machine,
                  safety=Safety(every_steps=10**6, every_minutes=1e6))  # fmt: skip


def ours(case: Case, folder: Path, steps: int) -> dict[str, Any]:
    """Tokens a second of our trainer, from its own log, and what it waited for data."""
    from annealing import loop, plan

    events: list[dict[str, Any]] = []
    output = folder / "ours"
    shutil.rmtree(output, ignore_errors=True)
    summary = loop.run(plan.make(recipe(case, folder, str(output), steps)), events.append)
    logged = [event for event in events if "loss" in event]
    seconds = logged[-1]["seconds"] - logged[_WARM - 1]["seconds"]
    wait = statistics.fmean(event["data_wait"] for event in logged[_WARM:])
    rate = (len(logged) - _WARM) * case.tokens / seconds
    return {"tokens_per_s": rate, "data_wait": wait, "memory_gib": summary["memory_gib"], "loss": summary["loss"],
            "mfu": summary["mfu"]}  # fmt: skip


def theirs(case: Case, folder: Path, steps: int) -> dict[str, Any]:
    """Tokens a second of Hugging Face's Trainer on rows that are tokenised and packed beforehand, in its favour."""
    import torch
    import transformers

    from annealing import plan
    from annealing.pool import Pool
    from annealing.stream import Stream

    ready = plan.make(recipe(case, folder, "none", steps))
    stream = Stream(ready.mix(ready.recipe.phases[0]), Pool(ready.tokenizer), case.seq_len)
    rows = [row for _ in range(steps) if (batch := stream.batch(case.rows)) for row in torch.from_numpy(batch.tokens)]
    config = ready.shape.to_config("float32")
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config, attn_implementation="sdpa"))
    gpu = case.device == "cuda"
    times: list[float] = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if gpu and state.global_step in (_WARM, steps):
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "theirs"), max_steps=steps, per_device_train_batch_size=case.rows, bf16=gpu,
        torch_compile=gpu, optim="adamw_torch_fused", learning_rate=1e-3, lr_scheduler_type="constant",
        weight_decay=0.1, adam_beta2=0.95, max_grad_norm=1.0, logging_steps=10**6, save_strategy="no", report_to=[],
        use_cpu=not gpu, disable_tqdm=True, dataloader_num_workers=0, dataloader_pin_memory=gpu,
    )  # fmt: skip
    data = [{"input_ids": row, "labels": row} for row in rows]
    transformers.Trainer(model=model, args=arguments, train_dataset=data, callbacks=[Clock()]).train()
    memory = torch.cuda.max_memory_allocated() / 2**30 if gpu else None
    return {"tokens_per_s": (steps - _WARM) * case.tokens / (times[-1] - times[_WARM - 1]), "memory_gib": memory}


def resume(case: Case, folder: Path) -> dict[str, Any]:
    """Seconds from a position in the data to its next batch, and the bytes of that position."""
    from annealing import plan
    from annealing.pool import Pool
    from annealing.stream import Stream

    ready = plan.make(recipe(case, folder, "none", 1))
    mix = ready.mix(ready.recipe.phases[0])
    stream = Stream(mix, Pool(ready.tokenizer, 2), case.seq_len)
    batch = [stream.batch(case.rows) for _ in range(30)][-1]
    assert batch is not None
    start = time.perf_counter()
    again = Stream(mix, Pool(ready.tokenizer, 2), case.seq_len, state=batch.state)
    again.batch(case.rows)
    return {"resume_s": time.perf_counter() - start, "state_bytes": len(json.dumps(batch.state))}


def tokenising(case: Case, folder: Path) -> dict[str, Any]:
    """Megabytes of text a second and core that are read, tokenised, shuffled and packed."""
    from annealing import plan
    from annealing.documents import read
    from annealing.pool import Pool
    from annealing.stream import Source, Stream

    ready = plan.make(recipe(case, folder, "none", 1))
    (source,) = ready.mix(ready.recipe.phases[0])
    size = sum(len(text.encode()) for block in source.dataset.blocks for text in read(source.dataset, block))
    start = time.process_time()
    stream = Stream([Source(source.name, source.dataset, 1.0, 1)], Pool(ready.tokenizer, 1), 4096)
    while stream.batch(8) is not None:
        pass
    return {"mb_per_s_core": size / 1e6 / (time.process_time() - start)}


def _side(name: str, case: Case, folder: Path, steps: int) -> dict[str, Any]:
    """A side in a process of its own; {"error": ...} when it failed."""
    command = [sys.executable, "-m", "benchmarks.trainer", "--side", name, "--folder", str(folder),
               "--device", case.device, "--steps", str(steps)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def prepare(case: Case, folder: Path) -> None:
    """Text and tokenizer."""
    from annealing import tokens
    from annealing.documents import open_dataset, read

    write_text(folder / "text")
    dataset = open_dataset(str(folder / "text"))
    tokens.train((text for block in dataset.blocks[:4] for text in read(dataset, block)), folder / "tokenizer")


def main() -> None:
    """Run both sides by turns and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=CASES, help="default: cuda where there is one")
    parser.add_argument("--runs", type=int, default=3, help="of each side")
    parser.add_argument("--steps", type=int, default=0, help="of a run; default by device")
    parser.add_argument("--side", choices=("ours", "theirs", "resume", "tokenising"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    import torch

    case = CASES[asked.device or ("cuda" if torch.cuda.is_available() else "cpu")]
    steps = asked.steps or case.steps
    if asked.side:
        whole = {"ours": ours, "theirs": theirs}
        part = {"resume": resume, "tokenising": tokenising}
        one = asked.side
        print(json.dumps(whole[one](case, asked.folder, steps) if one in whole else part[one](case, asked.folder)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(case, folder)
        found: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
        for number in range(asked.runs):
            for name in found:
                print(f"run {number + 1} of {asked.runs}: {name}", file=sys.stderr)
                found[name].append(_side(name, case, folder, steps))
        rest = {name: _side(name, case, folder, steps) for name in ("resume", "tokenising")}
    report.show(report.body("trainer", {"case": case.__dict__, **found, **rest}, _bars(case, found, rest)))


def _bars(case: Case, found: dict[str, list[dict[str, Any]]], rest: dict[str, dict[str, Any]]) -> list[report.Bar]:
    rates = {name: [one["tokens_per_s"] for one in runs if "tokens_per_s" in one] for name, runs in found.items()}
    gpu = case.device == "cuda"
    wanted, ratio = (64_000 if gpu else None), (1.3 if gpu else 1.2)
    if not rates["ours"]:
        return [report.unmeasured(found["ours"][0]["error"], "tokens a second", wanted, "tokens/s")]
    mine = statistics.median(rates["ours"])
    bars = [report.at_least(mine, "tokens a second", wanted, "tokens/s")]
    if rates["theirs"]:
        against = mine / statistics.median(rates["theirs"])
        bars.append(report.at_least(against, "ratio to Hugging Face Trainer", ratio, "x"))
    else:
        bars.append(report.unmeasured(found["theirs"][0]["error"], "ratio to Hugging Face Trainer", ratio, "x"))
    wait = statistics.median(one["data_wait"] for one in found["ours"] if "data_wait" in one)
    bars.append(report.at_most(wait, "data wait", 0.02, "of a step"))
    for side, key, name, bar, unit in (
        ("tokenising", "mb_per_s_core", "tokenising and packing", 2.0, "MB/s/core"),
        ("resume", "resume_s", "resume without replay", 10.0, "s"),
        ("resume", "state_bytes", "position in the data", 1 << 20, "bytes"),
    ):
        if key not in rest[side]:
            bars.append(report.unmeasured(rest[side]["error"], name, bar, unit))
        else:
            judge = report.at_least if side == "tokenising" else report.at_most
            bars.append(judge(rest[side][key], name, bar, unit))
    return bars


if __name__ == "__main__":
    main()
