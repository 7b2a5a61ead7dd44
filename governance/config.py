"""All settings: one tree of frozen pydantic models, TOML in, unknown names refused.

Each model is owned by the file that uses it; this file only hangs them together.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, field_validator

from governance.errors import UsageError
from governance.gates import Gates, RefinedGates, SelectedGates, TextGates
from governance.index_config import IndexConfig
from governance.own_tiers import OwnTiers, read
from manifests.store import local_path
from stages.c4 import C4
from stages.clean import CleanConfig
from stages.contract import Config
from stages.decontaminate import DecontaminateConfig
from stages.dedup import DedupConfig
from stages.extract import ExtractConfig
from stages.fineweb import FineWeb
from stages.gopher import GopherQuality, GopherRepetition
from stages.host_lines import HostLinesConfig
from stages.ingest import IngestConfig
from stages.language import LanguageConfig
from stages.organize import OrganizeConfig
from stages.output_keys import OutputDedupConfig
from stages.paragraphs import ParagraphsConfig
from stages.pii import PiiConfig
from stages.policy import PolicyConfig
from stages.quality import QualityConfig
from stages.synthesize import SynthesizeConfig
from synth.engines import EngineConfig

_VALUE_CHARS = 80  # of a wrong value, as shown
_LINE_CHARS = 120  # of the settings file; a longer comment stands above its setting


class Run(Config):
    """How the run behaves; nothing here changes what it writes."""

    # Share of rows on which a stage may fail before the run stops.
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    straggler_after_s: float = Field(default=300.0, gt=0)  # seconds after which a stuck task is started a second time
    # Pairs of duplicates that one worker joins in memory, 0.25 kB each; more are joined in rounds over partitions.
    pairs_in_memory: int = Field(default=4_000_000, ge=0)


class L0(Config):
    """Raw: records to text."""

    ingest: IngestConfig = IngestConfig()
    extract: ExtractConfig = ExtractConfig()
    gates: Gates = Gates()


class L1(Config):
    """Filtered: clean text without near-duplicates."""

    policy: PolicyConfig = PolicyConfig()
    host_lines: HostLinesConfig = HostLinesConfig()
    paragraphs: ParagraphsConfig = ParagraphsConfig()
    clean: CleanConfig = CleanConfig()
    language: LanguageConfig = LanguageConfig()
    gopher_repetition: GopherRepetition = GopherRepetition()
    gopher_quality: GopherQuality = GopherQuality()
    c4: C4 = C4()
    fineweb: FineWeb = FineWeb()
    pii: PiiConfig = PiiConfig()
    dedup: DedupConfig = DedupConfig()
    gates: TextGates = TextGates()


class L2(Config):
    """Selected: what a classifier finds valuable, without the items of question sets."""

    quality: QualityConfig = QualityConfig()
    decontaminate: DecontaminateConfig = DecontaminateConfig()
    gates: SelectedGates = SelectedGates()


class L3(Config):
    """Refined: what an LLM wrote, checked against its source."""

    max_documents: int | None = Field(default=None, ge=1)  # documents of each dump to write from; none: all
    max_failure_rate: float = Field(default=0.1, ge=0, le=1)  # share of requests that may fail before the run stops
    engines: int = Field(default=1, ge=1)  # engines at work at once, one a GPU or server
    gpus_per_engine: float = Field(default=0, ge=0)  # 0 runs the CPU build
    price_per_engine_hour: float | None = Field(default=None, ge=0)  # in any currency; --dry-run tells the cost with it
    # Where Prometheus finds the figures of a run under way: http://127.0.0.1:<port>/metrics. None: nowhere.
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    engine: EngineConfig = EngineConfig()
    synthesize: SynthesizeConfig = SynthesizeConfig()
    dedup: OutputDedupConfig = OutputDedupConfig()
    gates: RefinedGates = RefinedGates()


class L4(Config):
    """Organised: statements with their evidence."""

    organize: OrganizeConfig = OrganizeConfig()
    index: IndexConfig = IndexConfig()
    gates: Gates = Gates()


class Settings(Config):
    """Everything that can be set."""

    run: Run = Run()
    l0: L0 = L0()
    l1: L1 = L1()
    l2: L2 = L2()
    l3: L3 = L3()
    l4: L4 = L4()
    # Your own tuples of stages in the place of the built-in ones: FILE:FUNCTION, see docs/own-tiers.md.
    tiers: OwnTiers | None = None
    own: dict[str, Any] = {}  # settings of your own stages, for that function to read, such as a table [own.shouting]

    @field_validator("tiers", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return read(value) if isinstance(value, str) else value


def load(path: str | None, overrides: Sequence[str] = ()) -> Settings:
    """Settings from a TOML file and ``name=value`` overrides. Errors: UsageError naming field, value and remedy."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(local_path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UsageError(f"no settings file {path!r}", f"write one with: governance init {path}") from error
        except OSError as error:
            raise UsageError(f"cannot read {path!r}: {error.strerror}", "name a TOML file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no TOML: {error}", "mend the named line") from error
    return validated(values, overrides)


