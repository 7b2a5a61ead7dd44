"""Clients of remote stores: how long they try, and where their credentials come from.

obstore itself reads keys in the environment, and renews what instance, container and web-identity roles give. Of the
AWS profile files, which it does not read, the keys are read here, again and again, so that whoever renews them there
keeps a run going.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from manifests.store_faults import StoreError

RENEWED_S = 60.0  # seconds for which keys from a file are used before it is read again
_RETRIES = {
    "max_retries": 30,  # the time ends it, not the number
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15)},
}
_HURRIED = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=5),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1)},
}
# Requests carry at most about 8 MB, so a slow line has minutes for one, and a dead one is noticed in half a minute.
_CLIENT: dict[str, Any] = {"timeout": timedelta(minutes=3), "read_timeout": timedelta(seconds=30)}
ROLES = (  # variables that name one
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def open_client(url: str, hurried: bool = False) -> Any:
    """A client of the store at a URL; ``hurried``: it gives up in seconds. Errors: StoreError for a useless profile."""
    from obstore.store import from_url

    options: dict[str, Any] = {"retry_config": _HURRIED if hurried else _RETRIES, "client_options": dict(_CLIENT)}
    if url.startswith("s3://"):
        if _is_on(os.environ, "AWS_ALLOW_HTTP"):
            options["client_options"]["allow_http"] = True  # options given here replace those of the environment
        provider = profile_of(os.environ)
        if provider is not None:
            options["credential_provider"] = provider
    return from_url(url.rstrip("/"), **options)


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in ("true", "1", "yes", "on", "y")


def renewable(environment: Mapping[str, str]) -> bool:
    """Whether credentials can change while a process runs: those of a file or a role, not those of its environment."""
    return not environment.get("AWS_ACCESS_KEY_ID")


def profile_of(environment: Mapping[str, str]) -> Any:
    """Who gives the keys of a profile; None where the environment or a role has them, as the AWS tools choose."""
    if environment.get("AWS_ACCESS_KEY_ID") or _is_on(environment, "AWS_SKIP_SIGNATURE"):
        return None
    named = environment.get("AWS_PROFILE")
    if named is None and any(environment.get(role) for role in ROLES):
        return None
    home = Path(environment.get("HOME") or Path.home()) / ".aws"
    keys = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials")
    config = Path(environment.get("AWS_CONFIG_FILE") or home / "config")
    if named is None and not keys.is_file():
        return None
    return Profile(named or "default", keys, config).provider()


@dataclass(frozen=True)
class Profile:
    """A profile of the AWS files."""

    name: str
    keys: Path
    config: Path

    def provider(self) -> Any:
        """What gives its keys; boto3 does where they are not in the files. Errors: StoreError."""
        if self._section():
            return ProfileKeys(self)
        try:
            import boto3
            from obstore.auth.boto3 import Boto3CredentialProvider

            return Boto3CredentialProvider(boto3.Session(profile_name=self.name), ttl=timedelta(seconds=RENEWED_S))
        except ImportError:
            remedy = "install boto3, or export its keys: aws configure export-credentials --format env"
        except Exception as error:  # botocore has no common base for a profile that is not there or of no use
            remedy = f"correct AWS_PROFILE or {self.keys}: {error}"
        raise StoreError(f"AWS profile {self.name!r} holds no keys", remedy)

    def read(self) -> dict[str, Any]:
        """Its keys as they stand now. Errors: StoreError where they are gone."""
        section = self._section()
        if not section:
            raise StoreError(
                f"AWS profile {self.name!r} in {self.keys} holds no keys", "write them there, or set AWS_PROFILE"
            )
        return {
            "access_key_id": section["aws_access_key_id"],
            "secret_access_key": section["aws_secret_access_key"],
            "token": section.get("aws_session_token"),
            "expires_at": datetime.now(UTC) + timedelta(seconds=RENEWED_S),
        }

    def region(self) -> str | None:
        """Its region, where a file names one."""
        title = self.name if self.name == "default" else f"profile {self.name}"
        for path, section in ((self.config, title), (self.keys, self.name)):
            found = _parsed(path).get(section, "region", fallback=None)
            if found:
                return found
        return None

    def _section(self) -> dict[str, str]:
        for path, title in ((self.keys, self.name), (self.config, f"profile {self.name}")):
            parsed = _parsed(path)
            if parsed.has_option(title, "aws_access_key_id") and parsed.has_option(title, "aws_secret_access_key"):
                return dict(parsed[title])
        return {}


class ProfileKeys:
    """A credential provider of obstore: called whenever the keys it gave are old."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        region = None if os.environ.get("AWS_REGION") else profile.region()
        self.config = {"region": region} if region else {}

    def __call__(self) -> dict[str, Any]:
        return self._profile.read()


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except configparser.Error as error:
        raise StoreError(f"{path} cannot be read: {error.message.splitlines()[0]}", "mend the file") from None
    return parser
