"""A store that throttles, fails, breaks connections, loses answers and lets credentials expire, and what is read and
written all the same."""

from __future__ import annotations

import io
import os
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from manifests import store as stores
from manifests.store import Store
from manifests.store_faults import StoreError
from stages.ingest import IngestConfig, read_table, read_warc
from tests.conftest import S3Server
from tests.fault_proxy import Fault, FaultProxy

SMALL, LARGE = os.urandom(5000), os.urandom(9 << 20)  # the large one goes and comes in parts
PASSING = ["503 SlowDown", "429 TooManyRequests", "500 InternalError", "cut", "lost", "slow"]


@pytest.fixture
def store(s3_server: S3Server, s3_faults: FaultProxy) -> Store:
    """An empty place behind the proxy."""
    return Store(f"{s3_server.url}/{uuid.uuid4().hex}")


@pytest.mark.parametrize("what", [*PASSING, "cut body"])
def test_what_is_written_and_read_through_a_fault_is_whole(store: Store, s3_faults: FaultProxy, what: str) -> None:
    times = 1 if what == "lost" else 2
    s3_faults.play(Fault("(PUT|POST|GET|HEAD|DELETE) ", what, times))
    store.put("small", SMALL)
    store.put("large", io.BytesIO(LARGE))
    assert store.create("record", b"a record")
    assert (store.get("small"), store.get("record")) == (SMALL, b"a record")
    assert store.open("large").read() == LARGE
    assert store.map("large").read() == LARGE
    assert store.get_range("small", 10, 20) == SMALL[10:20]
    assert store.head("large").size == len(LARGE)
    assert sorted((item.path, item.size) for item in store.list()) == [
        ("large", len(LARGE)), ("record", 8), ("small", len(SMALL)),
    ]  # fmt: skip
    store.delete(["small", "never there"])
    assert not store.exists("small")
    assert s3_faults.played[what] > 3


@pytest.mark.parametrize("what", ["lost", "500 InternalError", "503 SlowDown", "cut body", "409 ConditionalConflict"])
def test_a_create_only_put_knows_its_own_work_after_an_unclear_answer(
    store: Store, s3_faults: FaultProxy, what: str
) -> None:
    s3_faults.play(Fault("PUT ", what))
    assert store.create("record", b"ours")
    assert s3_faults.played[what] == 1
    s3_faults.play(Fault("PUT ", what))
    assert not store.create("record", b"theirs")
    assert store.get("record") == b"ours"


def test_a_completed_upload_whose_answer_was_lost_is_there(store: Store, s3_faults: FaultProxy) -> None:
    s3_faults.play(Fault("POST .*uploadId", "lost"), Fault("PUT .*partNumber=1", "lost"))
    store.put("large", io.BytesIO(LARGE))
    assert s3_faults.played["lost"] == 2
    assert store.open("large").read() == LARGE


def test_a_long_listing_that_breaks_in_the_middle_names_every_object_once(store: Store, s3_faults: FaultProxy) -> None:
    names = [f"a/{number:04d}" for number in range(1005)]
    for name in names:
        store.put(name, b"")
    s3_faults.play(Fault("GET .*continuation-token", "cut"), Fault("GET .*list-type", "cut"))
    assert sorted(item.path for item in store.list("a")) == names
    assert s3_faults.played["cut"] == 2


@pytest.mark.parametrize("what", ["403 AccessDenied", "404 NoSuchBucket"])
def test_a_store_that_refuses_is_never_taken_for_damaged_content(
    store: Store, s3_faults: FaultProxy, what: str, crawl: dict[str, Path]
) -> None:
    rows = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {n} " + os.urandom(400).hex() for n in range(9_000)]}), rows)
    store.put("rows.parquet", rows.getvalue())
    store.put("en.warc.gz", crawl["en"].read_bytes() * 8)
    seen = 0

    def later(request: web.Request) -> bool:
        nonlocal seen
        seen += request.method == "GET"
        return seen > 1

    for name, read in (("rows.parquet", read_table), ("en.warc.gz", read_warc)):
        seen = 0
        s3_faults.play(Fault("GET ", what, 10**6, when=later))
        with pytest.raises(StoreError):
            for _ in read(store.open(name), name, "0" * 8, IngestConfig()):
                pass


def test_an_error_names_the_place_and_the_remedy_and_is_one_line(store: Store, s3_faults: FaultProxy) -> None:
    for what, told, remedy in (
        ("403 AccessDenied", "is denied", "AWS_SKIP_SIGNATURE"),
        ("400 ExpiredToken", "expired", "fresh"),
        ("403 SignatureDoesNotMatch", "does not accept", "AWS_SECRET_ACCESS_KEY"),
        ("403 RequestTimeTooSkewed", "clock", "NTP"),
        ("404 NoSuchBucket", "no bucket", "make it"),
        ("400 AuthorizationHeaderMalformed", "another region", "AWS_REGION"),
    ):
        s3_faults.play(Fault("GET ", what, 10**6))
        with pytest.raises(StoreError, match=told) as caught:
            store.get("record")
        assert store.url in str(caught.value) and "\n" not in str(caught.value)
        assert remedy in caught.value.remedy
        assert len(s3_faults.requests) == 1, "what cannot pass is not asked twice"


