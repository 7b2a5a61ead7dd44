"""The training loop: phases, steps, checkpoints; resumes where it was stopped, whatever stopped it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from annealing import attention, checkpoint, head, optimizer, parallel, weights
from annealing.average import Average
from annealing.errors import DataChanged, Diverged, TrainerError
from annealing.feed import Fed, Feed
from annealing.model import Model
from annealing.plan import Plan
from annealing.pool import Pool
from annealing.recipe import Machine, Phase
from annealing.report import Meter
from annealing.stream import Stream

_MICRO = {"cuda": 32_768, "cpu": 4_096}  # tokens forward at once
_RECOMPUTE_ABOVE = 65_536  # tokens of one micro-batch from which activations do not fit beside the rest
# On a CPU compiling takes about a minute, so it pays from about this much arithmetic on.
_COMPILE_FLOPS_CPU = 5e13


@dataclass
class Position:
    """Where a run is."""

    step: int = 0
    tokens: int = 0
    data: dict[str, Any] | None = None


@dataclass
class _Session:
    plan: Plan
    model: Model
    optimizers: list[torch.optim.Optimizer]
    guard: optimizer.Guard
    average: Average | None
    ranks: parallel.Ranks
    device: torch.device
    writer: checkpoint.Writer
    pool: Pool
    meter: Meter
    position: Position
    dtype: str  # of the weights that are written at the end
    saved: Position  # of the newest checkpoint
    saved_at: float  # time.monotonic()
    asked: bool = False  # this process was told to stop
    stop: bool = False  # all processes do


def run(plan: Plan, say: Callable[[dict[str, Any]], None] = lambda event: None) -> dict[str, Any]:
    """Train what a plan says, or go on where its output folder stands; returns the summary that is in ``run.json``.

    ``say`` is told every logged step and every note. Errors: TrainerError; DataChanged when data, tokenizer or recipe
    differ from those of the checkpoints that are there.
    """
    recipe, output = plan.recipe, Path(plan.recipe.output)
    finished = _finished(output, plan)
    if finished is not None:
        return finished
    session = _begin(plan, say)
    try:
        with _stopping(session):
            for number, phase in enumerate(recipe.phases):
                _phase(session, number, phase)
                if session.stop:
                    break
            session.writer.wait()
            if session.stop:
                _save(session, now=True)
                return {"stopped": True, "step": session.position.step, "output": str(output)}
        return _finish(session)
    finally:
        session.pool.close()
        session.meter.close()
        parallel.leave(session.ranks)


def _finished(output: Path, plan: Plan) -> dict[str, Any] | None:
    """The summary of a run that is done. Errors: DataChanged if it was another run."""
    path = output / "run.json"
    if not path.is_file():
        return None
    body = json.loads(path.read_text())
    if body["fingerprint"] != _fingerprint(plan):
        raise _another(output)
    return body


def _another(output: Path) -> DataChanged:
    return DataChanged(
        f"{output} holds a run with another recipe, tokenizer or data", "name another --output, or remove the folder"
    )


def _fingerprint(plan: Plan) -> str:
    parts = [plan.recipe.fingerprint(), plan.tokenizer.sha256]
    parts += [source.dataset.fingerprint for _, source in sorted(plan.sources.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _begin(plan: Plan, say: Callable[[dict[str, Any]], None]) -> _Session:
    """Model, optimisers and data, at the start or at the newest checkpoint."""
    recipe, machine = plan.recipe, plan.recipe.machine
    device = parallel.choose_device(machine.device)
    ranks = parallel.join(device)
    torch.manual_seed(recipe.seed)
    if machine.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be repeatable
    torch.use_deterministic_algorithms(machine.deterministic)
    compute = _compute(machine, device)
    model = Model(plan.shape, compute)
    output = Path(recipe.output)
    newest = (checkpoint.listed(output) or [None])[-1]
    state = checkpoint.read_state(newest) if newest else {}
    if state and state["fingerprint"] != _fingerprint(plan):
        raise _another(output)
    source = newest or plan.start
    dtype = state.get("dtype", "bfloat16")
    if source is None:
        model.initialize(recipe.seed)
    else:
        loaded = weights.load(source, model)
        dtype = state.get("dtype", loaded)
    model.to(device)
    parallel.shard(model, ranks, compute)
    optimizers = optimizer.build(model, recipe.optimizer)
    guard = optimizer.Guard(recipe.safety.spike_deviations, device)
    if newest:
        checkpoint.restore_moments(newest, model, optimizers, guard)
    elif plan.start and (plan.start / checkpoint.MOMENTS).is_file():
        checkpoint.restore_moments(plan.start, model, optimizers, None)
    average = Average(model, recipe.optimizer.ema) if recipe.optimizer.ema else None
    if newest and average:
        average.restore(load_file(newest / checkpoint.AVERAGE))
    cache = machine.cache or (str(output / "tokens") if ranks.world > 1 else "")
    pool = Pool(
        plan.tokenizer, machine.threads or _threads(ranks), recipe.holdout, Path(cache) if cache else None,
        ranks.local, ranks.local_world,
    )  # fmt: skip
    if ranks.first:
        checkpoint.remove_torn(output)
    writer = checkpoint.Writer(output, plan.shape, plan.tokenizer.folder, recipe.safety.keep_last)
    position = Position(state.get("step", 0), state.get("tokens", 0), state.get("data"))
    meter = Meter(plan, output, ranks.first, device, ranks.world, say, position.step)
    session = _Session(
        plan, model, optimizers, guard, average, ranks, device, writer, pool, meter, position, dtype,
        saved=replace(position), saved_at=time.monotonic(),
    )  # fmt: skip
    _compile(session, machine)
    if not machine.deterministic and (note := attention.use_flash(device)):
        meter.note(note)
    if position.step:
        meter.note(f"goes on at step {position.step:,} of {plan.steps:,}")
    return session


def _compute(machine: Machine, device: torch.device) -> torch.dtype:
    """The dtype of the activations. Errors: TrainerError."""
    name = machine.dtype if machine.dtype != "auto" else "bfloat16" if device.type == "cuda" else "float32"
    if name not in weights.DTYPES:
        raise TrainerError(f"dtype {name!r} is not known", f"choose one of {', '.join(weights.DTYPES)}")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    return weights.DTYPES[name]


def _threads(ranks: parallel.Ranks) -> int:
    return max(1, (os.cpu_count() or 1) // (4 * ranks.local_world))


def _compile(session: _Session, machine: Machine) -> None:
    """Compile the layers, which are alike and so are compiled once, and the step of the loss."""
    left = session.plan.tokens - session.position.tokens
    flops = left * session.plan.shape.flops_per_token(session.plan.recipe.phases[0].seq_len)
    on = machine.compile == "yes" or (
        machine.compile == "auto" and (session.device.type == "cuda" or flops > _COMPILE_FLOPS_CPU)
    )
    if on and session.device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
        session.meter.note("no C++ compiler here: runs uncompiled, slower and otherwise the same")
        on = False
    if on:
        for layer in session.model.layers:
            # Not layer.compile(), which would take in the hooks that gather and free a sharded layer's weights.
            layer.forward = torch.compile(layer.forward, dynamic=False)
    head.use_compiled(on)


@contextmanager
def _stopping(session: _Session) -> Generator[None]:
    """SIGTERM and Ctrl-C save a checkpoint and end the run in order."""

    def stop(number: int, frame: Any) -> None:
        session.asked = True

    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread only
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _phase(session: _Session, number: int, phase: Phase) -> None:
    """Train one phase, from wherever it is."""
    decays = session.plan.decays
    first = sum(decay.steps for decay in decays[:number])
    decay, position = decays[number], session.position
    if position.step >= first + decay.steps:
        return
    if position.step == first:
        session.guard.forget()
        position.data = {**(position.data or {}), "mixed": {}}
    recipe = session.plan.recipe
    stream = Stream(
        session.plan.mix(phase), session.pool, phase.seq_len, recipe.seed, position.data, phase.packing
    )  # fmt: skip
    rows = decay.batch_tokens // phase.seq_len
    if rows % session.ranks.world:
        raise TrainerError(
            f"phase {phase.name!r}: a batch of {rows} rows cannot be shared by {session.ranks.world} processes",
            "make batch_tokens a multiple of seq_len times the processes",
        )
    feed = Feed(lambda: stream.batch(rows), session.ranks, session.device.type == "cuda")
    session.meter.phase(phase, feed)
    try:
        while position.step < first + decay.steps and not session.stop:
            fed = feed.next()
            if fed is None or fed.counted == 0:
                raise TrainerError(
                    f"phase {phase.name!r}: the data ended at step {position.step:,} of {first + decay.steps:,}",
                    "name more data, or raise max_epochs; the checkpoints are kept",
                )
            lr = decay.at(position.step - first)
            if position.step in session.plan.recipe.safety.skip_steps:
                session.meter.note(f"step {position.step:,} is skipped, as asked")
            else:
                _step(session, phase, fed, lr)
            position.step += 1
            position.tokens += decay.batch_tokens
            position.data = fed.state
            _after(session)
    finally:
        feed.close()


def _step(session: _Session, phase: Phase, fed: Fed, lr: float) -> None:
    """One step: the micro-batches of this process, the gradient's norm, the guard, the optimiser."""
    model, device, world = session.model, session.device, session.ranks.world
    for one in session.optimizers:
        one.zero_grad(set_to_none=True)
    budget = session.plan.recipe.machine.micro_tokens or _MICRO[device.type]
    size = max(1, budget // phase.seq_len)
    model.recompute = session.plan.recipe.machine.recompute or size * phase.seq_len > _RECOMPUTE_ABOVE
    # FSDP takes the mean of the processes' gradients, and the loss is a sum over all of them.
    divisor = torch.tensor(fed.counted / world, device=device)
    loss = torch.zeros((), device=device)
    count = fed.tokens.shape[0]
    for start in range(0, count, size):
        tokens, targets, starts = (
            part[start : start + size].to(device, non_blocking=True) for part in (fed.tokens, fed.targets, fed.starts)
        )
        if world > 1:
            model.set_requires_gradient_sync(start + size >= count)
        part = model(tokens, targets, divisor, starts if phase.document_mask else None)
        part.backward()
        loss += part.detach() / world
    # Not all are told to stop at the same step, and one that left alone would leave the others waiting for ever. So the
    # wish travels with the loss, and all know of it behind the same step.
    wish = torch.tensor(float(session.asked), device=device)
    loss, wish = parallel.summed(torch.stack((loss, wish)), session.ranks)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), session.plan.recipe.optimizer.grad_clip)
    norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    skip = session.guard.judge(loss, norm)
    optimizer.step(session.optimizers, lr, skip)
    if session.average:
        session.average.update(model, session.position.step)
    session.meter.step(fed, loss, norm, lr)
    if world > 1:  # the host has waited for this step already: sharded optimisers ask whether it is skipped
        session.stop = bool(wish.item())


