"""pyproject.toml and constraints.txt say the same, and the frozen set holds none of the packages that break it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _frozen() -> dict[str, str]:
    """Version of each package in constraints.txt."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    wanted = [Requirement(line) for line in lines if line]
    return {canonicalize_name(item.name): str(item.specifier).removeprefix("==") for item in wanted}


@pytest.mark.parametrize("extra", ["", "cpu", "train", "static", "dev", "bench"])
def test_what_the_project_asks_for_is_frozen(extra: str) -> None:
    asked = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    frozen = _frozen()
    wanted = [Requirement(line) for line in asked]
    wrong = [str(item) for item in wanted if not item.specifier.contains(frozen.get(canonicalize_name(item.name), "0"))]
    assert wrong == []


def test_every_frozen_version_is_exact() -> None:
    assert [
        name for name, version in _frozen().items() if not version or any(sign in version for sign in "<>~!*,=")
    ] == []


@pytest.mark.parametrize("name", ["fasttext-predict", "torchvision", "torchaudio", "torchcodec", "triton"])
def test_packages_that_break_the_rest_stay_out(name: str) -> None:
    assert name not in _frozen()


def test_torch_is_the_cpu_build() -> None:
    assert _frozen()["torch"].endswith("+cpu")


def test_every_package_folder_is_installed() -> None:
    include = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert {f"{name}*" for name in ours} == set(include)
