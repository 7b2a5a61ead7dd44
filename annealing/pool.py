"""Blocks as tokens: tokenised ahead in threads, and kept in a folder where they are wanted again.

Threads suffice, because the tokenizer works outside Python's lock. Where several processes train on one machine, each
tokenises its share of the blocks into the folder and reads the others' from there.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annealing.documents import Block, Dataset, read
from annealing.errors import TrainerError
from annealing.tokens import Tokenizer

_WAIT_S = 600.0  # for a block that another process tokenises


@dataclass(frozen=True)
class Tokens:
    """A block's tokens: documents one after the other, and where each starts (one more for the end)."""

    ids: np.ndarray  # uint32 (tokens,)
    starts: np.ndarray  # int64 (documents + 1,)


def tokenise(dataset: Dataset, block: Block, tokenizer: Tokenizer, holdout: float) -> Tokens:
    """Read a block and tokenise it."""
    documents = tokenizer.documents(read(dataset, block, holdout))
    starts = np.zeros(len(documents) + 1, np.int64)
    np.cumsum([len(one) for one in documents], out=starts[1:])
    return Tokens(np.concatenate(documents) if documents else np.zeros(0, np.uint32), starts)


class Pool:
    """Gives blocks as tokens, those asked for ahead already being made."""

    def __init__(
        self, tokenizer: Tokenizer, threads: int = 2, holdout: float = 0.0, folder: Path | None = None,
        rank: int = 0, ranks: int = 1,
    ) -> None:  # fmt: skip
        """``folder``: where tokens are kept; ``rank`` of ``ranks`` processes that share it."""
        if ranks > 1 and folder is None:
            raise ValueError("processes that share blocks need a folder")
        self.tokenizer, self.holdout = tokenizer, holdout
        self._folder, self._rank, self._ranks = folder, rank, ranks
        self._threads = ThreadPoolExecutor(max(1, threads), "tokens")
        self._coming: dict[tuple[str, Block], Future[Tokens]] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def ahead(self, dataset: Dataset, blocks: Iterable[Block]) -> None:
        """Begin blocks that will be asked for."""
        for block in blocks:
            key = (dataset.fingerprint, block)
            if key not in self._coming:
                self._coming[key] = self._threads.submit(self._make, dataset, block)

    def take(self, dataset: Dataset, block: Block) -> Tokens:
        """The tokens of a block; waits for it. Errors: whatever reading it raised."""
        self.ahead(dataset, (block,))
        return self._coming.pop((dataset.fingerprint, block)).result()

    def close(self) -> None:
        """Stop the threads; what was begun and is not needed is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _make(self, dataset: Dataset, block: Block) -> Tokens:
        if self._folder is None:
            return tokenise(dataset, block, self.tokenizer, self.holdout)
        path = self._folder / f"{self._key(dataset, block)}.npy"
        if not path.is_file():
            if int(path.stem[:8], 16) % self._ranks == self._rank:
                return self._keep(path, tokenise(dataset, block, self.tokenizer, self.holdout))
            _wait_for(path)
        both = np.load(path, mmap_mode="r")
        documents = int(both[0])
        return Tokens(both[documents + 2 :], both[1 : documents + 2].astype(np.int64))

    def _keep(self, path: Path, tokens: Tokens) -> Tokens:
        head = np.array([len(tokens.starts) - 1], np.uint32)
        beside = path.with_name(f".{path.stem}.{os.getpid()}.npy")
        np.save(beside, np.concatenate([head, tokens.starts.astype(np.uint32), tokens.ids]))
        beside.replace(path)
        return tokens

    def _key(self, dataset: Dataset, block: Block) -> str:
        parts = (
            dataset.fingerprint,
            block,
            self.tokenizer.sha256,
            self.tokenizer.bos,
            self.tokenizer.eos,
            self.holdout,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _wait_for(path: Path) -> None:
    end = time.monotonic() + _WAIT_S
    while not path.is_file():
        if time.monotonic() > end:
            raise TrainerError(f"{path} was not tokenised by the process whose turn it was", "is the folder shared?")
        time.sleep(0.02)
