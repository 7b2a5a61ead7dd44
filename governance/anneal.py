"""``governance anneal``: a recipe from a few flags or a file, its plan shown, the trainer run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annealing.errors import Diverged, TrainerError
from governance import recipes
from governance.errors import RunError, UsageError
from governance.progress import Mode, Progress, progress_mode
from governance.trial_plots import course

_CURVE = "curve.svg"


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance anneal``."""

    data: tuple[str, ...]
    mix: tuple[str, ...]
    share: float
    preset: str
    start: str | None
    recipe: str | None
    tokenizer: str | None
    tokens: int | None
    output: str
    seed: int


def anneal(ask: Ask, dry_run: bool, as_json: bool) -> None:
    """Show the plan, train, and say where the model lies."""
    try:
        ready = _plan(ask)
        rows = ready.rows()
        if dry_run:
            if as_json:
                print(json.dumps(rows, ensure_ascii=False, indent=1))
            else:
                show_plan(rows)
            return
        if not as_json:
            show_plan(rows)
        summary = train(ready, progress_mode(as_json))
    except Diverged as error:
        raise RunError(str(error), error.remedy) from error
    except TrainerError as error:
        raise UsageError(str(error), error.remedy) from error
    if not summary.get("stopped"):
        output = Path(summary["output"])
        (output / _CURVE).write_text(course(output / "metrics.csv"), encoding="utf-8")
    if as_json:
        print(json.dumps(summary, ensure_ascii=False, indent=1))
    elif summary.get("stopped"):
        print(f"stopped at step {summary['step']:,}; the same command goes on from there")
    else:
        _told(summary)


def train(ready: Any, mode: Mode, title: str = "anneal") -> dict[str, Any]:
    """Run the trainer, its steps and figures on the line that every long work has. Errors: TrainerError."""
    from annealing.__main__ import figures
    from annealing.checkpoint import listed, read_state
    from annealing.loop import run

    newest = listed(Path(ready.recipe.output))
    done = read_state(newest[-1])["step"] if newest else 0
    with Progress(mode).stage(title, ready.steps, done, "steps") as line:

        def say(event: dict[str, Any]) -> None:
            if "note" in event:
                line.advance(0, 0, event["note"])
            else:
                line.advance(event["step"] - line.done, 0, figures(event))

        return run(ready, say)


def _plan(ask: Ask) -> Any:
    """The plan of a recipe file, or of the flags."""
    from annealing import plan, recipe

    if ask.recipe is not None:
        if ask.data or ask.mix or ask.start or ask.tokenizer or ask.tokens:
            raise UsageError("--recipe says all of it", "leave out --data, --mix, --from, --tokenizer and --tokens")
        return plan.make(replace(recipe.load(ask.recipe), output=ask.output))
    if not ask.data:
        raise UsageError("nothing to train on", "name a tier, a folder or a file: --data output/L3 --mix output/L2")
    if not 0 < ask.share < 1:
        raise UsageError(f"--share {ask.share:g} is no share", "give a number between 0 and 1: the part of --data")
    size = recipes.size_of(ask.preset, ask.start)
    places = (*ask.data, *ask.mix)
    tokenizer = ask.tokenizer or ("" if ask.start else recipes.own_tokenizer(ask.preset, places, ask.output))
    return plan.make(_recipe(ask, size, ask.start or ask.preset, tokenizer))


def _recipe(ask: Ask, size: recipes.Size, start: str, tokenizer: str) -> Any:
    """WSD from random weights: stable on the mix, then the decay with the data; a decay alone from given ones."""
    from annealing.checkpoint import read_state
    from annealing.recipe import Machine, Phase, Recipe

    own, other = (recipes.tokens_of(places, tokenizer or start, Recipe.holdout) for places in (ask.data, ask.mix))
    share = ask.share if other else 1.0
    fresh = ask.start is None and bool(other)
    stable, decay = _tokens(ask.tokens, size.tokens, share, fresh, sum(own.values()), sum(other.values()))
    seq_len, batch = recipes.rows_of(size, decay)
    phases = []
    if fresh and stable >= batch:
        mix, warm = recipes.mixed(other, 1.0), recipes.warm_up(stable, batch)
        phases.append(Phase("stable", int(stable), mix, seq_len, batch, "constant", size.lr, warmup_tokens=warm))
    # A checkpoint from the middle of a run has a learning rate to go on from; one that came down to 0 has none.
    warmed = bool(phases) or (ask.start is not None and read_state(Path(ask.start)).get("lr_end", 0) > 0)
    warm = 0 if warmed else int(decay * recipes.REWARM)
    lr = 0.0 if warmed else size.lr
    data = (*recipes.mixed(own, share), *recipes.mixed(other, 1 - share))
    phases.append(Phase("decay", max(int(decay), batch), data, seq_len, batch, recipes.SHAPE, lr, warmup_tokens=warm))
    return Recipe(tuple(phases), start, tokenizer, ask.output, ask.seed, machine=Machine(log_every=5))


def _tokens(asked: int | None, usual: int, share: float, fresh: bool, own: float, other: float) -> tuple[float, float]:
    """Tokens of the stable phase and of the decay: what was asked for, else no more than the data gives with each
    document seen four times; the plan refuses what asks for more."""
    total = asked or usual
    most, rest = (0.95 * recipes.EPOCHS * tokens for tokens in (own / share, other))
    decay = total * (1 - recipes.STABLE) if fresh else total
    if asked is not None:
        return total - decay, decay
    decay = min(decay, most, rest / (1 - share) if other else most)
    return min(total * recipes.STABLE, rest - decay * (1 - share)), decay


def show_plan(rows: list[dict[str, Any]]) -> None:
    """The plan as a table: a row a phase, with the learning rate along it."""
    from rich.console import Console
    from rich.table import Table

    table = Table("phase", "tokens", "steps", "row", "shape", "learning rate", "data: share, epochs", box=None)
    for row in rows:
        rates = " ".join(f"{rate:.1e}" for rate in row["lr"])
        data = "\n".join(f"{name}: {one['share']:.0%}, {one['epochs']:.2f}" for name, one in row["data"].items())
        table.add_row(
            row["phase"], f"{row['tokens']:,}", f"{row['steps']:,}", f"{row['seq_len']:,}", row["shape"], rates, data
        )
    Console(stderr=True).print(table)


def _told(summary: dict[str, Any]) -> None:
    print(
        f"trained {summary['tokens']:,} tokens in {summary['seconds'] / 60:.1f} min "
        f"({summary['tokens_per_s']:,.0f} tokens/s), last loss {summary['loss']:.3f}, {summary['skipped']} skipped"
    )
    for name, one in summary["sources"].items():
        print(f"  {name}: {one['tokens']:,} tokens, {one['epochs']:.2f} epochs")
    print(f"  peak memory {summary['memory_gib']:.1f} GiB on {summary['device']}{_mfu(summary)}")
    print(f"model: {summary['model']} (Hugging Face format); curve: {summary['output']}/{_CURVE}")


def _mfu(summary: dict[str, Any]) -> str:
    if summary.get("mfu_full") is None:  # no peak is known, or an older run was finished already
        return ""
    return f", MFU {summary['mfu_full']:.1%} (full attention) {summary['mfu_causal']:.1%} (causal)"
