"""What to train: one TOML file, or the same as dataclasses. Unknown names are refused, with the nearest known one."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
import types
import typing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from annealing.errors import TrainerError
from annealing.schedule import Decay, check

T = TypeVar("T")


@dataclass(frozen=True)
class Data:
    """A source of a phase."""

    path: str  # a tier of a corpus, a folder or file of Parquet or JSONL, or an s3:// URL
    weight: float = 1.0  # its share of the rows, over the sum of the phase's weights
    max_epochs: int = 4  # four times is nearly as good as new text (arXiv:2305.16264); its share then goes to the rest
    text: str = ""  # column of the texts; default content, else text
    name: str = ""  # in the report; default the path


@dataclass(frozen=True)
class Phase:
    """Tokens trained with one mix, one row length and one course of the learning rate."""

    name: str
    tokens: int
    data: tuple[Data, ...]
    seq_len: int = 4096
    batch_tokens: int = 524_288
    shape: str = "linear"  # constant linear 1-sqrt exponential cosine megatron
    lr: float = 0.0  # at its start; 0: what the phase before, or the checkpoint, left
    lr_end: float = 0.0
    warmup_tokens: int = 0
    document_mask: bool = False  # nothing is seen across documents in a row, and positions restart
    packing: str = "concat"  # documents end to end; best-fit: none is cut that fits in a row, and rows are filled up


@dataclass(frozen=True)
class Optimizer:
    """AdamW, or Muon for the matrices of the layers and AdamW for the rest."""

    name: str = "adamw"
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    momentum: float = 0.95  # of Muon
    ema: float = (
        0.0  # of a moving average of the weights, written beside them: 0.999 for the last thousand steps; 0: none
    )


@dataclass(frozen=True)
class Safety:
    """Checkpoints, and what is done about steps that go wrong."""

    every_steps: int = 500  # steps between checkpoints
    every_minutes: float = 20.0  # and minutes, whichever comes first
    keep_last: int = 2
    milestone_tokens: int = 0  # a checkpoint that crosses a multiple of it is kept for good; 0: none
    spike_deviations: float = 6.0  # a loss or gradient this many deviations above the last ones is skipped (OLMo 2)
    max_skipped: int = 32  # in a row, before the run gives up
    skip_steps: tuple[int, ...] = ()  # batches that are drawn and not trained on, after a spike for example


@dataclass(frozen=True)
class Machine:
    """How it runs; changes no token and no learning rate."""

    device: str = "auto"  # cuda, cpu
    dtype: str = "auto"  # of the activations: bfloat16 on a GPU, float32 on a CPU
    compile: str = "auto"  # yes, no; auto: on a GPU, and on a CPU for long runs where there is a C++ compiler
    micro_tokens: int = 0  # tokens forward at once; 0: 32,768 on a GPU, 4,096 on a CPU
    recompute: bool = False  # layers again in the backward pass: less memory, a third slower
    threads: int = 0  # that tokenise; 0: a quarter of the cores, at least 1
    cache: str = ""  # folder where tokens are kept; default none, with several processes <output>/tokens
    deterministic: bool = False  # the same seed gives the same bits
    log_every: int = 10  # steps
    tensorboard: bool = False


@dataclass(frozen=True)
class Recipe:
    """The whole run."""

    phases: tuple[Phase, ...]
    start: str = "5m"  # a preset (random weights), a Hugging Face folder, or a checkpoint of another run
    tokenizer: str = ""  # folder; default the start's own
    output: str = "anneal"
    seed: int = 0
    holdout: float = 0.01  # share of the documents that no phase trains on, for `governance evaluate`
    mup: bool = False  # MiniCPM4's scaling, for presets
    optimizer: Optimizer = field(default_factory=Optimizer)
    safety: Safety = field(default_factory=Safety)
    machine: Machine = field(default_factory=Machine)

    def fingerprint(self) -> str:
        """Of everything that decides which weights come out: not the machine, nor when checkpoints are written."""
        body = asdict(self)
        del body["machine"], body["output"]
        body["safety"] = {name: body["safety"][name] for name in ("spike_deviations", "skip_steps")}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def decays(recipe: Recipe, left: float) -> list[Decay]:
    """The course of the learning rate. ``left``: what the start's checkpoint left, 0 where it is only weights.

    Errors: TrainerError for a first phase without a learning rate, or a phase that makes no sense.
    """
    found: list[Decay] = []
    for phase in recipe.phases:
        lr = phase.lr or (found[-1].end if found else left)
        if lr <= 0:
            raise TrainerError(
                f"phase {phase.name!r} has no learning rate, and nothing before it left one", "set lr for it"
            )
        rows = max(1, round(phase.batch_tokens / phase.seq_len))
        if phase.packing not in ("concat", "best-fit"):
            raise TrainerError(f"phase {phase.name!r}: packing {phase.packing!r} is not known", "concat or best-fit")
        decay = Decay(phase.shape, lr, phase.lr_end, phase.tokens, rows * phase.seq_len, phase.warmup_tokens)
        found.append(check(decay, f"phase {phase.name!r}"))
    return found


def load(path: str) -> Recipe:
    """The recipe of a TOML file, in which phases are [[phase]] and their sources [[phase.data]].

    Errors: TrainerError for a file that cannot be read, an unknown name or a value of the wrong kind.
    """
    try:
        body = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainerError(
            f"{path} cannot be read: {error.strerror}", "name a recipe; docs/annealing.md has one"
        ) from error
    except ValueError as error:
        raise TrainerError(f"{path} is no TOML: {error}", "mend the line it names") from error
    body["phases"] = body.pop("phase", [])
    recipe = build(Recipe, body, path)
    if not recipe.phases or not all(phase.data for phase in recipe.phases):
        raise TrainerError(f"{path}: every recipe needs a [[phase]], and every phase a [[phase.data]]")
    return recipe


def build(kind: type[T], body: Any, where: str) -> T:
    """A dataclass from TOML. Errors: TrainerError."""
    if not isinstance(body, dict):
        raise TrainerError(f"{where} must be a table")
    hints = typing.get_type_hints(kind)
    needed = {one.name for one in dataclasses.fields(typing.cast(Any, kind)) if _needed(one)}
    for name in body:
        if name not in hints:
            near = difflib.get_close_matches(name, hints, 1)
            raise TrainerError(
                f"{where}: there is no setting {name!r}",
                f"did you mean {near[0]}?" if near else f"known: {', '.join(hints)}",
            )
    if missing := sorted(needed - set(body)):
        raise TrainerError(f"{where}: {missing[0]} is missing")
    return kind(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in body.items()})


def _needed(one: Any) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise TrainerError(f"{where} must be a list")
        inner = typing.get_args(hint)
        return tuple(_value(inner[0], one, f"{where}[{number}]") for number, one in enumerate(value))
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)  # 200e9 tokens
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, types.UnionType) or type(value) is not hint:
        raise TrainerError(f"{where} must be {getattr(hint, '__name__', hint)}, and is {value!r}")
    return value