def _after(session: _Session) -> None:
    """What follows a step: the log, the guard's patience, checkpoints, a wish to stop."""
    position, safety = session.position, session.plan.recipe.safety
    last = position.step == session.plan.steps
    if position.step % session.plan.recipe.machine.log_every == 0 or last:
        session.meter.log(position, session.guard)
        if session.guard.in_a_row.item() >= safety.max_skipped:
            raise Diverged(
                f"{safety.max_skipped} steps in a row were skipped, the last at step {position.step:,}",
                "look at metrics.csv; lower lr, or raise spike_deviations if the data changed on purpose",
            )
    if session.ranks.world == 1:
        session.stop = session.asked
    due = position.step - session.saved.step >= safety.every_steps
    if session.ranks.world == 1:  # clocks differ: several processes go by steps alone
        due |= time.monotonic() - session.saved_at > 60 * safety.every_minutes
    if due and not last:
        _save(session)


def _save(session: _Session, now: bool = False) -> None:
    position, safety = session.position, session.plan.recipe.safety
    if position.step == session.saved.step:
        return
    every = safety.milestone_tokens
    keep = bool(every) and position.tokens // every > session.saved.tokens // every
    tensors = checkpoint.snapshot(session.model, session.optimizers, session.guard)
    if session.average:
        tensors["average"] = {name: checkpoint.full(value) for name, value in session.average.weights.items()}
    if session.ranks.first:
        session.writer.write(_state(session), tensors, keep)
        if now:
            session.writer.wait()
    session.saved, session.saved_at = replace(position), time.monotonic()


