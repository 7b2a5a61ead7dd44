"""Search in the index of L4: full text and vectors, ranked together.

Three lists are asked for at once: words (BM25, stemmed), pairs of characters (BM25, for scripts without spaces) and
vectors. The first two are one list of full text, by the sum of both scores, so that a question that mixes scripts is
answered by what holds all of it. A statement's score is the sum over the two lists of weight / (RANK_OFFSET + its
rank), reciprocal rank fusion, times a small factor for its status. Weights and offset were chosen on one half of the
questions of ``benchmarks.search``.
"""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.embedder import Embedder, load_embedder
from governance.errors import CorpusError, UsageError
from governance.index import State, is_stale, read_state
from governance.index_table import RUNS, VECTOR, WORDS, among, connect, literal
from governance.search_text import asked_runs, folded, words_of
from manifests.store import Store
from manifests.tombstones import Tombstones, read_tombstones

STATUSES = ("corroborated", "supported", "contradicted", "unsupported")
SHOWN = STATUSES[:3]  # unless a search asks for others
MAX_QUERY_CHARS = 1_000
MAX_LIMIT = 100
TEXT_WEIGHT, VECTOR_WEIGHT = 1.0, 1.5
RANK_OFFSET = 10
# What a status is worth beside equal ranks.
PRIOR = {"corroborated": 1.05, "supported": 1.0, "contradicted": 0.97, "unsupported": 0.85}
_CANDIDATES = 100  # of each list
_REFINE = 10  # times as many vectors are compared exactly as are asked for, after the approximate index
_PROBES = 32  # partitions of it that are looked into
_SEEN_AFTER_S = 5.0  # seconds after which a search sees an index that was brought up to date meanwhile
_NARROW = ["uid", "evidence_uid", "parent_uid", "status"]
_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Query:
    """What is asked. ``modes``: which of the lists take part; ``since`` and ``until``: days, ISO 8601, both
    included."""

    text: str
    limit: int = 10
    status: tuple[str, ...] = SHOWN
    topic: str | None = None
    lang: str | None = None
    since: str | None = None
    until: str | None = None
    modes: tuple[str, ...] = (WORDS, RUNS, VECTOR)

    def check(self) -> None:
        """Errors: UsageError naming what cannot be asked."""
        if not self.text.strip():
            raise UsageError("the question is empty", "write some words")
        if len(self.text) > MAX_QUERY_CHARS:
            raise UsageError(f"the question is longer than {MAX_QUERY_CHARS:,} characters", "shorten it")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise UsageError(f"limit {self.limit} is not from 1 to {MAX_LIMIT}", "ask for fewer answers")
        wrong = [status for status in self.status if status not in STATUSES]
        if wrong or not self.status:
            raise UsageError(f"no status {', '.join(wrong) or 'is asked for'}", f"choose from {', '.join(STATUSES)}")
        if self.lang is not None and not _LANGUAGE.fullmatch(self.lang):
            raise UsageError(f"{self.lang!r} is no language", "write its code, such as en or zh")
        for day in (self.since, self.until):
            if day is not None and not _DATE.fullmatch(day):
                raise UsageError(f"{day!r} is no date", "write it as 2026, 2026-03 or 2026-03-31")

    def condition(self) -> str:
        """The filters as a condition of the table."""
        parts = [among("status", self.status)] if set(self.status) != set(STATUSES) else []
        parts += [f"topic = {literal(self.topic)}"] if self.topic is not None else []
        parts += [f"lang = {literal(self.lang)}"] if self.lang is not None else []
        parts += [f"date >= {literal(self.since)}"] if self.since is not None else []
        # "~" sorts behind whatever follows a day, a month or a year.
        parts += [f"date <= {literal(self.until + '~')}"] if self.until is not None else []
        return " AND ".join(parts)


