"""What the client raises becomes one sentence with a remedy and without the token."""

from __future__ import annotations

import traceback

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from manifests import hub
from manifests.hub import Hub, RemoteFile
from manifests.hub_patience import HubError

TOKEN = "hf_NobodyMustReadThis"


def error(status: int) -> Exception:
    request = httpx2.Request(
        "PUT", f"https://hub/x?X-Amz-Signature={TOKEN}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    return HfHubHTTPError(f"{status} for {request.url}", response=httpx2.Response(status, request=request))


def wrapped(cause: Exception) -> Exception:
    try:
        raise RuntimeError("Error while uploading 'x' to the Hub.") from cause
    except RuntimeError as found:
        return found


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        (error(401), "set HF_TOKEN to a valid token"),
        (error(403), "use a token that may write there"),
        (error(404), "see what the hub says"),
        (error(500), "run the same command again"),
        (wrapped(error(403)), "use a token that may write there"),
        (httpx2.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN} x'"), "run the same command again"),
        (OSError(28, f"No space left for {TOKEN}"), "run the same command again"),
        (ValueError(TOKEN * 100), "run the same command again"),
    ],
)
def test_an_error_is_told_with_its_remedy_and_without_the_token(
    raised: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(HubError) as caught, hub._told("the upload broke off"):
        raise raised
    assert str(caught.value).startswith("the upload broke off: ") and remedy in caught.value.remedy
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told and "Error while uploading" not in told


def test_without_a_network_it_says_so() -> None:
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        Hub("acme/web").prepare()


def test_a_small_file_is_known_by_its_git_name_and_a_large_one_by_its_sha256() -> None:
    git = RemoteFile(6, "ce013625030ba8dba906f756967f9e9ca394464a")  # of "hello\n"
    assert git.holds(b"hello\n") and not git.holds(b"other\n")
    assert git.is_file(6, "0" * 64) and not git.is_file(7, "0" * 64)
    assert RemoteFile(6, "0" * 64).is_file(6, "0" * 64) and not RemoteFile(6, "0" * 64).is_file(6, "1" * 64)
