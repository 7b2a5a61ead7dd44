"""Objects under one base URL: a local folder, S3, GCS or Azure, all through obstore.

Objects are written whole and never renamed. A commit is a create-only PUT: the first writer wins, whoever comes
later reads what is there.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

SPOOL_BYTES = 32 << 20  # a part above this waits on local disk, not in memory, until its name is known


@dataclass(frozen=True)
class Object:
    """One stored object: path below the base URL, size in bytes, and the store's own change mark."""

    path: str
    size: int
    e_tag: str | None = None


def is_local(url: str) -> bool:
    """Whether a URL or path names a folder of this machine."""
    return urlsplit(url).scheme in ("", "file")


def local_path(url: str) -> Path:
    """The absolute path of a local URL or path."""
    return Path(urlsplit(url).path if url.startswith("file:") else url).expanduser().resolve()


@dataclass(frozen=True)
class Store:
    """The objects below ``url``. Cheap to make and to pickle: the client opens on first use, in each process."""

    url: str

    @cached_property
    def _client(self) -> Any:
        from obstore.store import LocalStore, from_url

        if is_local(self.url):
            return LocalStore(local_path(self.url), mkdir=True)
        return from_url(self.url.rstrip("/"))

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)

    def get(self, path: str) -> bytes:
        """The bytes of one object. Errors: FileNotFoundError."""
        import obstore

        return bytes(obstore.get(self._client, path).bytes())

    def get_range(self, path: str, start: int, stop: int) -> bytes:
        """The bytes of one object from ``start`` up to, not including, ``stop``. Errors: FileNotFoundError."""
        import obstore

        return bytes(obstore.get_range(self._client, path, start=start, end=stop))

    def exists(self, path: str) -> bool:
        """Whether an object is there."""
        import obstore

        try:
            obstore.head(self._client, path)
        except FileNotFoundError:
            return False
        return True

    def head(self, path: str) -> Object:
        """Size and change mark of one object. Errors: FileNotFoundError."""
        import obstore

        meta = obstore.head(self._client, path)
        return Object(path, meta["size"], meta["e_tag"])

    def open(self, path: str) -> BinaryIO:
        """A seekable file over one object, read in ranges of 8 MB."""
        import obstore

        return io.BufferedReader(_Raw(obstore.open_reader(self._client, path, buffer_size=8 << 20)), 1 << 20)

    def map(self, path: str) -> Any:
        """One object as a pyarrow NativeFile for a Parquet reader: mapped where it lies, or fetched whole.

        Never a Python file: pyarrow's threads may still let go of one while the interpreter ends, which aborts it.
        """
        import obstore
        import pyarrow as pa

        if is_local(self.url):
            return pa.memory_map(str(local_path(self.url) / path))
        found = obstore.get(self._client, path)
        if found.meta["size"] <= SPOOL_BYTES:
            return pa.BufferReader(bytes(found.bytes()))
        with tempfile.NamedTemporaryFile() as scratch:  # unlinked on leaving; the mapping keeps the bytes
            for chunk in found.stream(min_chunk_size=SPOOL_BYTES // 4):
                scratch.write(chunk)
            scratch.flush()
            return pa.memory_map(scratch.name)

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object below a folder, in no particular order."""
        import obstore

        for page in obstore.list(self._client, prefix or None, chunk_size=1000):
            for meta in page:
                yield Object(meta["path"], meta["size"], meta["e_tag"])

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Names of the folders right below a folder, sorted."""
        import obstore

        found = obstore.list_with_delimiter(self._client, prefix)["common_prefixes"]
        return tuple(sorted(path.rstrip("/").rpartition("/")[2] for path in found))

    def put(self, path: str, data: bytes | BinaryIO) -> None:
        """Write one object whole; one that is there under this name is replaced."""
        import obstore

        with self._room(path):
            obstore.put(self._client, path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Write one object if none has this name.

        Returns whether the object there now holds ``data``. A store's client retries by itself, so "already there"
        may be our own first try whose answer was lost: what is there is read back and compared.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._room(path):
                obstore.put(self._client, path, data, mode="create")
        except AlreadyExistsError:
            return self.get(path) == data
        return True

    @contextmanager
    def _room(self, path: str) -> Generator[None]:
        """Tell as Python does, and with the object's name, of a full disk or a missing bucket. Errors: OSError."""
        from obstore.exceptions import GenericError

        try:
            yield
        except GenericError as error:
            if os.strerror(errno.ENOSPC) not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{self.url}/{path}") from error
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "no place to write", f"{self.url}/{path}") from error

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""
        import obstore

        for path in paths:
            try:
                obstore.delete(self._client, path)
            except FileNotFoundError:
                continue


class _Raw(io.RawIOBase):
    """obstore's reader as a standard raw file, so that parsers which ask for readinto or closed find them."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._reader.read(len(buffer))
        count = len(data)
        buffer[:count] = bytes(data)
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()


class HashingSpool(io.RawIOBase):
    """A file to write once: hashed as it grows, in memory while small and on scratch disk when large."""

    def __init__(self) -> None:
        self._file: Any = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - lives as long as the part
        self._hash = hashlib.sha256()
        self.size = 0

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
