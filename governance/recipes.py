"""What the verbs that train have in common: sizes of presets, shares of sources, a tokenizer of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from governance.errors import UsageError

EPOCHS = 4  # as annealing.recipe.Data: four times is nearly as good as new text
STABLE = 0.6  # of the tokens of a run from random weights; the rest is the decay
REWARM = 0.01  # of the tokens, where weights come without the moments of their optimiser
SHAPE = "1-sqrt"  # of the decay: better than linear in arXiv:2405.18392
_TOKENIZER_TEXTS = 200_000  # documents that a tokenizer is trained on, at most
_MIN_STEPS, _MIN_ROW = 50, 128
_WARM_STEPS = 100


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
FROM_WEIGHTS = Size(4_096, 524_288, 1e-4, 1_000_000_000)


def size_of(preset: str, start: str | None) -> Size:
    """The size of a preset, or of given weights. Errors: UsageError."""
    if start is not None:
        return FROM_WEIGHTS
    if preset not in SIZES:
        raise UsageError(f"there is no preset {preset!r}", f"choose one of {', '.join(SIZES)}")
    return SIZES[preset]


def rows_of(size: Size, tokens: float) -> tuple[int, int]:
    """Length of a row and tokens of a batch: smaller ones for little data, so that its decay has fifty steps."""
    wanted = min(size.batch_tokens, int(tokens / _MIN_STEPS))
    seq_len = size.seq_len
    while seq_len > wanted and seq_len > _MIN_ROW:
        seq_len //= 2
    return seq_len, max(1, wanted // seq_len) * seq_len


def warm_up(stable: float, batch: int) -> int:
    """Tokens of the warm-up from random weights: a tenth of the stable phase, and no more than a hundred steps."""
    return min(int(stable * 0.1), _WARM_STEPS * batch)


def tokens_of(places: Sequence[str], tokenizer: str, holdout: float) -> dict[str, float]:
    """Tokens of each place in one epoch."""
    from annealing.documents import open_dataset
    from annealing.plan import estimate_tokens
    from annealing.tokens import open_tokenizer

    core = open_tokenizer(Path(tokenizer).expanduser())
    return {place: estimate_tokens(open_dataset(place), core, holdout) for place in places}


def mixed(tokens: Mapping[str, float], weight: float) -> tuple[Any, ...]:
    """Places as sources of a phase, together of this weight: taken as they come, in proportion to their tokens."""
    from annealing.recipe import Data

    total = max(1.0, sum(tokens.values()))
    return tuple(Data(place, weight * max(1e-9, own / total), EPOCHS) for place, own in tokens.items())


def own_tokenizer(preset: str, places: Sequence[str], output: str) -> str:
    """A byte-level BPE of 16,000 pieces in the output folder, trained on the data unless it is there already."""
    from annealing import tokens
    from annealing.shape import PRESETS

    if PRESETS[preset].vocab_size > tokens.PIECES:
        raise UsageError(f"the preset {preset} needs a tokenizer", "name its folder: --tokenizer MiniCPM5-1B")
    folder = Path(output) / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        print(f"training a tokenizer of up to {tokens.PIECES:,} pieces in {folder}", file=sys.stderr)
        tokens.train(_texts(places), folder)
    return str(folder)


def _texts(places: Sequence[str]) -> Iterator[str]:
    from annealing.documents import open_dataset, read

    for place in places:
        dataset = open_dataset(place)
        texts = (text for block in dataset.blocks for text in read(dataset, block))
        yield from islice(texts, _TOKENIZER_TEXTS // len(places))


def as_toml(recipe: Any) -> str:
    """A recipe as the file that ``annealing.recipe.load`` reads."""
    import tomlkit

    body = asdict(recipe)
    phases = [{**phase, "data": [*phase["data"]]} for phase in body.pop("phases")]
    return tomlkit.dumps({**_lists(body), "phase": _lists(phases)})


def _lists(value: Any) -> Any:
    """TOML has lists, and no tuples."""
    if isinstance(value, dict):
        return {name: _lists(one) for name, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value
