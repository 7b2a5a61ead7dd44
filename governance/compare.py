"""``governance compare``: is a data set worth adding? The efficient verification of Ultra-FineWeb in one command.

The same checkpoint is annealed twice with the same tokens and schedule: on the default mix alone, and on 70 % of it
with 30 % of the candidate (arXiv:2505.05427).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annealing.errors import Diverged, TrainerError
from governance import recipes, trial_page
from governance.errors import RunError, UsageError
from governance.measure import TEXT_BYTES, Held, Yardstick
from governance.progress import progress_mode
from governance.trial import Arm, Trial, last_checkpoint, refuse_other, remember, run, soups
from governance.verdict import judge

MAX_QUESTIONS = {"5m": 200}  # of a set, unless asked otherwise: scoring must not outlast the training
HOLDOUT = {"5m": 0.1}  # little data needs a large share, or nothing is left to measure on
_HOLDOUT = 0.01


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance compare``."""

    candidate: tuple[str, ...]
    mix: tuple[str, ...]
    share: float
    preset: str
    start: str | None
    tokenizer: str | None
    tokens: int | None
    seeds: int
    questions: tuple[str, ...]
    text: tuple[str, ...]
    output: str


def compare(ask: Ask, dry_run: bool, as_json: bool) -> None:
    """Train and measure both sides, write the page and the result, and tell the verdict."""
    _check(ask)
    carry_out(lambda: _trial(ask), asdict(ask), dry_run, as_json)


def carry_out(make: Any, settings: dict[str, Any], dry_run: bool, as_json: bool) -> None:
    """Run a trial, write its result and page, print the verdict. Errors: UsageError, RunError."""
    folder = Path(settings["output"])
    try:
        refuse_other(folder, settings)
        trial = make()
        if dry_run:
            trial_page.show_plan(trial, as_json)
            return
        trial.yardstick.read()  # what cannot be read is found before hours of training
        remember(folder, settings)
        mode = progress_mode(as_json)
        runs = run(trial, mode)
        averaged = soups(trial, runs, mode) if trial.kind == "compare" and trial.seeds > 1 else {}
        body = judge(trial, runs, averaged) | {"settings": settings}
    except Diverged as error:
        raise RunError(str(error), error.remedy) from error
    except TrainerError as error:
        raise UsageError(str(error), error.remedy) from error
    page = trial_page.write(body, folder)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        trial_page.show(body, page)


def _check(ask: Ask) -> None:
    if not ask.candidate or not ask.mix:
        raise UsageError("two sides are needed", "name --candidate output/L3 and --mix output/L2")
    if not 0 < ask.share < 1:
        raise UsageError(f"--share {ask.share:g} is no share", "give a number between 0 and 1: the candidate's part")
    if ask.seeds < 1:
        raise UsageError(f"--seeds {ask.seeds} trains nothing", "give 2 or more; 3 tell much more")


def yardstick(preset: str, start: str | None, questions: tuple[str, ...], text: tuple[str, ...],
            sources: dict[str, tuple[str, ...]], seq_len: int) -> Yardstick:  # fmt: skip
    """Held-out text of the arms' sources, other text, and questions."""
    holdout = holdout_of(preset, start)
    held = [Held(name, places, holdout) for name, places in sources.items()]
    held += [Held(Path(place).name or place, (place,), 1.0, independent=True) for place in text]
    limit = MAX_QUESTIONS.get(preset) if start is None else None
    return Yardstick(questions, tuple(held), limit, TEXT_BYTES, seq_len)


def holdout_of(preset: str, start: str | None) -> float:
    """The share of the documents that is held out."""
    return HOLDOUT.get(preset, _HOLDOUT) if start is None else _HOLDOUT


def _trial(ask: Ask) -> Trial:
    """Two arms that decay from one checkpoint: the one given, or one trained on the mix first."""
    from annealing.recipe import Machine, Phase, Recipe

    size = recipes.size_of(ask.preset, ask.start)
    places = (*ask.candidate, *ask.mix)
    tokenizer = ask.tokenizer or (
        str(Path(ask.start)) if ask.start else recipes.own_tokenizer(ask.preset, places, ask.output)
    )
    holdout = holdout_of(ask.preset, ask.start)
    own, other = (recipes.tokens_of(side, tokenizer, holdout) for side in (ask.candidate, ask.mix))
    stable, decay = _tokens(ask, size, sum(own.values()), sum(other.values()))
    seq_len, batch = recipes.rows_of(size, decay)
    common: dict[str, Any] = {"tokenizer": tokenizer, "holdout": holdout, "machine": Machine(log_every=5)}
    base, start, lr, warm = None, ask.start or "", *_rate(ask.start, size.lr, decay)
    if ask.start is None:
        warm_up = recipes.warm_up(stable, batch)
        mix = recipes.mixed(other, 1.0)
        phase = Phase("stable", int(stable), mix, seq_len, batch, "constant", size.lr, warmup_tokens=warm_up)
        base = Recipe((phase,), ask.preset, output=str(Path(ask.output) / "base"), **common)
        start = last_checkpoint(base)

    def arm(name: str, about: str, data: tuple[Any, ...]) -> Arm:
        phase = Phase("decay", int(decay), data, seq_len, batch, recipes.SHAPE, lr, warmup_tokens=warm)
        return Arm(name, about, Recipe((phase,), start, **common))

    both = (*recipes.mixed(own, ask.share), *recipes.mixed(other, 1 - ask.share))
    arms = (
        arm("candidate", f"{ask.share:.0%} candidate, {1 - ask.share:.0%} mix", both),
        arm("control", "the mix alone", recipes.mixed(other, 1.0)),
    )
    judged_by = yardstick(
        ask.preset, ask.start, ask.questions, ask.text, {"candidate": ask.candidate, "mix": ask.mix}, seq_len
    )
    return Trial("compare", Path(ask.output), arms, (("candidate", "control"),), ask.seeds, judged_by, base)


def _tokens(ask: Ask, size: recipes.Size, own: float, other: float) -> tuple[float, float]:
    """Tokens of the base and of each arm's decay. The mix is seen four times at most by base and control together."""
    from annealing.errors import TrainerError

    total = float(ask.tokens or size.tokens)
    part = 1 - recipes.STABLE if ask.start is None else 1.0
    most = 0.95 * recipes.EPOCHS * min(other, own / (ask.share * part))
    if ask.tokens is not None and total > most:
        raise TrainerError(
            f"{total:,.0f} tokens would see the data more than {recipes.EPOCHS} times", f"at most --tokens {most:,.0f}"
        )
    total = min(total, most)
    return total * (1 - part), total * part


def _rate(start: str | None, usual: float, decay: float) -> tuple[float, int]:
    """The learning rate that an arm begins with (0: the checkpoint's own), and the tokens of its re-warm."""
    from annealing.checkpoint import read_state

    if start is None:
        return usual, 0
    left = read_state(Path(start).expanduser()).get("lr_end", 0) > 0
    return (0.0, 0) if left else (usual, int(decay * recipes.REWARM))
