"""Files that parts are written to and objects read from."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO

SPOOL_BYTES = 32 << 20  # a part above this waits on local disk, not in memory, until its name is known


class Hashing(io.RawIOBase):
    """A file to write once that is hashed as it grows."""

    def __init__(self, file: Any) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    @staticmethod
    def spooled() -> Hashing:
        """One in memory while it is small and on scratch disk when large."""
        return Hashing(tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        return self.size

    def sha256(self) -> str:
        """Hex digest of what was written so far."""
        return self._hash.hexdigest()

    def content(self) -> BinaryIO:
        """The written bytes, from the start."""
        self._file.seek(0)
        return self._file


class Ranges(io.RawIOBase):
    """An object of ``size`` bytes as a raw file, read by ``get_range(start, stop)``, whose errors rise as they are."""

    def __init__(self, get_range: Callable[[int, int], bytes], size: int) -> None:
        self._get_range, self._size, self._at = get_range, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        stop = min(self._at + len(buffer), self._size)
        if stop <= self._at:
            return 0
        data = self._get_range(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at
