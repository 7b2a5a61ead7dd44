"""The training rows: sources mixed by weight, documents packed so that no token is lost, and a position to resume from.

A source is read through a few *lanes*, each inside one block at a time, so that neighbours in a batch come from
several places of the corpus. The order of the blocks, and of the documents in a block, follows from the seed and the
epoch. Which source and lane a row comes from follows from the counts so far. So the whole position is a few numbers a
lane: nothing is replayed on resume, and rows are the same whatever the number of threads or processes.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np

from annealing.documents import Dataset
from annealing.errors import DataChanged, TrainerError
from annealing.head import IGNORED
from annealing.packing import Rows, lay_out
from annealing.pool import Pool, Tokens

LANES = 8
_AHEAD = 4  # blocks of a source tokenised before a lane asks for them


@dataclass(frozen=True)
class Source:
    """A data set with its share of the rows."""

    name: str
    dataset: Dataset
    weight: float
    max_epochs: int = 1 << 30  # times its documents may be seen


@dataclass(frozen=True)
class Batch:
    """Rows for one step."""

    tokens: np.ndarray  # int64 (rows, seq_len)
    targets: np.ndarray  # int64 (rows, seq_len), the token after each; -100 behind the end of the data
    starts: np.ndarray  # int64 (rows, seq_len), where the document of each token begins in its row
    state: dict[str, Any]  # the position behind this batch

    @property
    def counted(self) -> int:
        """Targets that count."""
        return int((self.targets != IGNORED).sum())


@dataclass
class _Open:
    """A block that a lane is in, its documents in the order of its epoch, end to end or laid out in rows."""

    number: int
    tokens: Tokens | Rows
    row: int  # length of the rows it is laid out in; 0: its documents lie end to end

    @property
    def size(self) -> int:
        return len(self.tokens.ids)


@dataclass
class _Lane:
    offset: int = 0  # of the next token in the first of its blocks
    blocks: deque[_Open] = field(default_factory=deque)

    @property
    def left(self) -> int:
        return sum(block.size for block in self.blocks) - self.offset

    def rest(self, row: int) -> bool:
        """Whether it is still in blocks that a phase before packed in another way: those come first, in rows of their
        own."""
        return bool(self.blocks) and self.blocks[0].row != row


class _Reader:
    """One source's lanes."""

    def __init__(self, source: Source, pool: Pool, seed: int, row: int, state: dict[str, Any] | None) -> None:
        self.source, self._pool, self._seed, self._row = source, pool, seed, row
        count = len(source.dataset.blocks)
        self._count, self._last = count, count * source.max_epochs
        self._upto = min(count, self._last)  # end of the epoch under way: no lane goes past it before all are there
        self.rows, self.tokens, self._next, self._turn = 0, 0, 0, 0
        self.lanes = [_Lane() for _ in range(min(LANES, count))]
        if state is not None:
            self._restore(state)

    def row(self, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """The next ``length`` tokens, their targets, and where their documents start; None: all is read.

        The last row of a lane may be shorter.
        """
        whole = length if self._row else length + 1  # end to end, the one behind a row is its last target
        while self.lanes:
            wanted = whole if self._row or self._upto < self._last or self._any(whole) else 2
            for number in range(self._turn, self._turn + len(self.lanes)):
                lane = self.lanes[number % len(self.lanes)]
                self._fill(lane, whole)
                if lane.left >= (1 if lane.rest(self._row) else wanted):
                    self._turn = number + 1
                    return self._cut(lane, length)
            if self._upto < self._last:
                self._upto = min(self._upto + self._count, self._last)
            else:
                self.tokens += sum(lane.left for lane in self.lanes)  # one token predicts nothing: counted, not lost
                self.lanes = []
        return None

    def _any(self, wanted: int) -> bool:
        """Whether some lane can still fill a whole row: rows are cut short only when none can."""
        for lane in self.lanes:
            self._fill(lane, wanted)
        return any(lane.left >= wanted for lane in self.lanes)

    def state(self) -> dict[str, Any]:
        """The position: a few numbers a lane."""
        lanes = [
            {"offset": lane.offset, "blocks": [[block.number, block.row] for block in lane.blocks]}
            for lane in self.lanes
        ]
        return {
            "fingerprint": self.source.dataset.fingerprint, "rows": self.rows, "tokens": self.tokens,
            "next": self._next, "turn": self._turn, "upto": self._upto, "lanes": lanes,
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        if state["fingerprint"] != self.source.dataset.fingerprint:
            raise DataChanged(
                f"{self.source.name} is not the data this run began with: files were added, removed or changed",
                "put them back, or begin a new run with another output folder",
            )
        self.rows, self.tokens, self._next, self._turn = (state[key] for key in ("rows", "tokens", "next", "turn"))
        self._upto = state["upto"]
        numbers = [number for lane in state["lanes"] for number, _ in lane["blocks"]]
        self._pool.ahead(self.source.dataset, (self._block(number) for number in numbers))
        self.lanes = [
            _Lane(lane["offset"], deque(self._open(number, row) for number, row in lane["blocks"]))
            for lane in state["lanes"]
        ]

    def _fill(self, lane: _Lane, wanted: int) -> None:
        while lane.left < wanted and self._next < self._upto:
            self._pool.ahead(
                self.source.dataset, map(self._block, range(self._next, min(self._next + _AHEAD, self._last)))
            )
            opened = self._open(self._next, self._row)
            if opened.size:  # all its documents may be held out
                lane.blocks.append(opened)
            self._next += 1

    def _cut(self, lane: _Lane, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The next row of a lane: tokens, targets and where documents start; shorter where its blocks end."""
        first = lane.blocks[0].row
        alike = list(takewhile(lambda block: block.row == first, lane.blocks))
        left, wanted = sum(block.size for block in alike) - lane.offset, length if first else length + 1
        ids, targets, starts, offset, at = [], [], [], lane.offset, 0
        for block in alike:
            take = min(block.size - offset, wanted - at)
            ids.append(block.tokens.ids[offset : offset + take])
            if isinstance(block.tokens, Rows):
                targets.append(block.tokens.targets[offset : offset + take])
                self.tokens += int(block.tokens.real[offset + take] - block.tokens.real[offset])
            place = np.searchsorted(block.tokens.starts, np.arange(offset, offset + take), side="right") - 1
            starts.append(np.maximum(block.tokens.starts[place] - offset, 0) + at)
            at, offset = at + take, 0
            if at == wanted:
                break
        # The one behind a whole row is the first of the next, if there is a next that is packed alike.
        used = at if first != self._row and at == left else min(length, at)
        self._advance(lane, used)
        self.rows += 1
        row, begins = np.concatenate(ids), np.concatenate(starts)
        if first:
            return row, np.concatenate(targets), begins
        self.tokens += used
        seen = min(length, at)
        behind = np.full(seen, IGNORED, np.int64)
        behind[: at - 1] = row[1:]
        return row[:seen], behind, begins[:seen]

    def _advance(self, lane: _Lane, count: int) -> None:
        lane.offset += count
        while lane.blocks and lane.offset >= lane.blocks[0].size:
            lane.offset -= lane.blocks.popleft().size

    def _block(self, number: int) -> Any:
        blocks = self.source.dataset.blocks
        epoch, place = divmod(number, len(blocks))
        return blocks[int(self._chance(epoch, "blocks").permutation(len(blocks))[place])]

    def _open(self, number: int, row: int) -> _Open:
        tokens = self._pool.take(self.source.dataset, self._block(number))
        order = self._chance(number, "documents").permutation(len(tokens.starts) - 1)
        pieces = [tokens.ids[tokens.starts[one] : tokens.starts[one + 1]] for one in order]
        starts = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(piece) for piece in pieces], out=starts[1:])
        ids = np.concatenate(pieces) if pieces else tokens.ids
        laid = lay_out(ids, starts, row, self._chance(number, "rows")) if row else Tokens(ids, starts)
        return _Open(number, laid, row)

    def _chance(self, number: int, what: str) -> np.random.Generator:
        name = zlib.crc32(f"{what} {self.source.name}".encode())
        return np.random.default_rng((self._seed, name, number))


class Stream:
    """Batches of rows, one after the other."""

    def __init__(
        self, sources: Sequence[Source], pool: Pool, seq_len: int, seed: int = 0, state: dict[str, Any] | None = None,
        packing: str = "concat",
    ) -> None:  # fmt: skip
        """``state``: of the batch after which to go on; a source that it does not name begins at its start.
        ``packing``: concat, documents end to end; best-fit, none cut that fits in a row.

        Errors: DataChanged when a source is not what it was; TrainerError for weights that are none.
        """
        if not sources or any(source.weight <= 0 for source in sources):
            raise TrainerError("every source needs a weight above 0", "leave out what is not wanted")
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise TrainerError(f"two sources have one name: {', '.join(names)}", "name each place once")
        self.seq_len = seq_len
        known = (state or {}).get("sources", {})
        self.mixed: dict[str, int] = dict((state or {}).get("mixed", {}))  # rows by source since this mix began
        row = seq_len if packing == "best-fit" else 0
        self._readers = {one.name: _Reader(one, pool, seed, row, known.get(one.name)) for one in sources}
        self._resting = {name: value for name, value in known.items() if name not in self._readers}

    def batch(self, rows: int) -> Batch | None:
        """The next rows; fewer when the data ends, None when it has ended."""
        tokens = np.zeros((rows, self.seq_len), np.int64)
        targets = np.full((rows, self.seq_len), IGNORED, np.int64)
        starts = np.zeros((rows, self.seq_len), np.int64)
        for number in range(rows):
            found = self._row()
            if found is None:
                if number == 0:
                    return None
                break
            seen = len(found[0])
            tokens[number, :seen], targets[number, :seen], starts[number, :seen] = found
            starts[number, seen:] = seen  # what is filled up is a document of its own
        return Batch(tokens, targets, starts, self.state())

    def state(self) -> dict[str, Any]:
        """The position behind the last batch, for JSON."""
        here = {name: reader.state() for name, reader in self._readers.items()}
        return {"mixed": dict(self.mixed), "sources": {**self._resting, **here}}

    def _row(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """A row of the source that is furthest behind its share; one whose epochs are used up leaves it to the rest."""
        alive = [reader for reader in self._readers.values() if reader.lanes]
        while alive:
            total = sum(reader.source.weight for reader in alive)
            drawn = sum(self.mixed.get(reader.source.name, 0) for reader in alive) + 1

            def behind(reader: _Reader, total: float = total, drawn: int = drawn) -> float:
                return reader.source.weight / total * drawn - self.mixed.get(reader.source.name, 0)

            reader = max(alive, key=behind)
            found = reader.row(self.seq_len)
            if found is not None:
                self.mixed[reader.source.name] = self.mixed.get(reader.source.name, 0) + 1
                return found
            alive.remove(reader)
        return None
