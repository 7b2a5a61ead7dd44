"""The trainer beside Hugging Face's, on the same rows in one run: ``python -m benchmarks.trainer``.

On a GPU: MiniCPM5-1B's shape, rows of 4096 tokens, bf16. Elsewhere the 5M preset in float32. Both sides get the same
micro-batches, rows, optimiser and learning rate; each runs in a process of its own, by turns. The text is generated, so
nothing needs to lie beside it. Then 200 steps beside a plain PyTorch loop, for the loss. Our side needs torch, pyarrow,
tokenizers, safetensors and numpy; the others transformers, and accelerate for the Trainer. On a GPU all of it stays
below ten minutes: what has no time left is told as not measured.
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
_LIMIT_S = {"cuda": 570.0, "cpu": 3600.0}  # of all sides together
_GATE_STEPS, _GATE_LR, _GATE_WARM = 200, 3e-4, 20


@dataclass(frozen=True)
class Case:
    """What both sides train."""

    preset: str
    seq_len: int
    rows: int  # of a micro-batch, and of a step
    steps: int
    device: str
    runs: int  # of each side
    gate: tuple[str, int, int]  # preset, length and number of rows of the comparison with a plain loop

    @property
    def tokens(self) -> int:
        """Of one step."""
        return self.seq_len * self.rows


CASES = {
    "cpu": Case("5m", 256, 16, 48, "cpu", 3, ("5m", 64, 4)),
    "cuda": Case("1b", 4096, 8, 60, "cuda", 1, ("60m", 512, 8)),
}


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
            **_mfu(case, rate)}  # fmt: skip


def _mfu(case: Case, rate: float) -> dict[str, float | None]:
    """MFU under both conventions; None where the peak of the device is not known."""
    import torch

    from annealing.report import peak_flops
    from annealing.shape import PRESETS

    peak, shape = peak_flops(torch.device(case.device)), PRESETS[case.preset]
    flops = {"mfu_full": shape.flops_per_token(case.seq_len), "mfu_causal": shape.flops_per_token(case.seq_len, True)}
    return {name: rate * one / peak if peak else None for name, one in flops.items()}


def theirs(case: Case, folder: Path, steps: int, parts: int = 1) -> dict[str, Any]:
    """Tokens a second of Hugging Face's Trainer on rows that are tokenised and packed beforehand, in its favour.

    ``parts``: micro-batches of a step, where its logits of all rows do not fit into memory.
    """
    import resource

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
        output_dir=str(folder / "theirs"), max_steps=steps, per_device_train_batch_size=case.rows // parts,
        gradient_accumulation_steps=parts, bf16=gpu, torch_compile=gpu, optim="adamw_torch_fused",
        learning_rate=1e-3, lr_scheduler_type="constant", weight_decay=0.1, adam_beta2=0.95, max_grad_norm=1.0,
        logging_steps=10**6, save_strategy="no", report_to=[], use_cpu=not gpu, disable_tqdm=True,
        dataloader_num_workers=0, dataloader_pin_memory=gpu,
    )  # fmt: skip
    data = [{"input_ids": row, "labels": row} for row in rows]
    transformers.Trainer(model=model, args=arguments, train_dataset=data, callbacks=[Clock()]).train()
    most = torch.cuda.max_memory_allocated() if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rate = (steps - _WARM) * case.tokens / (times[-1] - times[_WARM - 1])
    return {"tokens_per_s": rate, "memory_gib": most / 2**30, "micro_batches": parts, **_mfu(case, rate)}


def gate(case: Case, folder: Path) -> dict[str, Any]:
    """Our losses of 200 steps beside those of a plain PyTorch loop with transformers' model, from the same weights."""
    from dataclasses import replace

    from annealing import loop, plan, weights
    from annealing.model import Model
    from annealing.recipe import Safety
    from annealing.shape import preset

    name, seq_len, rows = case.gate
    start, shape = folder / "gate-start", preset(name)
    model = Model(shape)
    model.initialize(0)
    weights.save(start, shape, model.state_dict(), "float32", folder / "tokenizer")
    small = replace(case, seq_len=seq_len, rows=rows)
    asked = recipe(small, folder, str(folder / "gate"), _GATE_STEPS)
    phase = replace(asked.phases[0], lr=_GATE_LR, warmup_tokens=_GATE_WARM * small.tokens)
    safety = Safety(every_steps=10**6, every_minutes=1e6, spike_deviations=1e9)
    ready = plan.make(replace(asked, start=str(start), phases=(phase,), safety=safety))
    events: list[dict[str, Any]] = []
    loop.run(ready, events.append)
    mine = [event["loss"] for event in events if "loss" in event]
    apart = [abs(one / other - 1) for one, other in zip(mine, _plain(small, ready, start), strict=True)]
    return {"preset": name, "steps": len(mine), "difference_mean": statistics.fmean(apart),
            "difference_max": max(apart), "last_loss": mine[-1]}  # fmt: skip


