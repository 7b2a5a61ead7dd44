"""Fixtures shared by all tests: the shared data, the bundled crawl, and a place to store things on disk and on S3."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.browser import Browser, open_browser
from tests.fault_proxy import FaultProxy, fault_proxy

ROOT = Path(__file__).resolve().parent.parent

# No timing in tests: a first call may compile or load. Continuous integration tries the same examples each time, so
# that what it says is about the change; everybody else draws new ones.
hypothesis.settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("untimed")

# Set at import, so that Ray workers and subprocesses of every test inherit them.
os.environ.pop("RAY_ADDRESS", None)  # a test must never join the cluster of whoever runs it
os.environ.update(
    RAY_AUTH_MODE="disabled",  # the clusters of tests listen on loopback only
    RAY_USAGE_STATS_ENABLED="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",  # silences a warning on machines without a GPU
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    # Threads that wait by spinning starve each other where a core is busy, as it is beside another process of tests:
    # training runs then take five times the CPU.
    OMP_WAIT_POLICY="PASSIVE",
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pages and question sets beside the repository; see its README for what it holds."""
    folder = ROOT.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"the shared test data is not there: {folder}"
    if os.environ.get("GOVERNANCE_REQUIRE_SHARED") == "1":
        pytest.fail(reason + " (GOVERNANCE_REQUIRE_SHARED=1 makes this a failure)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def crawl() -> dict[str, Path]:
    """The bundled crawl, by language: ``{"en": .../en.warc.gz, "zh": .../zh.warc.gz}``."""
    files = {path.name.split(".")[0]: path for path in sorted((ROOT / "examples" / "crawl").glob("*.warc.gz"))}
    assert files, "examples/crawl holds no *.warc.gz: the bundled crawl is part of the repository"
    return files


@dataclass(frozen=True)
class S3Server:
    """A loopback S3 server: ``url`` is a bucket of its own, ``env`` what a client needs, already in os.environ."""

    url: str
    endpoint: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto in a process of its own. Its bucket and credentials hold for the session, in subprocesses too."""
    endpoint = f"http://127.0.0.1:{_free_port()}"
    env = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with pytest.MonkeyPatch.context() as patch, log.open("wb") as out:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for name, value in env.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", endpoint.rpartition(":")[2]]
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_for(endpoint, server, log)
            bucket = f"bucket-{uuid.uuid4().hex}"
            urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT"), timeout=30).close()
            yield S3Server(f"s3://{bucket}", endpoint, env)
        finally:
            server.kill()
            server.wait()


@pytest.fixture
def s3_faults(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy before the S3 server that plays faults; clients that open now go through it."""
    with fault_proxy(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests that open a page."""
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(params=["disk", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place to write to, once a local folder and once a prefix on the S3 server."""
    if request.param == "disk":
        return str(tmp_path / "corpus")
    server: S3Server = request.getfixturevalue("s3_server")
    return f"{server.url}/{uuid.uuid4().hex}"


def _free_port() -> int:
    """A port nothing listens on now. Another process may take it first; the server's log then says so."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _wait_for(endpoint: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Return once the server answers. Errors: RuntimeError with its log when it died or took too long."""
    address = ("127.0.0.1", int(endpoint.rpartition(":")[2]))
    deadline = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"moto did not start on {endpoint}:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def whatif_crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives for the tests of what-if and diff."""
    from tests.governance.whatif_corpora import crawl_of

    return crawl_of(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="session")
def whatif_built(whatif_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """L2 of these, by settings that are not the defaults; read only."""
    from tests.governance.whatif_corpora import build

    return build(whatif_crawl, str(tmp_path_factory.mktemp("built")), "L2")