@dataclass
class Searcher:
    """An open index. ``search`` may be called from several threads."""

    store: Store
    state: State = field(init=False)
    _table: Any = field(init=False, repr=False)
    _embedder: Embedder | None = field(init=False, default=None, repr=False)
    _pool: ThreadPoolExecutor = field(init=False, repr=False)
    _looked: float = field(init=False, default=0.0, repr=False)
    _tombstones: Tombstones | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        """Errors: UsageError where there is no index."""
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="search")
        self._open(self._read())

    def _read(self) -> State:
        state = read_state(self.store)
        if state is None:
            raise UsageError(f"{self.store.url} has no index", f"make it: governance index {self.store.url}")
        return state

    def _open(self, state: State) -> None:
        try:
            self._table = connect(self.store, _SEEN_AFTER_S).open_table(state.table)
        except ValueError as error:
            raise CorpusError(
                f"the index of {self.store.url} lacks its table {state.table}",
                f"governance index {self.store.url} --rebuild makes it anew",
            ) from error
        if self._embedder is None or self._embedder.name != state.config["embedder"]:
            self._embedder = load_embedder(state.config["embedder"])
        self.state, self._looked = state, time.monotonic()

    def stale(self) -> bool:
        """Whether L4 is another than what is searched."""
        return is_stale(self.store, self.state)

    def topics(self) -> list[str]:
        """The topics that statements have, the most frequent first, a hundred at most."""
        column = self._table.search().where("topic IS NOT NULL").select(["topic"]).limit(None).to_arrow()["topic"]
        counts = sorted(column.value_counts().to_pylist(), key=lambda one: (-one["counts"], one["values"]))
        return [one["values"] for one in counts[:100]]

    def search(self, query: Query) -> list[dict[str, Any]]:
        """The best statements with their evidence, the best first.

        What was taken down is left out at once, whether or not the index is up to date.
        Errors: UsageError for what cannot be asked.
        """
        query.check()
        if time.monotonic() - self._looked > _SEEN_AFTER_S:
            self._look_again()
        try:
            return self._search(query)
        except RuntimeError:  # another process replaced the table while it was read
            self._open(self._read())
            return self._search(query)

    def _look_again(self) -> None:
        """See an index that was made anew meanwhile."""
        state = self._read()
        if state.table != self.state.table:
            self._open(state)
        self.state, self._looked = state, time.monotonic()

    def _search(self, query: Query) -> list[dict[str, Any]]:
        out = self._pool.submit(read_tombstones, self.store)
        lists = self._lists(query)
        tombstones = self._current(out.result())
        ranked = self._rank({mode: _visible(table, tombstones) for mode, table in lists.items()})
        return self._told(ranked, query.limit, tombstones)

    def _current(self, found: Tombstones) -> Tombstones:
        """The tombstones that are read already, if there are no others now."""
        if self._tombstones is None or self._tombstones.objects != found.objects:
            self._tombstones = found
        return self._tombstones

    def _lists(self, query: Query) -> dict[str, pa.Table]:
        """Candidates of each list, the best first."""
        from lancedb.query import MatchQuery

        text, where = folded(query.text), query.condition()
        asks: dict[str, Any] = {}
        for mode, asked in ((WORDS, words_of(text)), (RUNS, asked_runs(text))):
            if mode in query.modes and asked:
                asks[mode] = partial(self._table.search, MatchQuery(asked, mode), query_type="fts")
        if VECTOR in query.modes and self._embedder is not None:
            asks[VECTOR] = partial(self._nearest, query.text)
        waiting = {
            mode: self._pool.submit(_fetch, ask, where, "_distance" if mode == VECTOR else "_score")
            for mode, ask in asks.items()
        }
        return {mode: job.result() for mode, job in waiting.items()}

    def _nearest(self, text: str) -> Any:
        assert self._embedder is not None
        vector = self._embedder.queries([text])[0]
        return self._table.search(vector, vector_column_name=VECTOR).distance_type("dot").nprobes(
            _PROBES
        ).refine_factor(_REFINE)  # fmt: skip

    @staticmethod
    def _rank(lists: Mapping[str, pa.Table]) -> list[tuple[int, float]]:
        """Row ids of the candidates with their scores, the best first."""
        text: defaultdict[int, float] = defaultdict(float)
        near: list[int] = []
        status: dict[int, str] = {}
        for mode, table in lists.items():
            rows = table["_rowid"].to_pylist()
            status |= zip(rows, table["status"].to_pylist(), strict=True)
            if mode == VECTOR:
                near = rows
                continue
            for row, score in zip(rows, table["_score"].to_pylist(), strict=True):
                text[row] += score
        scores: defaultdict[int, float] = defaultdict(float)
        best = sorted(text, key=lambda row: (-text[row], row))
        for weight, rows in ((TEXT_WEIGHT, best), (VECTOR_WEIGHT, near)):
            for rank, row in enumerate(rows):
                scores[row] += weight / (RANK_OFFSET + rank)
        ranked = ((row, score * PRIOR.get(status[row], 1.0)) for row, score in scores.items())
        return sorted(ranked, key=lambda one: (-one[1], one[0]))

    def _told(self, ranked: list[tuple[int, float]], limit: int, tombstones: Tombstones) -> list[dict[str, Any]]:
        """The first so many as answers; a text that several dumps hold stands once."""
        found: dict[str, dict[str, Any]] = {}
        wide = ["uid", "statement", "title", "lang", "status", "topic", "date", "record"]
        for start in range(0, len(ranked), 2 * limit):
            scores = dict(ranked[start : start + 2 * limit])
            rows = self._table.take_row_ids(list(scores)).with_row_id().select(wide).to_arrow().to_pylist()
            for row in sorted(rows, key=lambda row: list(scores).index(row["_rowid"])):
                row["score"] = round(scores[row.pop("_rowid")], 6)
                found.setdefault(row["statement"], row)
            if len(found) >= limit:
                break
        answers = [{**row, **json.loads(row.pop("record"))} for row in list(found.values())[:limit]]
        return self._beside(answers, tombstones)

    def _beside(self, answers: list[dict[str, Any]], tombstones: Tombstones) -> list[dict[str, Any]]:
        """Leave out evidence that was taken down, and put beside a statement those that say otherwise."""
        uids = sorted({uid for row in answers for uid in row.get("contradicted_by") or ()})
        others = self._by_uid(uids, tombstones)
        out = _hidden({one["evidence_uid"] for row in answers for one in row["evidence"]}, tombstones)
        for row in answers:
            row["evidence"] = [one for one in row["evidence"] if one["evidence_uid"] not in out]
            row["contradictions"] = [others[uid] for uid in row.pop("contradicted_by", None) or () if uid in others]
        return answers

    def _by_uid(self, uids: list[str], tombstones: Tombstones) -> dict[str, dict[str, Any]]:
        if not uids:
            return {}
        columns = [*_NARROW, "statement", "date"]
        found = self._table.search().where(among("uid", uids)).select(columns).limit(None).to_arrow()
        rows = _visible(found, tombstones).to_pylist()
        return {row["uid"]: {name: row[name] for name in ("uid", "statement", "status", "date")} for row in rows}


def _fetch(ask: Callable[[], Any], where: str, score: str) -> pa.Table:
    search = ask()
    search = search.where(where, prefilter=True) if where else search
    return search.select([*_NARROW, score]).with_row_id(True).limit(_CANDIDATES).to_arrow()


def _visible(table: pa.Table, tombstones: Tombstones) -> pa.Table:
    """The rows of which neither the statement, nor its document, nor what it was made from was taken down."""
    if not tombstones or table.num_rows == 0:
        return table
    owners = ("uid", "evidence_uid", "parent_uid")
    out = _hidden({uid for name in owners for uid in table[name].to_pylist() if uid}, tombstones)
    if not out:
        return table
    masks = [pc.is_in(table[name], value_set=pa.array(sorted(out), pa.string())) for name in owners]
    return table.filter(pc.invert(pc.or_(pc.or_(masks[0], masks[1]), masks[2])))


def _hidden(uids: Iterable[str], tombstones: Tombstones) -> set[str]:
    """Those of some uids that were taken down."""
    asked = pa.array(sorted(uids), pa.string())
    if not tombstones or len(asked) == 0:
        return set()
    return set(asked.filter(tombstones.among(asked)).to_pylist())
