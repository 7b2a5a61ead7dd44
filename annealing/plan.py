"""What a recipe will do, worked out before it does it: sources opened, learning rates, how often the data is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annealing import recipe as recipes
from annealing.checkpoint import read_state
from annealing.documents import Dataset, open_dataset, read
from annealing.errors import TrainerError
from annealing.recipe import Phase, Recipe
from annealing.schedule import Decay, table
from annealing.shape import PRESETS, Shape, preset, read_shape
from annealing.stream import Source
from annealing.tokens import Tokenizer, open_tokenizer

_SAMPLED_BLOCKS = 8  # of a source, from which its tokens are estimated


@dataclass(frozen=True)
class Plan:
    """A recipe with everything it names found."""

    recipe: Recipe
    shape: Shape
    start: Path | None  # folder of the first weights; None: random ones
    tokenizer: Tokenizer
    decays: list[Decay]
    sources: dict[str, Source]  # by path; weight and epochs are the phase's
    estimate: dict[str, float]  # tokens of each, by path, in one epoch

    def mix(self, phase: Phase) -> list[Source]:
        """The sources of a phase."""
        return [replace(self.sources[data.path], weight=data.weight, max_epochs=data.max_epochs) for data in phase.data]

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(decay.steps for decay in self.decays)

    @property
    def tokens(self) -> int:
        """Of all phases."""
        return sum(decay.steps * decay.batch_tokens for decay in self.decays)

    def rows(self) -> list[dict[str, Any]]:
        """A row a phase, for a table and for JSON."""
        found = []
        for phase, decay, rates in zip(self.recipe.phases, self.decays, table(self.decays), strict=True):
            total = sum(data.weight for data in phase.data)
            tokens = decay.steps * decay.batch_tokens
            shares = {
                data.name or data.path: {
                    "share": data.weight / total,
                    "epochs": tokens * data.weight / total / max(1.0, self.estimate[data.path]),
                    "max_epochs": data.max_epochs,
                }
                for data in phase.data
            }
            found.append(
                {"phase": phase.name, "tokens": tokens, "steps": decay.steps, "seq_len": phase.seq_len,
                 "batch_tokens": decay.batch_tokens, "shape": decay.shape, "lr": rates, "data": shares}
            )  # fmt: skip
        return found


def make(recipe: Recipe) -> Plan:
    """Find everything a recipe names.

    Errors: TrainerError for what is missing, a tokenizer that does not fit the model, a learning rate nobody gave, or
    data that would end before the schedule does.
    """
    start = None if recipe.start in PRESETS else Path(recipe.start).expanduser()
    if start is not None and not start.is_dir():
        raise TrainerError(f"start {recipe.start!r} is neither a preset nor a folder", f"presets: {', '.join(PRESETS)}")
    shape = preset(recipe.start, recipe.mup) if start is None else read_shape(start)
    if shape.mup and shape.tie_word_embeddings and shape.scale_emb != shape.logit_scale:
        raise TrainerError(f"{start}: a tied head with muP cannot be saved as a plain Llama", "use an untied model")
    place = recipe.tokenizer or recipe.start
    if start is None and not recipe.tokenizer:
        raise TrainerError("a preset has no tokenizer of its own", "name a folder with tokenizer, or train one")
    tokenizer = open_tokenizer(Path(place).expanduser())
    if tokenizer.size > shape.vocab_size:
        raise TrainerError(
            f"the tokenizer {place} has {tokenizer.size:,} tokens, the model {shape.vocab_size:,}",
            "use the model's own",
        )
    decays = recipes.decays(recipe, float(read_state(start).get("lr_end", 0.0)) if start else 0.0)
    sources, estimate = _open_all(recipe, tokenizer)
    plan = Plan(recipe, shape, start, tokenizer, decays, sources, estimate)
    _refuse_short(plan)
    return plan


def _open_all(recipe: Recipe, tokenizer: Tokenizer) -> tuple[dict[str, Source], dict[str, float]]:
    sources: dict[str, Source] = {}
    estimate: dict[str, float] = {}
    for data in (data for phase in recipe.phases for data in phase.data):
        if data.path not in sources:
            dataset = open_dataset(data.path, data.text or None)
            sources[data.path] = Source(data.name or data.path, dataset, 1.0)
            estimate[data.path] = estimate_tokens(dataset, tokenizer, recipe.holdout)
    return sources, estimate


def estimate_tokens(dataset: Dataset, tokenizer: Tokenizer, holdout: float) -> float:
    """Tokens of a data set, from blocks spread over it; exact where it has no more than eight."""
    blocks = dataset.blocks[:: -(-len(dataset.blocks) // _SAMPLED_BLOCKS)]
    found = sum(len(ids) for block in blocks for ids in tokenizer.documents(read(dataset, block, holdout)))
    return found * len(dataset.blocks) / len(blocks)


def _refuse_short(plan: Plan) -> None:
    """Data that ends before the learning rate has come down leaves a model that is worth nothing."""
    used = dict.fromkeys(plan.sources, 0.0)
    for phase, decay in zip(plan.recipe.phases, plan.decays, strict=True):
        room = {data.path: data.max_epochs * plan.estimate[data.path] - used[data.path] for data in phase.data}
        wanted = float(decay.steps * decay.batch_tokens)
        have = sum(max(0.0, left) for left in room.values())
        if have < wanted:
            raise TrainerError(
                f"phase {phase.name!r} wants {wanted:,.0f} tokens, and its data has {have:,.0f} (all epochs counted)",
                f"name more data, raise max_epochs, or set its tokens to {int(have * 0.9):,}",
            )
        total = sum(data.weight for data in phase.data)
        for data in phase.data:
            used[data.path] += min(wanted * data.weight / total, max(0.0, room[data.path]))
