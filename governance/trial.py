"""Ways to train set against each other: the same model, tokens and schedule, other data; several seeds, one test.

Each run is an ordinary run of the trainer in a folder of its own with its recipe beside it. So what is done is not done
again, what was stopped goes on, and a cluster may do single runs by ``torchrun -m annealing FOLDER/recipe.toml``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from governance import measure as measuring
from governance import recipes
from governance.anneal import train
from governance.errors import RunError, UsageError
from governance.measure import Yardstick
from governance.progress import Mode, Progress

SCORES, _SETTINGS = "scores.json", "trial.json"


@dataclass(frozen=True)
class Arm:
    """One way to train."""

    name: str
    about: str  # for people: what it trains on
    recipe: Any  # annealing.recipe.Recipe; seed and output are the run's


@dataclass(frozen=True)
class Trial:
    """The ways, how often each is tried, and what they are measured on."""

    kind: str  # compare, ladder
    folder: Path
    arms: tuple[Arm, ...]
    pairs: tuple[tuple[str, str], ...]  # whose difference is asked for: the first less the second
    seeds: int
    yardstick: Yardstick
    base: Any = None  # recipe of what all arms begin from, trained first

    def runs(self) -> list[tuple[Arm, int, Any]]:
        """Every arm with every seed, seed by seed, so that a trial cut short has whole pairs."""
        return [(arm, seed, self._run(arm, seed)) for seed in range(self.seeds) for arm in self.arms]

    def _run(self, arm: Arm, seed: int) -> Any:
        return replace(arm.recipe, seed=seed, output=str(self.folder / f"{arm.name}-{seed}"))


@dataclass(frozen=True)
class Run:
    """What came of one arm with one seed."""

    arm: str
    seed: int
    summary: dict[str, Any]  # of the trainer
    groups: list[Any]  # annealing.evaluate.Group
    curve: dict[str, list[float]]  # tokens and loss, from its metrics.csv


def write_recipes(trial: Trial) -> None:
    """Put the recipe of every run into its folder."""
    for recipe in [*([trial.base] if trial.base else []), *(run for _, _, run in trial.runs())]:
        folder = Path(recipe.output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.toml").write_text(recipes.as_toml(recipe), encoding="utf-8")


def run(trial: Trial, mode: Mode) -> list[Run]:
    """Train and measure all of it, or what is left of it.

    Errors: TrainerError for data or models that do not fit; RunError when it was told to stop.
    """
    write_recipes(trial)
    if trial.base is not None:
        _train(trial.base, mode)
    return [_one(arm, seed, recipe, trial.yardstick, mode) for arm, seed, recipe in trial.runs()]


def soups(trial: Trial, runs: Sequence[Run], mode: Mode) -> dict[str, list[Any]]:
    """The figures of each arm's average over its seeds, often better than any of them (OLMo 2 does so at its end).

    Only runs that begin from one checkpoint can be averaged. Errors: TrainerError.
    """
    from annealing.soup import average

    found = {}
    for arm in trial.arms:
        mine = of_arm(runs, arm.name)
        folder, made_of = trial.folder / f"{arm.name}-soup", " ".join(one.summary["fingerprint"] for one in mine)
        if _kept(folder, made_of, trial.yardstick) is None:
            average([Path(one.summary["model"]) for one in mine], folder / "model")
        found[arm.name] = _measured(folder, folder / "model", made_of, trial.yardstick, mode)
    return found


def _one(arm: Arm, seed: int, recipe: Any, yardstick: Yardstick, mode: Mode) -> Run:
    summary = _train(recipe, mode)
    folder = Path(recipe.output)
    groups = _measured(folder, Path(summary["model"]), summary["fingerprint"], yardstick, mode)
    return Run(arm.name, seed, summary, groups, _curve(folder / "metrics.csv"))


def _measured(folder: Path, model: Path, made_of: str, yardstick: Yardstick, mode: Mode) -> list[Any]:
    """A model's figures, measured unless they are kept in the folder of its run."""
    groups = _kept(folder, made_of, yardstick)
    if groups is None:
        with Progress(mode).stage(f"measure {folder.name}", yardstick.parts, unit="sets") as line:
            groups = measuring.measure(model, yardstick, partial(line.advance, 1, 0))
        measuring.save(groups, folder / SCORES, f"{made_of} {yardstick.fingerprint}")
    return groups


def _kept(folder: Path, made_of: str, yardstick: Yardstick) -> list[Any] | None:
    return measuring.load(folder / SCORES, f"{made_of} {yardstick.fingerprint}")


def _train(recipe: Any, mode: Mode) -> dict[str, Any]:
    from annealing import plan

    summary = train(plan.make(recipe), mode, Path(recipe.output).name)
    if summary.get("stopped"):
        raise RunError(f"stopped in {recipe.output}", "the same command goes on from there")
    return summary


def _curve(path: Path) -> dict[str, list[float]]:
    import polars as pl

    table = pl.read_csv(path, columns=["tokens", "loss"])
    return {name: table[name].to_list() for name in table.columns}


def last_checkpoint(recipe: Any) -> str:
    """The folder that a run's last checkpoint will have."""
    from annealing.recipe import decays

    steps = sum(decay.steps for decay in decays(recipe, 0.0))
    return str(Path(recipe.output) / "checkpoints" / f"step-{steps:09d}")


def refuse_other(folder: Path, settings: dict[str, Any]) -> None:
    """Errors: UsageError for a folder that holds another trial."""
    path = folder / _SETTINGS
    asked = json.loads(json.dumps(settings))
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else asked
    changed = [name for name in asked if before.get(name) != asked[name]]
    if changed:
        raise UsageError(
            f"{folder} holds a trial with another {', '.join(changed)}", "name another --output, or remove the folder"
        )


def remember(folder: Path, settings: dict[str, Any]) -> None:
    """Keep what a trial is beside it."""
    from annealing.weights import write_json

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _SETTINGS, settings)


def of_arm(runs: Sequence[Run], name: str) -> list[Run]:
    """The runs of an arm, by seed."""
    return sorted((one for one in runs if one.arm == name), key=lambda one: one.seed)
