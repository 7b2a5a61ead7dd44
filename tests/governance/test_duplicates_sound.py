"""The search for duplicates on damaged parts, after kills, by any number of workers: the same bytes, or a clear end."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance import buckets, confirm, duplicates, shuffle
from governance.cluster import Cluster
from governance.config import Run, Settings
from governance.errors import CorpusError
from manifests.records import Record
from manifests.store import Store
from stages.dedup import uid_to_bytes
from tests.duplicate_corpora import corpus, en, find, job_of, page, write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "corpus"))


def damage(store: Store, path: str, how: str) -> None:
    if how == "missing":
        store.delete([path])
    else:
        data = bytearray(store.get(path))
        data[len(data) // 2] ^= 1
        store.put(path, bytes(data) if how == "flipped" else bytes(data[:-9]))


FOLDERS = (
    "index/exact", "index/bands", "_shuffle/exact", "_shuffle/victims", "_shuffle/stars", "_shuffle/pairs",
    "_shuffle/wanted", "_shuffle/sketches", "_shuffle/decided", "_shuffle/doubtful", "_shuffle/texts",
    "_shuffle/shingles", "_shuffle/confirmed", "_shuffle/views", "_shuffle/labels", "_shuffle/edges-000",
    "_shuffle/edges-002", "/duplicates",
)  # fmt: skip


@pytest.mark.parametrize("how", ["missing", "flipped", "cut"])
@pytest.mark.parametrize("memory", [0, 10**6])
def test_a_part_that_is_damaged_or_gone_is_built_again_and_not_skipped(
    store_url: str, how: str, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is damaged as soon as the record that names it is committed, before anything reads it."""
    monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", 30)
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 30)
    shards = corpus(pages=24)
    sound = job_of(Store(f"{store_url}/sound"), run=Run(pairs_in_memory=memory))
    write(sound, shards)
    expected = find(sound)
    job = job_of(Store(f"{store_url}/damaged"), run=Run(pairs_in_memory=memory))
    write(job, shards)
    create, hit = Store.create, set()

    def damaging(self: Store, path: str, data: bytes) -> bool:
        done = create(self, path, data)
        if "/_shards/" in path:
            for part in Record.from_bytes(data).parts:
                if any(f"{folder}/" in part.path for folder in FOLDERS) and part.path not in hit:
                    hit.add(part.path)
                    damage(self, part.path, how)
        return done

    monkeypatch.setattr(Store, "create", damaging)
    assert find(job) == expected
    touched = {folder for folder in FOLDERS if any(f"{folder}/" in path for path in hit)}
    assert touched >= {folder for folder in FOLDERS if "edges" not in folder}
    assert memory or touched == set(FOLDERS)


class Killed(BaseException):
    """What a process does not survive; nothing in the product catches it."""


def objects(store: Store) -> dict[str, str]:
    return {item.path: hashlib.sha256(store.get(item.path)).hexdigest() for item in store.list("")}


def test_a_shuffle_that_ends_before_any_of_its_writes_goes_on_to_the_same_bytes(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", 12)
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 12)
    writes, last = 0, 10**9
    kinds: list[str] = []

    def watched(write: Any) -> Any:
        def counted(self: Store, path: str, data: Any) -> Any:
            nonlocal writes
            writes += 1
            kinds.append(re.sub(r"[0-9].*", "", path))
            if writes == last:
                raise Killed
            return write(self, path, data)

        return counted

    for name in ("put", "create"):
        monkeypatch.setattr(Store, name, watched(getattr(Store, name)))
    sound = job_of(Store(f"{store_url}/sound"), run=Run(pairs_in_memory=0))
    write(sound, corpus(pages=12))
    planted = objects(sound.store)
    writes = 0
    kinds.clear()
    find(sound)
    expected, total = objects(sound.store), writes
    assert total > 80
    assert len(kinds) == total
    # Before the first of every kind too: each step writes its own.
    firsts = {kinds.index(kind) + 1 for kind in kinds} if "://" not in store_url else set()
    for kill in sorted({*firsts, total, *range(1, total + 1, 3 if "://" not in store_url else 11)}):
        job = replace(sound, store=Store(f"{store_url}/killed-{kill}"))
        for path in planted:
            job.store.put(path, sound.store.get(path))
        writes, last = 0, kill
        with pytest.raises(Killed):
            find(job)
        last = 10**9
        find(job)
        assert objects(job.store) == expected, f"ended before write {kill}"


