"""Objects under one base URL: a local folder, S3, GCS or Azure, all through obstore.

Objects are written whole and never renamed. A commit is a create-only PUT: the first writer wins, whoever comes
later reads what is there.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from manifests.store_clients import open_client, renewable
from manifests.store_faults import KEPT, StoreError, meaning, refused_without_reason
from manifests.streams import Ranges

_T = TypeVar("_T")
RANGE_BYTES = 8 << 20  # of one request
PATIENCE_S = 300.0  # after which a store that stays busy or away ends the command
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # before it is asked again; the client waited by itself in between


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
    """The objects below ``url``. Cheap to make and to pickle: the client opens on first use, in each process.

    Remote stores are asked with patience: what is busy or broke off is asked again for minutes, credentials that a
    file or a role renews are fetched again when they are found expired. Errors of all methods: StoreError with what to
    do about it, and FileNotFoundError for an object that is not there.
    """

    url: str

    @cached_property
    def _client(self) -> Any:
        from obstore.store import LocalStore

        if is_local(self.url):
            return LocalStore(local_path(self.url), mkdir=True)
        return open_client(self.url)

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)

    def reach(self, path: str = "", one: bool = False) -> None:
        """Ask the store for an object, or the first of a folder, so that what is mistyped or denied is told in seconds.

        Args: one, whether path names an object; whether it is there does not matter. Errors: StoreError.
        """
        if is_local(self.url):
            return
        import obstore

        try:
            client = open_client(self.url, hurried=True)
            if one:
                _head(client, path)
            else:
                next(iter(obstore.list(client, path or None, chunk_size=1)), None)
        except Exception as error:
            fault = None if isinstance(error, FileNotFoundError) else _fault(error, self.url)
            if fault is not None and fault.kind in ("lasting", "unreachable"):  # the rest is for more patience
                raise fault from None

    def get(self, path: str) -> bytes:
        """The bytes of one object. Errors: FileNotFoundError."""
        import obstore

        return self._asked(path, lambda: bytes(obstore.get(self._client, path).bytes()))

    def get_range(self, path: str, start: int, stop: int) -> bytes:
        """The bytes of one object from ``start`` up to, not including, ``stop``. Errors: FileNotFoundError."""
        import obstore

        return self._asked(path, lambda: bytes(obstore.get_range(self._client, path, start=start, end=stop)))

    def exists(self, path: str) -> bool:
        """Whether an object is there."""
        try:
            self.head(path)
        except FileNotFoundError:
            return False
        return True

    def head(self, path: str) -> Object:
        """Size and change mark of one object. Errors: FileNotFoundError."""
        meta = self._asked(path, lambda: _head(self._client, path))
        return Object(path, meta["size"], meta["e_tag"])

    def open(self, path: str) -> BinaryIO:
        """A seekable file over one object, read in ranges of 8 MB."""
        ranges = Ranges(lambda start, stop: self.get_range(path, start, stop), self.head(path).size)
        return io.BufferedReader(ranges, RANGE_BYTES)

    def map(self, path: str) -> Any:
        """One object as a pyarrow NativeFile for a Parquet reader: mapped where it lies, or fetched whole.

        Never a Python file: pyarrow's threads may still let go of one while the interpreter ends, which aborts it.
        """
        import pyarrow as pa

        if is_local(self.url):
            return pa.memory_map(str(local_path(self.url) / path))
        size = self.head(path).size
        if size <= RANGE_BYTES:
            return pa.BufferReader(self.get(path))
        with tempfile.NamedTemporaryFile() as scratch:  # unlinked on leaving; the mapping keeps the bytes
            for start in range(0, size, RANGE_BYTES):
                scratch.write(self.get_range(path, start, min(start + RANGE_BYTES, size)))
            scratch.flush()
            return pa.memory_map(scratch.name)

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object below a folder, in no particular order."""
        import obstore

        pages: Any = None
        last: str | None = None

        def following() -> Any:
            nonlocal pages
            try:
                pages = pages or iter(obstore.list(self._client, prefix or None, offset=last, chunk_size=1000))
                return next(pages, None)
            except Exception:
                pages = None  # asked again, it is listed from behind what was seen
                raise

        while page := self._asked(prefix, following):
            for meta in page:
                yield Object(meta["path"], meta["size"], meta["e_tag"])
            last = page[-1]["path"]

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Names of the folders right below a folder, sorted."""
        import obstore

        found = self._asked(prefix, lambda: obstore.list_with_delimiter(self._client, prefix)["common_prefixes"])
        return tuple(sorted(path.rstrip("/").rpartition("/")[2] for path in found))

    def put(self, path: str, data: bytes | BinaryIO) -> None:
        """Write one object whole; one that is there under this name is replaced."""
        import obstore

        def attempt() -> None:
            if not isinstance(data, bytes):
                data.seek(0)
            obstore.put(self._client, path, data)

        with self._room(path):
            self._asked(path, attempt)

    def create(self, path: str, data: bytes) -> bool:
        """Write one object if none has this name.

        Returns whether the object there now holds ``data``. "Already there" may be our own first try whose answer was
        lost, so what is there is read back and compared; where nothing is there after all, it is tried again.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        def attempt() -> bool:
            try:
                obstore.put(self._client, path, data, mode="create")
            except AlreadyExistsError as error:
                try:
                    return bytes(obstore.get(self._client, path).bytes()) == data
                except FileNotFoundError:  # S3 answers so too while another writer is under way (HTTP 409)
                    raise StoreError(f"{self.url}/{path}: {_line(error)}", KEPT, "broken") from None
            return True

        with self._room(path):
            return self._asked(path, attempt)

    @contextmanager
    def _room(self, path: str) -> Generator[None]:
        """Tell as Python does, and with the object's name, of a full disk or a missing folder. Errors: OSError."""
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
                self._asked(path, lambda path=path: obstore.delete(self._client, path))
            except FileNotFoundError:
                continue

    def _asked(self, path: str, attempt: Callable[[], _T]) -> _T:
        """What a remote store answers; asked again, after its client gave up, while there is hope and time left.

        The client itself repeats single requests that are refused or cut before an answer. Not what breaks off in the
        middle of a listing, nor a create-only PUT that may have done its work.
        """
        if is_local(self.url):
            return attempt()
        end = time.monotonic() + PATIENCE_S
        for wait in (*_WAITS_S, None):
            try:
                return attempt()
            except Exception as error:
                fault = _fault(error, f"{self.url.rstrip('/')}/{path}".rstrip("/"))
                if fault is None:
                    raise
                renewed = fault.kind == "expired" and renewable(os.environ)
                if wait is None or not (fault.passing or renewed) or time.monotonic() + wait > end:
                    raise fault from None  # the client's own error repeats itself over fifty lines
            if renewed:
                self.__dict__.pop("_client", None)  # and with it the credentials that it holds
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _head(client: Any, path: str) -> Any:
    """What a store says of one object.

    A refused HEAD has no body: its reason is told to a GET. One that is answered answers the HEAD too: credentials
    may have been renewed in between.
    """
    import obstore

    try:
        return obstore.head(client, path)
    except Exception as error:
        if isinstance(error, FileNotFoundError) or not refused_without_reason(error):
            raise
        return obstore.get(client, path).meta  # nothing of its body is read


def _fault(error: Exception, place: str) -> StoreError | None:
    """What an error of the client means; None where it is an answer, or none of the client's."""
    if isinstance(error, StoreError):
        return error
    no_bucket = isinstance(error, FileNotFoundError) and "NoSuchBucket" in str(error)
    if no_bucket or type(error).__module__.startswith("obstore"):
        return meaning(error, place)
    return None


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
