"""Finished answers of one shard, logged in the corpus store as small append-only segments until the shard commits.

A segment is a JSON object a line: an answer, or the keys of requests under which an engine died ("strikes"). It is put
whole, so a kill leaves all of it or nothing; one that cannot be read was damaged later, and is not passed over in
silence: answers that somebody paid for are in it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from governance.errors import CorpusError
from manifests.store import Store
from synth.engines import Answer

DOCUMENT = "document"  # field of a line: the uid of the document that an answer is about


@dataclass
class AnswerLog:
    """The answers of one shard below ``folder``. A segment is named by its hash, so that two workers on one shard never
    overwrite each other."""

    store: Store
    folder: str
    _fresh: list[dict[str, Any]] = field(default_factory=list)

    def load(self) -> dict[str, Answer]:
        """Every logged answer, by request key. Errors: CorpusError naming a damaged segment."""
        return {line["key"]: _answer(line) for line in self._lines() if "key" in line}

    def load_all(self) -> tuple[dict[str, Answer], Counter[str]]:
        """Every logged answer, and how many engines died under each request. Errors: as ``load``."""
        answers: dict[str, Answer] = {}
        strikes: Counter[str] = Counter()
        for line in self._lines():
            if "key" in line:
                answers[line["key"]] = _answer(line)
            else:
                strikes.update(line["strikes"])
        return answers, strikes

    def _lines(self) -> Iterator[dict[str, Any]]:
        paths = sorted(segment.path for segment in self.store.list(self.folder))
        with ThreadPoolExecutor(16) as pool:
            for path, data in zip(paths, pool.map(self.store.get, paths), strict=True):
                yield from _read_segment(self.store, path, data)

    def append(self, answer: Answer, document: str | None = None) -> None:
        """Take an answer up, with the uid of the document it is about; it is safe after the next flush."""
        self._fresh.append({**vars(answer), **({DOCUMENT: document} if document else {})})

    def strike(self, keys: Sequence[str]) -> None:
        """Note that an engine died under these requests; safe when this returns."""
        # The death has a name of its own, or a second one under the same requests would be the same segment.
        self._fresh.append({"strikes": list(keys), "death": uuid.uuid4().hex})
        self.flush()

    def flush(self) -> None:
        """Write what came since the last flush as one segment."""
        if self._fresh:
            body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self._fresh).encode()
            self.store.put(f"{self.folder}/{hashlib.sha256(body).hexdigest()[:16]}.jsonl", body)
            self._fresh = []

    def drop(self) -> None:
        """Remove the log: the shard is committed."""
        self._fresh = []
        self.store.delete([segment.path for segment in self.store.list(self.folder)])


def _answer(line: dict[str, Any]) -> Answer:
    return Answer(**{name: value for name, value in line.items() if name != DOCUMENT})


def without_documents(store: Store, folder: str, gone: Container[str]) -> int:
    """Write the log below a folder again without the answers about some documents; returns how many those were.

    The new segment is there before the old one is removed. Of an answer that does not say what it is about nobody knows
    whether its text must go, so it goes.
    """
    removed = 0
    for path in sorted(segment.path for segment in store.list(folder)):
        lines = _read_segment(store, path, store.get(path))
        left = [line for line in lines if "strikes" in line or (DOCUMENT in line and line[DOCUMENT] not in gone)]
        if len(left) < len(lines):
            removed += len(lines) - len(left)
            log = AnswerLog(store, folder, left)
            log.flush()
            store.delete([path])
    return removed


def _read_segment(store: Store, path: str, data: bytes) -> list[dict[str, Any]]:
    """The lines of a segment. Errors: CorpusError when it is not what was written: cut off, or changed."""
    named = path.rpartition("/")[2].partition(".")[0]
    if hashlib.sha256(data).hexdigest()[:16] != named:
        raise CorpusError(
            f"the answer log segment {store.url}/{path} is damaged: its content is not what its name says",
            "restore it, or remove it and run the same command again: the answers in it are then asked for once more",
        )
    return [json.loads(line) for line in data.split(b"\n") if line]  # splitlines would cut at U+2028 inside a text
