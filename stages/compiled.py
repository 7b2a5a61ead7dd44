"""``compiled``: numba's njit with a disk cache that notices a change in any kernel, and that waits for the first call.

Numba's own cache looks only at the file of the function itself. A kernel whose helper in another file changed would be
loaded stale and give the old answers, so here the cache folder is named after the sources of all kernels.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
# What kernels import from beside them.
_CONSTANTS = tuple(
    _FOLDER / name
    for name in ("block_features.py", "block_words.py", "codepoints.py", "html_layout.py", "html_tags.py", "rules.py")
)


@cache
def cache_folder() -> Path:
    """The folder of this version of the kernels: below NUMBA_CACHE_DIR if that is set, else beside the sources."""
    from numba import config

    digest = hashlib.sha256()
    for path in sorted([*_FOLDER.glob("*_kernels.py"), *_FOLDER.glob("english_*.py"), *_CONSTANTS]):
        digest.update(path.read_bytes())
    base = Path(config.CACHE_DIR) if config.CACHE_DIR else _FOLDER / "__pycache__"
    return base / f"kernels-{digest.hexdigest()[:12]}"


_setting = threading.Lock()  # numba reads its cache folder from a global while a dispatcher is made


class Kernel:
    """A compiled function. Numba is imported when one is called first: settings, help and checks need none of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        return self._dispatcher(*args)

    @property
    def _numba_type_(self) -> Any:
        """What numba asks for where another kernel calls this one."""
        return self._dispatcher._numba_type_

    @cached_property
    def _dispatcher(self) -> Any:
        from numba import config, njit

        with _setting:
            before, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder())
            try:
                return njit(cache=True)(self._function)
            finally:
                config.CACHE_DIR = before


def compiled(function: Callable[..., Any]) -> Kernel:
    """Compile on first call, or load what an earlier process compiled. Where nothing can be written, numba says so."""
    return Kernel(function)
