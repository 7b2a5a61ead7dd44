"""The S3 server of the tests keeps the promises that commits rest on."""

from __future__ import annotations

import subprocess
import sys

from manifests.store import Store


def test_first_create_wins_and_the_second_reads_what_is_there(store_url: str) -> None:
    store = Store(store_url)
    assert store.create("record.json", b"first")
    assert not store.create("record.json", b"second")
    assert store.get("record.json") == b"first"


def test_a_subprocess_sees_the_same_store(store_url: str) -> None:
    Store(store_url).put("seen.txt", b"here")
    code = f"from manifests.store import Store; print(Store({store_url!r}).get('seen.txt').decode())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "here"
