"""A user's own tuples of stages: one Python file with a function, ``tiers = "my_tiers.py:tiers"`` in the settings.

The text of the file is what counts, not its path: it travels with the settings to every worker, and its sha256 and
itself stand in the plan of each tier that it decides. Nothing runs a text out of a plan: who asks later what other
thresholds would do names the file again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import PurePath
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from governance.errors import UsageError
from manifests.store import local_path
from stages.contract import Stage

WRITE_AS = "write it as FILE:FUNCTION, such as my_tiers.py:tiers"
# The stages that steps between the tiers, and promises, rest on, in their order.
KEPT = {
    "L0": ("extract", "takedown"),
    "L1": ("takedown", "language", "dedup"),
    "L2": ("takedown", "scores", "quality", "decontaminate"),
}


@dataclass(frozen=True)
class OwnTiers:
    """Where tuples of stages come from in the place of the built-in ones. One setting, written as FILE:FUNCTION."""

    file: str  # as it was given
    function: str  # settings in, stages by tier out
    source: str  # what stands in the file

    @property
    def identity(self) -> dict[str, str]:
        """What a plan records of it: the file's name without its folder, which makes no difference."""
        return {**asdict(self), "file": PurePath(self.file).name, "sha256": self.sha256}

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def named(self) -> str:
        """As it is written in settings."""
        return f"{self.file}:{self.function}"


def read(named: str) -> dict[str, str]:
    """The fields of OwnTiers from FILE:FUNCTION. Errors: ValueError for a file that cannot be read."""
    file, colon, function = named.rpartition(":")
    if not colon or not function.isidentifier():
        raise ValueError(WRITE_AS)
    try:
        return {"file": file, "function": function, "source": local_path(file).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def stages_by_tier(own: OwnTiers, settings: Any) -> Mapping[str, tuple[Stage, ...]]:
    """What the function of the file gives. Errors: UsageError naming the file, for all it raises or gives wrongly."""
    remedy = "see docs/own-tiers.md"
    try:
        found = _function(own)(settings)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{own.named} raised {type(error).__name__}: {_said(error)}", remedy) from error
    if not isinstance(found, dict) or not set(found) <= set(KEPT):
        raise UsageError(f"{own.named} gives no dictionary of stages by tier, L0, L1 or L2", remedy)
    for tier, stages in found.items():
        _check(own, tier, stages)
    return {tier: tuple(stages) for tier, stages in found.items()}


def _said(error: Exception) -> str:
    """The error in one line: of settings, the first that is wrong."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{error.title}.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return (str(error).splitlines() or [""])[0]


def _check(own: OwnTiers, tier: str, stages: Sequence[Stage]) -> None:
    """Errors: UsageError for what is no stage, a name that is there twice, or a stage that is missing or misplaced."""
    if not isinstance(stages, list | tuple) or not all(isinstance(stage, Stage) for stage in stages):
        raise UsageError(f"{own.named}: {tier} is no tuple of stages", "see docs/own-tiers.md")
    names = [stage.name for stage in stages]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{own.named}: {tier} has two stages called {twice!r}", "name one of them otherwise")
    if [name for name in names if name in KEPT[tier]] != list(KEPT[tier]):
        order = ", ".join(KEPT[tier])
        raise UsageError(f"{own.named}: {tier} must keep its stages {order}, in this order", "put yours between them")
    for stage in stages:
        if stage.makes_rows:
            raise UsageError(f"{own.named}: the stage {stage.name!r} makes rows, as only L3 does", "mark rows instead")
        if stage.scope != "batch" and stage.name not in KEPT[tier]:
            message = f"{own.named}: the stage {stage.name!r} asks for rows of {stage.scope!r}, and is given batches"
            raise UsageError(message, 'leave scope at "batch"; what repeats across pages is found by dedup')


def _function(own: OwnTiers) -> Callable[[Any], Any]:
    function = getattr(_module(own.file, own.source), own.function, None)
    if not callable(function):
        raise UsageError(f"{own.file} has no function {own.function!r}", WRITE_AS)
    return function


@lru_cache(maxsize=4)
def _module(file: str, source: str) -> ModuleType:
    """The file as a module, once a process. It is known to Python under a name of its own, by which pydantic finds the
    types that its classes name."""
    module = ModuleType(f"own_tiers_{hashlib.sha256(source.encode()).hexdigest()[:12]}")
    module.__file__ = file
    sys.modules[module.__name__] = module
    exec(compile(source, file, "exec"), module.__dict__)
    return module