def _plain(case: Case, ready: Any, start: Path) -> list[float]:
    """The losses of a loop that holds nothing but PyTorch, on a GPU under autocast to bf16."""
    import torch
    import transformers

    from annealing.pool import Pool
    from annealing.stream import Stream

    model = transformers.AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32).to(case.device)
    wide = [weight for weight in model.parameters() if weight.dim() == 2]
    flat = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": wide, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8)
    stream = Stream(ready.mix(ready.recipe.phases[0]), Pool(ready.tokenizer), case.seq_len, ready.recipe.seed)
    found = []
    for step in range(_GATE_STEPS):
        batch = stream.batch(case.rows)
        assert batch is not None
        tokens, targets = (torch.from_numpy(part).to(case.device) for part in (batch.tokens, batch.targets))
        with torch.autocast(case.device, torch.bfloat16, enabled=case.device == "cuda"):
            logits = model(tokens).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = ready.decays[0].at(step)
        optimizer.step()
        found.append(loss.item())
    return found


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


def _side(name: str, case: Case, folder: Path, steps: int, end: float, parts: int = 1) -> dict[str, Any]:
    """A side in a process of its own; {"error": ...} when it failed, or when ``end`` (time.monotonic()) came first."""
    command = [sys.executable, "-m", "benchmarks.trainer", "--side", name, "--folder", str(folder),
               "--device", case.device, "--steps", str(steps), "--parts", str(parts)]  # fmt: skip
    try:
        left = max(1.0, end - time.monotonic())
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=left)
    except subprocess.TimeoutExpired:
        return {"error": "no time left"}
    if done.returncode and "out of memory" in done.stderr and name == "theirs" and 2 * parts <= case.rows:
        return _side(name, case, folder, steps, end, 2 * parts)
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


_PARTS = {"gate": gate, "resume": resume, "tokenising": tokenising}


def _part(name: str, case: Case, folder: Path, steps: int, parts: int) -> dict[str, Any]:
    """What a process that ``_side`` started measures."""
    if name == "ours":
        return ours(case, folder, steps)
    return theirs(case, folder, steps, parts) if name == "theirs" else _PARTS[name](case, folder)


def main() -> None:
    """Run both sides by turns and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=CASES, help="default: cuda where there is one")
    parser.add_argument("--runs", type=int, default=0, help="of each side; default 1 on a GPU, else 3")
    parser.add_argument("--steps", type=int, default=0, help="of a run; default by device")
    parser.add_argument("--side", choices=("ours", "theirs", *_PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--parts", type=int, default=1, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    import torch

    case = CASES[asked.device or ("cuda" if torch.cuda.is_available() else "cpu")]
    steps = asked.steps or case.steps
    if asked.side:
        print(json.dumps(_part(asked.side, case, asked.folder, steps, asked.parts)))
        return
    end = time.monotonic() + _LIMIT_S[case.device]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(case, folder)
        found: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
        for number in range(asked.runs or case.runs):
            for name in found:
                print(f"run {number + 1}: {name}", file=sys.stderr)
                found[name].append(_side(name, case, folder, steps, end))
        rest = {name: _side(name, case, folder, steps, end) for name in _PARTS}
    report.show(report.body("trainer", {"case": case.__dict__, **found, **rest}, _bars(case, found, rest)))


def _bars(case: Case, found: dict[str, list[dict[str, Any]]], rest: dict[str, dict[str, Any]]) -> list[report.Bar]:
    rates = {name: [one["tokens_per_s"] for one in runs if "tokens_per_s" in one] for name, runs in found.items()}
    gpu = case.device == "cuda"
    wanted, ratio = (64_000 if gpu else None), (1.3 if gpu else 1.2)
    if not rates["ours"]:
        return [report.unmeasured(found["ours"][0]["error"], "tokens a second", wanted, "tokens/s"), *_rest(rest)]
    mine = statistics.median(rates["ours"])
    bars = [report.at_least(mine, "tokens a second", wanted, "tokens/s")]
    if rates["theirs"]:
        against = mine / statistics.median(rates["theirs"])
        bars.append(report.at_least(against, "ratio to Hugging Face Trainer", ratio, "x"))
    else:
        bars.append(report.unmeasured(found["theirs"][0]["error"], "ratio to Hugging Face Trainer", ratio, "x"))
    wait = statistics.median(one["data_wait"] for one in found["ours"] if "data_wait" in one)
    bars.append(report.at_most(wait, "data wait", 0.02, "of a step"))
    for side, runs in found.items():
        memory = [one["memory_gib"] for one in runs if "memory_gib" in one]
        if memory:
            bars.append(report.at_most(max(memory), f"peak memory, {side}", None, "GiB"))
    return bars + _rest(rest)


def _rest(rest: dict[str, dict[str, Any]]) -> list[report.Bar]:
    """The bars of what is measured once."""
    bars = []
    for side, key, name, bar, unit in (
        ("gate", "difference_mean", "loss against a plain PyTorch loop, 200 steps", 1e-3, "relative"),
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
