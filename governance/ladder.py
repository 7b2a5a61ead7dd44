"""``governance ladder``: is each tier better to train on than the one below, and is staged better than mixed?

As the tiered paper tried it: models of one size from random weights, the same tokens and schedule; one tier alone, all
tiers mixed, or one after the other, the lowest first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from governance import commands, recipes
from governance.compare import carry_out, holdout_of, yardstick
from governance.errors import UsageError
from governance.layout import configurations
from governance.trial import Arm, Trial

_PHASES = 3  # of equal length: two at the full learning rate, one in which it falls


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance ladder``."""

    corpus: str
    tiers: tuple[str, ...]
    language: str | None
    preset: str
    tokenizer: str | None
    tokens: int | None
    seeds: int
    questions: tuple[str, ...]
    text: tuple[str, ...]
    output: str


def ladder(ask: Ask, dry_run: bool, as_json: bool) -> None:
    """Train and measure all arms, write the page and the result, and tell what is shown."""
    if ask.seeds < 1:
        raise UsageError(f"--seeds {ask.seeds} trains nothing", "give 2 or more; 3 tell much more")
    carry_out(lambda: _trial(ask), asdict(ask), dry_run, as_json)


def places_of(corpus: str, tier: str, language: str | None) -> tuple[str, ...]:
    """Where the rows of a tier lie, those of one language if asked. Errors: UsageError when there are none."""
    store = commands.readable(corpus)
    if tier == "L3":
        found = [(one.language, f"L3/{one.folder}") for one in configurations(store)]
    else:
        places = [f"{tier}/{dump}/data" for dump in store.folders(tier)]
        found = [(name, f"{place}/{name}") for place in places for name in store.folders(place)]
    folders = tuple(f"{corpus}/{folder}" for name, folder in found if language in (None, name))
    if not folders:
        of = f" in {language}" if language else ""
        raise UsageError(f"{corpus} has no rows of {tier}{of}", "see `governance status`, or name other --tiers")
    return folders if language else (f"{corpus}/{tier}",)


def _trial(ask: Ask) -> Trial:
    tiers = {tier: places_of(ask.corpus, tier, ask.language) for tier in ask.tiers}
    size = recipes.size_of(ask.preset, None)
    every = tuple(place for places in tiers.values() for place in places)
    tokenizer = ask.tokenizer or recipes.own_tokenizer(ask.preset, every, ask.output)
    holdout = holdout_of(ask.preset, None)
    tokens = {tier: recipes.tokens_of(places, tokenizer, holdout) for tier, places in tiers.items()}
    smallest = min(tokens, key=lambda tier: sum(tokens[tier].values()))
    most = 0.95 * recipes.EPOCHS * sum(tokens[smallest].values())
    if ask.tokens is not None and ask.tokens > most:
        raise UsageError(
            f"{ask.tokens:,} tokens would see {smallest} more than {recipes.EPOCHS} times",
            f"at most --tokens {most:,.0f}",
        )
    total = min(float(ask.tokens or size.tokens), most)
    seq_len, batch = recipes.rows_of(size, total / _PHASES)
    common: dict[str, Any] = {"tokenizer": tokenizer, "holdout": holdout}
    arms = tuple(_arm(*one, ask.preset, size.lr, total, seq_len, batch, common) for one in _ways(tokens))
    judged_by = yardstick(ask.preset, None, ask.questions, ask.text, tiers, seq_len)
    return Trial("ladder", Path(ask.output), arms, _pairs(ask.tiers), ask.seeds, judged_by)


def _ways(tokens: dict[str, dict[str, float]]) -> list[tuple[str, str, list[tuple[Any, ...]]]]:
    """Name, description and the data of the three phases of each arm."""
    alone = {tier: recipes.mixed(places, 1.0) for tier, places in tokens.items()}
    found = [(tier, f"{tier} alone", [data] * _PHASES) for tier, data in alone.items()]
    if len(alone) < 2:
        return found
    order = [list(alone)[number * len(alone) // _PHASES] for number in range(_PHASES)]
    mixed = tuple(one for places in tokens.values() for one in recipes.mixed(places, 1 / len(tokens)))
    staged = ("staged", ", then ".join(dict.fromkeys(order)), [alone[tier] for tier in order])
    return [*found, staged, ("mixed", f"{' and '.join(alone)} in equal parts throughout", [mixed] * _PHASES)]


def _pairs(tiers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Each tier against the one below, and staged against mixed."""
    steps = tuple((above, below) for below, above in pairwise(tiers))
    return (*steps, ("staged", "mixed")) if len(tiers) > 1 else ()


def _arm(
    name: str, about: str, data: list[tuple[Any, ...]], preset: str, lr: float, total: float, seq_len: int, batch: int,
    common: dict[str, Any],
) -> Arm:  # fmt: skip
    from annealing.recipe import Machine, Phase, Recipe

    each = int(total / _PHASES)
    warm = recipes.warm_up(each, batch)
    first = Phase("first", each, data[0], seq_len, batch, "constant", lr, warmup_tokens=warm)
    second = Phase("second", each, data[1], seq_len, batch, "constant", lr)
    last = Phase("decay", each, data[2], seq_len, batch, recipes.SHAPE, lr)
    return Arm(name, about, Recipe((first, second, last), preset, machine=Machine(log_every=5), **common))
