"""Writes docs/verbs: a page for each verb, from the command line itself and the commands that the other pages show.

``python -m docs.make_verbs`` writes them; a test compares them with what this would write. An example of a verb is a
line of another page, where a test runs it. So a new verb has its page once a page of docs shows it.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "verbs"
EXAMPLES = 3  # of a verb, at most
_FENCED = re.compile(r"(<!-- not run: .* -->\n)?^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_SEE = re.compile(r"\s*See docs/[\w-]+\.md\.?")


@cache
def verbs() -> dict[str, Any]:
    """The commands of ``governance`` by name, those of a group as "classifier train"."""
    from governance import cli

    group: Any = typer.main.get_command(cli.app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        found |= {name: command} if below is None else {f"{name} {verb}": one for verb, one in below.items()}
    return found


def verb_of(words: list[str]) -> str:
    """The verb of a command line that begins with ``governance``."""
    return " ".join(words[1 : 2 if words[1] in verbs() else 3])


def file_of(verb: str) -> str:
    """The name of a verb's page."""
    return f"{verb.replace(' ', '-')}.md"


def shown() -> dict[str, list[tuple[Path, str]]]:
    """The command lines of README and docs by verb, each with its page: those first that show the verb most."""
    found: dict[str, list[tuple[Path, str]]] = {}
    for page in sorted([*DOCS.glob("*.md"), DOCS.parent / "README.md"]):
        for line in _of_page(page):
            found.setdefault(verb_of(shlex.split(line, comments=True)), []).append((page, line))
    for lines in found.values():
        often = Counter(page for page, _ in lines)
        lines.sort(key=lambda one: -often[one[0]])
    return found


def _of_page(page: Path) -> list[str]:
    """The lines of a page that a test runs."""
    blocks = [text for not_run, text in _FENCED.findall(page.read_text(encoding="utf-8")) if not not_run]
    return [line for block in blocks for line in block.splitlines() if line.startswith("governance ")]


def pages() -> dict[str, str]:
    """The pages by file name, README.md among them: the list of all verbs."""
    lines = shown()
    made = {file_of(verb): _page(verb, command, lines.get(verb, [])) for verb, command in sorted(verbs().items())}
    return made | {"README.md": _index()}


def _index() -> str:
    rows = [f"| [`{verb}`]({file_of(verb)}) | {_first(command)} |" for verb, command in sorted(verbs().items())]
    head = "What `governance --help` lists; `governance VERB --help` says the same as the page of a verb."
    return "\n".join(["# Verbs", "", head, "", "| verb | |", "|---|---|", *rows, ""])


def _page(verb: str, command: Any, lines: list[tuple[Path, str]]) -> str:
    examples = list(dict.fromkeys(line for _, line in _telling(lines)))
    pages_of = list(dict.fromkeys(page for page, _ in lines))
    parts = [f"# governance {verb}", "", _about(command), "", "```text", _usage(verb, command), "```"]
    if examples:
        parts += ["", "## Examples", "", "```bash", *examples, "```"]
    parts += ["", "## Options", "", "| | default | |", "|---|---|---|", *map(_row, command.params)]
    if pages_of:
        parts += ["", f"More in {', '.join(_link(page) for page in pages_of)}. [All verbs](README.md)."]
    return "\n".join([*parts, ""])


def _telling(lines: list[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """The plainest line, then those that show most options which none before them has, the first of equals."""
    left = list(lines)
    chosen: list[tuple[Path, str]] = []
    known: set[str] = set()
    while left and len(chosen) < EXAMPLES:
        best = max(left, key=lambda one: len(_options(one[1]) - known) if chosen else -len(_options(one[1])))
        left.remove(best)
        chosen.append(best)
        known |= _options(best[1])
    return chosen


def _options(line: str) -> set[str]:
    return {word for word in shlex.split(line, comments=True) if word.startswith("--")}


def _about(command: Any) -> str:
    return _SEE.sub("", command.help or "").strip()


def _first(command: Any) -> str:
    return _cell(_about(command).partition("\n")[0])


def _usage(verb: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    required = [param for param in command.params if param.required and param.param_type_name != "argument"]
    words = [f"{param.opts[0]} {_value(param)}" for param in required]
    return " ".join(["governance", verb, *words, "[OPTIONS]", *map(_argument, arguments)])


def _argument(param: Any) -> str:
    name = (param.metavar or param.name.upper()).strip("[]")
    return name if param.required else f"[{name}]"


def _value(param: Any) -> str:
    """What is written behind an option: the words that it takes, or what kind of value it is."""
    annotation = param.type_descriptor.annotation
    inner = [*getattr(annotation, "__args__", ()), annotation]
    for kind in inner:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return "|".join(str(one.value) for one in kind)
    if param.metavar:
        return str(param.metavar)
    return "N" if {int, float} & {kind for kind in inner if isinstance(kind, type)} else "TEXT"


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name = f"`{_argument(param)}`"
    else:
        name = f"`{'/'.join([*param.opts, *param.secondary_opts])}{'' if param.is_flag else f' {_value(param)}'}`"
    return f"| {_cell(name)} | {_cell(_default(param))} | {_cell(param.help or '')} |"


def _default(param: Any) -> str:
    value = param.default
    if param.required:
        return "required"
    if value is None or value is False or value == "":
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _link(page: Path) -> str:
    title = _TITLE.search(page.read_text(encoding="utf-8"))
    where = "../../README.md" if page.parent != DOCS else f"../{page.name}"
    return f"[{title[1] if title else page.stem}]({where})"


def main() -> None:
    """Write the pages, and remove those of verbs that are gone."""
    made = pages()
    FOLDER.mkdir(exist_ok=True)
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    print(f"{len(made)} pages in {FOLDER}")


if __name__ == "__main__":
    main()
