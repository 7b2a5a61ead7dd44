"""One data set repository of the Hugging Face Hub: its files, uploads that lie there until a commit, and that commit.

An upload is addressed by its content, so one that was interrupted is found again by the next try, and what is there is
not sent again. Nothing is seen by readers before ``commit``, which adds and removes files in one revision. The token is
the client's own affair: HF_TOKEN or what ``hf auth login`` stored. Nothing here keeps it; messages are cleared of it.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from manifests.hub_patience import HubError, patiently, reading_remedy, redacted, sentence, writing_remedy
from manifests.store import RANGE_BYTES, Object
from manifests.streams import Ranges

MAIN = "main"
_DATASETS = "hf://datasets/"
_WRITE_AS = "write it as hf://datasets/ORG/NAME[@REVISION]/PATH"
_ANSWER_S = 60.0  # without a byte, after which a request is made again


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
        from huggingface_hub import get_token

        api = _client()
        if not get_token():
            raise HubError("no token for the hub", "set HF_TOKEN to a token that may write, or run `hf auth login`")
        return api

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
        with _told(f"cannot open the repository {self.repo_id}"):
            try:
                info = patiently(lambda: self._api.repo_info(**named))
            except RepositoryNotFoundError:
                patiently(lambda: self._api.create_repo(**named, private=self.private, exist_ok=True))
                info = patiently(lambda: self._api.repo_info(**named))
            if self.private and not info.private:
                remedy = "make it private in its settings, or publish without --private"
                raise HubError(f"the repository {self.repo_id} is public, and a private one is asked for", remedy)
            try:
                return self._head()
            except RevisionNotFoundError:
                patiently(lambda: self._api.create_branch(**named, branch=self.revision, exist_ok=True))
                return self._head()

    def _head(self) -> str:
        info = patiently(lambda: self._api.repo_info(repo_id=self.repo_id, repo_type="dataset", revision=self.revision))
        return info.sha

    def files(self, commit: str) -> dict[str, RemoteFile]:
        """The files of a commit by path. Errors: HubError."""
        return _tree(self.repo_id, commit, "", writing_remedy)

    def read(self, path: str, commit: str) -> bytes:
        """The bytes of a small file. Errors: HubError."""
        with _told(f"cannot read {path} of {self.repo_id}"), tempfile.TemporaryDirectory() as folder:
            named = {"repo_id": self.repo_id, "repo_type": "dataset", "revision": commit, "local_dir": folder}
            return Path(patiently(lambda: self._api.hf_hub_download(filename=path, **named))).read_bytes()

    def upload(self, path: str, file: Path, sha256: str) -> Any:
        """Send a large file, unless the hub has its content; returns what ``commit`` adds it by. Thread-safe.

        The local file may be removed afterwards where ``sent`` says so. Errors: HubError.
        """
        from huggingface_hub import CommitOperationAdd

        addition = CommitOperationAdd(path, file)
        addition.upload_info.sha256 = bytes.fromhex(sha256)  # it is known, and reading the file again is lost time
        with _told(f"the upload of {path} broke off"):
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

        with _told(f"the commit to {self.repo_id} failed"):
            return patiently(attempt, landed)


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


@dataclass(frozen=True)
class HubFiles:
    """The files of a data set on the hub, as they are in one commit."""

    repo_id: str
    commit: str

    @staticmethod
    def resolve(url: str) -> tuple[HubFiles, str]:
        """The data set of ``hf://datasets/ORG/NAME[@REVISION]/PATH`` at the commit its revision has now, and the path.

        Errors: HubError for another URL, or a data set or revision that cannot be read.
        """
        from huggingface_hub.errors import HfUriError
        from huggingface_hub.utils import parse_hf_uri

        try:
            uri = parse_hf_uri(url)
        except HfUriError as error:
            raise HubError(f"{url!r}: {redacted(error.args[0], _tokens())}", _WRITE_AS) from None
        if uri.type != "dataset":
            raise HubError(f"{url!r} names a {uri.type}, and only data sets are read", _WRITE_AS)
        named = {"repo_id": uri.id, "repo_type": "dataset", "revision": uri.revision}
        at = f" at {uri.revision}" if uri.revision else ""
        with _told(f"cannot read the data set {uri.id}{at}", reading_remedy):
            return HubFiles(uri.id, patiently(lambda: _client().repo_info(**named)).sha), uri.path_in_repo

    @staticmethod
    def at(url: str) -> HubFiles:
        """The inverse of ``url``."""
        repo_id, _, commit = url.removeprefix(_DATASETS).partition("@")
        return HubFiles(repo_id, commit)

    @property
    def url(self) -> str:
        """Where they are, with the commit."""
        return f"{_DATASETS}{self.repo_id}@{self.commit}"

    def list(self, below: str = "") -> Iterator[Object]:
        """The files below a folder; the change mark is the digest of the content."""
        found = _tree(self.repo_id, self.commit, below, reading_remedy)
        yield from (Object(path, file.size, file.digest) for path, file in found.items())

    def open(self, path: str, size: int) -> BinaryIO:
        """A seekable file over one of them, read in ranges of 8 MB. Errors: HubError on reading."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(self.repo_id, path, repo_type="dataset", revision=self.commit)

        def get_range(start: int, stop: int) -> bytes:
            with _told(f"cannot read {path} of {self.repo_id}", reading_remedy):
                return patiently(lambda: _range(url, start, stop))

        return io.BufferedReader(Ranges(get_range, size), RANGE_BYTES)


