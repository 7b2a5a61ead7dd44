"""The whole chain L0 to L2, read from and written to a store that fails: the same bytes, or a clear stop."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from manifests.store import Store
from tests.children import child, tree
from tests.command_line import refused
from tests.conftest import S3Server
from tests.corpora import small_crawl
from tests.fault_proxy import Fault, FaultProxy

RUN = ("run", "--level", "L2", "--dump", "web", "--workers", "0", "--json")
ANY = "(GET|HEAD|PUT|POST|DELETE) /"
STORMS = {
    "throttling and errors": [
        Fault(ANY, "503 SlowDown"), Fault(ANY, "500 InternalError", 2, share=0.5), Fault(ANY, "429 Busy", 5, share=0.1),
    ],
    "broken and slow lines": [Fault("GET /", "cut"), Fault("PUT /", "cut body"), Fault("GET /", "slow", 9, share=0.3)],
    "lost answers": [Fault("(PUT|POST|DELETE) /", "lost"), Fault("GET /", "lost", share=0.3)],
}  # fmt: skip


@pytest.fixture(scope="module")
def calm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """Archives on S3, and what an undisturbed run makes of them."""
    archives = f"{s3_server.url}/{uuid.uuid4().hex}"
    for path in sorted(small_crawl(tmp_path_factory.mktemp("crawl"), 8, 4).iterdir()):
        Store(archives).put(path.name, path.read_bytes())
    output = f"{s3_server.url}/{uuid.uuid4().hex}"
    assert child(_path(archives), output)[0] == 0
    return archives, tree(output)


def _path(url: str) -> Any:
    return url  # a run takes both; the type of ``child`` is that of most tests


@pytest.mark.parametrize("storm", STORMS)
def test_a_run_through_faults_writes_the_same_bytes(
    calm: tuple[str, dict[str, str]], s3_server: S3Server, s3_faults: FaultProxy, storm: str
) -> None:
    archives, expected = calm
    output = f"{s3_server.url}/{uuid.uuid4().hex}"
    s3_faults.play(*STORMS[storm])
    assert child(_path(archives), output)[0] == 0
    assert min(s3_faults.played[fault.what] for fault in STORMS[storm]) >= 5, s3_faults.played
    s3_faults.play()
    assert tree(output) == expected


def _after(requests: int, proxy: FaultProxy) -> Any:
    return lambda _: len(proxy.requests) > requests


@pytest.mark.parametrize("requests", [0.3, 0.7])
def test_credentials_that_expire_stop_the_run_and_fresh_ones_complete_it(
    calm: tuple[str, dict[str, str]], s3_server: S3Server, s3_faults: FaultProxy, governance: Any, requests: float
) -> None:
    archives, expected = calm
    output = f"{s3_server.url}/{uuid.uuid4().hex}"
    command = (*RUN, "--input", archives, "--output", output)
    whole = 150  # requests, about, of this run
    s3_faults.play(Fault(ANY, "400 ExpiredToken", 10**6, when=_after(int(whole * requests), s3_faults)))
    said = governance(*command)
    refused(said, 1, "have expired", "run the same command again", s3_server.url)
    s3_faults.play()
    assert all(tree(output)[path] == digest for path, digest in tree(output).items() if path in expected)
    assert governance(*command).code == 0
    assert tree(output) == expected


def test_a_profile_that_is_renewed_while_a_run_is_under_way_keeps_it_going(
    calm: tuple[str, dict[str, str]], s3_server: S3Server, s3_faults: FaultProxy, tmp_path: Path,
    governance: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    archives, expected = calm
    output = f"{s3_server.url}/{uuid.uuid4().hex}"
    profile, number = tmp_path / "credentials", 0

    def renew() -> None:
        nonlocal number
        number += 1
        profile.write_text(f"[default]\naws_access_key_id = KEY{number}\naws_secret_access_key = secret\n")

    def old(request: web.Request) -> bool:
        if len(s3_faults.requests) > 40 * number:  # these keys are at their end, and whoever renews them is at work
            renew()
        return f"Credential=KEY{number}/" not in request.headers["Authorization"]

    renew()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    s3_faults.play(Fault(ANY, "403 ExpiredToken", 10**6, when=old))
    said = governance(*RUN, "--input", archives, "--output", output)
    assert said.code == 0, said.err
    assert number > 2
    s3_faults.play()
    assert tree(output) == expected


def test_what_cannot_be_reached_is_told_before_any_work(
    s3_server: S3Server, s3_faults: FaultProxy, governance: Any, archive: Path
) -> None:
    output = f"{s3_server.url}/{uuid.uuid4().hex}"
    run = ("run", "--level", "L0", "--workers", "0", "--input", str(archive), "--output", output)
    for what, *pieces in (
        ("403 AccessDenied", "is denied", "AWS_SKIP_SIGNATURE"),
        ("403 SignatureDoesNotMatch", "does not accept the credentials", "AWS_PROFILE"),
        ("301 PermanentRedirect", "another region", "AWS_REGION"),
    ):
        s3_faults.play(Fault(ANY, what, 10**6))
        refused(governance(*run), 1, *pieces, s3_server.url)
        refused(governance("status", output), 1, *pieces)
        assert len(s3_faults.requests) == 2
