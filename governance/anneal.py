"""``governance anneal``: a recipe from a few flags or a file, its plan shown, the trainer run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from annealing.errors import Diverged, TrainerError
from governance.errors import RunError, UsageError
from governance.progress import Progress, progress_mode

_TOKENIZER_TEXTS = 200_000  # documents that a tokenizer is trained on, at most
_EPOCHS = 4  # as annealing.recipe.Data: four times is nearly as good as new text
_STABLE = 0.6  # of the tokens of a run from random weights; the rest is the decay
_MIN_STEPS, _MIN_ROW = 50, 128
_REWARM = 0.01  # of the tokens, where weights come without the moments of their optimiser


@dataclass(frozen=True)
class Size:
    """What a preset is trained with unless flags say otherwise."""

    seq_len: int
    batch_tokens: int
    lr: float
    tokens: int


# From random weights: as many tokens as make sense to try a data set with, not those of a real model.
SIZES = {
    "5m": Size(256, 4_096, 3e-3, 600_000),
    "60m": Size(1_024, 65_536, 1e-3, 1_200_000_000),
    "250m": Size(2_048, 262_144, 6e-4, 5_000_000_000),
    "1b": Size(4_096, 2_097_152, 3e-4, 20_000_000_000),
}
_FROM_WEIGHTS = Size(4_096, 524_288, 1e-4, 1_000_000_000)


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
                _show(rows)
            return
        if not as_json:
            _show(rows)
        summary = _train(ready, as_json)
    except Diverged as error:
        raise RunError(str(error), error.remedy) from error
    except TrainerError as error:
        raise UsageError(str(error), error.remedy) from error
    if as_json:
        print(json.dumps(summary, ensure_ascii=False, indent=1))
    elif summary.get("stopped"):
        print(f"stopped at step {summary['step']:,}; the same command goes on from there")
    else:
        _told(summary)


def _train(ready: Any, as_json: bool) -> dict[str, Any]:
    """Run the trainer, its steps and figures on the line that every long work has."""
    from annealing.__main__ import figures
    from annealing.checkpoint import listed, read_state
    from annealing.loop import run

    newest = listed(Path(ready.recipe.output))
    done = read_state(newest[-1])["step"] if newest else 0
    with Progress(progress_mode(as_json)).stage("anneal", ready.steps, done, "steps") as line:

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
    start = ask.start or ask.preset
    if ask.start is None and ask.preset not in SIZES:
        raise UsageError(f"there is no preset {ask.preset!r}", f"choose one of {', '.join(SIZES)}")
    tokenizer = ask.tokenizer or ("" if ask.start else _own_tokenizer(ask))
    return plan.make(_recipe(ask, start, tokenizer))


def _recipe(ask: Ask, start: str, tokenizer: str) -> Any:
    """WSD from random weights: stable on the mix, then the decay with the data; a decay alone from given ones."""
    from annealing.checkpoint import read_state
    from annealing.recipe import Data, Machine, Phase, Recipe

    size = SIZES.get(start, _FROM_WEIGHTS)
    own, other = (_sources(places, tokenizer or start) for places in (ask.data, ask.mix))
    share = ask.share if other else 1.0
    total = ask.tokens or size.tokens
    # No more than the data gives with each document seen four times; the plan refuses what asks for more.
    most = 0.95 * _EPOCHS * sum(own.values()) / share
    rest = 0.95 * _EPOCHS * sum(other.values())
    fresh = ask.start is None and bool(other)
    decay = total * (1 - _STABLE) if fresh else total
    if ask.tokens is None:
        decay = min(decay, most, rest / (1 - share) if other else most)
    stable = total - decay if ask.tokens else min(total * _STABLE, rest - decay * (1 - share))
    mixed = tuple(Data(place, (1 - share) * _part(other, place), _EPOCHS) for place in other)
    data = tuple(Data(place, share * _part(own, place), _EPOCHS) for place in own)
    seq_len, batch = _rows(size, decay)
    phases = []
    if fresh and stable >= batch:
        warm = min(int(stable * 0.1), 100 * batch)
        phases.append(Phase("stable", int(stable), mixed, seq_len, batch, "constant", size.lr, warmup_tokens=warm))
    # A checkpoint from the middle of a run has a learning rate to go on from; one that came down to 0 has none.
    warmed = bool(phases) or (ask.start is not None and read_state(Path(ask.start)).get("lr_end", 0) > 0)
    warm = 0 if warmed else int(decay * _REWARM)
    lr = 0.0 if warmed else size.lr
    decay = max(int(decay), batch)
    phases.append(Phase("decay", decay, (*data, *mixed), seq_len, batch, "1-sqrt", lr, warmup_tokens=warm))
    return Recipe(tuple(phases), start, tokenizer, ask.output, ask.seed, machine=Machine(log_every=5))


def _rows(size: Size, tokens: float) -> tuple[int, int]:
    """Length of a row and tokens of a batch: smaller ones for little data, so that its decay has fifty steps."""
    wanted = min(size.batch_tokens, int(tokens / _MIN_STEPS))
    seq_len = size.seq_len
    while seq_len > wanted and seq_len > _MIN_ROW:
        seq_len //= 2
    return seq_len, max(1, wanted // seq_len) * seq_len


def _sources(places: tuple[str, ...], tokenizer: str) -> dict[str, float]:
    """Tokens of each place in one epoch."""
    from annealing.documents import open_dataset
    from annealing.plan import estimate_tokens
    from annealing.recipe import Recipe
    from annealing.tokens import open_tokenizer

    core = open_tokenizer(Path(tokenizer).expanduser())
    return {place: estimate_tokens(open_dataset(place), core, Recipe.holdout) for place in places}


def _part(tokens: dict[str, float], place: str) -> float:
    """The part of several places that one has: they are taken as they come, in proportion to their size."""
    return max(1e-9, tokens[place] / max(1.0, sum(tokens.values())))


def _own_tokenizer(ask: Ask) -> str:
    """A byte-level BPE of 16,000 pieces in the output folder, trained on the data unless it is there already."""
    from annealing import tokens
    from annealing.shape import PRESETS

    if PRESETS[ask.preset].vocab_size > tokens.PIECES:
        raise UsageError(f"the preset {ask.preset} needs a tokenizer", "name its folder: --tokenizer MiniCPM5-1B")
    folder = Path(ask.output) / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        print(f"training a tokenizer of up to {tokens.PIECES:,} pieces in {folder}", file=sys.stderr)
        tokens.train(_texts((*ask.data, *ask.mix)), folder)
    return str(folder)


def _texts(places: tuple[str, ...]) -> Iterator[str]:
    from annealing.documents import open_dataset, read

    for place in places:
        dataset = open_dataset(place)
        texts = (text for block in dataset.blocks for text in read(dataset, block))
        yield from islice(texts, _TOKENIZER_TEXTS // len(places))


def _show(rows: list[dict[str, Any]]) -> None:
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
    print(f"model: {summary['model']} (Hugging Face format); curve: {summary['output']}/metrics.csv")


def _mfu(summary: dict[str, Any]) -> str:
    if summary.get("mfu_full") is None:  # no peak is known, or an older run was finished already
        return ""
    return f", MFU {summary['mfu_full']:.1%} (full attention) {summary['mfu_causal']:.1%} (causal)"