def validated(values: dict[str, Any], overrides: Sequence[str] = ()) -> Settings:
    """Settings from nested values, which ``name=value`` overrides change. Errors: as ``load``."""
    for override in overrides:
        _override(values, override)
    try:
        return Settings.model_validate(_over(Settings(), values))
    except ValidationError as error:
        raise _readable(error) from error


def _over(default: BaseModel, values: dict[str, Any]) -> dict[str, Any]:
    """Values with the defaults beside them that are not those of their class: a Chinese threshold that is set alone
    leaves the other Chinese ones."""
    merged = default.model_dump(exclude_unset=True)
    for name, value in values.items():
        inner = getattr(default, name, None)
        grouped = isinstance(inner, BaseModel) and isinstance(value, dict)
        merged[name] = _over(inner, value) if grouped else value
    return merged


def _override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise UsageError(f"--set {override!r} is not name=value", "write for example --set l2.quality.threshold=0.6")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    *path, last = name.strip().split(".")
    default: Any = Settings()
    for key in path:
        default = getattr(default, key, None)
        # One entry of a dictionary is changed, the others stay: l2.quality.models.en=my.bin keeps the model of zh.
        values = values.setdefault(key, dict(default) if isinstance(default, dict) else {})
        if not isinstance(values, dict):
            raise UsageError(
                f"--set {override!r}: {key!r} is a value, not a group", "see the names in `governance init`"
            )
    values[last] = value


def _readable(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    name = ".".join(str(piece) for piece in first["loc"])
    if first["type"] != "extra_forbidden":
        value = repr(first["input"])
        short = value if len(value) <= _VALUE_CHARS else f"{value[:_VALUE_CHARS]}..."
        said = first["msg"].removeprefix("Value error, ")
        return UsageError(f"setting {name} = {short}: {said}", "see `governance init` for every setting")
    near = _nearest(name)
    remedy = f"did you mean {near}?" if near else "see `governance init` for every setting"
    return UsageError(f"unknown setting {name}", remedy)


def _nearest(name: str) -> str | None:
    """The setting whose dotted name is like this one, else one whose last word is."""
    known = list(setting_names(Settings))
    whole = difflib.get_close_matches(name, known, 1, 0.75)
    if whole:
        return whole[0]
    last = difflib.get_close_matches(name.rpartition(".")[2], [other.rpartition(".")[2] for other in known], 1, 0.7)
    same = [other for other in known if last and other.rpartition(".")[2] == last[0]]
    return max(same, key=lambda other: difflib.SequenceMatcher(None, name, other).ratio(), default=None)


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all groups and settings below a model."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        group = _group(field.annotation)
        if group is not None:
            yield from setting_names(group, f"{prefix}{name}.")


def _group(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is dict:  # its keys are the user's own names
        return None
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
    notes = _comments(type(group))
    inner = []
    if path:
        lines += [f"# {(type(group).__doc__ or '').strip().splitlines()[0]}", f"[{path}]"]
    for name in type(group).model_fields:
        value = getattr(group, name)
        if isinstance(value, BaseModel):
            inner.append((name, value))
        else:
            lines += _setting_lines(name, group.model_dump(mode="json")[name], notes.get(name, ""))
    lines.append("")
    for name, value in inner:
        _write_group(lines, value, f"{path}.{name}" if path else name)


def _setting_lines(name: str, value: Any, note: str) -> list[str]:
    """A setting with its comment beside it, or above it where the line would be long; commented out while not set, or
    empty: TOML lets nobody add a table [name.x] to ``name = {}``."""
    setting = f"# {name} =" if value is None else f"{'# ' if value == {} else ''}{name} = {_toml(value)}"
    note = note or ("not set" if value is None else "")
    if not note:
        return [setting]
    beside = f"{setting}  # {note}"
    return [beside] if len(beside) <= _LINE_CHARS else [f"# {note}", setting]


def _toml(value: Any) -> str:
    """A value as TOML on one line."""
    import tomlkit

    if isinstance(value, dict):
        return "{" + ", ".join(f"{tomlkit.key(key).as_string()} = {_toml(item)}" for key, item in value.items()) + "}"
    return tomlkit.item(value).as_string()


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """What the source says of each field: the comment lines above it and the comment beside it."""
    found: dict[str, str] = {}
    for owner in reversed([base for base in model.__mro__ if base is not BaseModel and issubclass(base, BaseModel)]):
        source = textwrap.dedent(inspect.getsource(owner))
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                note = _note(lines, node)
                found |= {node.target.id: note} if note else {}
    return found


def _note(lines: list[str], node: ast.AnnAssign) -> str:
    """The comments of one field."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    top = first
    while top and lines[top - 1].strip().startswith("#"):
        top -= 1
    beside = lines[last].encode()[node.end_col_offset :].decode().strip()
    return " ".join(line.strip().lstrip("# ") for line in [*lines[top:first], beside] if line.strip().startswith("#"))
