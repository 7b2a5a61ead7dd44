"""The seed list of a classifier: one TOML file that says what it is taught and how."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from classifiers.split import Quota, SplitConfig
from classifiers.train import TrainConfig

_VALUE_CHARS = 80  # of a wrong value, as shown


class Source(BaseModel):
    """Where documents of one class come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    label: Literal["positive", "negative"]
    path: tuple[str, ...]  # Parquet, JSON Lines or .txt: files, folders, globs, s3:// URLs; from the seed list's folder
    text: str | None = None  # column; default: content, else text
    site: str | None = None  # column; default: the host of the column url. "": split by document
    cap: int | None = Field(None, ge=1)  # documents, at most
    weight: float = Field(1.0, gt=0, le=100)  # below 1: the share taken; above: how often each is trained on
    licence: str = ""
    version: str = ""
    test: bool = False  # never trained on: a held-out source, measured apart

    @field_validator("path", mode="before")
    @classmethod
    def one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def positive(self) -> bool:
        """Whether its documents are of the wanted kind."""
        return self.label == "positive"

    @property
    def quota(self) -> Quota:
        """How much of it is taken."""
        return Quota(self.cap, self.weight)


class Contamination(BaseModel):
    """Question sets whose items no seed may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[str, ...] = ()  # as l2.decontaminate.sets: files, folders, globs, lm_eval:TASK


class Seeds(BaseModel):
    """A whole seed list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str  # ISO 639-1
    title: str
    about: str = ""  # what the model is good for, what not, and what it does not know: printed in its card
    model: TrainConfig = TrainConfig()
    split: SplitConfig = SplitConfig()
    contamination: Contamination = Contamination()
    source: tuple[Source, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def sources_make_two_classes(self) -> Seeds:
        """Refuse two sources of one name, and a list that can only teach one class."""
        names = [source.name for source in self.source]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are named {twice[0]!r}: give each a name of its own")
        labels = {source.label for source in self.source if not source.test}
        missing = {"positive", "negative"} - labels
        if missing:
            raise ValueError(f"no source with label {sorted(missing)[0]!r} to train on: give sources of both classes")
        return self


def load_seeds(path: Path) -> Seeds:
    """Read a seed list. Errors: ValueError naming the file, the setting and the remedy."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read the seed list {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    try:
        return Seeds.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"{path}: {_readable(error, values)}") from error


def _readable(error: ValidationError, values: dict[str, Any]) -> str:
    """The first error in words: the setting by its dotted name, a source by its own name."""
    first = error.errors()[0]
    loc = first["loc"]
    name = ".".join(_source_name(values, piece) if isinstance(piece, int) else str(piece) for piece in loc)
    if first["type"] == "missing":
        return f"{name} is missing"
    if first["type"] == "extra_forbidden":
        return f"unknown setting {name}; {_nearest(loc)}"
    reason = first["msg"].removeprefix("Value error, ")
    value = repr(first["input"])
    short = value if len(value) <= _VALUE_CHARS else f"{value[:_VALUE_CHARS]}..."
    return f"{name} = {short}: {reason}" if name and not isinstance(first["input"], dict) else reason


def _source_name(values: dict[str, Any], number: int) -> str:
    try:
        return str(values["source"][number]["name"])
    except (KeyError, TypeError):
        return str(number)


def _nearest(loc: tuple[int | str, ...]) -> str:
    """The known name that is most like the last of these, else all that are known there."""
    group: type[BaseModel] = Seeds
    for piece in loc[:-1]:
        if isinstance(piece, str):
            group = next(kind for kind in _kinds(group.model_fields[piece].annotation))
    known = list(group.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field is made of."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
