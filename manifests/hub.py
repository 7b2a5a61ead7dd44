"""One data set repository of the Hugging Face Hub: its files, uploads that lie there until a commit, and that commit.

An upload is addressed by its content, so one that was interrupted is found again by the next try, and what is there is
not sent again. Nothing is seen by readers before ``commit``, which adds and removes files in one revision. The token is
the client's own affair: HF_TOKEN or what ``hf auth login`` stored. Nothing here keeps it; messages are cleared of it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # before a request is made again; uploads have the client's own
_BUSY = (429, 500, 502, 503, 504)
_CHANGED = 412  # precondition failed: the branch is no longer at the parent that the commit names
MAIN = "main"


class HubError(Exception):
    """The hub did not do its part. ``remedy`` says what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: bytes, and its sha256 where it is stored as a large file, else its git blob id."""

    size: int
    digest: str

    def holds(self, data: bytes) -> bool:
        """Whether these are its bytes."""
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return self.digest in (blob, hashlib.sha256(data).hexdigest())

    def is_file(self, size: int, sha256: str) -> bool:
        """Whether it is a file of these bytes, as far as the hub tells: of one that is stored small it tells no sha256,
        and our names hold theirs."""
        return self.size == size and (len(self.digest) != 64 or self.digest == sha256)


@dataclass(frozen=True)
class Hub:
    """A branch of a data set repository. ``private`` asks for a repository that only its owners see."""

    repo_id: str
    revision: str = MAIN
    private: bool = False

    @cached_property
    def _api(self) -> Any:
        from huggingface_hub import HfApi, constants, get_token
        from huggingface_hub.utils import disable_progress_bars, logging

        if constants.is_offline_mode():
            raise HubError("HF_HUB_OFFLINE is set, so the hub cannot be reached", "unset it")
        if not get_token():
            raise HubError("no token for the hub", "set HF_TOKEN to a token that may write, or run `hf auth login`")
        disable_progress_bars()
        if "HF_HUB_VERBOSITY" not in os.environ:
            logging.set_verbosity_error()  # its retries; what fails in the end is told by us, once
        return HfApi(library_name="governance")

    @property
    def address(self) -> str:
        """Where the data set is seen."""
        return f"{self._api.endpoint}/datasets/{self.repo_id}"

    def prepare(self) -> str:
        """Make the repository and the branch where they are not there; returns the commit that the branch is at.

        Errors: HubError, also where the repository is public and a private one is asked for.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        named = {"repo_id": self.repo_id, "repo_type": "dataset"}
        with self._told(f"cannot open the repository {self.repo_id}"):
            try:
                info = _patiently(lambda: self._api.repo_info(**named))
            except RepositoryNotFoundError:
                _patiently(lambda: self._api.create_repo(**named, private=self.private, exist_ok=True))
                info = _patiently(lambda: self._api.repo_info(**named))
            if self.private and not info.private:
                remedy = "make it private in its settings, or publish without --private"
                raise HubError(f"the repository {self.repo_id} is public, and a private one is asked for", remedy)
            try:
                return self._head()
            except RevisionNotFoundError:
                _patiently(lambda: self._api.create_branch(**named, branch=self.revision, exist_ok=True))
                return self._head()

    def _head(self) -> str:
        info = _patiently(
            lambda: self._api.repo_info(repo_id=self.repo_id, repo_type="dataset", revision=self.revision)
        )
        return info.sha

    def files(self, commit: str) -> dict[str, RemoteFile]:
        """The files of a commit by path. Errors: HubError."""
        from huggingface_hub.hf_api import RepoFile

        with self._told(f"cannot list the files of {self.repo_id}"):
            named = {"repo_id": self.repo_id, "repo_type": "dataset", "revision": commit, "recursive": True}
            found = _patiently(lambda: list(self._api.list_repo_tree(**named)))
        files = (entry for entry in found if isinstance(entry, RepoFile))
        return {f.path: RemoteFile(f.size, f.lfs.sha256 if f.lfs else f.blob_id) for f in files}

    def read(self, path: str, commit: str) -> bytes:
        """The bytes of a small file. Errors: HubError."""
        with self._told(f"cannot read {path} of {self.repo_id}"), tempfile.TemporaryDirectory() as folder:
            named = {"repo_id": self.repo_id, "repo_type": "dataset", "revision": commit, "local_dir": folder}
            return Path(_patiently(lambda: self._api.hf_hub_download(filename=path, **named))).read_bytes()

    def upload(self, path: str, file: Path, sha256: str) -> Any:
        """Send a large file, unless the hub has its content; returns what ``commit`` adds it by. Thread-safe.

        The local file may be removed afterwards where ``sent`` says so. Errors: HubError.
        """
        from huggingface_hub import CommitOperationAdd

        addition = CommitOperationAdd(path, file)
        addition.upload_info.sha256 = bytes.fromhex(sha256)  # it is known, and reading the file again is lost time
        with self._told(f"the upload of {path} broke off"):
            self._api.preupload_lfs_files(
                self.repo_id, [addition], repo_type="dataset", revision=self.revision, num_threads=1
            )
        return addition

    @staticmethod
    def sent(addition: Any) -> bool:
        """Whether the hub holds the content; a file that it takes for small travels with the commit instead."""
        return addition.path_or_fileobj == b""

    def commit(
        self, additions: Sequence[Any], small: Mapping[str, bytes], removed: Iterable[str], message: str, parent: str
    ) -> str:  # fmt: skip
        """Add and remove files in one commit upon ``parent``; returns the new commit.

        Where the answer is lost, or the hub is busy, the branch is looked at first, so that no commit is made twice.
        Errors: HubError, also where somebody else changed the branch meanwhile.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        removed = sorted(removed)

        def attempt() -> str:
            operations = [*additions, *(CommitOperationAdd(path, data) for path, data in small.items())]
            operations += [CommitOperationDelete(path, is_folder=False) for path in removed]
            named = {"repo_id": self.repo_id, "repo_type": "dataset", "revision": self.revision}
            return self._api.create_commit(
                operations=operations, commit_message=message, parent_commit=parent, **named
            ).oid

        def landed() -> str | None:
            head = self._head()
            if head == parent:
                return None
            if _holds(self.files(head), additions, small, removed):
                return head
            remedy = "run the same command again; what was uploaded is not sent again"
            raise HubError(f"somebody else changed {self.revision} of {self.repo_id} meanwhile", remedy)

        with self._told(f"the commit to {self.repo_id} failed"):
            return _patiently(attempt, landed)

    @contextmanager
    def _told(self, what: str) -> Any:
        """Whatever the client raises as one sentence without the token, and what to do about it. Errors: HubError."""
        import httpx2

        try:
            yield
        except HubError:
            raise
        except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
            # Not "from error": the client's exceptions carry requests, and those the token.
            raise HubError(f"{what}: {_redacted(_sentence(error))}", _remedy(error)) from None


def _holds(
    there: Mapping[str, RemoteFile], additions: Sequence[Any], small: Mapping[str, bytes], removed: Sequence[str]
) -> bool:  # fmt: skip
    """Whether files are as a commit would leave them."""
    large = {one.path_in_repo: one.upload_info for one in additions}
    return (
        all(path in there and there[path].is_file(info.size, info.sha256.hex()) for path, info in large.items())
        and all(path in there and there[path].holds(data) for path, data in small.items())
        and not set(removed) & set(there)
    )


def _patiently(attempt: Callable[[], _T], landed: Callable[[], _T | None] = lambda: None) -> _T:
    """The result of a request that is made again while the hub is busy or the network fails.

    ``landed`` looks whether the last attempt did its work though its answer did not come: then that is the result.
    """
    import httpx2

    for wait in (*_WAITS_S, None):
        try:
            return attempt()
        except httpx2.HTTPError as error:
            status = _status(error)
            done = landed() if status in (None, _CHANGED, *_BUSY) else None
            if done is not None:
                return done
            if wait is None or (status is not None and status not in _BUSY):
                raise
            time.sleep(_asked_to_wait(error) or wait)
    raise AssertionError("the last attempt returns or raises")


def _status(error: BaseException | None) -> int | None:
    """The HTTP status that is behind an error, None where no answer came."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return response.status_code
        error = error.__cause__
    return None


