"""No text reaches the driver or Ray's object store: a canary in every page is looked for in all that crosses.

The run is a real one, L0 to L3, on a local Ray. Three places are watched: everything the driver serialises and
deserialises, the memory of the object store itself, and the columns that the driver reads from Parquet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pyarrow.parquet as pq
import pytest

from governance import commands
from governance.cluster import Cluster
from tests.corpora import CRAWL, pages_of, texts_of
from tests.llm_server import llm_server

CANARY = "Quaxolotlbird"
CONTROL = b"Controlzebrafinch" * 8
RESULT_BYTES = 16_000  # the most that a task may answer with, whatever its shard holds
CONTEXT_BYTES = 64_000  # the settings that every worker of a tier gets once


@dataclass
class Watch:
    """What was seen: objects by direction, the store's memory, and columns read by the driver."""

    sent: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    store: bytes = b""
    columns: set[str] = field(default_factory=set)


def crawl_with_canary(folder: Path) -> Path:
    """Real pages, the canary in the middle of each text and in its title, as rows of a file."""
    for name, language, count in (("a", "en", 14), ("b", "en", 7), ("c", "zh", 4)):
        rows = texts_of(pages_of(CRAWL / f"{language}.warc.gz", count)).to_pylist()
        lines = [json.dumps({"text": _marked(row["content"]), "title": f"The {CANARY}"}) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def _marked(text: str) -> str:
    """The text with the canary as a word of every paragraph, so that each passage cut from it holds one."""
    return "\n".join(f"{line[:40]} {CANARY} {line[40:]}" if len(line) > 80 else line for line in text.splitlines())


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watch this process as the driver, and the object store before Ray ends."""
    import ray
    from ray._private.serialization import SerializationContext

    seen = Watch()
    serialize, deserialize = SerializationContext.serialize, SerializationContext.deserialize_objects
    leave, read_group = Cluster.__exit__, pq.ParquetFile.read_row_group

    def send(self: Any, value: Any) -> Any:
        packed = serialize(self, value)
        seen.sent.append(value if isinstance(value, bytes) else packed.to_bytes())
        return packed

    def receive(self: Any, objects: Any, *rest: Any, **more: Any) -> Any:
        seen.received += [bytes(item.data) for item in objects if item.data is not None]
        return deserialize(self, objects, *rest, **more)

    def read(self: Any, group: int, columns: Any = None, **more: Any) -> Any:
        seen.columns.update(columns or self.schema_arrow.names)
        return read_group(self, group, columns, **more)

    def look_and_leave(self: Cluster, *problem: object) -> None:
        control = ray.put(CONTROL * 2000)  # large enough for the store, so that a blind search shows
        seen.store = object_store_memory()
        del control
        leave(self, *problem)

    with monkeypatch.context() as patch:
        patch.setattr(SerializationContext, "serialize", send)
        patch.setattr(SerializationContext, "deserialize_objects", receive)
        patch.setattr(pq.ParquetFile, "read_row_group", read)
        patch.setattr(Cluster, "__exit__", look_and_leave)
        yield seen


def object_store_memory() -> bytes:
    """All bytes ever written to the object store of the local Ray: its pages are never cleared."""
    found = b""
    for raylet in (child for child in psutil.Process().children() if child.name() == "raylet"):
        for link in Path(f"/proc/{raylet.pid}/fd").iterdir():
            # The raylet opens and closes sockets meanwhile; the store's own file stays, as the control shows.
            with suppress(FileNotFoundError):
                if "plasma" in str(link.readlink()):
                    with link.open("rb", buffering=0) as file:
                        found += b"".join(_written_ranges(file))
    return found


def _written_ranges(file: Any) -> Iterator[bytes]:
    """The stretches of a sparse file that were ever written."""
    end = os.fstat(file.fileno()).st_size
    place = 0
    while place < end:
        try:
            start = os.lseek(file.fileno(), place, os.SEEK_DATA)
        except OSError:
            return
        place = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield os.pread(file.fileno(), place - start, start)


def test_no_text_reaches_the_driver_or_the_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    crawl_with_canary(crawl)
    out = str(tmp_path / "out")
    with llm_server() as server, watching(monkeypatch) as seen:
        overrides = (
            f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"',
            'l3.synthesize.scale="small"', "l3.max_documents=3",
            "l3.synthesize.max_passages=1", "l3.synthesize.checks.max_copied_ratio=1.0",
        )  # fmt: skip
        ask = commands.Ask("L3", (str(crawl),), out, None, "L0", "web", None, 2, overrides, False)
        commands.run(ask, as_json=True)

    for folder in ("L0/web/data", "L1/web/data", "L2/web/data", "L3/data"):
        texts = pl.read_parquet(f"{out}/{folder}/**/*.parquet")["content"]
        assert texts.str.contains(CANARY).any(), f"the canary never came to {folder}, so this test sees nothing"

    needle = CANARY.encode()
    assert CONTROL in seen.store, "the search of the object store is blind"
    assert needle not in seen.store
    assert seen.sent and seen.received
    assert not [item for item in (*seen.sent, *seen.received) if needle in item]
    assert max(map(len, seen.received)) < RESULT_BYTES
    assert max(len(item) for item in seen.sent if CONTROL not in item) < CONTEXT_BYTES
    assert seen.columns == {"uid"}  # one, for the command that is proposed next