def test_one_and_four_workers_write_the_same_bytes_as_none(store: Store) -> None:
    expected = None
    for workers in (0, 1, 4):
        job = job_of(Store(f"{store.url}-{workers}"))
        write(job, corpus())
        with Cluster(workers=workers) as cluster:
            duplicates.find(job, cluster)
        found = objects(job.store)
        expected = expected or found
        assert found == expected


def test_a_damaged_index_of_an_older_dump_is_built_again_from_its_annotations(store: Store) -> None:
    first = job_of(store, "a")
    write(first, corpus(pages=10))
    find(first)
    store.delete([item.path for item in store.list("L1/a/_shuffle")])  # as sealing does
    index = [item.path for item in store.list("L1/a/index")]
    second = job_of(store, "b", ("a",))
    write(second, corpus(pages=10))
    for path in index:
        damage(store, path, "flipped")
    found = find(second)
    assert {row["survivor_dump"] for row in found.values()} == {"a"}
    assert [item.path for item in store.list("L1/a/index")] == index


def test_a_part_that_cannot_be_built_again_as_it_was_stops_the_run_with_a_remedy(store: Store) -> None:
    job = job_of(store)
    write(job, [[en(page(1)), en(page(1))]])
    find(job)
    store.delete([item.path for item in store.list(f"{job.base}/index")])
    store.delete([item.path for item in store.list(f"{job.base}/_shards/stars")])
    store.delete([item.path for item in store.list(f"{job.base}/_shards/annotations")])
    changed = replace(job, fingerprint=job.fingerprint)
    write(changed, [[en(page(2)), en(page(3))]])
    with pytest.raises(CorpusError, match="has changed since"):
        find(changed)


def test_shards_whose_uids_begin_alike_do_not_confuse_their_rows() -> None:
    runs = (shuffle.Run(0, (0,)), shuffle.Run(1, (1,)))
    keys, numbers = pa.array([7, 7]).to_numpy().astype("uint32"), pa.array([0, 1]).to_numpy()
    dump = shuffle.Dump("a", "f", runs, keys, numbers, 1)
    job = shuffle.Shuffle(Store("/nowhere"), "L1", "a", Settings(), "f", dumps=(dump,))
    places, found = job.runs_of(uid_to_bytes(pa.array(["00000007" + "0" * 24, "00000008" + "0" * 24])))
    assert (places.tolist(), found.tolist()) == ([0, 0], [0, 1])


def test_runs_of_all_dumps_have_one_numbering_in_which_the_own_come_first() -> None:
    def dump(name: str, runs: int) -> shuffle.Dump:
        keys = pa.array(range(runs), pa.uint32()).to_numpy() + 100 * ord(name)
        numbers = pa.array(range(runs), pa.int64()).to_numpy()
        return shuffle.Dump(name, name, tuple(shuffle.Run(k, (k,)) for k in range(runs)), keys, numbers, 1)

    dumps = (dump("a", 2), dump("b", 3), dump("c", 2))
    job = shuffle.Shuffle(Store("/nowhere"), "L1", "c", Settings(), "f", dumps=dumps)
    assert [job.find_run(number) for number in range(job.runs)] == [
        *((2, run) for run in dumps[2].runs), *((0, run) for run in dumps[0].runs), *((1, run) for run in dumps[1].runs)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], []), ([5, 5], [(0, 1)]), ([5, 6], [(0,), (1,)]), ([50, 1, 2], [(0,), (1, 2)]), ([0, 0], [(0, 1)])],
)
def test_runs_are_neighbouring_shards_of_a_bounded_number_of_rows(
    rows: list[int], expected: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 10)
    assert [run.shards for run in shuffle.group_runs(list(enumerate(rows)))] == expected


def test_steps_that_are_done_are_not_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(store)
    write(job, corpus(pages=6))
    find(job)
    monkeypatch.setattr(Cluster, "map", lambda *_: pytest.fail("worked again"))
    duplicates.find(job, Cluster(workers=0))
    assert {buckets.spread.__module__, confirm.confirm.__module__} == {"governance.buckets", "governance.confirm"}
