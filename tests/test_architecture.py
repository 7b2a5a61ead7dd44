"""The shape of the code: which folder may import which, where each heavy library comes in, and what no file does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ARROWS: dict[str, set[str]] = {
    "governance": {"stages", "classifiers", "synth", "manifests", "annealing"},
    "stages": {"classifiers", "synth"},
    "annealing": {"manifests"},
    "classifiers": set(),
    "synth": set(),
    "manifests": set(),
}
OURS = {*ARROWS, "benchmarks", "tests", "examples"}

# Library to the only files or folders that may import it, inside functions or not.
ONLY_IMPORTED_IN: dict[str, tuple[str, ...]] = {
    "ray": ("governance/cluster.py", "governance/cluster_map.py", "governance/cluster_pool.py"),
    "vllm": ("synth/engines_vllm",),
    "aiohttp": ("synth/engines_server.py",),
    "fasttext": ("classifiers/",),
    "torch": ("synth/models.py", "synth/entailment.py", "synth/sentence_models.py", "synth/engines_vllm", "annealing/"),
    "transformers": ("synth/models.py", "synth/entailment.py", "synth/sentence_models.py", "annealing/"),
    "huggingface_hub": ("manifests/hub.py",),
}

# Slow to import, so only inside functions. The trainer defines torch modules, which need torch at the top; the norms
# are named by vLLM and by the types of torch, and come in after both.
INSIDE_FUNCTIONS = {
    "torch",
    "vllm",
    "transformers",
    "fasttext",
    "aiohttp",
    "trafilatura",
    "huggingface_hub",
    "datatrove",
}
EXCEPT_AT_TOP = {"torch": ("annealing/", "synth/engines_vllm_norms.py"), "vllm": ("synth/engines_vllm_norms.py",)}

# What `governance --help` must not load.
NOT_FOR_HELP = ["pyarrow", "polars", "numba", "numpy", "obstore", "ray", *sorted(INSIDE_FUNCTIONS)]

MAX_LINES = 400


def _files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


SOURCES = _files(*ARROWS)


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def _imported(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every absolute import among the nodes."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def _at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: no function bodies, no ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or guarded:
            continue
        yield child
        yield from _at_import_time(child)


def test_every_top_level_package_has_a_place_among_the_arrows() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found <= OURS


@pytest.mark.parametrize("folder", ARROWS)
def test_imports_follow_the_arrows(folder: str) -> None:
    forbidden = OURS - ARROWS[folder] - {folder}
    wrong = [
        f"{_relative(path)}:{line} imports {name}"
        for path in _files(folder)
        for line, name in _imported(ast.walk(_tree(path)))
        if name in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("library", ONLY_IMPORTED_IN)
def test_a_heavy_library_comes_in_at_one_place(library: str) -> None:
    wrong = [
        f"{_relative(path)}:{line}"
        for path in SOURCES
        for line, name in _imported(ast.walk(_tree(path)))
        if name == library and not _relative(path).startswith(ONLY_IMPORTED_IN[library])
    ]
    assert wrong == [], f"{library} belongs in {ONLY_IMPORTED_IN[library]}"


def test_slow_imports_stand_inside_functions() -> None:
    wrong = [
        f"{_relative(path)}:{line} imports {name} at the top"
        for path in SOURCES
        for line, name in _imported(_at_import_time(_tree(path)))
        if name in INSIDE_FUNCTIONS and not _relative(path).startswith(EXCEPT_AT_TOP.get(name, ()))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("governance.cli", NOT_FOR_HELP), ("governance.commands", ["polars", "pandas", "ray", "numba", "torch"])],
)
def test_the_command_line_starts_without_the_heavy_libraries(module: str, unwanted: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def _renames(node: ast.AST) -> bool:
    """Whether a node renames or moves a file or an object: os.rename, shutil.move, path.rename(x), path.replace(x).

    ``str.replace`` takes two arguments and ``datetime.replace`` keywords, so only one bare argument is a path's.
    """
    if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
        return bool({alias.name for alias in node.names} & {"rename", "renames", "replace", "move"})
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr in ("rename", "renames", "rename_async", "move"):
        return True
    of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    return node.func.attr == "replace" and (of_os or (len(node.args) == 1 and not node.keywords))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("os.rename(a, b)", True),
        ("os.replace(a, b)", True),
        ("shutil.move(a, b)", True),
        ("path.rename(b)", True),
        ("path.replace(b)", True),
        ("from os import replace", True),
        ("text.replace('a', 'b')", False),
        ("moment.replace(hour=1)", False),
        ("dataclasses.replace(config, seed=1)", False),
        ("table.rename_columns(names)", False),
    ],
)
def test_what_counts_as_renaming(line: str, expected: bool) -> None:
    assert any(_renames(node) for node in ast.walk(ast.parse(line))) is expected


def test_no_code_path_renames() -> None:
    """Objects are written whole under their final name: an object store knows no rename, only copy and delete."""
    wrong = [
        f"{_relative(path)}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"
        for path in _files("governance", "stages", "manifests")
        for node in ast.walk(_tree(path))
        if _renames(node)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [*SOURCES, *_files("benchmarks")], ids=_relative)
def test_no_file_holds_more_than_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_every_public_name_has_a_docstring() -> None:
    wrong = [
        f"{_relative(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in _tree(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    wrong += [_relative(path) for path in SOURCES if path.read_text().strip() and not ast.get_docstring(_tree(path))]
    assert wrong == []