def _state(session: _Session) -> dict[str, Any]:
    position, plan = session.position, session.plan
    return {
        "step": position.step, "tokens": position.tokens, "data": position.data, "dtype": session.dtype,
        "lr_end": _lr(plan, position.step), "fingerprint": _fingerprint(plan), "recipe": asdict(plan.recipe),
    }  # fmt: skip


def _lr(plan: Plan, step: int) -> float:
    """The learning rate of a step, so that another run can go on from it."""
    for decay in plan.decays:
        if step < decay.steps:
            return decay.at(step)
        step -= decay.steps
    return plan.decays[-1].end


def _trained(plan: Plan) -> dict[str, Any]:
    """What has to be known of a training to score its model: the length of its last rows, and what it left out."""
    return {"seq_len": plan.recipe.phases[-1].seq_len, "holdout": plan.recipe.holdout}


def _finish(session: _Session) -> dict[str, Any]:
    """Write the model, the last checkpoint and the summary."""
    output = Path(session.plan.recipe.output)
    _save(session, now=True)
    found = {"model": session.model.state_dict()}
    if session.average:
        found["model-ema"] = session.average.weights
    summary = session.meter.summary(session.position, session.guard) | {"fingerprint": _fingerprint(session.plan)}
    for name, state in found.items():
        state = {key: checkpoint.full(value) for key, value in state.items()}
        if session.ranks.first:
            tokenizer = session.plan.tokenizer.folder
            weights.save(output / name, session.plan.shape, state, session.dtype, tokenizer)
            weights.write_json(output / name / weights.TRAINED, _trained(session.plan))
    if session.ranks.first:
        weights.write_json(output / "run.json", summary)
    return summary
