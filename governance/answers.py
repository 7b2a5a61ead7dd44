"""Finished answers of one shard, logged in the corpus store as small append-only segments until the shard commits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from manifests.store import Store
from synth.engines import Answer


@dataclass
class AnswerLog:
    """The answers of one shard below ``folder``. A segment is written whole and named by its hash, so that two workers
    on one shard never overwrite each other."""

    store: Store
    folder: str
    _fresh: list[Answer] = field(default_factory=list)

    def load(self) -> dict[str, Answer]:
        """Every logged answer, by request key."""
        answers: dict[str, Answer] = {}
        for segment in self.store.list(self.folder):
            for line in self.store.get(segment.path).decode().splitlines():
                answer = Answer(**json.loads(line))
                answers[answer.key] = answer
        return answers

    def append(self, answer: Answer) -> None:
        """Take an answer up; it is safe after the next flush."""
        self._fresh.append(answer)

    def flush(self) -> None:
        """Write what came since the last flush as one segment."""
        if self._fresh:
            body = "".join(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in self._fresh).encode()
            self.store.put(f"{self.folder}/{hashlib.sha256(body).hexdigest()[:16]}.jsonl", body)
            self._fresh = []

    def drop(self) -> None:
        """Remove the log: the shard is committed."""
        self._fresh = []
        self.store.delete([segment.path for segment in self.store.list(self.folder)])
