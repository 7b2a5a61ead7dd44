"""Prompts as versioned files: a TOML header, then the turns of a chat.

    +++
    id = "en.qa"
    version = 1
    language = "en"
    task = "qa"
    style = "qa"
    parser = "answer_question"
    [sampling]
    temperature = 0.2
    max_tokens = 120
    +++
    ### system
    ...
    ### user
    {{ passage }}

Turns are split before anything is filled in, so a passage can never open a turn of its own.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TURN = re.compile(r"^### (system|user|assistant)[ \t]*\n", re.MULTILINE)


class PromptError(ValueError):
    """A prompt file that cannot be used, or a prompt that is not there."""


# What a template may name; a writing task is told of the settings that concern it.
VALUES = frozenset(
    {"passage", "title", "context", "pairs", "kinds", "level", "setting", "difficulty"}
    | {"point", "question", "answer", "lines"}
)
Scale = Literal["small", "large"]


class Prompt(BaseModel):
    """One prompt file: how one task is asked for in one language."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: str
    version: int
    language: str
    task: str
    style: str  # of the rows it makes
    parser: str  # a name in synth.parsers
    target: Literal["passage", "paragraph", "sentence"] = "passage"  # what the model is shown
    # Small: worked examples, one thing asked of one paragraph. Large: an instruction after the passage.
    scale: Scale = "large"
    # What stands before a passage and is shown with it, in characters; a third in Chinese. For tasks that need what was
    # defined earlier; they share no prefix with the others.
    overlap_chars: int = Field(default=0, ge=0)
    about: str = ""  # for its readers
    answer_schema: dict[str, Any] | None = Field(default=None, alias="schema")  # JSON schema of the answer
    sampling: dict[str, Any]
    turns: tuple[tuple[str, str], ...]  # (role, jinja2 template)
    sha256: str  # of the file's bytes

    def render(self, **values: Any) -> tuple[dict[str, str], ...]:
        """The chat messages with the values filled in.

        Args: passage, and whatever else the templates name (title may be empty).
        Errors: jinja2.UndefinedError for a value that a template names and nobody gave.
        """
        return tuple({"role": role, "content": template.render(**values).strip()} for role, template in self._templates)

    @cached_property
    def _templates(self) -> tuple[tuple[str, Any], ...]:
        from jinja2 import Environment, StrictUndefined

        environment = Environment(undefined=StrictUndefined, autoescape=False)
        return tuple((role, environment.from_string(text)) for role, text in self.turns)


def parse_prompt(data: bytes, where: str) -> Prompt:
    """Read one prompt file. Errors: PromptError naming the file and what is wrong with it."""
    text = data.decode("utf-8")
    parts = re.split(r"^\+\+\+[ \t]*\n", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise PromptError(f"{where}: a prompt starts with a TOML header between two lines of +++")
    pieces = TURN.split(parts[2])
    turns = tuple((role, body.strip()) for role, body in zip(pieces[1::2], pieces[2::2], strict=True))
    if pieces[0].strip() or not turns or turns[-1][0] != "user":
        raise PromptError(f"{where}: after the header come turns '### system|user|assistant', the last one of the user")
    try:
        header = tomllib.loads(parts[1])
        prompt = Prompt(**header, turns=turns, sha256=hashlib.sha256(data).hexdigest())
    except ValueError as error:  # TOML and pydantic errors are both ValueErrors
        raise PromptError(f"{where}: {error}") from error
    _check_templates(prompt, where)
    return prompt


def _check_templates(prompt: Prompt, where: str) -> None:
    """Errors: PromptError for a template that cannot be read, or names a value that nobody gives."""
    from jinja2 import Environment, TemplateSyntaxError
    from jinja2.meta import find_undeclared_variables

    for role, text in prompt.turns:
        try:
            unknown = find_undeclared_variables(Environment().parse(text)) - VALUES
        except TemplateSyntaxError as error:
            raise PromptError(f"{where}: the turn of the {role}: {error}") from error
        if unknown:
            known = ", ".join(sorted(VALUES))
            raise PromptError(f"{where}: no value {sorted(unknown)[0]!r} for the turn of the {role}; known: {known}")


def all_prompts(folder: Path | None = None) -> dict[str, Prompt]:
    """Every bundled prompt, or every ``*.md`` file of a folder, by id. Errors: PromptError, also for an id twice."""
    root = folder if folder is not None else files("synth") / "prompts"
    if not root.is_dir():
        raise PromptError(f"prompt folder {folder} is not there")
    found: dict[str, Prompt] = {}
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".md"):
            prompt = parse_prompt(file.read_bytes(), file.name)
            if prompt.id in found:
                raise PromptError(f"{file.name}: prompt id {prompt.id!r} is used twice")
            found[prompt.id] = prompt
    return found


def load_prompt(prompt_id: str, folder: Path | None = None) -> Prompt:
    """One prompt by id. Errors: PromptError listing the known ids."""
    prompts = all_prompts(folder)
    if prompt_id not in prompts:
        raise PromptError(f"no prompt {prompt_id!r}; known: {', '.join(sorted(prompts))}")
    return prompts[prompt_id]


def load_prompts(
    language: str, tasks: tuple[str, ...], folder: Path | None = None, scale: Scale = "large"
) -> dict[str, Prompt]:
    """The prompt of each task in one language: a user's folder before the bundled ones, then the wanted scale before
    the other.

    Returns: task -> prompt. Of several for one task the highest version is taken, then the first id.
    Errors: PromptError when a task has no prompt in that language.
    """
    known = list(all_prompts().values())
    own = list(all_prompts(folder).values()) if folder is not None else []
    chosen: dict[str, Prompt] = {}
    for task in tasks:
        for source in (own, known):
            fitting = [prompt for prompt in source if prompt.language == language and prompt.task == task]
            if fitting:
                chosen[task] = min(fitting, key=lambda one: (one.scale != scale, -one.version, one.id))
                break
        else:
            raise PromptError(f"no prompt for task {task!r} in language {language!r}")
    return chosen
