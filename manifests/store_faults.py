"""What the errors of an object store mean: whether asking again can help, and what a person can do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEPT = "everything committed is kept; the same command goes on from there"
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_GUIDE = "see docs/storage.md"


class StoreError(Exception):
    """A store did not do its part. ``remedy`` says what to do about it.

    No OSError: whoever reads content takes those for damaged content.
    """

    def __init__(self, message: str, remedy: str = "", kind: str = "lasting") -> None:
        super().__init__(message)
        self.remedy, self.kind = remedy, kind

    @property
    def passing(self) -> bool:
        """Whether it may be gone when the store is asked again."""
        return self.kind in ("busy", "unreachable", "broken")


@dataclass(frozen=True)
class _Meaning:
    """Of an error: what kind it is, what its text holds, how it is told, and the remedy."""

    kind: str  # "expired", "busy", "unreachable", "broken", or "lasting"
    pattern: str
    told: str
    remedy: str


# The first that matches; patterns are looked for in the code and status of the answer, and in the client's own words.
_MEANINGS = (
    _Meaning(
        "expired", r"ExpiredToken|TokenRefreshRequired|RequestExpired|ExpiredAuthenticationToken",
        "the credentials for {place} have expired",
        f"set fresh ones, or name a source that renews them ({_GUIDE}), and run the same command again: {KEPT}",
    ),
    _Meaning(
        "lasting", r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|InvalidClientTokenId|InvalidSecurity",
        "{place} does not accept the credentials",
        "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE",
    ),
    _Meaning(
        "lasting", r"RequestTimeTooSkewed", "{place} finds the clock of this machine wrong", "set the clock (NTP)",
    ),
    _Meaning(
        "lasting", r"NoSuchBucket|ContainerNotFound|The specified bucket does not exist",
        "there is no bucket for {place}",
        "make it, or correct the URL; AWS_ENDPOINT_URL names a store that is not AWS's",
    ),
    _Meaning(
        "lasting", r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocation|redirect without LOCATION",
        "the bucket of {place} lies in another region", "set AWS_REGION to the bucket's region",
    ),
    _Meaning(
        "lasting", r"AccessDenied|AllAccessDisabled|code: 40[13]|lacked the necessary privileges|lacked valid auth",
        "access to {place} is denied",
        "give these credentials the right to list, read, write and delete there; for a public bucket set "
        f"AWS_SKIP_SIGNATURE=true, for one whose readers pay AWS_REQUEST_PAYER=requester ({_GUIDE})",
    ),
    _Meaning(
        "lasting", r"Missing(AccessKeyId|SecretAccessKey)|/latest/api/token|/latest/meta-data|CredentialsProvider",
        "there are no credentials for {place}",
        f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE ({_GUIDE})",
    ),
    _Meaning(
        "lasting", r"URL scheme is not allowed|BadScheme|HTTP URLs are not supported",
        "{place} is at an address without TLS", "use https:// in AWS_ENDPOINT_URL, or set AWS_ALLOW_HTTP=true",
    ),
    _Meaning(
        "unreachable", r"dns error|lookup address|Name or service not known",
        "the host of {place} has no address", "correct AWS_ENDPOINT_URL or AWS_REGION, or mend the name service",
    ),
    _Meaning(
        "unreachable", r"[Cc]ertificate|UnknownIssuer|InvalidContentType|corrupt message|SSL|TLS",
        "no safe connection to {place}",
        "use the right https:// or http:// address in AWS_ENDPOINT_URL; the certificate of a private authority belongs "
        "into SSL_CERT_FILE",
    ),
    _Meaning(
        "unreachable", r"error sending request|ConnectionRefused|tcp connect error|Connect",
        "{place} does not answer", f"check AWS_ENDPOINT_URL, the network and the server; {KEPT}",
    ),
    _Meaning(
        "busy", r"SlowDown|TooManyRequests|ServiceUnavailable|code: 429|code: 503",
        "{place} asked to slow down for minutes", f"run it again later, or with fewer --workers; {KEPT}",
    ),
    _Meaning("busy", r"code: 5\d\d", "{place} failed for minutes", f"wait until the store is well; {KEPT}"),
    _Meaning(
        "broken", r"body error|IncompleteBody|timed? ?out|Interrupted|ListResponseBody|incomplete|closed|reset",
        "the connection to {place} keeps breaking", f"check the network; {KEPT}",
    ),
)  # fmt: skip


def refused_without_reason(error: Exception) -> bool:
    """Whether a store said no more than a status: that the request is wrong, or not allowed."""
    text = str(error)
    return not _CODE.search(text) and any(status in ("400", "401", "403") for status in _STATUS.findall(text))


def meaning(error: Exception, place: str) -> StoreError:
    """An error of the client as a person can use it. Args: place, the URL that was asked for."""
    text = str(error)
    found = [*_CODE.findall(text), *(f"code: {status}" for status in _STATUS.findall(text))]
    # An answer says more than the words around it, which name addresses and limits.
    told = " ".join(found) or text
    for one in _MEANINGS:
        if re.search(one.pattern, told):
            code = f" ({found[0]})" if found else ""
            return StoreError(f"{one.told.format(place=place)}{code}", one.remedy, one.kind)
    return StoreError(f"{place}: {text.splitlines()[0]}", f"check the bucket, the credentials and the network; {KEPT}")