def test_the_reason_of_a_refused_head_is_asked_for(store: Store, s3_faults: FaultProxy) -> None:
    for what, told in (("403 ExpiredToken", "expired"), ("400 ExpiredToken", "expired"), ("403 Denied", "denied")):
        s3_faults.play(Fault("HEAD |GET ", what, 10**6))
        with pytest.raises(StoreError, match=told):
            store.head("record")
        assert len(s3_faults.requests) == 2


@pytest.mark.parametrize("data", [b"", b"nine bytes"])
def test_keys_renewed_right_after_a_refused_head_answer_it(store: Store, s3_faults: FaultProxy, data: bytes) -> None:
    store.put("record", data)
    known = store.head("record")
    s3_faults.play(Fault("HEAD ", "403 ExpiredToken"))
    assert store.head("record") == known
    assert [request.split()[0] for request in s3_faults.requests] == ["HEAD", "GET"]
    s3_faults.play(Fault("HEAD ", "403 ExpiredToken"))
    assert not store.exists("nothing")


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("http://127.0.0.1:9", "does not answer"),
        ("http://no-such-host.invalid", "has no address"),
        ("https://{}", "no safe connection"),
    ],
)
def test_a_wrong_address_is_told_without_waiting(
    s3_faults: FaultProxy, monkeypatch: pytest.MonkeyPatch, endpoint: str, told: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.format(s3_faults.endpoint.partition("://")[2]))
    with pytest.raises(StoreError, match=told) as caught:
        Store("s3://bucket/corpus").reach()
    assert "AWS_ENDPOINT_URL" in caught.value.remedy


def test_missing_keys_and_plain_http_are_told(s3_faults: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(StoreError) as caught:
        Store("s3://bucket/corpus").reach()
    assert "AWS_ALLOW_HTTP" in caught.value.remedy
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="no credentials"):
        Store("s3://bucket/corpus").reach()


def test_public_buckets_are_asked_unsigned_and_the_reader_may_pay(
    store: Store, s3_faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def look(request: web.Request) -> bool:
        asked.append(request.headers)
        return False

    s3_faults.play(Fault("GET ", "", when=look))
    for variable, value in (("AWS_REQUEST_PAYER", "requester"), ("AWS_SKIP_SIGNATURE", "true")):
        monkeypatch.setenv(variable, value)
        with pytest.raises((FileNotFoundError, StoreError)):
            Store(store.url).get("record")
    assert asked[0]["x-amz-request-payer"] == "requester" and "Authorization" in asked[0]
    assert "Authorization" not in asked[1]


def test_a_store_that_stays_busy_ends_the_command_with_a_remedy(
    store: Store, s3_faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less patience than a run has: its minutes are too long for a test."""
    monkeypatch.setattr(stores, "PATIENCE_S", 0.0)
    monkeypatch.setitem(stores.open_client.__globals__, "_RETRIES", {"max_retries": 1})
    s3_faults.play(Fault("GET ", "503 SlowDown", 10**6))
    with pytest.raises(StoreError, match="slow down") as caught:
        store.get("record")
    assert "--workers" in caught.value.remedy


def _keys(path: Path, key: str, profile: str = "default") -> None:
    body = f"[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = secret\nregion = eu-west-1\n"
    path.with_suffix(".new").write_text(body)
    path.with_suffix(".new").replace(path)


def _signed_by(key: str) -> Any:
    return lambda request: f"Credential={key}/" in request.headers.get("Authorization", "")


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_faults: FaultProxy) -> Path:
    """The keys of a profile, in the place of those of the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


@pytest.mark.parametrize("name", ["default", "crawls"])
def test_keys_that_are_renewed_in_a_profile_keep_a_store_going(
    store: Store, s3_faults: FaultProxy, profile: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name != "default":
        monkeypatch.setenv("AWS_PROFILE", name)
    _keys(profile, "FIRST", name)
    s3_faults.play(Fault("", "403 ExpiredToken", 10**6, when=_signed_by("SECOND")))
    store.put("record", b"1")
    s3_faults.play(Fault("", "403 ExpiredToken", 10**6, when=_signed_by("FIRST")))
    _keys(profile, "SECOND", name)
    assert store.get("record") == b"1"


def test_a_profile_without_keys_is_told(s3_faults: FaultProxy, profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _keys(profile, "FIRST")
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    with pytest.raises(StoreError, match="'not-there' holds no keys"):
        Store("s3://bucket/corpus").reach()


def test_keys_of_a_container_role_are_fetched_again_when_they_expire(
    store: Store, s3_faults: FaultProxy, profile: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("token")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{s3_faults.endpoint}/role")
    s3_faults.role_key = "FIRST"
    store.put("record", b"1")
    s3_faults.role_key = "SECOND"
    s3_faults.play(Fault("/bucket-", "403 ExpiredToken", 10**6, when=_signed_by("FIRST")))
    assert store.get("record") == b"1"
    assert s3_faults.played["403 ExpiredToken"] == 1
