"""Programs of edits over the lines of a text, as UltraX predicts them, read and executed without evaluating anything.

    keep_all()                        the text stays as it is
    remove_all()                      nothing of it is worth keeping
    remove_lines(3, 5)                lines 3 to 5 go
    replace_str(7, "old", "new")      the one place in line 7 that holds it
    add_line(9, 0, "text")            a line after line 9; the middle number orders several after one line

Lines count from 1. Source: the operations and validations of UltraX (arXiv:2607.08646), written anew.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MAX_OPERATIONS = 2_000  # of one program: a longer one is a loop
# A model that falls into a loop repeats an operation; UltraX's own limits.
MAX_SAME_ADDED_AT = 2
MAX_SAME_ADDED_TEXT = 3
MAX_SAME_REMOVED = 3
MAX_SAME_REPLACED = 30
_ARGUMENTS: dict[str, tuple[type, ...]] = {
    "keep_all": (),
    "remove_all": (),
    "remove_lines": (int, int),
    "replace_str": (int, str, str),
    "add_line": (int, int, str),
}


class ProgramError(ValueError):
    """A program that cannot be read, or that fits no line of its text."""


@dataclass(frozen=True)
class Operation:
    """One call: its name and its arguments."""

    name: str
    arguments: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


Program = tuple[Operation, ...]


def parse_program(text: str) -> Program:
    """The operations of an output, one call a line; a code fence and comment lines around them are passed over.

    Errors: ProgramError for anything else, for wrong arguments, and for a program that loops.
    """
    lines = [line.strip().rstrip(";") for line in text.strip().split("\n")]
    calls = [line for line in lines if line and not line.startswith(("```", "#"))]
    if not calls or len(calls) > MAX_OPERATIONS:
        raise ProgramError(f"{len(calls)} operations")
    program = tuple(_operation(call) for call in calls)
    _refuse_loops(program)
    return program


def _operation(call: str) -> Operation:
    """One call. Parsed as a literal, never run. Errors: ProgramError."""
    try:
        node = ast.parse(call, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProgramError(f"no operation: {call[:80]}") from error
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)) or node.keywords:
        raise ProgramError(f"no operation: {call[:80]}")
    values = tuple(arg.value if isinstance(arg, ast.Constant) else None for arg in node.args)
    wanted = _ARGUMENTS.get(node.func.id)
    if (
        wanted is None
        or len(values) != len(wanted)
        or any(type(v) is not t for v, t in zip(values, wanted, strict=True))
        or any(isinstance(v, str) and not _is_text(v) for v in values)
    ):
        raise ProgramError(f"no operation: {call[:80]}")
    return Operation(node.func.id, tuple(value for value in values if isinstance(value, int | str)))


def _is_text(value: str) -> bool:
    """Whether a file can hold a string: an escape such as "\\ud800" is half a character."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _refuse_loops(program: Program) -> None:
    """Errors: ProgramError where a program repeats itself as a model in a loop does."""
    added = [one.arguments for one in program if one.name == "add_line"]
    limits = (
        (Counter((line, text) for line, _, text in added), MAX_SAME_ADDED_AT),
        (Counter(text for _, _, text in added), MAX_SAME_ADDED_TEXT),
        (Counter(one.arguments for one in program if one.name == "remove_lines"), MAX_SAME_REMOVED),
        (Counter(one.arguments[1:] for one in program if one.name == "replace_str"), MAX_SAME_REPLACED),
    )
    for counts, most in limits:
        if counts and max(counts.values()) > most:
            raise ProgramError(f"the program loops: {counts.most_common(1)[0][0]!r}"[:200])


def validate(program: Program, lines: Sequence[str]) -> Program:
    """The operations that fit the text, in a fixed order.

    Left out: what names a line that is not there, a replacement whose old text does not stand exactly once in its line,
    and all others beside remove_all. Errors: ProgramError when nothing is left of a program that wanted changes.
    """
    if any(one.name == "remove_all" for one in program):
        return (Operation("remove_all"),)
    wanted = [one for one in program if one.name != "keep_all"]
    fitting = [one for one in dict.fromkeys(wanted) if _fits(one, lines)]
    if wanted and not fitting:
        raise ProgramError("no operation fits the text")
    return tuple(fitting) or (Operation("keep_all"),)


def _fits(one: Operation, lines: Sequence[str]) -> bool:
    match one.name, one.arguments:
        case "remove_lines", (int(first), int(last)):
            return 1 <= first <= last <= len(lines)
        case "replace_str", (int(number), str(old), str(new)):
            return 1 <= number <= len(lines) and bool(old) and lines[number - 1].count(old) == 1 and "\n" not in new
        case "add_line", (int(number), int(), str()):
            return 0 <= number <= len(lines)
    return False


def execute(program: Program, lines: Sequence[str]) -> list[str]:
    """The lines after a validated program. Replacements in one line are made in their order, where each still stands
    exactly once; a removed line stays removed."""
    if any(one.name == "remove_all" for one in program):
        return []
    edited: list[str | None] = list(lines)
    for one in program:
        match one.name, one.arguments:
            case "replace_str", (int(number), str(old), str(new)):
                line = edited[number - 1]
                if line is not None and line.count(old) == 1:
                    edited[number - 1] = line.replace(old, new)
    for one in program:
        match one.name, one.arguments:
            case "remove_lines", (int(first), int(last)):
                edited[first - 1 : last] = [None] * (last - first + 1)
    added: dict[int, list[tuple[int, str]]] = {}
    for one in program:
        match one.name, one.arguments:
            case "add_line", (int(number), int(order), str(text)):
                added.setdefault(number, []).append((order, text))
    result = [text for _, text in sorted(added.get(0, []), key=lambda item: item[0])]
    for number, line in enumerate(edited, 1):
        result += [] if line is None else [line]
        result += [text for _, text in sorted(added.get(number, []), key=lambda item: item[0])]
    return result


def numbered(lines: Sequence[str]) -> str:
    """Lines as a model is shown them: "[1] text"."""
    return "\n".join(f"[{number}] {line}" for number, line in enumerate(lines, 1))
