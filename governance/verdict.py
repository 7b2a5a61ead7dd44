"""What a trial shows: the arms' figures, the differences of its pairs with intervals, and a verdict they support."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from governance import statistics
from governance.measure import items
from governance.trial import Run, Trial, of_arm


@dataclass(frozen=True)
class Headline:
    """A mean of figures that the verdict rests on."""

    name: str
    about: str
    lower_is_better: bool
    groups: tuple[int, ...]  # places among a run's groups


def judge(trial: Trial, runs: Sequence[Run], soups: dict[str, list[Any]]) -> dict[str, Any]:
    """The whole result, for JSON and for the page. ``soups``: figures of an arm's averaged seeds, where there are."""
    headlines = _headlines(trial, runs[0].groups)
    pairs = [_pair(one, other, runs, headlines) for one, other in trial.pairs]
    arms = [_arm(arm, of_arm(runs, arm.name), soups.get(arm.name)) for arm in trial.arms]
    return {
        "kind": trial.kind, "seeds": trial.seeds, "arms": arms,
        "headlines": [{key: value for key, value in asdict(one).items() if key != "groups"} for one in headlines],
        "pairs": pairs, "notes": _notes(trial, runs, headlines), "cost": _cost(runs),
    }  # fmt: skip


def _headlines(trial: Trial, groups: Sequence[Any]) -> list[Headline]:
    """Questions where there are some, and text that no arm was trained on the like of; else the arms' own held-out
    text, each source and language counting once."""

    def places(wanted: Callable[[Any], bool]) -> tuple[int, ...]:
        return tuple(number for number, group in enumerate(groups) if wanted(group))

    free = {held.name for held in trial.yardstick.texts if held.independent}
    named = {f"{part.name} ({part.language})" for part in trial.yardstick.documents if part.name in free}
    right = places(lambda group: group.metric == "accuracy")
    answers = places(lambda group: group.of == "questions" and group.metric == "bits_per_byte")
    independent = places(lambda group: group.name in named)
    own = places(lambda group: group.of == "text" and group.name not in named)
    found = []
    if right:
        found.append(Headline("accuracy", f"mean of {len(right)} question sets", False, right))
    if answers:
        found.append(Headline("right answers", "bits per byte of the right answers, mean of the sets", True, answers))
    if independent:
        found.append(Headline("independent text", "bits per byte of text unlike any arm's", True, independent))
    if not found:
        about = "bits per byte of held-out text, each source and language counting once"
        found.append(Headline("held-out text", about, True, own))
    return found


def _pair(one: str, other: str, runs: Sequence[Run], headlines: Sequence[Headline]) -> dict[str, Any]:
    """The differences of a pair, headline by headline and figure by figure, and what may be said of it."""
    ones, others = of_arm(runs, one), of_arm(runs, other)
    # Several headlines are several chances to find something: each gets its part of the 5 %.
    level = 1 - (1 - statistics.LEVEL) / len(headlines)
    rows: list[dict[str, Any]] = []
    for headline in headlines:
        found = _difference(ones, others, headline.groups, level)
        word = statistics.word(found, headline.lower_is_better)
        rows.append({"name": headline.name, "lower_is_better": headline.lower_is_better, "word": word, **asdict(found)})
    figures = [
        {"name": group.name, "metric": group.metric, "language": group.language, "of": group.of,
         **asdict(_difference(ones, others, (number,), statistics.LEVEL))}
        for number, group in enumerate(ones[0].groups)
    ]  # fmt: skip
    word = _together([row["word"] for row in rows])
    return {"one": one, "other": other, "word": word, "sentence": _sentence(one, other, word, rows),
            "level": level, "headlines": rows, "figures": figures}  # fmt: skip


def _difference(ones: Sequence[Run], others: Sequence[Run], groups: Sequence[int], level: float) -> statistics.Interval:
    one, other = ([[items(run.groups[number]) for number in groups] for run in side] for side in (ones, others))
    return statistics.of_difference(one, other, level)


def _together(words: Sequence[str]) -> str:
    found = set(words) - {"no difference shown"}
    if not found:
        return "no difference shown"
    return found.pop() if len(found) == 1 else "mixed"


def _sentence(one: str, other: str, word: str, rows: Sequence[dict[str, Any]]) -> str:
    """The verdict in words, with the figures it rests on."""
    told = "; ".join(f"{row['name']} {row['value']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})" for row in rows)
    if word == "no difference shown":
        alone = rows[0]["seeds_error"] is None
        why = "one seed says nothing of the spread between runs" if alone else "every interval holds 0"
        return f"No difference is shown between {one} and {other}: {why}. {told}."
    if word == "mixed":
        return f"{one} is better than {other} in one respect and worse in another. {told}."
    return f"{one} is {word} than {other}. {told}."


def _arm(arm: Any, runs: Sequence[Run], soup: list[Any] | None) -> dict[str, Any]:
    """An arm's figures: means over its seeds, what each seed gave, and what their average gives."""
    figures = []
    for number, group in enumerate(runs[0].groups):
        values = [run.groups[number].value for run in runs]
        figures.append(
            {"name": group.name, "metric": group.metric, "of": group.of, "language": group.language,
             "items": len(group.keys), "chance": group.chance, "value": float(np.mean(values)), "by_seed": values,
             "soup": soup[number].value if soup else None}
        )  # fmt: skip
    told = ("tokens", "loss", "skipped", "seconds", "gpu_hours", "tokens_per_s", "sources", "model", "device")
    return {
        "name": arm.name, "about": arm.about, "figures": figures,
        "runs": [{"seed": run.seed, **{key: run.summary[key] for key in told}, "curve": run.curve} for run in runs],
    }  # fmt: skip


def _notes(trial: Trial, runs: Sequence[Run], headlines: Sequence[Headline]) -> list[str]:
    """What a reader must not overlook."""
    found = []
    if trial.seeds < 2:
        found.append("One seed: nothing is known of the spread between runs, so no verdict is given.")
    elif trial.seeds == 2:
        found.append("Two seeds tell little of the spread between runs, so intervals are wide; three tell much more.")
    if headlines[0].name == "held-out text":
        found.append(
            "The verdict rests on held-out text of the arms' own sources, each counting once: an arm reads best what "
            "is like its training. Name --questions, or --text of another kind, for a judge that favours nobody."
        )
    accuracy = [group for group in runs[0].groups if group.metric == "accuracy" and group.chance]
    if accuracy and not any(_above_chance(runs, number) for number in range(len(runs[0].groups))):
        found.append("No question set is answered better than by guessing: at this size accuracy says nothing yet.")
    seen = max(source["epochs"] for run in runs for source in run.summary["sources"].values())
    if seen > 1.5:
        found.append(
            f"A source was seen up to {seen:.1f} times: with so little data, repetition is part of the result."
        )
    return found


def _above_chance(runs: Sequence[Run], number: int) -> bool:
    group = runs[0].groups[number]
    if group.metric != "accuracy" or not group.chance:
        return False
    return any(statistics.of_figure([items(run.groups[number])]).low > group.chance for run in runs)


def _cost(runs: Sequence[Run]) -> dict[str, float]:
    """What the arms' training took, the base they began from left out."""
    return {
        "seconds": sum(run.summary["seconds"] for run in runs),
        "gpu_hours": sum(run.summary["gpu_hours"] for run in runs),
        "tokens": sum(run.summary["tokens"] for run in runs),
    }