def _asked_to_wait(error: Any) -> float | None:
    """Seconds that the hub asks to wait, at most five minutes."""
    told = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return min(300.0, float(told)) if told.isdigit() else None


def _sentence(error: BaseException) -> str:
    """What the cause says, on one line: the client wraps an upload's error into one that says nothing."""
    while error.__cause__ is not None and getattr(error, "response", None) is None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return (text[:400] + "…" if len(text) > 400 else text) or type(error).__name__


def _redacted(text: str) -> str:
    """The text without any token that the client may use, and without the signatures of presigned addresses."""
    import re

    from huggingface_hub import get_token

    for token in {get_token() or "", os.environ.get("HF_TOKEN", "").strip()} - {""}:
        text = text.replace(token, "***")
    return re.sub(r"\?[^\s'\"]*(?:Signature|signature|token)=[^\s'\"]*", "?***", text)


def _remedy(error: BaseException) -> str:
    status = _status(error)
    if status == 401:
        return "set HF_TOKEN to a valid token that may write there, or run `hf auth login`"
    if status == 403:
        return "use a token that may write there, or another --repo-id"
    if status is not None and status < 500 and status != 429:
        return "see what the hub says; nothing was published"
    return "run the same command again; what was uploaded is not sent again, and readers see nothing until the commit"
