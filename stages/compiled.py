"""``compiled``: numba's njit with a disk cache that notices a change in any kernel.

Numba's own cache looks only at the file of the function itself. A kernel whose helper in another file changed would be
loaded stale and give the old answers, so here the cache folder is named after the sources of all kernels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit

_FOLDER = Path(__file__).parent
# What kernels import from beside them.
_CONSTANTS = tuple(
    _FOLDER / name
    for name in ("block_features.py", "block_words.py", "codepoints.py", "html_layout.py", "html_tags.py", "rules.py")
)


@cache
def cache_folder() -> Path:
    """The folder of this version of the kernels: below NUMBA_CACHE_DIR if that is set, else beside the sources."""
    digest = hashlib.sha256()
    for path in sorted([*_FOLDER.glob("*_kernels.py"), *_FOLDER.glob("english_*.py"), *_CONSTANTS]):
        digest.update(path.read_bytes())
    base = Path(config.CACHE_DIR) if config.CACHE_DIR else _FOLDER / "__pycache__"
    return base / f"kernels-{digest.hexdigest()[:12]}"


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first call, or load what an earlier process compiled. Where nothing can be written, numba says so."""
    before, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder())
    try:
        return njit(cache=True)(function)
    finally:
        config.CACHE_DIR = before
