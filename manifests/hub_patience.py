"""How the hub is asked: again while it is busy, and its errors as one sentence with a remedy and without any token."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from manifests.store_faults import StoreError

_T = TypeVar("_T")
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # before a request is made again; uploads have the client's own
_BUSY = (429, 500, 502, 503, 504)
_CHANGED = 412  # precondition failed: the branch is no longer at the parent that the commit names


class HubError(StoreError):
    """The hub did not do its part. ``remedy`` says what to do about it."""


def patiently(attempt: Callable[[], _T], landed: Callable[[], _T | None] = lambda: None) -> _T:
    """The result of a request that is made again while the hub is busy or the network fails.

    ``landed`` looks whether the last attempt did its work though its answer did not come: then that is the result.
    """
    import httpx2

    for wait in (*_WAITS_S, None):
        try:
            return attempt()
        except httpx2.HTTPError as error:
            status = status_of(error)
            done = landed() if status in (None, _CHANGED, *_BUSY) else None
            if done is not None:
                return done
            if wait is None or (status is not None and status not in _BUSY):
                raise
            time.sleep(_asked_to_wait(error) or wait)
    raise AssertionError("the last attempt returns or raises")


def status_of(error: BaseException | None) -> int | None:
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


def sentence(error: BaseException) -> str:
    """What the cause says, on one line: the client wraps an upload's error into one that says nothing."""
    while error.__cause__ is not None and getattr(error, "response", None) is None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return (text[:400] + "…" if len(text) > 400 else text) or type(error).__name__


def redacted(text: str, tokens: set[str]) -> str:
    """The text without any of these tokens, and without the signatures of presigned addresses."""
    for token in tokens - {""}:
        text = text.replace(token, "***")
    return re.sub(r"\?[^\s'\"]*(?:Signature|signature|token)=[^\s'\"]*", "?***", text)


def writing_remedy(error: BaseException) -> str:
    """What to do about an error while a repository is written to."""
    status = status_of(error)
    if status == 401:
        return "set HF_TOKEN to a valid token that may write there, or run `hf auth login`"
    if status == 403:
        return "use a token that may write there, or another --repo-id"
    if status is not None and status < 500 and status != 429:
        return "see what the hub says; nothing was published"
    return "run the same command again; what was uploaded is not sent again, and readers see nothing until the commit"


def reading_remedy(error: BaseException) -> str:
    """What to do about an error while a data set is read."""
    status = status_of(error)
    if status in (401, 403):
        return "set HF_TOKEN to a token that may read it, or run `hf auth login`; a gated one is asked for on its page"
    if status == 404:
        return "check the name, and the revision behind @; a private one needs HF_TOKEN, or `hf auth login`"
    return "wait until the hub is well and run the same command again; everything committed is kept"