def _range(url: str, start: int, stop: int) -> bytes:
    """Some bytes of a file. Errors: httpx2.HTTPError, also where others came than were asked for."""
    import httpx2
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers = {**build_hf_headers(library_name="governance"), "Range": f"bytes={start}-{stop - 1}"}
    answer = get_session().get(url, headers=headers, timeout=_ANSWER_S, follow_redirects=True)
    hf_raise_for_status(answer)
    data = answer.content if answer.status_code == 206 else answer.content[start:stop]
    if len(data) != stop - start:
        raise httpx2.RemoteProtocolError(f"{len(data)} bytes came of {stop - start}")
    return data


def _tree(repo_id: str, commit: str, below: str, remedy: Callable[[BaseException], str]) -> dict[str, RemoteFile]:
    """The files of a commit by path, below a folder; none where there is no folder. Errors: HubError."""
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    named = {"repo_id": repo_id, "repo_type": "dataset", "revision": commit, "recursive": True}
    with _told(f"cannot list the files of {repo_id}", remedy):
        try:
            found = patiently(lambda: list(_client().list_repo_tree(path_in_repo=below or None, **named)))
        except EntryNotFoundError:
            return {}
    files = (entry for entry in found if isinstance(entry, RepoFile))
    return {f.path: RemoteFile(f.size, f.lfs.sha256 if f.lfs else f.blob_id) for f in files}


def _client() -> Any:
    """The hub's client, quiet. Errors: HubError where it is told to stay off line."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils import disable_progress_bars, logging

    if constants.is_offline_mode():
        raise HubError("HF_HUB_OFFLINE is set, so the hub cannot be reached", "unset it")
    disable_progress_bars()
    if "HF_HUB_VERBOSITY" not in os.environ:
        logging.set_verbosity_error()  # its retries; what fails in the end is told by us, once
    return HfApi(library_name="governance")


def _tokens() -> set[str]:
    """What must not stand in a message."""
    from huggingface_hub import get_token

    return {get_token() or "", os.environ.get("HF_TOKEN", "").strip()}


@contextmanager
def _told(what: str, remedy: Callable[[BaseException], str] = writing_remedy) -> Generator[None]:
    """Whatever the client raises as one sentence without the token, and what to do about it. Errors: HubError."""
    import httpx2

    try:
        yield
    except HubError:
        raise
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        # Not "from error": the client's exceptions carry requests, and those the token.
        raise HubError(f"{what}: {redacted(sentence(error), _tokens())}", remedy(error)) from None
