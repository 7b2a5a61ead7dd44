"""The cache of compiled kernels follows their sources."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from stages import compiled


def _folder(source: str, root: Path, patch: pytest.MonkeyPatch) -> Path:
    (root / "some_kernels.py").write_text(source)
    patch.setattr(compiled, "_FOLDER", root)
    patch.setattr(compiled, "_CONSTANTS", ())
    return compiled.cache_folder.__wrapped__()


def test_a_changed_kernel_gets_a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _folder("a = 1", tmp_path, monkeypatch)
    assert _folder("a = 2", tmp_path, monkeypatch) != before
    assert _folder("a = 1", tmp_path, monkeypatch) == before


def test_the_cache_follows_numbas_own_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "elsewhere"))
    assert _folder("a = 1", tmp_path, monkeypatch).parent == tmp_path / "elsewhere"


def test_compiling_leaves_numbas_setting_as_it_was() -> None:
    before = numba.config.CACHE_DIR

    @compiled.compiled
    def double(x: int) -> int:
        return 2 * x

    assert double(21) == 42
    assert before == numba.config.CACHE_DIR


def test_every_file_with_a_kernel_is_part_of_the_key() -> None:
    folder = Path(compiled.__file__).parent
    kernels = {path.name for path in folder.glob("*.py") if "@compiled\n" in path.read_text()}
    assert all(name.endswith("_kernels.py") or name.startswith("english_") for name in kernels), kernels
