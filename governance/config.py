"""All settings: one tree of frozen pydantic models, TOML in, unknown names refused.

Each model is owned by the file that uses it; this file only hangs them together.
"""

from __future__ import annotations

import difflib
import inspect
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError
from stages.pii import PiiConfig
from stages.quality import QualityConfig

from governance.errors import UsageError
from manifests.store import local_path
from stages.c4 import C4
from stages.clean import CleanConfig
from stages.contract import Config
from stages.dedup import DedupConfig
from stages.extract import ExtractConfig
from stages.fineweb import FineWeb
from stages.gopher import GopherQuality, GopherRepetition
from stages.ingest import IngestConfig
from stages.language import LanguageConfig
from stages.synthesize import SynthesizeConfig
from synth.engines import EngineConfig


class Run(Config):
    """How the run behaves; nothing here changes what it writes."""

    max_error_rate: float = Field(
        default=0.01, ge=0, le=1
    )  # share of rows on which a stage may fail before the run stops
    straggler_after_s: float = Field(default=300.0, gt=0)  # seconds after which a stuck task is started a second time


class L0(Config):
    """Raw: records to text."""

    ingest: IngestConfig = IngestConfig()
    extract: ExtractConfig = ExtractConfig()


class L1(Config):
    """Filtered: clean text without near-duplicates."""

    clean: CleanConfig = CleanConfig()
    language: LanguageConfig = LanguageConfig()
    gopher_repetition: GopherRepetition = GopherRepetition()
    gopher_quality: GopherQuality = GopherQuality()
    c4: C4 = C4()
    fineweb: FineWeb = FineWeb()
    pii: PiiConfig = PiiConfig()
    dedup: DedupConfig = DedupConfig()


class L2(Config):
    """Selected: what a classifier finds valuable."""

    quality: QualityConfig = QualityConfig()


class L3(Config):
    """Refined: what an LLM wrote, checked against its source."""

    max_documents: int | None = Field(default=None, ge=1)  # documents of each dump to write from; none: all
    engines: int = Field(default=1, ge=1)  # engines at work at once, one a GPU or server
    gpus_per_engine: float = Field(default=0, ge=0)  # 0 runs the CPU build
    engine: EngineConfig = EngineConfig()
    synthesize: SynthesizeConfig = SynthesizeConfig()


class Settings(Config):
    """Everything that can be set."""

    run: Run = Run()
    l0: L0 = L0()
    l1: L1 = L1()
    l2: L2 = L2()
    l3: L3 = L3()


def load(path: str | None, overrides: Sequence[str] = ()) -> Settings:
    """Settings from a TOML file and ``name=value`` overrides. Errors: UsageError naming field, value and remedy."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(local_path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UsageError(f"no settings file {path!r}", f"write one with: governance init {path}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no TOML: {error}", "mend the named line") from error
    for override in overrides:
        _override(values, override)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _readable(error) from error


def _override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise UsageError(f"--set {override!r} is not name=value", "write for example --set l2.quality.threshold=0.6")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    *path, last = name.strip().split(".")
    for key in path:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise UsageError(
                f"--set {override!r}: {key!r} is a value, not a group", "see the names in `governance init`"
            )
    values[last] = value


def _readable(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    name = ".".join(str(piece) for piece in first["loc"])
    if first["type"] != "extra_forbidden":
        return UsageError(
            f"setting {name} = {first['input']!r}: {first['msg']}", "see `governance init` for every setting"
        )
    known = list(setting_names(Settings))
    near = difflib.get_close_matches(name, known, 1, 0.6) or difflib.get_close_matches(
        name.rpartition(".")[2], [other.rpartition(".")[2] for other in known], 1, 0.6
    )
    remedy = f"did you mean {near[0]}?" if near else "see `governance init` for every setting"
    return UsageError(f"unknown setting {name}", remedy)


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all groups and settings below a model."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        group = _group(field.annotation)
        if group is not None:
            yield from setting_names(group, f"{prefix}{name}.")


def _group(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if inspect.isclass(candidate) and issubclass(candidate, BaseModel):
            return candidate
    return None


def commented_toml(settings: BaseModel) -> str:
    """Every setting with its default, each with the comment that stands beside it in the source."""
    lines = ["# Settings of governance. Delete what you do not change: these are the defaults.", ""]
    _write_group(lines, settings, "")
    return "\n".join(lines) + "\n"


def _write_group(lines: list[str], group: BaseModel, path: str) -> None:
    import tomlkit

    notes = _comments(type(group))
    inner = []
    if path:
        lines += [f"# {(type(group).__doc__ or '').strip().splitlines()[0]}", f"[{path}]"]
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            inner.append((name, value))
            continue
        note = f"  # {notes[name]}" if name in notes else ""
        plain = group.model_dump(mode="json")[name]
        lines.append(
            f"# {name} ={note or '  # not set'}"
            if plain is None
            else f"{name} = {tomlkit.item(plain).as_string()}{note}"
        )
    lines.append("")
    for name, value in inner:
        _write_group(lines, value, f"{path}.{name}" if path else name)


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """The comment beside each field in the source of its class."""
    found = re.findall(r"^    (\w+):.*?#\s*(.+)$", inspect.getsource(model), re.MULTILINE)
    return dict(found)
