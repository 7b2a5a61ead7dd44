"""Editing before writing: programs over the lines of a document, asked window by window; what follows is written from
the edited text, and the original stays where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stages.synthesize import Conversation, Task
from synth.edits import ProgramError, execute, numbered, parse_program, validate
from synth.passages import Span


def plan_edit(row: Mapping[str, Any], talk: Conversation) -> list[Task]:
    """The task that edits a document: one request a window. No task for an empty document."""
    prompt = talk.prompts[row["lang"], "edit"]
    windows = tuple(cut_windows(row["content"] or "", talk.cfg.edit.window_chars))
    return [Task(row, prompt, (0, len(row["content"])), windows)] if windows else []


def cut_windows(text: str, max_chars: int) -> list[Span]:
    """Spans of whole lines, each at most max_chars, or one longer line; together they are the text."""
    windows: list[Span] = []
    start = end = 0
    for line in text.splitlines(keepends=True):
        if end > start and end + len(line) - start > max_chars:
            windows.append((start, end))
            start = end
        end += len(line)
    return [*windows, (start, end)] if end > start else windows


def window_lines(text: str, window: Span) -> list[str]:
    """The lines of a window, without their ends."""
    return text[slice(*window)].splitlines()


def shown_lines(text: str, window: Span) -> str:
    """A window as the model sees it."""
    return numbered(window_lines(text, window))


def check_program(output: str, text: str, window: Span) -> str | None:
    """Why a program cannot be executed on its window; None when it can."""
    try:
        validate(parse_program(output), window_lines(text, window))
    except ProgramError:
        return "program_does_not_fit"
    return None


def edited_content(text: str, programs: Iterable[tuple[Span, str]]) -> str:
    """The text after the programs of its windows; windows without one stay as they are.

    Args: (window, output of the model that was kept) pairs, in any order.
    """
    kept = sorted(programs)
    pieces: list[str] = []
    at = 0
    for window, output in kept:
        pieces.append(text[at : window[0]])
        lines = window_lines(text, window)
        edited = execute(validate(parse_program(output), lines), lines)
        pieces.append("".join(f"{line}\n" for line in edited) if edited != lines else text[slice(*window)])
        at = window[1]
    return "".join([*pieces, text[at:]])
